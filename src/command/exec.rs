//! What a command passes through on its way: it is tied to its supervisor before it becomes itself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::child::{pass, received, this_program};
use crate::limits::Limits;
use crate::parent::die_with;
use crate::report::stderr_line;
use crate::status::Status;

/// The first argument of a process that becomes a command.
pub const ENTRY: &str = "__command";

/// The statuses by which shells tell that a command could not be started.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Session {
    /// In that of the process that started this program: the terminal is the command's own.
    Shared,
    /// In one of its own, without a terminal: no person could answer it there, and it would be stopped for
    /// asking.
    Own,
}

/// What a process is told that becomes a command; the command's words follow.
#[derive(Serialize, Deserialize)]
struct ExecArgs {
    supervisor: u32,
    session: Session,
    limits: Limits,
}

/// What starts a process that becomes this command, and that this process keeps.
pub(super) fn command(words: &[OsString], session: Session, limits: Limits) -> io::Result<Command> {
    tied("bank-par: command", words, session, limits)
}

/// What starts this program anew with these words, in a session of its own. The kernel kills it once the
/// thread that started it has ended, however that came.
pub fn this_program_with(words: &[OsString]) -> io::Result<Command> {
    let mut all = vec![OsString::from("/proc/self/exe")];
    all.extend_from_slice(words);
    tied("bank-par: run", &all, Session::Own, Limits::now())
}

/// What starts a command in the session of this process, with its limits. The kernel kills it once the thread
/// that started it has ended, however that came.
pub fn command_of_this_process(words: &[OsString]) -> io::Result<Command> {
    tied("bank-par: command", words, Session::Shared, Limits::now())
}

fn tied(title: &str, words: &[OsString], session: Session, limits: Limits) -> io::Result<Command> {
    let mut command = this_program(title);
    let args = ExecArgs {
        supervisor: std::process::id(),
        session,
        limits,
    };
    pass(&mut command, ENTRY, &args)?;
    command.args(words);
    Ok(command)
}

/// Becomes the command that the arguments after [`ENTRY`] name. Returns only if that fails.
pub fn run(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let args = received::<ExecArgs>(&mut words);
    let (Some(args), Some(program)) = (args, words.next()) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how bank-par starts commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    if !die_with(args.supervisor, Signal::KILL) {
        // No process would see what the command does.
        return NOT_EXECUTABLE.into();
    }
    if args.session == Session::Own {
        // It fails only for the leader of a group, which a process that was just started is not.
        let _ = rustix::process::setsid();
    }
    args.limits.restore();
    let error = Command::new(&program).args(words).exec();
    refused(&program, &error)
}

fn refused(program: &OsStr, error: &io::Error) -> ExitCode {
    let program = program.display();
    let way_out = match error.kind() {
        io::ErrorKind::PermissionDenied => "; a script must be executable (`chmod +x FILE`)",
        _ => "",
    };
    stderr_line(format_args!(
        "cannot start the command `{program}`: {error}{way_out}"
    ));
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND.into(),
        _ => NOT_EXECUTABLE.into(),
    }
}
