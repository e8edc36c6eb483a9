//! Copies a ledger row by row, as of one moment, into one that another backend keeps: entries, records, the
//! chain over them, and all that is kept beside them.

use std::collections::HashMap;

use smol_str::SmolStr;

use super::backend::{
    AccountChange, AccountsAfter, Changes, EntryFilter, RecordFilter, RunFilter, Tx,
};
use super::rows::{BadRow, EntryRow, NewEntry, Read, Stored, own_accounts};
use crate::store::LedgerError;

/// The rows that are read and written at once.
const PAGE: usize = 5_000;

/// A copy at work.
struct Copying<'a> {
    /// What the ledger is called that is copied.
    name: &'a str,
    from: &'a mut dyn Tx,
    to: &'a mut dyn Tx,
    changes: Changes,
    /// The keys of the accounts.
    keys: HashMap<SmolStr, i64>,
}

/// Copies all rows into a ledger of the same unit in which nothing was done.
pub(crate) fn copy(name: &str, from: &mut dyn Tx, to: &mut dyn Tx) -> Result<(), LedgerError> {
    let head = from.position()?.head.row;
    // Whoever writes to it must know how far it has come.
    to.position()?;
    let mut copying = Copying {
        name,
        from,
        to,
        changes: Changes {
            head,
            ..Changes::default()
        },
        keys: HashMap::new(),
    };
    copying.accounts()?;
    copying.holds()?;
    let runs = copying.from.runs(RunFilter::All)?.into_iter();
    let runs = runs.map(|run| run.map_err(|bad| copying.damaged("run", &bad)));
    copying.changes.runs = runs.collect::<Result<_, _>>()?;
    copying.write()?;
    copying.entries()?;
    copying.records()
}

impl Copying<'_> {
    fn accounts(&mut self) -> Result<(), LedgerError> {
        let own = own_accounts().map(|row| row.key);
        let mut last = i64::MIN;
        loop {
            let page = self.from.accounts(AccountsAfter::Key(last), PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for read in page {
                let row = self.whole("account", read)?;
                last = row.row.key;
                self.keys.insert(row.row.name.clone(), last);
                let is_new = !own.contains(&last);
                self.changes.accounts.push(AccountChange { row, is_new });
            }
            self.write()?;
        }
    }

    fn holds(&mut self) -> Result<(), LedgerError> {
        let mut last = 0;
        loop {
            let page = self.from.holds(last, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for read in page {
                let row = self.whole("hold", read)?;
                last = row.row.number;
                self.changes.holds.insert(last, Some(row));
            }
            self.write()?;
        }
    }

    fn entries(&mut self) -> Result<(), LedgerError> {
        let mut last = 0;
        loop {
            let page = self.from.entries(&EntryFilter {
                after: last,
                limit: PAGE,
                ..EntryFilter::default()
            })?;
            if page.is_empty() {
                return Ok(());
            }
            for read in page {
                let entry = self.whole("entry", read)?;
                last = entry.row.seq;
                let entry = self.keyed(entry)?;
                self.changes.entries.push(entry);
            }
            self.write()?;
        }
    }

    fn records(&mut self) -> Result<(), LedgerError> {
        let mut last = 0;
        loop {
            let page = self.from.records(&RecordFilter {
                after: last,
                limit: PAGE,
                ..RecordFilter::default()
            })?;
            if page.is_empty() {
                return Ok(());
            }
            for read in page {
                let row = self.whole("record", read)?;
                last = row.row.record;
                self.changes.records.push(row);
            }
            self.write()?;
        }
    }

    fn keyed(&self, entry: Stored<EntryRow>) -> Result<NewEntry, LedgerError> {
        let key = |name: &SmolStr| self.keys.get(name).copied();
        let keys = key(&entry.row.debit).zip(key(&entry.row.credit));
        let (debit, credit) = keys.ok_or_else(|| {
            let (number, why) = (entry.row.seq.cast_signed(), String::from("has no account"));
            self.damaged("entry", &BadRow { number, why })
        })?;
        Ok(NewEntry {
            entry,
            debit,
            credit,
        })
    }

    /// Writes what was read, and forgets it.
    fn write(&mut self) -> Result<(), LedgerError> {
        self.to.apply(&self.changes)?;
        self.changes.clear();
        Ok(())
    }

    fn whole<T>(&self, what: &str, read: Read<T>) -> Result<Stored<T>, LedgerError> {
        read.map_err(|bad| self.damaged(what, &bad))
    }

    fn damaged(&self, what: &str, bad: &BadRow) -> LedgerError {
        LedgerError::Damaged {
            ledger: self.name.to_string(),
            what: format!("the {what} {} {}", bad.number, bad.why),
        }
    }
}
