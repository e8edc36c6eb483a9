//! Starting this program again as a process of its own, and the arguments of such a process.
//!
//! They are one structure, as JSON in one argument; the words of a command follow as they are. An
//! inherited descriptor would do the same: but safe code takes one by its number only through `/proc`, it
//! must be open for a moment to all that other threads start, and a worker's stdin may be its link.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The variable that names the ledger of this program's commands where no flag does.
pub const LEDGER_VARIABLE: &str = "BANK_PAR_LEDGER";

/// Tells a process that is about to be started what it is (`entry`, its first argument) and what for.
///
/// # Errors
///
/// A structure that JSON cannot say.
pub fn pass(command: &mut Command, entry: &str, args: &impl Serialize) -> io::Result<()> {
    command.arg(entry).arg(serde_json::to_string(args)?);
    Ok(())
}

/// What [`pass`] passed to this process, from its arguments behind the first; `None` if they are no such
/// structure.
pub fn received<T: DeserializeOwned>(arguments: &mut impl Iterator<Item = OsString>) -> Option<T> {
    serde_json::from_str(arguments.next()?.to_str()?).ok()
}

/// Starts a command of [`this_program`].
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    command.spawn().map_err(|error| {
        let is_missing = error.kind() == io::ErrorKind::NotFound;
        if cfg!(target_os = "linux") && is_missing && !Path::new("/proc/self").exists() {
            let why =
                "the program starts its own processes through `/proc`, which is not mounted here";
            return io::Error::new(io::ErrorKind::NotFound, why);
        }
        error
    })
}

/// The command that starts this same program, also after its file was replaced or removed. `ps` shows it
/// by this title.
pub fn this_program(title: &str) -> Command {
    #[cfg(target_os = "linux")]
    {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(title);
        command
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = title;
        Command::new(std::env::current_exe().unwrap_or_else(|_| "bank-par".into()))
    }
}
