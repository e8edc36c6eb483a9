//! A copy says all that its original says.

use super::*;
use crate::bank::Line;
use crate::store::copy::to_file;
use crate::store::{EntryQuery, MAX_PAGE};

/// All that is listed of a ledger.
fn listed(ledger: &mut dyn Ledger, run: u32) -> String {
    let query = EntryQuery {
        limit: MAX_PAGE,
        ..EntryQuery::default()
    };
    let entries = ledger.entries(&query).expect("entries").entries;
    let (accounts, holds) = (ledger.accounts(None), ledger.holds(0));
    let (runs, lines) = (ledger.runs(0), ledger.done_lines(run, 0));
    let accounts = (accounts.expect("accounts"), holds.expect("holds"));
    let runs = (runs.expect("runs"), lines.expect("lines"));
    format!("{entries:?} {accounts:?} {runs:?}")
}

#[test]
fn a_copy_says_what_the_original_says() {
    let rows = Shared::new();
    let mut original = Engine::new(rows.open());
    let november = "november".parse().expect("a name");
    let run = original.begin_run(Some(&november)).expect("a run").number;
    execute(&mut original, Kind::Deposit, Some("one"), 100);
    execute(&mut original, Kind::Loan, None, 7);
    ask(&mut original, 0, hold("two", None));
    ask(&mut original, 0, hold("three", None));
    for (number, minor) in [(1, 5), (2, 500)] {
        let line = Line { number, digest: 7 };
        let caller = RequestContext {
            run,
            number,
            line: Some(line),
            ..RequestContext::default()
        };
        let request = withdraw(minor);
        original
            .transact(&[Asked { caller, request }])
            .expect("decided");
    }
    original.end_run(run).expect("ended");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("copy.db");
    let copied = to_file(&mut rows.open(), &path).expect("copied");
    assert_eq!(copied, original.verify(None).expect("verified"));
    assert_eq!((copied.entries, copied.holds), (3, 2));
    for page in 1..=copied.records as usize + 1 {
        let checked = original.check_in_pages(page, None);
        assert_eq!(checked.expect("verified"), copied, "in pages of {page}");
    }
    let mut copy = Engine::new(Sqlite::open(&path, Access::Read).expect("a ledger"));
    assert_eq!(listed(&mut copy, run), listed(&mut original, run));
}
