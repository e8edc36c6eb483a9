//! `bank-par web`: screens to click.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::anyhow;
use clap::Args;

use super::ledger::LedgerFlag;
use super::{CliResult, Failure};
use crate::report::{Output, ProtectedFiles, note};
use crate::store::{Access, Place};
use crate::web::{PageError, PageLedger, PagePlace, serve};

#[derive(Args)]
pub(super) struct WebArgs {
    /// The port, on this machine alone [default: one that is free]
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 0,
        hide_default_value = true
    )]
    port: u16,
    /// Listen on a socket instead, which no other user can reach. The folder must be yours alone (mode
    /// 700), and is created where it is missing
    #[arg(long, value_name = "PATH", conflicts_with = "port")]
    socket: Option<PathBuf>,
    /// Show this ledger too: its accounts, history, holds and runs, as a FILE, `unix:SOCKET` of a running
    /// `bank-par serve`, or `postgres://...`
    #[arg(long, value_name = "LEDGER")]
    ledger: Option<LedgerFlag>,
    /// Let the page post and void what is held in the ledger; without this it only reads
    #[arg(long, requires = "ledger")]
    allow_writes: bool,
    /// Only print the link, and open no browser
    #[arg(long)]
    no_open: bool,
}

/// `bank-par web`
pub(super) fn web(args: WebArgs) -> CliResult {
    let mut output = Output::open(&ProtectedFiles::default()).map_err(Failure::usage)?;
    let place = match args.socket {
        Some(socket) => PagePlace::Socket(socket),
        None => PagePlace::Port(args.port),
    };
    let ledger = args.ledger.map(|ledger| shown(&ledger, args.allow_writes));
    let ledger = ledger.transpose()?;
    let opens = !args.no_open && has_screen();
    // The file that leads a browser to the page is there as long as the page is.
    let mut way = None;
    let ready = |port: Option<u16>, rest: &str| {
        // What leads to a socket has a port of its own.
        let port = port.map_or("PORT".to_string(), |port| port.to_string());
        let link = format!("http://127.0.0.1:{port}{rest}");
        output.line(&link);
        output.write();
        note(format_args!(
            "the link works once; Ctrl-C ends the page and every run that it started"
        ));
        if let (true, PagePlace::Port(_)) = (opens, &place) {
            way = Some(open(&link)?);
        }
        Ok(())
    };
    serve(&place, ledger, ready).map_err(|error| match error {
        PageError::Io(_) => Failure::died(error),
        error => Failure::usage(error),
    })
}

/// The ledger that the page shows, which must be there.
fn shown(flag: &LedgerFlag, allow_writes: bool) -> Result<PageLedger, Failure> {
    let LedgerFlag::Lasting(place) = flag else {
        return Err(Failure::usage(anyhow!(
            "a ledger in `memory` ends with its command: name one that lasts with `--ledger FILE`"
        )));
    };
    let mut ledger = place.open(Access::Read).map_err(Failure::ledger)?;
    let unit = ledger.unit().map_err(Failure::ledger)?;
    Ok(named(place, unit.name(), allow_writes))
}

fn named(place: &Place, unit: &str, allow_writes: bool) -> PageLedger {
    PageLedger {
        name: place.to_string(),
        unit: unit.to_string(),
        address: address(place),
        allow_writes,
    }
}

/// What `--ledger` says of a place.
fn address(place: &Place) -> OsString {
    match place {
        Place::File(path) => path.into(),
        Place::Server(path) => {
            let mut text = OsString::from("unix:");
            text.push(path);
            text
        }
        #[cfg(feature = "postgres")]
        Place::Postgres(address) => address.secret().into(),
    }
}

/// Whether a browser could be seen.
fn has_screen() -> bool {
    cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Opens the link in a browser. All users can read the words of a command, so it is not the link that the
/// browser is started with, but a file that only this user can read and that leads there.
fn open(link: &str) -> io::Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("bank-par-web-").tempdir()?;
    let path = folder.path().join("open.html");
    let mut file = std::fs::File::create_new(&path)?;
    write!(
        file,
        "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url={link}\"><a href=\"{link}\">bank-par</a>"
    )?;
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let started = Command::new(program)
        .arg(&path)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        // It may last as long as the browser does.
        Ok(mut opener) => drop(thread::spawn(move || opener.wait())),
        Err(error) => note(format_args!("no browser was opened ({program}: {error})")),
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> PageLedger {
        let LedgerFlag::Lasting(place) = text.parse().expect("a ledger") else {
            panic!("`{text}` does not last");
        };
        named(&place, "$", false)
    }

    #[test]
    fn a_command_is_given_the_ledger_as_it_was_named() {
        for text in ["bank.db", "./a b/bank.db", "unix:/run/bank/socket"] {
            let ledger = shown(text);
            assert_eq!(
                (ledger.name.as_str(), ledger.address.to_str()),
                (text, Some(text))
            );
        }
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn a_page_is_not_told_the_password() {
        let address = "postgres://me:secret@db.example/bank";
        let ledger = shown(address);
        assert_eq!(ledger.address.to_str(), Some(address));
        assert_eq!(ledger.name, "postgres://me@db.example/bank");
    }
}
