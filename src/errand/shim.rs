//! What a command passes through on its way: it is tied to its guard before it becomes itself.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::process::Signal;

use crate::parent::die_with;
use crate::report::talk;
use crate::status::Status;

/// The first argument of a process that becomes a command.
pub const ENTRY: &str = "__command";

/// The statuses by which shells tell that a command could not be started.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// Becomes the command that the arguments after [`ENTRY`] name: the process of its guard, the program,
/// its arguments. Returns only if that fails.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let guard = arguments.next().and_then(|pid| pid.to_str()?.parse().ok());
    let (Some(guard), Some(program)) = (guard, arguments.next()) else {
        talk(format_args!(
            "`{ENTRY}` is how bank-par starts commands; see `bank-par --help` for what to run"
        ));
        return Status::Usage.into();
    };
    if !die_with(guard, Signal::KILL) {
        // Nobody is there to see what it would do.
        return NOT_EXECUTABLE.into();
    }
    let error = Command::new(&program).args(arguments).exec();
    refused(&program, &error)
}

fn refused(program: &OsStr, error: &io::Error) -> ExitCode {
    let program = program.display();
    talk(format_args!(
        "cannot start the command `{program}`: {error}"
    ));
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND.into(),
        _ => NOT_EXECUTABLE.into(),
    }
}
