//! Rows in memory, for tests: the least that a backend must do, and a count of what it was asked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::bank::{LastNumbers, Name, Unit};
use crate::store::engine::backend::*;
use crate::store::engine::rows::*;
use crate::store::{Lease, LedgerError, Verified};

/// All rows of a ledger.
#[derive(Clone)]
struct Tables {
    commits: u64,
    unit: Stored<Unit>,
    head: Stored<Head>,
    accounts: BTreeMap<i64, Stored<AccountRow>>,
    entries: BTreeMap<u64, Stored<EntryRow>>,
    records: BTreeMap<u64, Stored<RecordRow>>,
    holds: BTreeMap<u64, Stored<HoldRow>>,
    runs: BTreeMap<u32, RunRow>,
}

/// Rows that several ledgers share.
#[derive(Clone)]
pub(super) struct Shared {
    tables: Arc<Mutex<Tables>>,
    leases: Arc<Mutex<BTreeSet<u32>>>,
}

/// How often a backend was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) begun: usize,
    pub(super) loads: usize,
    pub(super) applies: usize,
    pub(super) others: usize,
}

/// One user of shared rows.
pub(super) struct InMemory {
    shared: Shared,
    /// How many commits there were at its last transaction.
    seen: Option<u64>,
    pub(super) calls: Calls,
}

/// A transaction on a copy of the rows, which takes their place.
struct Copied<'a> {
    place: MutexGuard<'a, Tables>,
    leases: &'a Arc<Mutex<BTreeSet<u32>>>,
    seen: &'a mut Option<u64>,
    calls: &'a mut Calls,
    rows: Tables,
    is_changed: bool,
}

/// A run that one user has.
struct Leased(Arc<Mutex<BTreeSet<u32>>>, u32);

impl Drop for Leased {
    fn drop(&mut self) {
        self.0.lock().unwrap().remove(&self.1);
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        let unit = Unit::default();
        let content = &mut Content::default();
        let own = own_accounts().map(|row| (row.key, Stored::sealed(row, content)));
        let tables = Tables {
            commits: 0,
            head: Stored::sealed(Head::first(&unit), content),
            unit: Stored::sealed(unit, content),
            accounts: own.into(),
            entries: BTreeMap::new(),
            records: BTreeMap::new(),
            holds: BTreeMap::new(),
            runs: BTreeMap::new(),
        };
        Shared {
            tables: Arc::new(Mutex::new(tables)),
            leases: Arc::default(),
        }
    }

    pub(super) fn open(&self) -> InMemory {
        InMemory {
            shared: self.clone(),
            seen: None,
            calls: Calls::default(),
        }
    }
}

impl InMemory {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Backend for InMemory {
    fn begin(&mut self, _: TxMode) -> Result<Box<dyn Tx + '_>, LedgerError> {
        self.calls.begun += 1;
        let place = self.shared.tables.lock().unwrap();
        let rows = place.clone();
        let is_changed = self.seen.replace(rows.commits) != Some(rows.commits);
        Ok(Box::new(Copied {
            place,
            leases: &self.shared.leases,
            seen: &mut self.seen,
            calls: &mut self.calls,
            rows,
            is_changed,
        }))
    }

    fn name(&self) -> String {
        "memory".to_string()
    }

    fn backup(&mut self, _: &Path) -> Result<Verified, LedgerError> {
        unreachable!("no test copies it")
    }
}

fn read<'a, T: Clone + 'a>(rows: impl Iterator<Item = &'a Stored<T>>) -> Vec<Read<T>> {
    rows.cloned().map(Ok).collect()
}

impl Copied<'_> {
    fn rows_of_id(&self, id: &crate::bank::Id) -> Option<IdRows> {
        let is = |other: &Option<smol_str::SmolStr>| other.as_deref() == Some(id.as_str());
        let entry = self.rows.entries.values().rfind(|entry| is(&entry.row.id));
        let record = match entry {
            Some(entry) => entry.row.hold.map(|hold| &self.rows.records[&hold]),
            None => self.rows.records.values().rfind(|row| is(&row.row.id)),
        };
        let hold = record.map(|record| record.row.hold.unwrap_or(record.row.record));
        let hold = hold.and_then(|hold| self.rows.holds.get(&hold));
        (entry.is_some() || record.is_some()).then(|| IdRows {
            id: id.clone(),
            entry: entry.cloned().map(Ok),
            record: record.cloned().map(Ok),
            hold: hold.cloned().map(Ok),
        })
    }
}

impl Tx for Copied<'_> {
    fn is_changed(&self) -> bool {
        self.is_changed
    }

    fn position(&mut self) -> Result<LedgerPosition, LedgerError> {
        self.calls.others += 1;
        Ok(LedgerPosition {
            head: self.rows.head.clone(),
            last_account: *self.rows.accounts.keys().next_back().unwrap(),
        })
    }

    fn unit(&mut self) -> Result<Read<Unit>, LedgerError> {
        Ok(Ok(self.rows.unit.clone()))
    }

    fn load(&mut self, wanted: &WantedRows) -> Result<LoadedRows, LedgerError> {
        self.calls.loads += 1;
        let account = |name: &Name| {
            let mut accounts = self.rows.accounts.values();
            let found = accounts.find(|row| row.row.name == name.as_str())?;
            Some((name.clone(), Ok(found.clone())))
        };
        let holds = || self.rows.holds.values();
        let of_run = |row: &&Stored<HoldRow>| match row.row.hold.owner {
            crate::bank::Owner::Run { run, .. } => wanted.holds_of.contains(&run),
            _ => false,
        };
        let is_over = |row: &&Stored<HoldRow>| match (row.row.hold.owner, &wanted.due) {
            (crate::bank::Owner::AnyRequest { expires: Some(end) }, Some(due)) => {
                due.now.is_past(&end)
            }
            _ => false,
        };
        let most = wanted.due.map_or(0, |due| due.limit);
        Ok(LoadedRows {
            accounts: wanted.accounts.iter().filter_map(account).collect(),
            ids: wanted
                .ids
                .iter()
                .filter_map(|id| self.rows_of_id(id))
                .collect(),
            holds: read(holds().filter(|row| wanted.holds.contains(&row.row.number))),
            holds_of: read(holds().filter(of_run)),
            due: read(holds().filter(is_over).take(most)),
        })
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), LedgerError> {
        self.calls.applies += 1;
        let rows = &mut self.rows;
        for new in &changes.entries {
            let known = rows.entries.insert(new.entry.row.seq, new.entry.clone());
            assert!(known.is_none());
        }
        for record in &changes.records {
            let known = rows.records.insert(record.row.record, record.clone());
            assert!(known.is_none());
        }
        for change in &changes.accounts {
            let known = rows.accounts.insert(change.row.row.key, change.row.clone());
            assert_eq!(known.is_none(), change.is_new);
        }
        for (number, hold) in &changes.holds {
            match hold {
                Some(hold) => drop(rows.holds.insert(*number, hold.clone())),
                None => drop(rows.holds.remove(number)),
            }
        }
        let runs = changes.runs.iter().map(|run| (run.number, run.clone()));
        rows.runs.extend(runs);
        rows.head = Stored::sealed(changes.head, &mut Content::default());
        rows.commits += 1;
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), LedgerError> {
        *self.seen = Some(self.rows.commits);
        *self.place = self.rows.clone();
        Ok(())
    }

    fn lease_run(&mut self, run: u32) -> Result<Option<Lease>, LedgerError> {
        let is_free = self.leases.lock().unwrap().insert(run);
        let lease = || Lease::new(Leased(Arc::clone(self.leases), run), None);
        Ok(is_free.then(lease))
    }

    fn dead_runs(&mut self) -> Result<Vec<RunRow>, LedgerError> {
        self.calls.others += 1;
        let leases = self.leases.lock().unwrap();
        let is_dead = |run: &&RunRow| run.live == 1 && !leases.contains(&run.number);
        Ok(self.rows.runs.values().filter(is_dead).cloned().collect())
    }

    fn accounts(
        &mut self,
        after: AccountsAfter<'_>,
        limit: usize,
    ) -> Result<Vec<Read<AccountRow>>, LedgerError> {
        let mut rows: Vec<_> = self.rows.accounts.values().collect();
        match after {
            AccountsAfter::Key(key) => rows.retain(|row| row.row.key > key),
            AccountsAfter::Name(name) => {
                rows.retain(|row| row.row.name.as_str() > name);
                rows.sort_by_key(|row| &row.row.name);
            }
        }
        Ok(read(rows.into_iter().take(limit)))
    }

    fn holds(&mut self, after: u64, limit: usize) -> Result<Vec<Read<HoldRow>>, LedgerError> {
        let rows = self.rows.holds.range(after + 1..);
        Ok(read(rows.map(|(_, row)| row).take(limit)))
    }

    fn entries(&mut self, filter: &EntryFilter<'_>) -> Result<Vec<Read<EntryRow>>, LedgerError> {
        let is_wanted = |row: &&Stored<EntryRow>| {
            let row = &row.row;
            let names = [row.debit.as_str(), row.credit.as_str()];
            filter
                .account
                .is_none_or(|name| names.contains(&name.as_str()))
                && is_of(filter.lines, row.run, row.line)
        };
        let up_to = filter.up_to.unwrap_or(u64::MAX).max(filter.after);
        let rows = self
            .rows
            .entries
            .range(filter.after..=up_to)
            .skip_while(|(seq, _)| **seq == filter.after);
        Ok(read(
            rows.map(|(_, row)| row)
                .filter(is_wanted)
                .take(filter.limit),
        ))
    }

    fn records(&mut self, filter: &RecordFilter<'_>) -> Result<Vec<Read<RecordRow>>, LedgerError> {
        let is_wanted = |row: &&Stored<RecordRow>| {
            let row = &row.row;
            (filter.kinds.is_empty() || filter.kinds.contains(&row.kind))
                && is_of(filter.lines, row.run, row.line)
        };
        let rows = self.rows.records.range(filter.after + 1..);
        Ok(read(
            rows.map(|(_, row)| row)
                .filter(is_wanted)
                .take(filter.limit),
        ))
    }

    fn runs(&mut self, filter: RunFilter<'_>) -> Result<Vec<ReadRun>, LedgerError> {
        self.calls.others += 1;
        let mut rows: Vec<_> = self.rows.runs.values().cloned().collect();
        match filter {
            RunFilter::Number(number) => rows.retain(|run| run.number == number),
            RunFilter::Name(name) => rows.retain(|run| run.name.as_deref() == Some(name.as_str())),
            RunFilter::Named(after, limit) => {
                rows.retain(|run| run.number > after && run.name.is_some());
                rows.truncate(limit);
            }
            RunFilter::All => {}
            RunFilter::Last => drop(rows.drain(..rows.len().saturating_sub(1))),
        }
        Ok(rows.into_iter().map(Ok).collect())
    }

    fn lines(
        &mut self,
        table: Table,
        after: u64,
        runs: RangeInclusive<u32>,
        each: &mut dyn FnMut(LineRow),
    ) -> Result<(), LedgerError> {
        let is_of = |run: Option<u32>| run.is_some_and(|run| runs.contains(&run));
        let line = |line: Option<crate::bank::Line>| line.map(|line| line.number);
        let entries = self
            .rows
            .entries
            .range(after + 1..)
            .map(|(number, row)| LineRow {
                number: *number,
                run: row.row.run,
                line: line(row.row.line),
                hold: row.row.hold,
                kind: 0,
            });
        let records = self
            .rows
            .records
            .range(after + 1..)
            .map(|(number, row)| LineRow {
                number: *number,
                run: row.row.run,
                line: line(row.row.line),
                hold: row.row.hold,
                kind: row.row.kind,
            });
        match table {
            Table::Entries => entries.filter(|row| is_of(row.run)).for_each(each),
            Table::Records => {
                let records = records.filter(|row| is_of(row.run) || row.hold.is_some());
                records.for_each(each);
            }
        }
        Ok(())
    }

    fn last_rows(&mut self) -> Result<LastNumbers, LedgerError> {
        Ok(self.rows.head.row.last)
    }

    fn look_up_ids(&mut self, rows: &[IdOfRow]) -> Result<Vec<FoundById>, LedgerError> {
        let find = |row: &IdOfRow| {
            let last = |up_to: u64| {
                let mut records = self.rows.records.range(..=up_to).rev();
                let found = records.find(|(_, found)| found.row.id.as_ref() == Some(&row.id));
                found.map(|(_, found)| Ok(found.clone()))
            };
            let mut entries = self.rows.entries.values();
            let entry = entries.find(|found| found.row.id.as_ref() == Some(&row.id));
            FoundById {
                entry: entry.map(|entry| entry.row.seq),
                record: last(row.record),
                earlier: row.record.checked_sub(1).and_then(last),
            }
        };
        Ok(rows.iter().map(find).collect())
    }

    fn check(&mut self, _: LastNumbers) -> Result<Option<String>, LedgerError> {
        Ok(None)
    }
}

fn is_of(lines: Option<LinesOf>, run: Option<u32>, line: Option<crate::bank::Line>) -> bool {
    lines.is_none_or(|of| {
        let number = line.map(|line| line.number);
        run == Some(of.run) && number.is_some() && (of.line.is_none() || of.line == number)
    })
}
