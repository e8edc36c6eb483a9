//! `bank-par serve`: a ledger behind a socket.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, anyhow};
use clap::Args;

use super::ledger::LedgerArgs;
use super::{Failure, Outcome};
use crate::limits;
use crate::report::{Sheet, talk};
use crate::run::Ending;
use crate::serve::{Plan, ServeError, serve as serve_ledger};
use crate::status::Status;
use crate::store::Place;
use crate::supervisor::this_program;

/// The most clients at a time.
const MAX_CLIENTS: u32 = 16_384;

#[derive(Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// Where to listen. The folder must be yours alone (mode 700), and is created where it is missing
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// The most clients at a time, up to 16384; further ones are told so and sent away
    #[arg(long, default_value_t = 1_024, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_CLIENTS)))]
    max_clients: u32,
    /// Return once clients can connect, and leave the server running
    #[arg(long)]
    background: bool,
}

/// `bank-par serve`
pub(super) fn serve(args: ServeArgs) -> Outcome {
    let Place::File(file) = args.ledger.place()? else {
        return Err(Failure::usage(anyhow!(
            "a server serves a ledger in a file: name it with `--ledger FILE`"
        )));
    };
    if args.background {
        return leave_running(&file, &args.socket, args.max_clients);
    }
    const OWN: u64 = 64;
    limits::make_room_for_files(OWN + u64::from(args.max_clients))
        .with_context(|| format!("`--max-clients {}` is too many", args.max_clients))
        .map_err(Failure::usage)?;
    let plan = Plan {
        ledger: Place::File(file),
        max_clients: args.max_clients as usize,
        socket: args.socket,
    };
    let ready = format!(
        "listening on unix:{} (pid {})",
        plan.socket.display(),
        std::process::id()
    );
    serve_ledger(plan, || announce(&ready)).map_err(|error| match error {
        ServeError::Ledger(error) => Failure::ledger(error),
        ServeError::Address(error) => Failure::usage(error),
        error => Failure::died(error),
    })
}

/// Tells whoever waits for it. Nobody may.
fn announce(line: &str) {
    match Sheet::open() {
        Ok(mut sheet) => {
            sheet.line(line);
            sheet.finish();
        }
        Err(error) => talk(error),
    }
}

/// Starts the server as a process of its own, and passes on that it is ready, or how it failed.
fn leave_running(file: &PathBuf, socket: &PathBuf, max_clients: u32) -> Outcome {
    let mut command = this_program();
    command.arg("serve").arg("--ledger").arg(file);
    command.arg("--socket").arg(socket);
    command.args(["--max-clients", &max_clients.to_string()]);
    // Ctrl-C in the terminal is for the script, and not for what it left running.
    command.process_group(0);
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("the server cannot be started")
        .map_err(Failure::died)?;
    // Each wait of a server that starts has a deadline of its own, so this one ends.
    let mut line = String::new();
    if let Some(stdout) = server.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(Failure::died)?;
    }
    let mut status = Status::Posted;
    if line.is_empty() {
        let ended = server.wait().map_err(Failure::died)?.code();
        let mut known = [Status::Usage, Status::Ledger].into_iter();
        status = known
            .find(|status| ended == Some(i32::from(status.code())))
            .unwrap_or(Status::Died);
    } else {
        announce(line.trim_end());
    }
    Ok(Ending {
        status,
        signal: None,
        passed_on: None,
    })
}
