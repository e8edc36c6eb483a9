//! `replay`: one order of steps, taken by real processes or threads.

use clap::Args;

use super::one::ended;
use super::{CliResult, Failure};
use crate::explore::{Played, Replayed, Scenario, StepTakers, play, read_token};
use crate::replay::{KeysError, ReplayError, StepPace, TerminalKeys, replay as take};
use crate::report::{self, Format, Output, ProtectedFiles, Replay, StepScreen};
use crate::status::{Ending, Status};

const EXAMPLES: &str = "\
Examples:
  bank-par replay x1/none/main=1000/w500,d500/1221
      a deposit is lost, as often as you like
  bank-par replay x1/none/main=1000/w500,d500/1122
      and in this order it is not
  bank-par replay \"$(bank-par explore --output json | jq -r .example.token)\"

A token reads: the way to share, what the accounts hold, the operations,
whose step comes when.

Exit status: 0 the order ended as its token says, every time; 3 it did not;
6 a step did not come.";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The order, as `bank-par explore` names it
    #[arg(value_name = "TOKEN")]
    token: String,
    /// Let worker processes take the steps, one process for each operation (the default)
    #[arg(long, conflicts_with = "threads")]
    processes: bool,
    /// Let threads of one process take the steps, one thread for each operation
    #[arg(long)]
    threads: bool,
    /// Let worker processes take the steps in memory that they share, in orders of `none`, `lock` and the
    /// mutexes per account
    #[arg(long, conflicts_with_all = ["threads", "processes"])]
    shared_memory: bool,
    /// Wait for a key for each step, and show each; needs a terminal
    #[arg(long, conflicts_with_all = ["times", "output"])]
    step: bool,
    /// How often the order is taken
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    times: u32,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par replay`
pub(super) fn replay(args: ReplayArgs) -> CliResult {
    let (scenario, order) = read_token(&args.token).map_err(Failure::usage)?;
    let played = play(&scenario, &order).map_err(|position| {
        Failure::usage(anyhow::anyhow!(
            "step `{position}` of the order cannot be taken"
        ))
    })?;
    let output = Output::open(&ProtectedFiles::default()).map_err(Failure::usage)?;
    // Processes are the default; the flag says so in a script.
    let by = match (args.threads, args.shared_memory) {
        (true, _) => StepTakers::Threads,
        (_, true) => StepTakers::SharedMemory,
        (false, false) => StepTakers::Processes,
    };
    if args.step && !output.is_on_terminal() {
        return Err(Failure::usage(KeysError::NoTerminal("standard output")));
    }
    let replayed = match args.step {
        true => step_by_step(&scenario, &played, by)?,
        false => take(&scenario, &played, (args.times, by), |_| {
            Ok(StepPace::default())
        }),
    };
    let replayed = match replayed {
        Err(ReplayError::Signal(signal)) => {
            return Ok(Ending {
                status: Status::EndedEarly,
                signal: Some(signal),
                passed_on: None,
            });
        }
        replayed => replayed.map_err(|error| Failure {
            status: error.status(),
            error: error.into(),
        })?,
    };
    let replay = Replay {
        scenario: &scenario,
        played: &played,
        replayed: &replayed,
        was_shown: args.step,
    };
    ended(report::replayed(output, args.output, &replay))
}

/// Takes the order once, with a key for each step.
fn step_by_step(
    scenario: &Scenario,
    played: &Played,
    by: StepTakers,
) -> Result<Result<Replayed, ReplayError>, Failure> {
    let keys = TerminalKeys::open().map_err(Failure::usage)?;
    Ok(take(scenario, played, (1, by), |waker| {
        let screen = StepScreen::open(scenario, played)?;
        let spectator = move |number, step: &_| screen.step(number, step);
        Ok(StepPace::by_key(keys.listen(waker)?, Box::new(spectator)))
    }))
}
