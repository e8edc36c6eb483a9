//! The accounts of a picture. Accounts of one name are one account if their runs share a ledger, and
//! others if each run had its own in memory.

use std::collections::HashMap;

/// Where accounts are one by their names.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// A ledger that lasts.
    Ledger(&'a str),
    /// The memory of one run.
    Run(usize),
}

/// Gives each account a place of its own.
#[derive(Default)]
pub(super) struct AccountPositions {
    ledgers: HashMap<String, usize>,
    /// The places, by scope and name.
    places: HashMap<(usize, bool), HashMap<String, usize>>,
    names: Vec<(String, usize, bool)>,
}

impl AccountPositions {
    pub(super) fn place(&mut self, scope: Scope<'_>, name: &str) -> usize {
        let key = match scope {
            Scope::Run(run) => (run, false),
            Scope::Ledger(ledger) => match self.ledgers.get(ledger) {
                Some(known) => (*known, true),
                None => {
                    let next = self.ledgers.len();
                    self.ledgers.insert(ledger.to_string(), next);
                    (next, true)
                }
            },
        };
        let places = self.places.entry(key).or_default();
        if let Some(place) = places.get(name) {
            return *place;
        }
        let place = self.names.len();
        places.insert(name.to_string(), place);
        self.names.push((name.to_string(), key.0, key.1));
        place
    }

    /// The place of an account of a run that has its accounts in memory, if it was named.
    pub(super) fn of_run(&self, run: usize, name: &str) -> Option<usize> {
        self.places.get(&(run, false))?.get(name).copied()
    }

    pub(super) fn count(&self) -> usize {
        self.names.len()
    }

    /// The names by their places; one that several scopes have says which is which.
    pub(super) fn names(&self) -> Vec<String> {
        let mut scopes: HashMap<&str, usize> = HashMap::new();
        for (name, ..) in &self.names {
            *scopes.entry(name).or_default() += 1;
        }
        let labelled = |(name, scope, lasts): &(String, usize, bool)| {
            let number = scope + 1;
            match (scopes.get(name.as_str()), lasts) {
                (Some(0 | 1) | None, _) => name.clone(),
                (_, true) => format!("{name} (ledger {number})"),
                (_, false) => format!("{name} (run {number})"),
            }
        };
        self.names.iter().map(labelled).collect()
    }
}
