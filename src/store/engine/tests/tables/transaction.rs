//! A transaction on a copy of the rows.

use std::ops::RangeInclusive;

use super::*;
use crate::bank::{LastNumbers, Name};
use crate::store::Lease;

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
            crate::bank::Owner::Run { run, .. } => {
                wanted.holds_of.contains(&run) && !self.disk.has(Flaw::HoldsOfRunMissed)
            }
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
                .filter(|_| !self.disk.has(Flaw::IdsMissed))
                .filter_map(|id| self.rows_of_id(id))
                .collect(),
            holds: read(holds().filter(|row| wanted.holds.contains(&row.row.number))),
            holds_of: read(holds().filter(of_run)),
            due: read(holds().filter(is_over).take(most)),
        })
    }

    fn apply(&mut self, changes: &Changes) -> Result<(), LedgerError> {
        self.calls.applies += 1;
        self.is_applied = true;
        let rows = Arc::make_mut(&mut self.rows);
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
        assert_eq!(changes.head.prev, Some(rows.head.row.hash));
        rows.head = Stored::sealed(changes.head, &mut Content::default());
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<(), LedgerError> {
        if !self.is_applied {
            return Ok(());
        }
        let committed = self.disk.commit(self.rows);
        *self.seen = Some(self.disk.rows.commit);
        committed
    }

    fn lease_run(&mut self, run: u32) -> Result<Option<Lease>, LedgerError> {
        let anyway = self.disk.has(Flaw::LeasedTwice);
        let epoch = self.leases.lock().unwrap().take(run, self.process, anyway);
        let leased = |epoch| Leased {
            leases: Arc::clone(self.leases),
            run,
            process: self.process,
            epoch,
        };
        Ok(epoch.map(|epoch| Lease::new(leased(epoch), None)))
    }

    fn dead_runs(&mut self) -> Result<Vec<RunRow>, LedgerError> {
        self.calls.others += 1;
        let mut leases = self.leases.lock().unwrap();
        let (all, none) = (Flaw::LiveIsDead, Flaw::DeadIsLive);
        let is_live = |run: u32| leases.is_live(run) && !self.disk.has(all) || self.disk.has(none);
        let is_dead = |run: &&RunRow| run.live == 1 && !is_live(run.number);
        let dead: Vec<RunRow> = self.rows.runs.values().filter(is_dead).cloned().collect();
        if self.mode == TxMode::Write {
            dead.iter().for_each(|run| leases.revoke(run.number));
        }
        Ok(dead)
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
        let entries = self.rows.entries.range(after + 1..);
        let entries = entries.map(|(_, row)| LineRow::of_entry(&row.row));
        let records = self.rows.records.range(after + 1..);
        let records = records.map(|(_, row)| LineRow::of_record(&row.row));
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
