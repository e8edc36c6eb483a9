//! The ledger that the page shows. Whatever is read from it or done to it is a command of this program in a
//! process of its own: the page knows no more of a ledger than a person does who types.

mod accounts;
mod follower;
mod listing;

use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(super) use accounts::AccountChoice;
use follower::Follower;
pub(super) use follower::HistoryReader;
use listing::{Listing, list};

/// How long all that is listed of a ledger may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most accounts, holds and runs that are shown.
const MAX_SHOWN: usize = 500;
/// The most of which those are chosen, where not the first are shown.
const MAX_SOUGHT: usize = 5_000;

/// A ledger that a page is to show.
pub struct PageLedger {
    /// What it is called, without a password.
    pub name: String,
    /// What its amounts count.
    pub unit: String,
    /// Where it is, as `--ledger` says it; there may be a password in it.
    pub address: OsString,
    /// Whether the page may post and void what is held.
    pub allow_writes: bool,
}

/// A ledger that is shown.
pub(super) struct LedgerScreen {
    pub(super) ledger: PageLedger,
    standing: Mutex<Option<LastLook>>,
    history: Mutex<Option<Follower>>,
}

/// What was found when the ledger was looked at last.
struct LastLook {
    begun: Instant,
    accounts: AccountChoice,
    found: Result<Value, String>,
}

impl LedgerScreen {
    /// A ledger that no page has asked for.
    pub(super) fn new(ledger: PageLedger) -> Self {
        LedgerScreen {
            ledger,
            standing: Mutex::default(),
            history: Mutex::default(),
        }
    }

    /// What the page says above it.
    pub(super) fn described(&self) -> Value {
        json!({
            "name": self.ledger.name,
            "unit": self.ledger.unit,
            "allow_writes": self.ledger.allow_writes,
        })
    }

    /// These of its accounts, what is held in it, and its runs. One look at a time answers all pages that have
    /// asked for the same before it began, so many pages cost no more than one.
    pub(super) fn standing(&self, accounts: AccountChoice) -> Result<Value, String> {
        let asked = Instant::now();
        let mut last = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_answer = |look: &&LastLook| look.begun >= asked && look.accounts == accounts;
        if let Some(look) = last.as_ref().filter(is_answer) {
            return look.found.clone();
        }
        let begun = Instant::now();
        let found = self
            .look(&accounts, begun + PATIENCE)
            .map_err(|error| error.to_string());
        *last = Some(LastLook {
            begun,
            accounts,
            found: found.clone(),
        });
        found
    }

    fn look(&self, accounts: &AccountChoice, until: Instant) -> Result<Value, listing::ListError> {
        let of = |words: &[String], most| list(words, most, &self.ledger.address, until);
        let accounts = of(&accounts.words(), MAX_SHOWN)?;
        let holds = ["balance", "--holds"].map(String::from);
        let mut holds = of(&holds, MAX_SOUGHT)?;
        // What a person must decide is not among those that are left out.
        holds.rows.sort_by_key(|hold| hold["in_doubt"] != true);
        let mut runs = of(&[String::from("runs")], MAX_SOUGHT)?;
        // The newest come first.
        runs.rows.reverse();
        runs.rows.sort_by_key(|run| run["live"] != true);
        Ok(json!({
            "accounts": shown(accounts),
            "holds": shown(holds),
            "runs": shown(runs),
        }))
    }

    /// Its history as it goes on, which one process reads for all pages.
    pub(super) fn history(&self) -> std::io::Result<HistoryReader<'_>> {
        HistoryReader::begin(self)
    }

    fn follower(&self) -> MutexGuard<'_, Option<Follower>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown(mut listing: Listing) -> Value {
    let found = listing.rows.len();
    listing.rows.truncate(MAX_SHOWN);
    json!({ "rows": listing.rows, "found": found, "has_more": listing.has_more })
}
