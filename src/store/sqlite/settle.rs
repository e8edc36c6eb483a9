//! Holds that nobody ends any more are given back before anything else is decided: those whose time is
//! over, and those of runs whose process is gone.

use std::time::{Duration, Instant};

use rusqlite::Params;

use super::Sqlite;
use super::journal::Writer;
use crate::bank::{Answer, Asked, Now};
use crate::store::LedgerError;

/// How often a long-lived process looks for runs whose process is gone.
const RUNS_INTERVAL: Duration = Duration::from_secs(1);
/// The most holds that are given back in one transaction because their time is over, so that other
/// writers get their turn however many there are.
pub(super) const MAX_EXPIRED: usize = 1_000;

impl Sqlite {
    /// Decides a batch, after all holds were given back whose time is over: in steps, of which each
    /// is a transaction of its own and the last decides the batch.
    pub(super) fn settle_and_decide(
        &mut self,
        batch: &[Asked],
    ) -> Result<Vec<Option<Answer>>, LedgerError> {
        loop {
            let decided = self.write(|ledger, now| {
                let due = ledger.due(&now, MAX_EXPIRED)?;
                if due.len() < MAX_EXPIRED {
                    return ledger.decide(batch, now, &due).map(Some);
                }
                ledger.decide(&[], now, &due).map(|_| None)
            })?;
            if let Some(answers) = decided {
                return Ok(answers);
            }
        }
    }

    /// Ends one hold within a write transaction that nobody works on any more.
    pub(super) fn abandon(&mut self, hold: u64, now: Now) -> Result<(), LedgerError> {
        self.bring_hold(hold)?;
        let mut writer = Writer::new(&self.connection, &mut self.cache_keys, now);
        self.ledger_state.abandon(hold, &mut writer);
        let finished = writer.finish(&self.ledger_state);
        finished.map_err(|error| self.fault("write", &error))
    }

    /// The holds of runs whose process is gone, looked for now and then.
    pub(super) fn abandoned(&mut self) -> Result<Vec<u64>, LedgerError> {
        let mut abandoned = Vec::new();
        let looked_at = self.runs.looked_at;
        if looked_at.is_none_or(|at| at.elapsed() >= RUNS_INTERVAL) {
            self.runs.looked_at = Some(Instant::now());
            for run in self.dead_runs()? {
                abandoned.extend(self.holds_of(run)?);
            }
        }
        Ok(abandoned)
    }

    /// At most so many holds whose time is over, those of this boot first.
    pub(super) fn due(&self, now: &Now, most: usize) -> Result<Vec<u64>, LedgerError> {
        const THIS_BOOT: &str =
            "SELECT hold FROM holds WHERE boot = ? AND ticks <= ? ORDER BY ticks, hold LIMIT ?";
        const OTHERS: &str = "SELECT hold FROM holds WHERE expires <= ?1 AND (?2 IS NULL OR boot IS NOT ?2) ORDER BY expires, hold LIMIT ?3";
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut due = Vec::new();
        if let Some(time) = now.boot_time {
            due = self.numbers(THIS_BOOT, (time.boot, time.micros, most))?;
        }
        let boot = now.boot_time.map(|time| time.boot);
        let rest = most - due.len() as i64;
        due.extend(self.numbers(OTHERS, (now.wall.micros(), boot, rest))?);
        Ok(due)
    }

    pub(super) fn holds_of(&self, run: u32) -> Result<Vec<u64>, LedgerError> {
        self.numbers("SELECT hold FROM holds WHERE run = ? ORDER BY hold", [run])
    }

    fn numbers(&self, sql: &str, values: impl Params) -> Result<Vec<u64>, LedgerError> {
        let read = || {
            let mut query = self.connection.prepare_cached(sql)?;
            let rows = query.query_map(values, |row| row.get(0).map(i64::cast_unsigned))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.fault("read", &error))
    }
}
