//! The named runs of a ledger: which there are, and a line of one that is given up.

use anyhow::{anyhow, bail};
use clap::Args;

use super::ledger::{self, LedgerArgs};
use super::named::all_runs;
use super::one::ended;
use super::{CliResult, Failure};
use crate::bank;
use crate::report::{
    Format, Output, ProtectedFiles, given_up, runs as tell_runs, skipped as tell_skipped,
    stderr_line,
};
use crate::status::Status;
use crate::store::{Access, Ledger, LineEnd, MAX_REASON, RunName, SkippedLine};

#[derive(Args)]
pub(super) struct RunsArgs {
    /// List the lines of this run that were given up, and why
    #[arg(value_name = "RUN")]
    run: Option<RunName>,
    #[command(flatten)]
    at: RunLedgerArgs,
}

#[derive(Args)]
pub(super) struct SkipArgs {
    /// Which run
    #[arg(value_name = "RUN")]
    run: RunName,
    /// Which line of its input, from 1
    #[arg(value_name = "LINE", value_parser = line_number)]
    line: u64,
    /// Why, which the ledger remembers; at most 200 bytes
    #[arg(long, default_value = "", value_parser = reason, value_name = "TEXT", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    at: RunLedgerArgs,
}

fn line_number(text: &str) -> anyhow::Result<u64> {
    match text.parse() {
        Ok(line) if (1..=i64::MAX as u64).contains(&line) => Ok(line),
        _ => bail!("a line is a number from 1, and stands behind the run's name"),
    }
}

fn reason(text: &str) -> anyhow::Result<String> {
    if text.len() > MAX_REASON {
        bail!(
            "a reason has at most {MAX_REASON} bytes, and this one has {}",
            text.len()
        );
    }
    if text.chars().any(char::is_control) {
        bail!("a reason is one line without control characters");
    }
    Ok(text.to_string())
}

/// Where the ledger is, and how the answer looks.
#[derive(Args)]
struct RunLedgerArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// How the answer is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

impl RunLedgerArgs {
    fn open(self, access: Access<'_>) -> Result<(Output, Format, Box<dyn Ledger>), Failure> {
        let place = self.ledger.place()?;
        let output =
            Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
        let ledger = ledger::open(&place, access)?;
        Ok((output, self.output, ledger))
    }
}

/// `bank-par runs`
pub(super) fn runs(args: RunsArgs) -> CliResult {
    let (output, format, mut ledger) = args.at.open(Access::Read)?;
    let runs = all_runs(&mut *ledger)?;
    let Some(name) = args.run else {
        return ended(tell_runs(output, format, &runs));
    };
    let Some(run) = runs.iter().find(|run| run.name == name) else {
        return Err(unknown(&name));
    };
    let lines = skipped_lines(&mut *ledger, run.number)?;
    ended(tell_skipped(output, format, &name, &lines))
}

/// The lines of a run that were given up, and why.
fn skipped_lines(ledger: &mut dyn Ledger, run: u32) -> Result<Vec<(u64, String)>, Failure> {
    let (mut skipped, mut seen) = (Vec::new(), 0);
    loop {
        let page = ledger.done_lines(run, seen).map_err(Failure::ledger)?;
        if page.is_empty() {
            return Ok(skipped);
        }
        seen += page.len() as u64;
        skipped.extend(page.into_iter().filter_map(|done| match done.end {
            LineEnd::Skipped { reason } => Some((done.line, reason)),
            LineEnd::Decided(_) => None,
        }));
    }
}

fn unknown(run: &RunName) -> Failure {
    Failure::usage(anyhow!(
        "the ledger has no run `{run}`; `bank-par runs` lists those that it has"
    ))
}

/// How far the input of a run reaches at least: to the last line that was done or begun, and it has as many lines
/// as ended in any way. What was invalid no ledger knows. Once that is as far as this line, no more is read.
fn reached(ledger: &mut dyn Ledger, name: &RunName, line: u64) -> Result<u64, Failure> {
    let runs = all_runs(ledger)?;
    let Some(run) = runs.iter().find(|run| run.name == *name) else {
        return Ok(u64::MAX);
    };
    let mut reached = run.done + run.refused + run.failed + run.skipped + run.begun + run.in_doubt;
    let (mut seen, mut hold) = (0, 0);
    while reached < line {
        let page = ledger
            .done_lines(run.number, seen)
            .map_err(Failure::ledger)?;
        let Some(last) = page.iter().map(|done| done.line).max() else {
            break;
        };
        (seen, reached) = (seen + page.len() as u64, reached.max(last));
    }
    while reached < line {
        let page = ledger
            .begun_lines(run.number, hold)
            .map_err(Failure::ledger)?;
        let Some(last) = page.last() else {
            break;
        };
        hold = last.hold;
        reached = page.iter().map(|begun| begun.line).fold(reached, u64::max);
    }
    Ok(reached)
}

/// `bank-par skip`
pub(super) fn skip(args: SkipArgs) -> CliResult {
    let (output, format, mut ledger) = args.at.open(Access::Existing)?;
    let (run, line) = (args.run, args.line);
    let reached = reached(&mut *ledger, &run, line)?;
    let skipped = ledger
        .skip(&run, line, &args.reason)
        .map_err(Failure::ledger)?;
    let refused = |status, why: &str| Failure {
        status,
        error: anyhow!("line {line} of the run `{run}` cannot be given up: {why}"),
    };
    match skipped {
        SkippedLine::Skipped => {
            if line > reached {
                stderr_line(format_args!(
                    "warning: line {line} lies behind all that the run `{run}` has come to so far (line {reached}), and giving it up cannot be undone: an operation that comes to stand there is not run"
                ));
            }
            ended(given_up(output, format, &run, line, false))
        }
        SkippedLine::Already => ended(given_up(output, format, &run, line, true)),
        SkippedLine::Done(bank::Outcome::Posted { seq, .. }) => Err(refused(
            Status::Refused,
            &format!(
                "it was posted as seq {seq}; what was wrong with it, another operation puts right"
            ),
        )),
        SkippedLine::Done(_) => Err(refused(
            Status::Refused,
            "it is done and moved no money; it is not run again anyway",
        )),
        SkippedLine::Begun { in_doubt: true } => Err(refused(
            Status::Ledger,
            "the end of its command was not seen; look at what that did, then end it with `bank-par post ID` (it counts as done) or `bank-par void ID` (then it can be given up); `bank-par balance --holds` lists the ids",
        )),
        SkippedLine::Begun { in_doubt: false } => {
            Err(refused(Status::Ledger, "it is under way; wait for its end"))
        }
        SkippedLine::UnknownRun => Err(unknown(&run)),
    }
}
