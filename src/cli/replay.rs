//! `replay`: one order of steps, taken by real threads.

use clap::Args;

use super::one::ended;
use super::{CliResult, Failure};
use crate::explore::{play, read_token};
use crate::replay::{ReplayError, replay as take};
use crate::report::{self, Format, Output, Replay, Spared};
use crate::status::Status;

const EXAMPLES: &str = "\
Examples:
  bank-par replay x1/none/main=1000/w500,d500/1221       a deposit is lost, as often as you like
  bank-par replay x1/none/main=1000/w500,d500/1122       and in this order it is not
  bank-par replay \"$(bank-par explore --output json | jq -r .example.token)\"

A token reads: the way to share, what the accounts hold, the operations, whose step comes when.

Exit status: 0 the order ended as it must, every time; 3 it did not; 6 a step did not come.";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The order, as `bank-par explore` names it
    #[arg(value_name = "TOKEN")]
    token: String,
    /// Let threads of one process take the steps, one thread for each operation (the default)
    #[arg(long)]
    threads: bool,
    /// How often the order is taken
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    times: u32,
    /// How the result is written to stdout
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par replay`
pub(super) fn replay(args: ReplayArgs) -> CliResult {
    // Threads are what there is; the flag says so in a script.
    let ReplayArgs {
        token,
        threads: _,
        times,
        output,
    } = args;
    let (scenario, order) = read_token(&token).map_err(Failure::usage)?;
    let played = play(&scenario, &order).map_err(|position| {
        Failure::usage(anyhow::anyhow!(
            "step `{position}` of the order cannot be taken"
        ))
    })?;
    let sheet = Output::open(&Spared::default()).map_err(Failure::usage)?;
    let replayed = take(&scenario, &played, times).map_err(|error| Failure {
        status: match error {
            ReplayError::NoThread { .. } => Status::Died,
            ReplayError::NoTurn { .. } => Status::Deadline,
            ReplayError::Impossible { .. } => Status::Violation,
        },
        error: error.into(),
    })?;
    let replay = Replay {
        scenario: &scenario,
        played: &played,
        replayed: &replayed,
    };
    ended(report::replayed(sheet, output, &replay))
}
