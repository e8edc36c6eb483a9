//! Parse, run, exit status.

use std::process::ExitCode;

use bank_par::{cli, report, worker};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // A worker must start fast, and its arguments are none of a user's, so it comes before clap.
    if arguments.next().is_some_and(|first| first == worker::ENTRY) {
        let arguments: Vec<String> = arguments
            .map(|a| a.to_string_lossy().into_owned())
            .collect();
        return match worker::run(&arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                report::talk(&error);
                error.status().into()
            }
        };
    }
    cli::main()
}
