//! Reading beside writers. Nothing is written and no other process is waited for: what is over by now,
//! and what runs that are gone have left, is read as the next writer will record it.

use std::collections::{BTreeSet, HashMap};

use super::Sqlite;
use crate::bank::{Account, Name, Owner, Unkept, VoidReason};
use crate::store::{LedgerError, OpenHold};

/// What the next writer will do before anything else.
#[derive(Default)]
pub(super) struct Due {
    /// SQLite's count of other connections' commits when this was found.
    version: Option<i64>,
    /// The accounts as they will be.
    accounts: HashMap<Name, Account>,
    /// The holds that will be given back.
    ended: BTreeSet<u64>,
    /// Those that will be in doubt.
    doubted: BTreeSet<u64>,
}

impl Due {
    /// The account as it will be.
    pub(super) fn account(&self, name: &Name, account: Account) -> Account {
        self.accounts.get(name).copied().unwrap_or(account)
    }

    /// The hold as it will be, if it will be there.
    pub(super) fn hold(&self, mut hold: OpenHold) -> Option<OpenHold> {
        if self.doubted.contains(&hold.number) {
            hold.in_doubt = true;
            // No run works on it any more, but it was begun for a line of one.
            hold.run = hold.run.filter(|_| hold.line.is_some());
        }
        (!self.ended.contains(&hold.number)).then_some(hold)
    }
}

impl Sqlite {
    /// Reads one state of the ledger, and what is due in it. A further page of the same list goes by
    /// what was due at the first, as long as no other process has written.
    pub(super) fn read_with_due<T>(
        &mut self,
        is_first: bool,
        read: impl FnOnce(&Self, &Due) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.read_only(|ledger| {
            ledger.execute("read", "BEGIN")?;
            let due = ledger.due_now(is_first);
            let found = due.and_then(|due| {
                let found = read(ledger, &due);
                ledger.last_due = due;
                found
            });
            let ended = ledger.execute("read", "COMMIT");
            let found = found?;
            ended.map(|()| found)
        })
    }

    fn due_now(&mut self, is_first: bool) -> Result<Due, LedgerError> {
        let last = std::mem::take(&mut self.last_due);
        let version = self.read("PRAGMA data_version", |row| row.get::<_, i64>(0))?;
        match !is_first && last.version == Some(version) {
            true => Ok(last),
            false => Ok(Due {
                version: Some(version),
                ..self.look_ahead()?
            }),
        }
    }

    fn look_ahead(&mut self) -> Result<Due, LedgerError> {
        let mut due = Due::default();
        let over = self.due(&self.now(), usize::MAX)?;
        let mut left = Vec::new();
        for run in self.gone_runs()? {
            left.extend(self.holds_of(run)?);
        }
        if over.is_empty() && left.is_empty() {
            return Ok(due);
        }
        self.refresh()?;
        let mut names = BTreeSet::new();
        for number in over.iter().chain(&left) {
            self.bring_hold(*number)?;
            let Some(hold) = self.ledger_state.held(*number) else {
                continue;
            };
            if let Some(movement) = hold.operation.movement() {
                names.extend([movement.debit, movement.credit].map(Name::clone));
            }
            match hold.owner {
                Owner::Run {
                    has_side_effects: true,
                    ..
                } => due.doubted.insert(*number),
                _ => due.ended.insert(*number),
            };
        }
        for number in over {
            self.ledger_state
                .release(number, VoidReason::Expired, &mut Unkept);
        }
        for number in left {
            self.ledger_state.abandon(number, &mut Unkept);
        }
        let account = |name: Name| {
            let (_, account) = self.ledger_state.at(self.ledger_state.place(&name)?);
            Some((name, account))
        };
        due.accounts = names.into_iter().filter_map(account).collect();
        // The ledger state has gone ahead of the file.
        self.cache_keys.version = None;
        Ok(due)
    }

    /// The runs that are marked as live and whose process is gone.
    fn gone_runs(&self) -> Result<Vec<u32>, LedgerError> {
        let mut gone = Vec::new();
        for run in self.live_runs()? {
            if self.run_is_gone(run)? {
                gone.push(run);
            }
        }
        Ok(gone)
    }
}
