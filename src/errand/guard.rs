//! The guard: a process between this program and a command that has this program's terminal. It keeps
//! the command, and ends it when either is gone.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::process::Signal;

use super::keep::Keeper;
use super::shim::{self, Session};
use crate::exit::Exit;
use crate::limits::Limits;
use crate::parent::die_with;
use crate::report::talk;
use crate::status::Status;
use crate::store::RunLock;
use crate::supervisor::this_program;

/// The first argument of a guard's process.
pub const ENTRY: &str = "__guard";

/// What starts a guard of this command for this process. The run of this file lives as long as it does;
/// it makes the file `started` when it is about to start the command.
pub(super) fn command(words: &[OsString], run: Option<&Path>, started: &Path) -> Command {
    let mut command = this_program();
    command
        .arg(ENTRY)
        .arg(std::process::id().to_string())
        .arg(run.map_or_else(OsString::new, OsString::from))
        .arg(started)
        .args(words);
    command
}

/// Guards the command that the arguments after [`ENTRY`] name: the process that wants it, the file of
/// its run, the file that tells of its start, and the command's words. Ends with the command's status.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let parent = arguments.next().and_then(|pid| pid.to_str()?.parse().ok());
    let (Some(parent), Some(run), Some(started)) = (parent, arguments.next(), arguments.next())
    else {
        talk(format_args!(
            "`{ENTRY}` is how bank-par guards commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    let words: Vec<OsString> = arguments.collect();
    let run = (!run.is_empty()).then(|| PathBuf::from(run));
    match guard(parent, run.as_deref(), Path::new(&started), &words) {
        Ok(Some(exit)) => ExitCode::from(exit.code()),
        Ok(None) => ExitCode::SUCCESS,
        Err(error) => {
            talk(format_args!("cannot guard the command: {error}"));
            // As a shell says that a command could not be run.
            ExitCode::from(126)
        }
    }
}

/// Nothing is what comes of it where nobody is there any more to learn it.
fn guard(
    parent: u32,
    run: Option<&Path>,
    started: &Path,
    words: &[OsString],
) -> io::Result<Option<Exit>> {
    let mut keeper = Keeper::new(parent, Session::Shared)?;
    let _alive = run.map(RunLock::share).transpose()?;
    if !die_with(parent, Signal::TERM) {
        return Ok(None);
    }
    File::create(started)?;
    let command = shim::command(words, Session::Shared, Limits::now()).spawn()?;
    Ok(Some(keeper.keep(command, None).exit))
}
