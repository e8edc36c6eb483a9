//! Parse, run, exit status.

use std::process::ExitCode;

use bank_par::{cli, command, report, supervisor, worker};

fn main() -> ExitCode {
    supervisor::begin_process();
    let mut arguments = std::env::args_os().skip(1);
    // These must start fast, and their arguments are none of a user's, so they come before clap.
    match arguments.next() {
        Some(first) if first == worker::ENTRY => work(arguments),
        Some(first) if first == command::GUARD => command::run_guard(arguments),
        Some(first) if first == command::EXEC => command::run_exec(arguments),
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
