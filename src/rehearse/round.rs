//! One round of a rehearsal: a run on a ledger of its own, started until it has come to its end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::command::RehearsedArgs;
use super::journal::{payments, read};
use super::start::{StartEnd, Starter, said};
use super::{ENTRY, RehearsalError, RehearsalPlan};
use crate::child::LEDGER_VARIABLE;
use crate::command::this_program_with;
use crate::exit::Exit;
use crate::rehearsal::{CommandStep, Evidence, RehearsedRound, RunFault, UnknownPayment};
use crate::rng::Rng;
use crate::status::Status;
use crate::store::{Access, EntryQuery, Ledger, MAX_PAGE, Place, open_holds};

/// The most starts of a round that meet something.
const MOST_MET: u64 = 8;
/// The most lines of what a run said that an error tells.
const MAX_LINES: usize = 4;

/// The files of a round, which are gone when this is.
pub(super) struct RoundFiles {
    folder: PathBuf,
    ledger: PathBuf,
    journal: PathBuf,
    payments: PathBuf,
    said: PathBuf,
}

impl RoundFiles {
    /// A folder with a ledger of its own.
    pub(super) fn create(plan: &RehearsalPlan, number: u32) -> Result<Self, RehearsalError> {
        let folder = plan.folder.join(format!("round-{number}"));
        fs::create_dir(&folder).map_err(RehearsalError::keeping)?;
        let files = RoundFiles {
            ledger: folder.join("ledger.db"),
            journal: folder.join("journal"),
            payments: folder.join("payments"),
            said: folder.join("said"),
            folder,
        };
        fs::copy(&plan.ledger, &files.ledger).map_err(RehearsalError::keeping)?;
        Ok(files)
    }
}

impl Drop for RoundFiles {
    fn drop(&mut self) {
        // The folder around it is removed at the end, and says what is wrong.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl RehearsalPlan {
    /// Tries the workload without running it: what is wrong with it is the user's to mend first.
    pub(super) fn try_workload(&self, starter: &mut Starter<'_>) -> Result<(), RehearsalError> {
        let (told, said_at) = (self.folder.join("told"), self.folder.join("said"));
        // Any command does: none is run.
        let front = ["/proc/self/exe".into()];
        let words = self.run_words(
            &self.ledger,
            &self.run_name(1),
            &["--dry-run".into()],
            &front,
        );
        let mut command = self.command(&words, &self.ledger)?;
        command.stdout(File::create(&told).map_err(RehearsalError::keeping)?);
        let ended = starter.run(&mut command, &said_at, None, &mut Rng::new(0))?;
        let code = match ended {
            StartEnd::Ended { exit, .. } => exit.code(),
            StartEnd::TimeOver => return Ok(()),
        };
        if code != Status::Usage.code() && code != Status::Ledger.code() {
            return Ok(());
        }
        let mut lines = said(&told);
        lines.retain(|line| line.contains(" is invalid: "));
        lines.extend(said(&said_at));
        Err(failed(code, lines))
    }

    /// Rehearses once; `None` where the time was over before.
    pub(super) fn round(
        &self,
        number: u32,
        files: &RoundFiles,
        starter: &mut Starter<'_>,
    ) -> Result<Option<RehearsedRound>, RehearsalError> {
        let seed = self.seed.wrapping_add(u64::from(number) - 1);
        let mut rng = Rng::new(seed);
        let met = 1 + rng.below(MOST_MET) as u32;
        let mut run_faults = Vec::new();
        let mut start = 0;
        let ended = loop {
            start += 1;
            let is_met = start <= met;
            let fault = RunFault::draw(seed, &mut rng).filter(|_| is_met);
            let mut command = self.start(number, files, (seed, start, is_met))?;
            let ended = starter.run(&mut command, &files.said, fault, &mut rng)?;
            let StartEnd::Ended { exit, was_met } = ended else {
                return Ok(None);
            };
            run_faults.extend(fault.filter(|_| was_met).map(|fault| (start, fault)));
            if !is_met || self.is_over(exit, files)? {
                break exit;
            }
        };
        let mut round = self.judge(number, files, ended)?;
        (round.starts, round.seed, round.run_faults) = (start, seed, run_faults);
        Ok(Some(round))
    }

    /// Whether nothing more comes of another start.
    fn is_over(&self, exit: Exit, files: &RoundFiles) -> Result<bool, RehearsalError> {
        // What failed is run again by the next start.
        if COMPLETE.iter().any(|status| is(exit, *status)) && !is(exit, Status::Failed) {
            return Ok(true);
        }
        let stops = self.stops_in_doubt && is(exit, Status::Ledger);
        Ok(stops && !in_doubt(&mut *open(files)?)?.is_empty())
    }

    fn start(
        &self,
        number: u32,
        files: &RoundFiles,
        (seed, start, is_met): (u64, u32, bool),
    ) -> Result<Command, RehearsalError> {
        let args = RehearsedArgs {
            rehearsal: std::process::id(),
            journal: files.journal.clone(),
            payments: files.payments.clone(),
            seed,
            start,
            is_met,
        };
        let args =
            serde_json::to_string(&args).map_err(|error| RehearsalError::keeping(error.into()))?;
        let front = ["/proc/self/exe".into(), ENTRY.into(), args.into()];
        let words = self.run_words(&files.ledger, &self.run_name(number), &[], &front);
        let mut command = self.command(&words, &files.ledger)?;
        command.stdout(Stdio::null());
        Ok(command)
    }

    /// The words of a run; its command stands behind what stands in front of it.
    fn run_words(
        &self,
        ledger: &Path,
        run: &str,
        more: &[OsString],
        front: &[OsString],
    ) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["parallel".into(), self.workload.clone().into()];
        words.extend(["--ledger".into(), ledger.into(), "--run".into(), run.into()]);
        words.extend_from_slice(&self.flags);
        words.extend_from_slice(more);
        words.push("--".into());
        words.extend_from_slice(front);
        words.extend_from_slice(&self.words);
        words
    }

    /// A script that uses the ledger by its variable uses the copy.
    fn command(&self, words: &[OsString], ledger: &Path) -> Result<Command, RehearsalError> {
        let mut command = this_program_with(words).map_err(RehearsalError::starting)?;
        command.env(LEDGER_VARIABLE, ledger);
        Ok(command)
    }

    fn run_name(&self, number: u32) -> String {
        let seed = self.seed.wrapping_add(u64::from(number) - 1);
        let own = || format!("rehearsal-{seed}");
        self.run.as_ref().map_or_else(own, ToString::to_string)
    }

    /// Holds what the ledger says against what the commands did.
    fn judge(
        &self,
        number: u32,
        files: &RoundFiles,
        ended: Exit,
    ) -> Result<RehearsedRound, RehearsalError> {
        let mut ledger = open(files)?;
        let journal = read(&files.journal).map_err(RehearsalError::keeping)?;
        let mut in_doubt = in_doubt(&mut *ledger)?;
        // What was in doubt in the user's own ledger is the user's.
        in_doubt.retain(|id| journal.iter().any(|step| step.id == *id));
        let came_to_end = COMPLETE.iter().any(|status| is(ended, *status));
        if !came_to_end && in_doubt.is_empty() {
            return Err(failed(ended.code(), said(&files.said)));
        }
        let evidence = Evidence {
            posted: self.posted(&mut *ledger)?,
            in_doubt: in_doubt.iter().cloned().collect(),
            journal,
            payments: payments(&files.payments).map_err(RehearsalError::keeping)?,
            came_to_end,
        };
        let findings = evidence
            .findings()
            .map_err(|UnknownPayment(line)| RehearsalError::UnknownPayment { line })?;
        let steps = evidence.journal.iter().map(|line| line.step);
        let met = steps
            .clone()
            .filter(|step| matches!(step, CommandStep::Met(_)));
        Ok(RehearsedRound {
            number,
            seed: self.seed,
            starts: 0,
            run_faults: Vec::new(),
            command_faults: met.count() as u64,
            commands: steps.filter(|step| *step == CommandStep::Began).count() as u64,
            posted: evidence.posted.len() as u64,
            in_doubt,
            findings,
            violation: ledger.verify(None)?.violation,
        })
    }

    /// The ids of the lines that were posted since the round began.
    fn posted(
        &self,
        ledger: &mut dyn Ledger,
    ) -> Result<HashMap<String, Option<u64>>, RehearsalError> {
        let mut posted = HashMap::new();
        let mut query = EntryQuery {
            after: self.last_entry,
            limit: MAX_PAGE,
            ..EntryQuery::default()
        };
        loop {
            let page = ledger.entries(&query)?;
            let lines = page.entries.iter().filter(|entry| entry.line.is_some());
            posted.extend(
                lines.filter_map(|entry| Some((entry.id()?.as_str().to_string(), entry.line))),
            );
            query.after = page.looked_at;
            if page.is_last {
                return Ok(posted);
            }
        }
    }
}

/// The statuses with which all that could be run was, failures among it.
const COMPLETE: [Status; 4] = [
    Status::Posted,
    Status::Refused,
    Status::Failed,
    Status::IdConflict,
];

fn is(exit: Exit, status: Status) -> bool {
    exit == Exit::Status(status.code().into())
}

fn failed(status: u8, mut said: Vec<String>) -> RehearsalError {
    said.truncate(MAX_LINES);
    let said = said.join("; ");
    RehearsalError::Run { status, said }
}

fn open(files: &RoundFiles) -> Result<Box<dyn Ledger>, RehearsalError> {
    Ok(Place::File(files.ledger.clone()).open(Access::Existing)?)
}

/// The ids of what is in doubt.
fn in_doubt(ledger: &mut dyn Ledger) -> Result<Vec<String>, RehearsalError> {
    let doubts = open_holds(ledger, |hold| hold.in_doubt)?;
    let ids = doubts.into_iter().filter_map(|hold| hold.operation.id);
    Ok(ids.map(|id| id.as_str().to_string()).collect())
}
