//! The steps on the way, in lines for people: what each process asked, read, computed and wrote.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};
use std::io::{self, Write};

use super::Seconds;
use super::mechanism::Mechanism;
use crate::bank::{Balance, Name, WaitInVain};
use crate::event::{
    CellEvent, Event, LeaseEvent, Micros, RequestEvent, RequestName, RunStarted, WorkerEvent,
};
use crate::report::money::MoneyText;

/// What later lines depend on.
#[derive(Default)]
pub(super) struct StepText {
    mechanism: Mechanism,
    /// What each operation read last of each shared balance, and its version.
    seen: HashMap<(u64, Name), (Balance, Option<u64>)>,
    /// The versions of shared balances that were written.
    written: HashSet<(Name, u64)>,
}

impl StepText {
    pub(super) fn run_started(&mut self, run: &RunStarted) {
        self.mechanism = Mechanism::from(&run.mode);
    }

    /// Adds the line of a step, if this is one that has a line.
    pub(super) fn write(&mut self, event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
        match event {
            Event::Spawned(process) => writeln!(out, "  {} started", Process::at(process)),
            Event::Exited(process) => exited(process, out),
            Event::Request(request) => self.request(request, out),
            Event::Read(cell) => self.read(cell, out),
            Event::Wrote(cell) => self.wrote(cell, out),
            Event::Conflict(cell) => self.conflict(cell, out),
            Event::LeaseWait(lease) => waits(lease, out),
            Event::LeaseGranted(lease) => {
                let LeaseEvent { worker, pid, .. } = *lease;
                let (process, accounts) = (Process { worker, pid }, Accounts(&lease.accounts));
                let waited = Seconds(lease.waited_us.unwrap_or_default());
                writeln!(out, "  {process} has {accounts} alone, after {waited} s")
            }
            _ => Ok(()),
        }
    }

    fn request(&self, request: &RequestEvent, out: &mut Vec<u8>) -> io::Result<()> {
        let RequestEvent { worker, pid, .. } = *request;
        let what = match request.request {
            RequestName::Execute => "its operation",
            RequestName::Begin => "`begin`",
            RequestName::Post => "`post`",
            RequestName::Void | RequestName::Unspent | RequestName::Decline => "`void`",
            _ => "a request",
        };
        let process = Process { worker, pid };
        match self.mechanism {
            Mechanism::Socket => write!(out, "  {process} sent {what} over its socket")?,
            Mechanism::Queue => write!(out, "  {process} put {what} on the queue")?,
            Mechanism::Pipe => write!(out, "  {process} wrote {what} into its pipe")?,
            // What they read and write says more.
            Mechanism::Cells | Mechanism::Memory | Mechanism::Threads => return Ok(()),
        }
        let between = |Micros(one): Micros, Micros(other): Micros| {
            let took = other.saturating_sub(one);
            format!("{}.{:03} ms", took / 1_000, took % 1_000)
        };
        match (request.sent_us, request.returned_us) {
            (Some(sent), Some(returned)) => {
                writeln!(out, ", answered in {}", between(sent, returned))
            }
            _ => writeln!(
                out,
                ", answered {} after it arrived; the worker ended before it told when",
                between(request.received_us, request.answered_us)
            ),
        }
    }

    fn read(&mut self, cell: &CellEvent, out: &mut Vec<u8>) -> io::Result<()> {
        self.see(cell);
        match cell.account.is_the_banks() {
            true => Ok(()),
            false => writeln!(out, "  {} read {}", Process::of(cell), BalanceOfCell(cell)),
        }
    }

    fn conflict(&mut self, cell: &CellEvent, out: &mut Vec<u8>) -> io::Result<()> {
        let before = self.see(cell);
        if cell.account.is_the_banks() || before.is_some_and(|(_, seen)| seen == cell.version) {
            return Ok(());
        }
        let process = Process::of(cell);
        writeln!(
            out,
            "  {process} must decide again: now {}",
            BalanceOfCell(cell)
        )
    }

    fn wrote(&mut self, cell: &CellEvent, out: &mut Vec<u8>) -> io::Result<()> {
        let before = self.see(cell);
        if cell.account.is_the_banks() {
            return Ok(());
        }
        let process = Process::of(cell);
        if let Some(added) = cell.added {
            let (sign, amount) = match added.minor() {
                minor @ ..0 => ("took", -i128::from(minor)),
                minor => ("added", minor.into()),
            };
            let now = BalanceOfCell(cell);
            return writeln!(
                out,
                "  {process} {sign} {} in one step: {now}",
                MoneyText(amount)
            );
        }
        let Some((seen, version)) = before else {
            return writeln!(out, "  {process} wrote {}", BalanceOfCell(cell));
        };
        let change = i128::from(cell.balance.minor()) - i128::from(seen.minor());
        let sign = if change < 0 { '-' } else { '+' };
        let (seen, change) = (MoneyText::of(seen), MoneyText(change.abs()));
        writeln!(
            out,
            "  {process} computed {seen} {sign} {change} and wrote {}",
            BalanceOfCell(cell)
        )?;
        let next = version.map(|version| version + 1);
        match (next, cell.version) {
            // In memory without a lock no number could tell which of both came later.
            (_, Some(twice)) if !self.written.insert((cell.account.clone(), twice)) => {
                writeln!(out, "    v{twice} was written twice: one of both is lost")
            }
            (Some(next), Some(written)) if written > next => {
                // Which updates are lost in the end only the writes after it tell.
                write!(out, "    it wrote over v{next}")?;
                if written > next + 1 {
                    write!(out, " to v{}", written - 1)?;
                }
                writeln!(out, ", which it had not read")
            }
            _ => Ok(()),
        }
    }

    /// Remembers what an operation knows of a shared balance, and tells what it knew before.
    fn see(&mut self, cell: &CellEvent) -> Option<(Balance, Option<u64>)> {
        let key = (cell.operation, cell.account.clone());
        self.seen.insert(key, (cell.balance, cell.version))
    }
}

/// Who waits for what, which another has.
fn waits(lease: &LeaseEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let LeaseEvent { worker, pid, .. } = *lease;
    let (process, accounts) = (Process { worker, pid }, Accounts(&lease.accounts));
    let holder = lease.holder.map(|holder| format!("worker {holder}"));
    let holder = holder.as_deref().unwrap_or("another worker");
    match lease.in_vain {
        None => writeln!(out, "  {process} waits for {accounts}, which {holder} has"),
        Some(WaitInVain::Deadlock) => writeln!(
            out,
            "  {process} waits for {accounts}, which {holder} has: a deadlock"
        ),
        Some(WaitInVain::HolderDied) => writeln!(
            out,
            "  {process} waits in vain for {accounts}: {holder} has died"
        ),
    }
}

/// A process that ended as it should has no line.
fn exited(process: &WorkerEvent, out: &mut Vec<u8>) -> io::Result<()> {
    let who = Process::at(process);
    match (process.exit, process.signal) {
        (_, Some(signal)) => writeln!(out, "  {who} was ended by signal {signal}"),
        (Some(status @ 1..), None) => writeln!(out, "  {who} ended with status {status}"),
        _ => Ok(()),
    }
}

/// A process of a run.
struct Process {
    worker: u32,
    pid: u32,
}

impl Process {
    fn at(event: &WorkerEvent) -> Self {
        let WorkerEvent { worker, pid, .. } = *event;
        Process { worker, pid }
    }

    fn of(cell: &CellEvent) -> Self {
        let CellEvent { worker, pid, .. } = *cell;
        Process { worker, pid }
    }
}

impl Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (pid {})", self.worker, self.pid)
    }
}

/// What a shared balance holds: `main: $900.00 v4`.
struct BalanceOfCell<'a>(&'a CellEvent);

impl Display for BalanceOfCell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CellEvent {
            account,
            balance,
            version,
            ..
        } = self.0;
        write!(f, "{account} {}", MoneyText::of(*balance))?;
        match version {
            Some(version) => write!(f, " v{version}"),
            None => Ok(()),
        }
    }
}

/// The accounts that a lease is for, the bank's own left out where there are others.
struct Accounts<'a>(&'a [Name]);

impl Display for Accounts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users: Vec<&str> = self
            .0
            .iter()
            .filter(|name| !name.is_the_banks() || self.0.len() == 1)
            .map(Name::as_str)
            .collect();
        f.write_str(&users.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_two_wrote_is_told_as_a_lost_update() {
        let mut steps = StepText::default();
        let mut out = Vec::new();
        for step in ["read", "wrote"] {
            for worker in [1, 2] {
                let version = if step == "read" { 0 } else { 1 };
                let json = format!(
                    r#"{{"v":1,"type":"{step}","operation":{worker},"worker":{worker},"pid":9,"account":"main","balance":"9.00","version":{version},"at_us":1}}"#
                );
                let event = Event::read(1, &json).expect("a line").expect("an event");
                steps.write(&event, &mut out).expect("memory");
            }
        }
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<&str> = text.lines().skip(3).collect();
        let wrote = "  worker 2 (pid 9) computed $9.00 + $0.00 and wrote main $9.00 v1";
        let lost = "    v1 was written twice: one of both is lost";
        assert_eq!(lines, [wrote, lost]);
    }

    #[test]
    fn an_answer_is_told_of_that_its_worker_did_not_live_to_tell_of() {
        let json = r#"{"v":1,"type":"request","operation":1,"worker":1,"pid":9,"request":"begin","received_us":41655,"decided_us":41677,"answered_us":41688}"#;
        let event = Event::read(1, json).expect("a line").expect("an event");
        let mut out = Vec::new();
        StepText::default().write(&event, &mut out).expect("memory");
        let text = String::from_utf8(out).expect("text");
        let end = "answered 0.033 ms after it arrived; the worker ended before it told when\n";
        assert!(text.ends_with(end), "{text}");
        assert!(!text.contains("before the answer"), "{text}");
    }
}
