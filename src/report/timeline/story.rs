//! Who read what and wrote what, who waited for whom and what failed, line by line, and whose update was
//! lost.

use std::fmt::{self, Write as _};

use super::{Drawing, Span, ending, money, word};
use crate::bank::WaitInVain;
use crate::show::{CellAccess, CellStep, OperationEnd, PicturedWait};

/// The most lines of it.
const MAX_LINES: usize = 120;

/// A line of the story: when, which operation, and what it did.
type StoryLine = (u64, usize, String);

impl Drawing<'_> {
    /// The reads and writes of shared data, the waits for locks, and what failed, in their order.
    pub(super) fn story(&self, out: &mut String) -> fmt::Result {
        let mut told: Vec<StoryLine> = self.accesses();
        told.extend(self.waits());
        told.extend(self.failures());
        told.extend(self.repairs());
        told.retain(|(_, operation, _)| self.is_drawn(*operation));
        told.sort_by_key(|(at, ..)| *at);
        if told.is_empty() {
            return Ok(());
        }
        writeln!(out)?;
        for (number, (at, operation, phrase)) in told.iter().enumerate() {
            if number == MAX_LINES {
                let more = "... and more, which `--report` has";
                return self.wrapped(out, "", more);
            }
            let operation = &self.picture.operations[*operation];
            let number = self.number(operation);
            let time = Span(*at).to_string();
            let beginning = format!("{time:>10}  {number:>2} {:<8} ", operation.kind);
            match self.style.width {
                ..60 => {
                    writeln!(out, "{}", beginning.trim_end())?;
                    self.wrapped(out, "    ", phrase)?;
                }
                _ => self.wrapped(out, &beginning, phrase)?,
            }
        }
        self.losses(out)
    }

    fn accesses(&self) -> Vec<StoryLine> {
        let is_same = |one: &CellAccess, next: &CellAccess| {
            let steps = std::mem::discriminant(&one.step) == std::mem::discriminant(&next.step);
            steps && one.operation == next.operation && one.at == next.at
        };
        let together = self.picture.accesses.chunk_by(is_same);
        let told = together.map(|together| {
            let first = &together[0];
            (first.at, first.operation, self.phrase(together))
        });
        told.take(self.enough()).collect()
    }

    fn waits(&self) -> impl Iterator<Item = StoryLine> + '_ {
        let waits = self.picture.waits.iter().take(self.enough());
        waits.map(|wait| (wait.at, wait.operation, self.wait(wait)))
    }

    /// What it waits for, and which operation has that.
    fn wait(&self, wait: &PicturedWait) -> String {
        let users = wait.accounts.iter().filter(|name| !name.is_the_banks());
        let mut names: Vec<&str> = users.map(|name| name.as_str()).collect();
        if names.is_empty() {
            names = wait.accounts.iter().map(|name| name.as_str()).collect();
        }
        let names = names.join(" and ");
        let holder = wait.holder.map(|holder| &self.picture.operations[holder]);
        let has = holder.map_or("another has".to_string(), |holder| {
            format!("{} {} has", self.number(holder), holder.kind)
        });
        match wait.in_vain {
            None => format!("waits for {names}, which {has}"),
            Some(WaitInVain::Deadlock) => format!("waits for {names}, which {has}: a deadlock"),
            Some(WaitInVain::HolderDied) => {
                format!("waits in vain for {names}, which {has}, whose process has died")
            }
        }
    }

    /// What stands behind a lane has no room for a reason.
    fn failures(&self) -> impl Iterator<Item = StoryLine> + '_ {
        let operations = self.picture.operations.iter().enumerate();
        let failed = operations.filter_map(|(place, operation)| {
            let is_told = match operation.end {
                OperationEnd::Failed | OperationEnd::InDoubt | OperationEnd::Refused => {
                    ending(operation).len() > self.end
                }
                OperationEnd::Completed | OperationEnd::Unfinished => false,
            };
            let reason = operation.reason.as_ref().filter(|_| is_told)?;
            let detail = operation.detail.as_deref();
            let why = detail.map_or_else(|| word(reason), str::to_string);
            let phrase = format!("{}: {why}", operation.end.word());
            Some((operation.ended, place, phrase))
        });
        failed.take(self.enough())
    }

    /// What a process had half-written when it died, and which one completed it.
    fn repairs(&self) -> impl Iterator<Item = StoryLine> + '_ {
        let operations = self.picture.operations.iter().enumerate();
        let repaired = operations.filter_map(|(place, operation)| {
            let repaired = operation.repaired?;
            let by = match repaired.worker {
                Some(worker) => format!("worker {worker}"),
                None => "the parent".to_string(),
            };
            let phrase = format!("died half-written, and {by} completed its writes");
            Some((repaired.at, place, phrase))
        });
        repaired.take(self.enough())
    }

    /// So many lines of one kind are enough to fill the story, and to tell that there are more.
    fn enough(&self) -> usize {
        MAX_LINES + 1
    }

    /// What one process did at one moment, to one cell or two.
    fn phrase(&self, together: &[CellAccess]) -> String {
        let verb = match together[0].step {
            CellStep::Read => "reads",
            CellStep::Conflict => "does not write, for it has changed; reads",
            CellStep::Write { .. } => "writes",
        };
        let cells: Vec<String> = together.iter().map(|access| self.cell(access)).collect();
        let mut phrase = format!("{verb} {}", cells.join(", "));
        let lost = |access: &CellAccess| match access.step {
            CellStep::Write { lost_to, .. } => lost_to,
            _ => None,
        };
        for together in together.chunk_by(|one, next| lost(one) == lost(next)) {
            let Some(over) = together.first().and_then(lost) else {
                continue;
            };
            let names = together
                .iter()
                .map(|access| &self.picture.accounts[access.account].name);
            let names: Vec<&str> = names.map(String::as_str).collect();
            let (number, kind) = {
                let writer = &self.picture.operations[over];
                (self.number(writer), writer.kind)
            };
            let _ = write!(
                phrase,
                "; LOST on {}: {number} {kind} writes over it without having seen it",
                names.join(" and "),
            );
        }
        phrase
    }

    fn cell(&self, access: &CellAccess) -> String {
        let name = &self.picture.accounts[access.account].name;
        format!("{name} {}", money(access.balance))
    }

    /// How many updates of each account were lost.
    fn losses(&self, out: &mut String) -> fmt::Result {
        for (place, account) in self.picture.accounts.iter().enumerate() {
            let of_account = self
                .picture
                .accesses
                .iter()
                .filter(|access| access.account == place);
            let is_lost = |access: &&CellAccess| {
                matches!(
                    access.step,
                    CellStep::Write {
                        lost_to: Some(_),
                        ..
                    }
                )
            };
            match of_account.filter(is_lost).count() {
                0 => {}
                1 => writeln!(out, "1 update of {} was lost", account.name)?,
                lost => writeln!(out, "{lost} updates of {} were lost", account.name)?,
            }
        }
        Ok(())
    }
}
