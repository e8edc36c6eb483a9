//! What a command passes through on its way: it is tied to its supervisor before it becomes itself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::Signal;

use crate::limits::Limits;
use crate::parent::die_with;
use crate::report::stderr_line;
use crate::status::Status;
use crate::supervisor::this_program;

/// The first argument of a process that becomes a command.
pub const ENTRY: &str = "__command";

/// The statuses by which shells tell that a command could not be started.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Session {
    /// In that of whoever started this program: the terminal is the command's own.
    Shared,
    /// In one of its own, without a terminal: nobody there could answer it, and it would be stopped for
    /// asking.
    Own,
}

impl Session {
    const ALL: [Session; 2] = [Session::Shared, Session::Own];

    fn word(self) -> &'static str {
        match self {
            Session::Shared => "shared",
            Session::Own => "own",
        }
    }
}

/// What starts a process that becomes this command, and that this process keeps.
pub(super) fn command(words: &[OsString], session: Session, limits: Limits) -> Command {
    let mut command = this_program("bank-par: command");
    command
        .arg(ENTRY)
        .arg(std::process::id().to_string())
        .arg(session.word())
        .args(limits.words())
        .args(words);
    command
}

/// What the arguments after [`ENTRY`] tell.
struct ExecArgs {
    supervisor: u32,
    session: Session,
    limits: Limits,
    program: OsString,
}

impl ExecArgs {
    fn parse(arguments: &mut impl Iterator<Item = OsString>) -> Option<Self> {
        let mut word = || arguments.next()?.into_string().ok();
        let supervisor = word()?.parse().ok()?;
        let session = word()?;
        let session = Session::ALL.into_iter().find(|own| own.word() == session)?;
        let (files, processes) = (word()?, word()?);
        Some(ExecArgs {
            supervisor,
            session,
            limits: Limits::parse([&files, &processes])?,
            program: arguments.next()?,
        })
    }
}

/// Becomes the command that the arguments after [`ENTRY`] name. Returns only if that fails.
pub fn run(mut words: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(arguments) = ExecArgs::parse(&mut words) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how bank-par starts commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    if !die_with(arguments.supervisor, Signal::KILL) {
        // Nobody is there to see what it would do.
        return NOT_EXECUTABLE.into();
    }
    if arguments.session == Session::Own {
        // It fails only for the leader of a group, which a process that was just started is not.
        let _ = rustix::process::setsid();
    }
    arguments.limits.restore();
    let error = Command::new(&arguments.program).args(words).exec();
    refused(&arguments.program, &error)
}

fn refused(program: &OsStr, error: &io::Error) -> ExitCode {
    let program = program.display();
    stderr_line(format_args!(
        "cannot start the command `{program}`: {error}"
    ));
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND.into(),
        _ => NOT_EXECUTABLE.into(),
    }
}
