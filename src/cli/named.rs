//! The flags of a run that has a name.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;

use anyhow::{anyhow, bail};
use clap::Args;

use super::Failure;
use super::command::InDoubtAction;
use super::ledger::{LedgerFlag, UnitArgs, ask_when_there, open_counting};
use crate::bank::{Id, Outcome};
use crate::child::LEDGER_VARIABLE;
use crate::driver::Forecast;
use crate::driver::named::{self, command};
use crate::report::{note, stderr_line};
use crate::run::{LineIds, Named};
use crate::server::RunLedger;
use crate::status::Status;
use crate::store::{Access, Ledger, LineEnd, OpenHold, Place, RunName, RunTotals};
use crate::workload::RunProgress;

#[derive(Args)]
pub(super) struct NamedArgs {
    /// Begin the run of this name, or go on with it: lines that it has done are not run again. Needs a
    /// ledger that lasts
    #[arg(long, value_name = "NAME", requires = "input", value_parser = run_name)]
    run: Option<RunName>,
    /// Run the lines again that the run was refused
    #[arg(long, requires = "run")]
    retry_refused: bool,
    /// List in text what the run did earlier, which else is only counted
    #[arg(long, requires = "run")]
    pub(super) repeats: bool,
}

/// A run with a name that was opened.
pub(super) struct ContinuedRun {
    /// What it has done.
    pub(super) done: RunProgress,
    /// Its lines that were begun and have not ended.
    pub(super) lines: HashSet<u64>,
    /// The ids of its lines.
    pub(super) ids: LineIds,
}

/// The name of a run, whose lines have ids that begin with it.
fn run_name(text: &str) -> anyhow::Result<RunName> {
    let name = text.parse()?;
    if Id::chosen(&format!("{text}:1")).is_err() {
        bail!("the lines of this run would have ids as the bank makes them: choose another name");
    }
    Ok(name)
}

impl NamedArgs {
    /// Refuses a name for a run of which nothing stays, or whose operations have no lines by which they
    /// are known again.
    pub(super) fn check(&self, ledger: Option<&LedgerFlag>, has_lines: bool) -> anyhow::Result<()> {
        let lasts = matches!(ledger, Some(LedgerFlag::Lasting(_)));
        match &self.run {
            Some(run) if !lasts => bail!(
                "the run `{run}` needs a ledger that remembers it: name one with `--ledger FILE`"
            ),
            Some(run) if !has_lines => bail!(
                "the run `{run}` knows its operations by the lines that they stand on: give a file, or `-`, and not `--op`"
            ),
            _ => Ok(()),
        }
    }

    pub(super) fn is_given(&self) -> bool {
        self.run.is_some()
    }

    /// Opens the ledger for this run. If it has a name, also tells what it has done, once it is decided
    /// what becomes of its operations in doubt.
    pub(super) fn open(
        &self,
        place: &Place,
        unit: &UnitArgs,
        in_doubt: InDoubtAction,
    ) -> Result<(RunLedger, Option<ContinuedRun>), Failure> {
        let ledger = open_counting(place, Access::Existing, unit)?;
        let name = place.to_string();
        let mut opened = RunLedger {
            ledger,
            run: 0,
            name,
        };
        let Some(run) = &self.run else {
            opened.run = ask_when_there(|| opened.ledger.begin_run(None))?.number;
            return Ok((opened, None));
        };
        let ledger = &mut *opened.ledger;
        let found = ask_when_there(|| named::open(ledger, run))?;
        opened.run = found.number;
        if found.is_new {
            tell_new(ledger, run)?;
        }
        let begun = ask_when_there(|| named::begun(ledger, opened.run))?;
        let lines = begun.iter().filter_map(|hold| hold.line).collect();
        settle(ledger, run, begun, in_doubt)?;
        let done = || named::done(ledger, &found, run, self.retry_refused);
        let (done, ids) = ask_when_there(done)?;
        Ok((opened, Some(ContinuedRun { done, lines, ids })))
    }

    /// What the ledger would answer to this run, which is not opened.
    pub(super) fn forecast(
        &self,
        place: &Place,
        unit: &UnitArgs,
        strict: bool,
    ) -> Result<Forecast, Failure> {
        let mut ledger = open_counting(place, Access::Read, unit)?;
        let mut lines = HashSet::new();
        let runs = match &self.run {
            Some(_) => all_runs(&mut *ledger)?,
            None => Vec::new(),
        };
        if let Some(run) = runs.iter().find(|run| Some(&run.name) == self.run.as_ref()) {
            let mut read = 0;
            loop {
                let page = ask_when_there(|| ledger.done_lines(run.number, read))?;
                if page.is_empty() {
                    break;
                }
                read += page.len() as u64;
                for done in page {
                    let refused = matches!(done.end, LineEnd::Decided(Outcome::Refused { .. }));
                    match refused && self.retry_refused {
                        true => lines.remove(&done.line),
                        false => lines.insert(done.line),
                    };
                }
            }
        }
        Ok(Forecast::of_ledger(ledger, lines, strict))
    }

    /// The run, if it has a name.
    pub(super) fn named(&self) -> Option<Named> {
        let run = self.run.as_ref()?;
        let arguments: Vec<OsString> = env::args_os().collect();
        // What stands behind `--` is the command's own.
        let own = || arguments.iter().take_while(|argument| *argument != "--");
        let given = |argument: &OsString| {
            let argument = argument.as_encoded_bytes();
            argument == b"--ledger" || argument.starts_with(b"--ledger=")
        };
        let variable = env::var_os(LEDGER_VARIABLE).filter(|_| !own().any(given));
        let ledger = variable.map(|value| format!("{LEDGER_VARIABLE}={} ", command([value])));
        let ledger = ledger.unwrap_or_default();
        Some(Named {
            name: run.to_string(),
            begun: HashSet::new(),
            ids: LineIds::new(run.as_str(), true),
            retry_refused: self.retry_refused,
            from_stdin: own().any(|argument| argument == "-"),
            words: format!("{ledger}{}", command(arguments)),
        })
    }
}

/// The most runs that a message names.
const MAX_SIMILAR: usize = 3;

/// Says that a run is new, and which runs have similar names: one of them may have been meant.
fn tell_new(ledger: &mut dyn Ledger, run: &RunName) -> Result<(), Failure> {
    let mut similar: Vec<(usize, String)> = Vec::new();
    for other in all_runs(ledger)?
        .into_iter()
        .filter(|other| other.name != *run)
    {
        let name = other.name.as_str();
        let distance = strsim::damerau_levenshtein(name, run.as_str());
        if distance <= 1 + run.as_str().len() / 3 {
            similar.push((distance, format!("`{name}`")));
        }
    }
    similar.sort();
    similar.truncate(MAX_SIMILAR);
    let similar: Vec<String> = similar.into_iter().map(|(_, name)| name).collect();
    match similar.is_empty() {
        true => note(format_args!("a new run begins: `{run}`")),
        false => stderr_line(format_args!(
            "a new run begins: `{run}` (there is {}: if that was meant, end this run and use that name)",
            similar.join(" and ")
        )),
    }
    Ok(())
}

/// The runs of a ledger that have a name.
pub(super) fn all_runs(ledger: &mut dyn Ledger) -> Result<Vec<RunTotals>, Failure> {
    let mut runs: Vec<RunTotals> = Vec::new();
    loop {
        let after = runs.last().map_or(0, |run| run.number);
        let page = ask_when_there(|| ledger.runs(after))?;
        if page.is_empty() {
            return Ok(runs);
        }
        runs.extend(page);
    }
}

/// The most operations in doubt that a message names.
const MAX_NAMED: usize = 10;

/// Decides about what the run has in doubt, as far as that is to be decided before it goes on.
fn settle(
    ledger: &mut dyn Ledger,
    name: &RunName,
    begun: Vec<OpenHold>,
    in_doubt: InDoubtAction,
) -> Result<(), Failure> {
    let doubts = begun.into_iter().filter(|hold| hold.in_doubt);
    let doubts: Vec<Id> = doubts.filter_map(|hold| hold.operation.id).collect();
    let count = doubts.len();
    if count == 0 {
        return Ok(());
    }
    let (count, what) = match in_doubt {
        InDoubtAction::Retry => return Ok(()),
        InDoubtAction::Stop => {
            let named = doubts
                .iter()
                .take(MAX_NAMED)
                .map(|doubt| format!("`{}`", doubt.as_str()));
            let named = named.collect::<Vec<_>>().join(", ");
            let more = if count > MAX_NAMED { ", ..." } else { "" };
            return Err(Failure {
                status: Status::Ledger,
                error: anyhow!(
                    "the run `{name}` does not go on, since the end of the command of {count} of its operations was not seen: {named}{more}; look at what they did, then end each with `bank-par post ID` or `bank-par void ID` (`bank-par balance --holds` lists them), or say it for all with `--in-doubt retry`, `post` or `void`"
                ),
            });
        }
        InDoubtAction::Post => (named::end_holds(ledger, doubts, true), "posted"),
        InDoubtAction::Void => (named::end_holds(ledger, doubts, false), "given back"),
    };
    let count = count.map_err(Failure::ledger)?;
    stderr_line(format_args!(
        "operations in doubt that were {what}: {count}"
    ));
    Ok(())
}
