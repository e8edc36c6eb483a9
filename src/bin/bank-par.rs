//! Parse, run, exit status.

use std::process::ExitCode;

use bank_par::{cli, command, compare, rehearse, report, supervisor, worker};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    if first.as_ref().is_some_and(|first| first == compare::EMPTY) {
        return ExitCode::SUCCESS;
    }
    supervisor::begin_process();
    // These must start fast, and their arguments are none of a user's, so they come before clap.
    match first {
        Some(first) if first == worker::ENTRY => work(arguments),
        Some(first) if first == command::GUARD => command::run_guard(arguments),
        Some(first) if first == command::EXEC => command::run_exec(arguments),
        Some(first) if first == compare::ENTRY => compare::run_child(arguments),
        Some(first) if first == rehearse::ENTRY => rehearse::run_command(arguments),
        _ => cli::main(),
    }
}

fn work(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    match worker::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::stderr_line(&error);
            error.status().into()
        }
    }
}
