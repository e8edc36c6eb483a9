//! What every ledger that lasts does, over each backend.

mod budgets;
mod copied;
mod details;
#[cfg(feature = "postgres")]
mod in_postgres;
mod leases;
mod lists;
mod run_lines;
mod scenarios;
mod sets;
pub(in crate::store) mod tables;
mod verified;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::bank::{
    Amount, Answer, Asked, Balance, Id, Kind, Line, Name, Operation, Outcome, Request,
    RequestContext, View,
};
use crate::store::sqlite::Sqlite;
use crate::store::{Access, Ledger};
use tables::Shared;

/// All scenarios.
mod every {
    pub(super) use super::details::*;
    pub(super) use super::lists::*;
    pub(super) use super::scenarios::*;
}

/// The scenarios, and the backends that each of them is tried over.
macro_rules! scenarios {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite { $(#[test] fn $scenario() { super::every::$scenario(&super::InFile::new()) })* }
        mod in_memory { $(#[test] fn $scenario() { super::every::$scenario(&super::InTables::new()) })* }
        #[cfg(feature = "postgres")]
        mod postgres { $(#[test] fn $scenario() { super::in_postgres::with(super::every::$scenario) })* }
    };
}

scenarios![
    what_was_decided_is_there_after_opening_anew,
    an_id_of_any_characters_is_known_again,
    two_that_write_in_turn_see_each_other,
    a_hold_ends_once_and_the_first_request_counts,
    a_hold_whose_time_is_over_is_given_back_before_anything_else,
    what_a_dead_run_had_begun_is_given_back,
    a_line_that_a_dead_run_had_begun_is_begun_again,
    it_decides_as_the_ledger_state_does,
    what_one_process_did_of_a_line_no_other_does_again,
    a_line_that_was_given_up_is_never_decided,
    what_an_operation_carries_is_kept_and_told,
    entries_are_found_by_page_account_id_and_time,
    accounts_and_holds_are_listed_whatever_their_number,
    what_a_dead_run_left_in_doubt_is_listed_so_at_once,
];

/// Where a scenario's ledger is, which several processes may open.
trait LedgerPlace {
    fn open(&self) -> Box<dyn Ledger>;

    /// Begins anew, with a ledger in which nothing was done.
    fn clear(&self);

    /// How many drawn histories are tried, of which each has a ledger of its own.
    fn histories(&self) -> u32 {
        64
    }
}

/// A ledger in a file.
struct InFile {
    folder: Mutex<TempDir>,
}

impl InFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        InFile {
            folder: Mutex::new(folder),
        }
    }
}

impl LedgerPlace for InFile {
    fn open(&self) -> Box<dyn Ledger> {
        let path: PathBuf = self.folder.lock().expect("a folder").path().join("bank.db");
        let backend = Sqlite::open(&path, Access::Create(&Unit::default()));
        Box::new(Engine::new(backend.expect("a ledger")))
    }

    fn clear(&self) {
        let folder = tempfile::tempdir().expect("a folder");
        *self.folder.lock().expect("a folder") = folder;
    }
}

/// A ledger in memory.
struct InTables {
    rows: Mutex<Shared>,
}

impl InTables {
    fn new() -> Self {
        InTables {
            rows: Mutex::new(Shared::new()),
        }
    }
}

impl LedgerPlace for InTables {
    fn open(&self) -> Box<dyn Ledger> {
        Box::new(Engine::new(self.rows.lock().expect("rows").open()))
    }

    fn clear(&self) {
        *self.rows.lock().expect("rows") = Shared::new();
    }
}

pub(in crate::store) fn operation(
    kind: Kind,
    id: Option<&str>,
    account: &str,
    minor: i64,
) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let account = Name::user(account).expect("a name");
    let amount = Amount::new(minor).filter(|_| kind != Kind::Balance);
    Operation::new(kind, id, account, None, amount).expect("an operation")
}

pub(in crate::store) fn asked(number: u64, request: Request) -> Asked {
    let caller = RequestContext {
        run: 1,
        number,
        ..RequestContext::default()
    };
    Asked { caller, request }
}

pub(in crate::store) fn ask(
    ledger: &mut dyn Ledger,
    number: u64,
    request: Request,
) -> Option<Answer> {
    let answers = ledger.transact(&[asked(number, request)]);
    answers.expect("an answer").pop().expect("one answer")
}

pub(in crate::store) fn execute(
    ledger: &mut dyn Ledger,
    kind: Kind,
    id: Option<&str>,
    minor: i64,
) -> Answer {
    let request = Request::Execute(operation(kind, id, "a", minor));
    ask(ledger, 0, request).expect("decided")
}

/// Asks about a line of the first run.
pub(in crate::store) fn line(
    ledger: &mut dyn Ledger,
    line: u64,
    request: Request,
    retry: bool,
) -> Outcome {
    let caller = RequestContext {
        run: 1,
        number: line,
        line: Some(Line {
            number: line,
            digest: line,
        }),
        retry,
        ..RequestContext::default()
    };
    let answers = ledger.transact(&[Asked { caller, request }]);
    answers
        .expect("an answer")
        .remove(0)
        .expect("decided")
        .outcome
}

pub(in crate::store) fn withdraw(minor: i64) -> Request {
    Request::Execute(operation(Kind::Withdraw, None, "a", minor))
}

pub(in crate::store) fn view(posted: i64, available: i64) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}

pub(in crate::store) fn posted(seq: u64, amount: i64, posted: i64) -> Outcome {
    Outcome::Posted {
        seq,
        amount: Amount::new(amount).expect("positive"),
        view: view(posted, posted),
    }
}

pub(in crate::store) fn hold(id: &str, lasts: Option<Duration>) -> Request {
    Request::Hold {
        operation: operation(Kind::Withdraw, Some(id), "a", 30),
        lasts,
    }
}
