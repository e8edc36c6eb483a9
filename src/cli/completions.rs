//! `completions`: what lets a shell complete the words of this program.

use clap::Args;
use clap_complete::{Shell, generate};

use super::help::command;
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{Output, ProtectedFiles};

#[derive(Args)]
pub(super) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

/// `bank-par completions`
pub(super) fn completions(args: CompletionsArgs) -> CliResult {
    let mut output = Output::open(&ProtectedFiles::default()).map_err(Failure::usage)?;
    let mut script = Vec::new();
    generate(args.shell, &mut command(), "bank-par", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end());
    ended(output.finish())
}
