//! What accounts held at an earlier moment, added up from the entries before it.

use std::collections::{BTreeMap, BTreeSet};

use super::Single;
use crate::bank::{LOANS, Moment, Name, WORLD};
use crate::cli::ledger::ask_when_there;
use crate::cli::{CliResult, Failure};
use crate::status::Status;
use crate::store::{EntryQuery, MAX_PAGE};

/// What accounts held: a number for each, however many entries there are.
struct Totals {
    posted: BTreeMap<Name, i128>,
    /// Only these are wanted; all, where none is named.
    wanted: BTreeSet<Name>,
}

impl Totals {
    fn add(&mut self, account: &Name, minor: i128) {
        if !self.wanted.is_empty() && !self.wanted.contains(account) {
            return;
        }
        match self.posted.get_mut(account) {
            Some(posted) => *posted += minor,
            None => drop(self.posted.insert(account.clone(), minor)),
        }
    }
}

impl Single {
    /// Shows what these accounts held then, or all that had entries by then.
    pub(super) fn accounts_at(mut self, at: Moment, names: &[Name]) -> CliResult {
        let mut totals = Totals {
            posted: BTreeMap::new(),
            wanted: names.iter().cloned().collect(),
        };
        if names.is_empty() {
            totals.add(&WORLD, 0);
            totals.add(&LOANS, 0);
        }
        self.add_entries(at, names, &mut totals)?;
        self.answers.accounts();
        let mut status = Status::Posted;
        match names {
            [] => {
                for (name, posted) in &totals.posted {
                    self.answers.account_at(name, *posted, at);
                }
            }
            names => {
                for name in names {
                    status = status.worse(self.named_at(name, &totals, at)?);
                }
            }
        }
        super::super::ended(status.worse(self.answers.finish()))
    }

    /// An account that is there now and had no entry then held nothing.
    fn named_at(&mut self, name: &Name, totals: &Totals, at: Moment) -> Result<Status, Failure> {
        let posted = match totals.posted.get(name) {
            Some(posted) => *posted,
            None => {
                let names = std::slice::from_ref(name);
                let found = ask_when_there(|| self.ledger.look_up(names))?;
                if found.iter().all(Option::is_none) {
                    return Ok(self.unknown(name));
                }
                0
            }
        };
        self.answers.account_at(name, posted, at);
        Ok(Status::Posted)
    }

    fn add_entries(
        &mut self,
        at: Moment,
        names: &[Name],
        totals: &mut Totals,
    ) -> Result<(), Failure> {
        let mut query = EntryQuery {
            until: Some(at),
            limit: MAX_PAGE,
            // Of several accounts all entries are read once.
            account: match names {
                [name] => Some(name.clone()),
                _ => None,
            },
            ..EntryQuery::default()
        };
        loop {
            let page = ask_when_there(|| self.ledger.entries(&query))?;
            for entry in &page.entries {
                if let Some(movement) = entry.operation.movement() {
                    let minor = i128::from(movement.amount.minor());
                    totals.add(movement.debit, -minor);
                    totals.add(movement.credit, minor);
                }
            }
            if page.is_last {
                return Ok(());
            }
            query.after = query.after.max(page.looked_at);
        }
    }
}
