//! `bank-par serve`: a ledger behind a socket.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, anyhow};
use clap::Args;

use super::ledger::LedgerArgs;
use super::one::ended;
use super::{CliResult, Failure};
use crate::child::this_program;
use crate::limits;
use crate::report::{Output, ProtectedFiles, check_streams, stderr_line};
use crate::serve::{
    ServeError, ServePlan, leave_session, let_go_of_stdout, log_beside, send_words_to,
    serve as serve_ledger,
};
use crate::status::Status;
use crate::store::Place;

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
    /// Return once clients can connect, and leave the server running on its own: in a session of its
    /// own, its log in a file beside the socket
    #[arg(long)]
    background: bool,
    /// This is the process that `--background` leaves running
    #[arg(long, hide = true, conflicts_with = "background")]
    detached: bool,
}

/// `bank-par serve`
pub(super) fn serve(args: ServeArgs) -> CliResult {
    let ledger = args.ledger.place()?;
    if let Place::Server(_) = ledger {
        return Err(Failure::usage(anyhow!(
            "a server serves a ledger and not another server: name it with `--ledger FILE` or `--ledger postgres://...`"
        )));
    }
    let protected = ProtectedFiles::default().ledger(&ledger);
    check_streams(&protected).map_err(Failure::usage)?;
    if args.socket.as_os_str().as_bytes().starts_with(b"unix:") {
        return Err(Failure::usage(anyhow!(
            "`--socket` is a path: leave out the `unix:` of `{}`, which is for `--ledger`",
            args.socket.display()
        )));
    }
    if let Some(what) = protected.what_would_be(&args.socket) {
        return Err(Failure::usage(anyhow!(
            "the socket `{}` would be {what}: use another path",
            args.socket.display()
        )));
    }
    if args.background {
        return leave_running(&ledger, &args.socket, args.max_clients);
    }
    const OWN: u64 = 64;
    limits::make_room_for_files(OWN + u64::from(args.max_clients))
        .with_context(|| format!("`--max-clients {}` is too many", args.max_clients))
        .map_err(Failure::usage)?;
    let plan = ServePlan {
        ledger,
        max_clients: args.max_clients as usize,
        socket: args.socket,
    };
    let socket = plan.socket.clone();
    let served = match args.detached {
        true => {
            leave_session().map_err(Failure::died)?;
            serve_ledger(plan, || detach(&socket))
        }
        false => serve_ledger(plan, || {
            announce(&ready(&socket, None));
            Ok(())
        }),
    };
    served.or_else(|error| match error {
        // It stands in the log, which may take nothing more.
        ServeError::Told(error) => ended(status_of(&error)),
        ServeError::Address(error) => Err(Failure::usage(error)),
        error => Err(Failure {
            status: status_of(&error),
            error: error.into(),
        }),
    })
}

fn status_of(error: &ServeError) -> Status {
    match error {
        ServeError::Ledger(_) => Status::Ledger,
        ServeError::Address(_) | ServeError::Log { .. } => Status::Usage,
        ServeError::Io(_) | ServeError::Died => Status::Died,
        ServeError::Told(error) => status_of(error),
    }
}

/// What tells that clients can connect.
fn ready(socket: &Path, log: Option<&Path>) -> String {
    let log = log.map_or(String::new(), |log| format!(", log in {}", log.display()));
    format!(
        "listening on unix:{}{log} (pid {})",
        socket.display(),
        std::process::id()
    )
}

/// Tells the process that waits for it, if one does.
fn announce(line: &str) {
    match Output::open(&ProtectedFiles::default()) {
        Ok(mut output) => {
            output.line(line);
            output.finish();
        }
        Err(error) => stderr_line(error),
    }
}

/// Lets go of all streams of the process that started the server, and tells it so.
fn detach(socket: &Path) -> Result<(), ServeError> {
    let log = log_beside(socket);
    send_words_to(&log)?;
    announce(&ready(socket, Some(&log)));
    Ok(let_go_of_stdout()?)
}

/// Starts the server as a process of its own, and passes on that it is ready, or how it failed.
fn leave_running(ledger: &Place, socket: &PathBuf, max_clients: u32) -> CliResult {
    let mut command = this_program("bank-par");
    command.args(["serve", "--detached"]);
    match ledger {
        Place::File(path) | Place::Server(path) => command.arg("--ledger").arg(path),
        // All users can read the words of a command, and a password may be in it.
        #[cfg(feature = "postgres")]
        Place::Postgres(address) => command.env(crate::child::LEDGER_VARIABLE, address.secret()),
    };
    command.arg("--socket").arg(socket);
    command.args(["--max-clients", &max_clients.to_string()]);
    let mut server = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the server cannot be started")
        .map_err(Failure::died)?;
    // Each wait of a server that starts has a deadline of its own, so these end.
    let (mut line, mut why) = (String::new(), String::new());
    if let Some(stdout) = server.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(Failure::died)?;
    }
    if !line.is_empty() {
        announce(line.trim_end());
        return ended(Status::Posted);
    }
    if let Some(mut stderr) = server.stderr.take() {
        stderr.read_to_string(&mut why).map_err(Failure::died)?;
    }
    why.lines().for_each(|line| {
        let line = line.strip_prefix("bank-par: ").unwrap_or(line);
        stderr_line(line);
    });
    let status = server.wait().map_err(Failure::died)?.code();
    let mut known = [Status::Usage, Status::Ledger].into_iter();
    let status = known.find(|known| status == Some(i32::from(known.code())));
    ended(status.unwrap_or(Status::Died))
}
