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
    // For bash, clap_complete spells a program's name that has a hyphen in one way where it looks at the words
    // and in another where it answers, so that nothing behind a command would be completed
    // (https://github.com/clap-rs/clap/issues/6421). Once that is mended this changes nothing.
    let script = String::from_utf8_lossy(&script).replace("bank__subcmd__par", "bank__par");
    output.line(script.trim_end());
    ended(output.finish())
}
