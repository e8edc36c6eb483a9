//! What has happened of a run so far, and the lines that show it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::bank::{Balance, Kind};
use crate::event::{Event, OperationEvent};
use crate::report::columns::cut;
use crate::report::money::MoneyText;
use crate::report::text::Grouped;

/// The most processes that have a line each.
const HANDFUL: u64 = 8;

/// The rate is that of so long before now.
const RATE_OF: Duration = Duration::from_secs(3);

/// A run is this old before its end is foretold.
const FORETOLD_AFTER: Duration = Duration::from_secs(1);

/// From this width on a line tells the process, and from the second the accounts.
const WIDE: [usize; 2] = [60, 100];

/// What has happened.
pub(super) struct RunSoFar {
    began: Instant,
    is_over: bool,
    /// How many operations there are, where that is known or estimated.
    total: Option<u64>,
    /// Whether each process has a line.
    is_handful: bool,
    processes: BTreeMap<u32, LiveProcess>,
    /// Ended, whichever way.
    done: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    /// In minor units.
    moved: i128,
    /// How many were done at moments of the past, the oldest first.
    past: VecDeque<(Instant, u64)>,
}

/// A process that is at work.
struct LiveProcess {
    pid: u32,
    operation: Option<LiveOperation>,
    state: String,
    since: Instant,
}

/// What it was asked to do.
struct LiveOperation {
    kind: Kind,
    amount: Option<Balance>,
    accounts: String,
}

impl RunSoFar {
    pub(super) fn new(now: Instant) -> Self {
        RunSoFar {
            began: now,
            is_over: false,
            total: None,
            is_handful: false,
            processes: BTreeMap::new(),
            done: 0,
            refused: 0,
            failed: 0,
            in_doubt: 0,
            moved: 0,
            past: VecDeque::new(),
        }
    }

    /// There are so many operations, if the run has not said it itself.
    pub(super) fn expect(&mut self, total: Option<u64>) {
        self.total = self.total.or(total);
    }

    pub(super) fn end(&mut self) {
        self.is_over = true;
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes note of an event.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::RunStarted(run) => {
                self.total = run.operations.or(self.total);
                let at_once = run.operations.unwrap_or(u64::MAX);
                self.is_handful = at_once.min(run.jobs.into()) <= HANDFUL;
            }
            Event::Spawned(one) => self.is_at(one.worker, one.pid, None, "starting", now),
            Event::Exited(one) => drop(self.processes.remove(&one.worker)),
            Event::Started(one) => self.works(one, "started", now),
            Event::Held(one) => self.works(one, "working", now),
            Event::Retried(one) => {
                let pause = one.pause_us.map(Duration::from).unwrap_or_default();
                self.works(one, &format!("again in {}", lasted(pause)), now);
            }
            Event::LeaseWait(one) => self.is_at(one.worker, one.pid, None, "waiting", now),
            Event::LeaseGranted(one) => self.is_at(one.worker, one.pid, None, "working", now),
            Event::Completed(one) => {
                let moved = one.amount.filter(|_| one.seq.is_some() && !one.duplicate);
                self.moved += moved.map_or(0, |amount| i128::from(amount.minor()));
                self.ended(one);
            }
            Event::Refused(one) => {
                self.refused += 1;
                self.ended(one);
            }
            Event::Failed(one) => {
                self.failed += 1;
                self.ended(one);
            }
            Event::InDoubt(one) => {
                self.in_doubt += 1;
                self.ended(one);
            }
            Event::Invalid(_) | Event::Skipped(_) => self.done += 1,
            Event::Summary(_) => self.end(),
            _ => {}
        }
    }

    fn works(&mut self, one: &OperationEvent, state: &str, now: Instant) {
        let asked = one.op.map(|kind| LiveOperation {
            kind,
            amount: one.amount,
            accounts: accounts(one),
        });
        self.is_at(one.worker, one.pid, asked, state, now);
    }

    fn is_at(
        &mut self,
        worker: u32,
        pid: u32,
        operation: Option<LiveOperation>,
        state: &str,
        now: Instant,
    ) {
        if !self.is_handful {
            return;
        }
        let before = self.processes.remove(&worker);
        let before = before.and_then(|process| process.operation);
        self.processes.insert(
            worker,
            LiveProcess {
                pid,
                operation: operation.or(before),
                state: state.to_string(),
                since: now,
            },
        );
    }

    fn ended(&mut self, one: &OperationEvent) {
        self.done += 1;
        self.processes.remove(&one.worker);
    }

    /// The lines, none of them wider than this: one for each process of a handful, and the progress.
    pub(super) fn lines(&mut self, now: Instant, width: usize) -> Vec<String> {
        let processes = self.processes.iter().take(HANDFUL as usize);
        let processes = processes.map(|(worker, process)| process.line(*worker, now, width));
        let mut lines: Vec<String> = processes.collect();
        lines.push(self.progress(now, width));
        lines
    }

    /// How far the run is. Where it is too narrow for all, what matters least is left out.
    pub(super) fn progress(&mut self, now: Instant, width: usize) -> String {
        let elapsed = now.saturating_duration_since(self.began);
        let rate = self.rate(now);
        let count = |count: u64, what: &str| {
            let told = format!("{} {what}", Grouped(count.into()));
            (count > 0).then_some(told)
        };
        let done = Grouped(self.done.into());
        let done = match self.total {
            Some(total) => format!("{done} of {} done", Grouped(total.max(self.done).into())),
            None => format!("{done} done"),
        };
        let moved = (self.moved > 0).then(|| format!("{} moved", MoneyText(self.moved)));
        // What it is, and how much it matters, most first.
        let mut parts = vec![
            (0, Some(done)),
            (5, count(rate, "a second").filter(|_| self.is_long())),
            (7, moved),
            (1, count(self.failed, "failed")),
            (3, count(self.in_doubt, "in doubt")),
            (4, count(self.refused, "refused")),
            (6, Some(lasted(elapsed))),
            (2, self.left(elapsed, rate)),
        ];
        loop {
            let told = parts.iter().filter_map(|(_, part)| part.as_deref());
            let line = told.collect::<Vec<_>>().join("  ");
            let least = parts.iter().map(|(weight, _)| *weight).max();
            if line.chars().count() <= width || least == Some(0) {
                return cut(&line, width);
            }
            parts.retain(|(weight, _)| Some(*weight) != least);
        }
    }

    fn is_long(&self) -> bool {
        self.total.is_none_or(|total| total > HANDFUL)
    }

    /// How many were done a second of late.
    fn rate(&mut self, now: Instant) -> u64 {
        self.past.push_back((now, self.done));
        let is_old = |then: Instant| now.saturating_duration_since(then) > RATE_OF;
        while self.past.len() > 2 && self.past.get(1).is_some_and(|(then, _)| is_old(*then)) {
            self.past.pop_front();
        }
        let (since, before) = self.past.front().copied().unwrap_or((now, self.done));
        // Before the first look nothing was done.
        let (since, before) = match self.past.len() {
            1 => (self.began, 0),
            _ => (since, before),
        };
        let millis = now.saturating_duration_since(since).as_millis().max(1);
        let rate = u128::from(self.done - before) * 1_000 / millis;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    fn left(&self, elapsed: Duration, rate: u64) -> Option<String> {
        let left = self.total?.saturating_sub(self.done);
        let is_told = self.is_long() && elapsed >= FORETOLD_AFTER && left > 0 && rate > 0;
        let seconds = left.div_ceil(rate.max(1));
        is_told.then(|| format!("{} left", lasted(Duration::from_secs(seconds))))
    }
}

impl LiveProcess {
    fn line(&self, worker: u32, now: Instant, width: usize) -> String {
        let LiveProcess { pid, state, .. } = self;
        let who = match width >= WIDE[0] {
            true => format!("process {worker} (pid {pid})  "),
            false => format!("{worker} "),
        };
        let (kind, amount, accounts) = match &self.operation {
            Some(asked) => (
                asked.kind.word(),
                asked.amount.map_or(String::new(), |amount| {
                    MoneyText(amount.minor().into()).to_string()
                }),
                asked.accounts.as_str(),
            ),
            None => ("", String::new(), ""),
        };
        let accounts = match width >= WIDE[1] {
            true => format!(" {accounts:<20}"),
            false => String::new(),
        };
        let since = lasted(now.saturating_duration_since(self.since));
        let line = format!("{who}{kind:<8} {amount:>10}{accounts} {state:<8} {since:>6}");
        cut(&line, width)
    }
}

/// Whose money it is about, and where it goes.
fn accounts(one: &OperationEvent) -> String {
    let account = one.account.as_ref().map_or("", |account| account.as_str());
    match &one.to {
        Some(to) => format!("{account} -> {to}"),
        None => account.to_string(),
    }
}

/// A duration as a person says it: its largest unit, and below a minute a tenth of a second.
fn lasted(duration: Duration) -> String {
    let (seconds, tenth) = (duration.as_secs(), duration.subsec_millis() / 100);
    match seconds {
        0..10 => format!("{seconds}.{tenth} s"),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60),
    }
}
