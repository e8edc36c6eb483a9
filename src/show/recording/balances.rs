//! How each account went: what was told of it, in the order in which it happened.

use std::collections::HashMap;

use super::{RecordedChange, Recording};
use crate::show::picture::{BalanceChange, BalanceHistory, CellStep};

/// When an operation's hold and end were decided, where the recording tells.
#[derive(Clone, Copy, Default)]
pub(super) struct DecidedAt {
    pub(super) hold: Option<u64>,
    pub(super) end: Option<u64>,
}

/// A change, and when it was made.
type TimedChange = (u64, RecordedChange);

impl Recording {
    /// How each account went, in the order of the accounts' places; and whether the answers about one came
    /// in another order than its writes.
    pub(super) fn histories(
        &mut self,
        starts: &[u64],
        decided: &[DecidedAt],
    ) -> (Vec<BalanceHistory>, bool) {
        let (written, ends) = (self.written_at(), self.found_at_the_end());
        let timed = |account: usize, change: RecordedChange| {
            let at = change.operation.and_then(|operation| {
                let times = decided.get(operation).copied().unwrap_or_default();
                match change.is_hold {
                    true => times.hold,
                    false => times.end.or(written.get(&(operation, account)).copied()),
                }
            });
            let at = at.unwrap_or(starts[change.run] + change.at);
            (at, change)
        };
        let names = self.accounts.names();
        let mut is_reordered = false;
        let histories = std::mem::take(&mut self.histories);
        let histories = histories.into_iter().zip(names).enumerate();
        let history = |(account, (changes, name)): (usize, (Vec<RecordedChange>, String))| {
            let mut changes: Vec<TimedChange> = changes
                .into_iter()
                .map(|change| timed(account, change))
                .collect();
            // What is not numbered keeps its place among what was told at the same time.
            changes.sort_by_key(|(at, change)| (*at, change.decided));
            in_decided_order(&mut changes);
            let changed = times_changed(&changes);
            let mut changes = with_available(&changes);
            if let Some(end) = ends.get(&account) {
                is_reordered |= end_with(&mut changes, *end);
            }
            BalanceHistory {
                name,
                changes,
                changed,
            }
        };
        (histories.map(history).collect(), is_reordered)
    }

    /// When an operation wrote an account of shared data, which its answer tells of later.
    fn written_at(&self) -> HashMap<(usize, usize), u64> {
        let is_write = |step| matches!(step, CellStep::Write { .. });
        let writes = self.accesses.iter().filter(|access| is_write(access.step));
        writes
            .map(|access| ((access.operation, access.account), access.at))
            .collect()
    }

    /// When each run in memory ended, and what it found then on its accounts.
    fn found_at_the_end(&self) -> HashMap<usize, (u64, i64)> {
        let mut found = HashMap::new();
        for (number, run) in self.runs.iter().enumerate() {
            let picture = &run.picture;
            let Some(totals) = &picture.totals else {
                continue;
            };
            if picture.ledger.is_some() {
                continue;
            }
            let ended = picture.from.saturating_add(totals.elapsed);
            for account in &totals.balances {
                if let Some(place) = self.accounts.of_run(number, &account.account) {
                    found.insert(place, (ended, account.balance));
                }
            }
        }
        found
    }
}

/// Where one run has numbered all changes of an account, they are in the order of the numbers. Each was made
/// no later than what was decided after it.
fn in_decided_order(changes: &mut [TimedChange]) {
    let Some(begin) = changes.iter().position(|(_, one)| one.operation.is_some()) else {
        return;
    };
    let changes = &mut changes[begin..];
    let run = changes[0].1.run;
    let is_numbered = |(_, change): &TimedChange| change.decided > 0 && change.run == run;
    if !changes.iter().all(is_numbered) {
        return;
    }
    changes.sort_by_key(|(_, change)| change.decided);
    let mut latest = u64::MAX;
    for (at, _) in changes.iter_mut().rev() {
        latest = latest.min(*at);
        *at = latest;
    }
}

/// How often operations made what is posted another amount. What it begins with, and holds, are no change.
fn times_changed(changes: &[TimedChange]) -> usize {
    let (mut posted, mut changed) = (None, 0);
    for (_, change) in changes {
        let Some(now) = change.posted else {
            continue;
        };
        let is_change = posted.map_or(!change.is_hold, |before| before != now);
        changed += usize::from(is_change && change.operation.is_some());
        posted = Some(now);
    }
    changed
}

/// The balances after each change; what is available follows where an event does not tell it.
fn with_available(changes: &[TimedChange]) -> Vec<BalanceChange> {
    let (mut posted, mut held) = (0i64, 0i64);
    let mut told = Vec::with_capacity(changes.len());
    for (at, change) in changes {
        posted = change.posted.unwrap_or(posted);
        held = match change.available {
            Some(available) => posted.saturating_sub(available),
            None => held.saturating_sub(change.given_back),
        };
        told.push(BalanceChange {
            at: *at,
            posted,
            available: posted.saturating_sub(held),
            operation: change.operation,
        });
    }
    told
}

/// Ends a history with what its run found, if the answers alone lead to another amount; true if they do.
fn end_with(changes: &mut Vec<BalanceChange>, (ended, posted): (u64, i64)) -> bool {
    let Some(last) = changes.last().copied().filter(|last| last.posted != posted) else {
        return false;
    };
    let held = last.posted.saturating_sub(last.available);
    changes.push(BalanceChange {
        at: ended.max(last.at),
        posted,
        available: posted.saturating_sub(held),
        operation: last.operation,
    });
    true
}

#[cfg(test)]
mod tests {
    use crate::show::samples::{FIRST, LESSON, SECOND, picture};

    /// Two withdrawals of which the first to be written is the last to be answered, with or without steps.
    fn answered_late(has_steps: bool, decided: [u64; 2]) -> (Vec<(u64, i64)>, usize, usize) {
        let mut lines = vec![
            r#"{"v":1,"type":"run_started","mode":"shared-memory","sync":"none","pid":1,"clock_us":1,"account":"main","balance":"10.00"}"#.to_string(),
        ];
        for number in [1, 2] {
            lines.push(format!(r#"{{"v":1,"type":"started","op":"withdraw","account":"main","amount":"{number}.00","operation":{number},"worker":{number},"pid":{number},"at_us":10}}"#));
        }
        let cell = |step, operation: u64, balance, at| {
            format!(
                r#"{{"v":1,"type":"{step}","operation":{operation},"worker":{operation},"pid":{operation},"account":"main","balance":"{balance}.00","version":1,"at_us":{at}}}"#
            )
        };
        if has_steps {
            lines.extend([cell("read", 1, 10, 20), cell("read", 2, 10, 20)]);
            lines.extend([cell("wrote", 1, 9, 50), cell("wrote", 2, 8, 60)]);
        }
        for (operation, balance, at) in [(2, 8, 70), (1, 9, 80)] {
            let decided = decided[operation - 1];
            lines.push(format!(r#"{{"v":1,"type":"completed","op":"withdraw","account":"main","amount":"{operation}.00","balance":"{balance}.00","available":"{balance}.00","decided":{decided},"operation":{operation},"worker":{operation},"pid":{operation},"at_us":{at},"elapsed_us":60}}"#));
        }
        lines.push(r#"{"v":1,"type":"summary","mode":"shared-memory","status":3,"elapsed_us":90,"balances":[{"account":"main","balance":"8.00","expected":"7.00"}]}"#.to_string());
        let picture = picture(&[&lines.join("\n")]);
        let history = &picture.accounts[0];
        let changes = history.changes.iter();
        let changes = changes.map(|one| (one.at, one.posted)).collect();
        let notes = picture.notes.iter();
        let notes = notes.filter(|note| note.contains("another order"));
        (changes, history.changed, notes.count())
    }

    #[test]
    fn a_balance_follows_the_order_of_the_writes_and_not_of_the_answers() {
        let written = vec![(0, 1_000), (50, 900), (60, 800)];
        assert_eq!(answered_late(true, [0, 0]), (written, 2, 0));
        let numbered = vec![(0, 1_000), (70, 900), (70, 800)];
        assert_eq!(answered_late(false, [5, 6]), (numbered, 2, 0));
        // Where nothing tells the order, the balance ends with what the run found.
        let found = vec![(0, 1_000), (70, 800), (80, 900), (90, 800)];
        assert_eq!(answered_late(false, [0, 0]), (found, 2, 1));
    }

    #[test]
    fn what_an_account_begins_with_and_holds_are_no_changes_of_what_is_posted() {
        for (recordings, expected) in [(&[FIRST][..], 1), (&[FIRST, SECOND], 3), (&[LESSON], 2)] {
            let picture = picture(recordings);
            let main = picture.accounts.iter().find(|one| one.name == "main");
            assert_eq!(
                main.map(|main| main.changed),
                Some(expected),
                "{recordings:?}"
            );
        }
    }
}
