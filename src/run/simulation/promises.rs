//! What must hold of every run, whatever happens.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::ledger::SimLedger;
use super::scenario::{DECLINED, SeededRun};
use crate::bank::{Balance, Id, Kind, Operation, Rejection};
use crate::event::{Cause, Event, InvalidLine, Micros, OperationEvent, Reason, Summary, Total};
use crate::exit::Exit;
use crate::protocol::{Assignment, Report};
use crate::run::{Conclusion, HaltLimit};
use crate::status::Status;
use crate::store::Certainty;
use crate::work::{CommandEvent, Work};
use crate::workload::Item;

/// A promise that was broken, in words.
pub(super) type Broken = String;

macro_rules! hold {
    ($held:expr, $($words:tt)*) => {
        if !$held {
            return Err(format!($($words)*));
        }
    };
}
pub(super) use hold;

/// How an operation ended, as it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SimEnd {
    Completed { duplicate: bool },
    Refused,
    Failed,
    Doubted,
}

/// What was seen of a run from outside.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// The lines that operations were assigned for, by their numbers, with the operation as assigned.
    assigned: HashMap<u64, (u64, Operation)>,
    ends: HashMap<u64, SimEnd>,
    /// The last operation whose end was told, where ends are told in the order of the input.
    last_in_order: Option<u64>,
    invalid: HashMap<u64, ()>,
    /// The operations whose command was reported to have started and not to have ended.
    running: HashSet<u64>,
    /// Those whose command was reported to have said no.
    declined: HashSet<u64>,
    /// The lines whose id is the caller's, or that were done before.
    may_repeat: HashSet<u64>,
    /// Workers may give back what they do.
    may_lie: bool,
    /// Nothing goes wrong but commands.
    all_is_well: bool,
    /// The money that stays set aside.
    in_doubt: i128,
    /// The worst that was told.
    status: Status,
    /// Nothing may be handed out any more.
    pub(super) stopped: bool,
    pub(super) aborted: bool,
    summary: Option<Summary>,
    /// How often each worker was told to have ended, where that is told.
    processes: HashMap<u32, u32>,
    handouts: Handouts,
    /// After so many failures nothing more is handed out.
    most_failures: Option<u64>,
    failures: u64,
    /// Attempts after which another was reported to follow, and how many of them were told.
    retries: u64,
    told_retries: u64,
}

impl Promises {
    pub(super) fn of(scenario: &SeededRun) -> Self {
        let may_repeat = scenario.items.iter().filter_map(|item| match item {
            Item::Operation { line, operation } => {
                let line = line.as_ref()?.number;
                operation.id.is_some().then_some(line)
            }
            Item::Done { line, .. } => Some(line.number),
            Item::Skipped { .. } | Item::Invalid { .. } => None,
        });
        let halt = scenario.settings.pacing.halt;
        Promises {
            may_repeat: may_repeat.collect(),
            last_in_order: scenario.settings.pacing.keep_order.then_some(0),
            may_lie: scenario.evil.rogue > 0,
            all_is_well: scenario.evil.is_none()
                && scenario.shared.is_none()
                && !halt.is_some_and(|halt| halt.at_once),
            handouts: Handouts::of(scenario),
            most_failures: halt.map(|halt| match halt.limit {
                HaltLimit::Count(count) => count,
                HaltLimit::Percent(_) => u64::MAX,
            }),
            ..Promises::default()
        }
    }

    pub(super) fn assign(
        &mut self,
        worker: u32,
        assignment: &Assignment,
        line: u64,
        now: Duration,
    ) -> Result<(), Broken> {
        hold!(!self.stopped, "line {line} was handed out after the stop");
        let number = assignment.number;
        hold!(
            (number >> 32) as u32 == worker,
            "{number} is not of worker {worker}"
        );
        hold!(
            !self.ends.contains_key(&line),
            "line {line} was handed out after its end"
        );
        let before = self
            .assigned
            .insert(number, (line, assignment.operation.clone()));
        hold!(before.is_none(), "{number} was given twice");
        let ends = &self.ends;
        self.handouts
            .next(worker, line, now, |line| ends.contains_key(&line))
    }

    /// What a worker asks has reached the parent.
    pub(super) fn asked(&mut self, number: u64) {
        if let Some((line, _)) = self.assigned.get(&number) {
            self.handouts.asked(*line);
        }
    }

    /// What a worker reports has reached the parent.
    pub(super) fn reported(&mut self, report: &Report) {
        if let CommandEvent::Ended(ended) = &report.event {
            self.retries += u64::from(ended.again.is_some());
            let declines = ended.exit == Some(Exit::Status(DECLINED.into()));
            self.declined.extend(declines.then_some(report.number));
        }
        match report.event {
            CommandEvent::Starting { .. } => self.running.insert(report.number),
            CommandEvent::Ended(_) => self.running.remove(&report.number),
            CommandEvent::Wrote { .. } => false,
        };
    }

    /// All lines came to an end.
    pub(super) fn is_whole(&self) -> bool {
        let summary = self.summary.as_ref();
        summary.is_some_and(|summary| summary.ended_early.is_none())
    }

    /// The line that an operation was assigned for.
    pub(super) fn line_of(&self, number: u64) -> Option<u64> {
        self.assigned.get(&number).map(|(line, _)| *line)
    }

    /// The money is right after every step.
    pub(super) fn ledger_state(&self, ledger: &SimLedger) -> Result<(), Broken> {
        let standings = ledger.standings();
        let sum: i128 = standings
            .iter()
            .map(|one| i128::from(one.view.posted.minor()))
            .sum();
        hold!(sum == 0, "the sum over all accounts is {sum}");
        for one in standings.iter().filter(|one| !one.name.is_the_banks()) {
            let available = one.view.available;
            hold!(
                available >= Balance::default(),
                "`{}` has {available} available",
                one.name
            );
        }
        Ok(())
    }

    pub(super) fn told(&mut self, event: &Event, ledger: &SimLedger) -> Result<(), Broken> {
        match event {
            Event::Completed(operation) => {
                let duplicate = operation.duplicate;
                self.end(operation, SimEnd::Completed { duplicate })?;
                let moves = operation.op != Some(Kind::Balance);
                if let (Some(seq), true, false) = (operation.seq, moves, duplicate) {
                    let of = |number| self.assigned.get(&number).map(|(line, _)| *line);
                    let stored = ledger
                        .posts
                        .iter()
                        .any(|post| post.seq == seq && of(post.number) == operation.line);
                    hold!(
                        stored,
                        "{:?} was acknowledged and is not in the store",
                        operation.line
                    );
                }
            }
            Event::Refused(operation) => {
                self.end(operation, SimEnd::Refused)?;
                let line = operation.line.unwrap_or_default();
                let Some(Reason::Rejected(rejection)) = operation.reason else {
                    return Err(format!(
                        "line {line} was refused for {:?}",
                        operation.reason
                    ));
                };
                let is_repeat = matches!(rejection, Rejection::IdConflict | Rejection::InProgress);
                let may = !is_repeat || self.may_repeat.contains(&line);
                hold!(may, "line {line} is told to have the id of another");
                self.met(match rejection {
                    Rejection::IdConflict => Status::IdConflict,
                    _ => Status::Refused,
                });
            }
            Event::Failed(operation) => {
                self.end(operation, SimEnd::Failed)?;
                let cause = self.never_posted(operation, ledger)?;
                self.met(cause.status());
                let of = |number| self.assigned.get(number).map(|(line, _)| *line);
                let mut running = self.running.iter();
                let runs = running.any(|number| of(number) == operation.line);
                let is_unknown = cause == Cause::Ledger || self.may_lie;
                let mut declined = self.declined.iter();
                hold!(
                    is_unknown || !declined.any(|number| of(number) == operation.line),
                    "{:?} failed, and its command had declined it",
                    operation.line
                );
                hold!(
                    !runs || is_unknown,
                    "{:?} failed, and its command is running",
                    operation.line
                );
            }
            Event::InDoubt(operation) => {
                self.end(operation, SimEnd::Doubted)?;
                self.in_doubt += i128::from(operation.amount.map_or(0, Balance::minor));
                let cause = self.never_posted(operation, ledger)?;
                self.met(cause.status());
            }
            Event::Invalid(InvalidLine { line, .. }) => {
                let before = self.invalid.insert(*line, ());
                hold!(before.is_none(), "line {line} was told to be invalid twice");
                self.met(Status::Usage);
            }
            Event::Warned(words) if self.all_is_well => {
                return Err(format!("it warns where nothing went wrong: {words}"));
            }
            Event::Spawned(process) => {
                let before = self.processes.insert(process.worker, 0);
                hold!(
                    before.is_none(),
                    "worker {} was started twice",
                    process.worker
                );
            }
            Event::Exited(process) => {
                let exits = self.processes.get_mut(&process.worker);
                let exits = exits.ok_or_else(|| format!("{process:?} was never started"))?;
                *exits += 1;
                hold!(*exits == 1, "worker {} ended twice", process.worker);
            }
            Event::Request(request) => {
                let times = [
                    request.sent_us,
                    Some(request.received_us),
                    Some(request.decided_us),
                    Some(request.answered_us),
                    request.returned_us,
                ];
                let told: Vec<Micros> = times.into_iter().flatten().collect();
                hold!(told.is_sorted(), "the times of {request:?} are in no order");
            }
            Event::Retried(_) => self.told_retries += 1,
            Event::Summary(summary) => self.summary = Some((**summary).clone()),
            _ => hold!(
                self.summary.is_none(),
                "something was told after the end: {event:?}"
            ),
        }
        Ok(())
    }

    fn end(&mut self, operation: &OperationEvent, end: SimEnd) -> Result<(), Broken> {
        if let Some(last) = &mut self.last_in_order {
            let number = operation.operation;
            hold!(number > *last, "{number} was told after {last}");
            *last = number;
        }
        let line = operation.line.unwrap_or_default();
        let before = self.ends.insert(line, end);
        hold!(
            before.is_none(),
            "line {line} ended twice: {before:?}, {end:?}"
        );
        hold!(
            self.summary.is_none(),
            "line {line} ended after the summary"
        );
        self.failures += u64::from(matches!(end, SimEnd::Failed | SimEnd::Doubted));
        self.stopped |= self.most_failures.is_some_and(|most| self.failures >= most);
        let is_new =
            end != (SimEnd::Completed { duplicate: true }) || self.may_repeat.contains(&line);
        hold!(is_new, "line {line} is told to be done before");
        Ok(())
    }

    /// What failed is not in the store, unless that is unknown; and its command is not running. Tells why
    /// it failed.
    fn never_posted(
        &self,
        operation: &OperationEvent,
        ledger: &SimLedger,
    ) -> Result<Cause, Broken> {
        let line = operation.line;
        let Some(Reason::Faulty(cause)) = operation.reason else {
            return Err(format!("{line:?} failed for {:?}", operation.reason));
        };
        let is_its = |number| {
            let of = self.assigned.get(&number).map(|(line, _)| *line);
            of == line && of.is_some()
        };
        let detail = operation.detail.as_deref().unwrap_or_default();
        let is_command = matches!(cause, Cause::Command | Cause::Unreadable);
        hold!(
            is_command || !self.all_is_well,
            "{line:?} failed where nothing went wrong: {detail}"
        );
        let posted = ledger.posts.iter().any(|post| is_its(post.number));
        hold!(
            !posted || cause == Cause::Ledger && ledger.certainty == Certainty::Unknown,
            "{line:?} failed ({detail}) and is posted"
        );
        Ok(cause)
    }

    fn met(&mut self, status: Status) {
        self.status = self.status.worse(status);
    }
}

/// How long a worker may take that was given this work.
pub(super) fn limit(scenario: &SeededRun, work: Work) -> Option<Duration> {
    let limits = scenario.settings.limits;
    match work {
        Work::Command { .. } => limits.command,
        work => limits
            .simulated
            .or(Some(work.duration() + crate::protocol::REPLY_LIMIT)),
    }
}

mod at_the_end;
mod handouts;
mod signals;
use handouts::Handouts;
pub(super) use signals::obeys_signals;
