//! A ledger of the earlier format says the same after it was brought to this one.

use std::path::Path;

use super::*;
use crate::bank::{Asked, Kind, Name, Outcome, Request, RequestContext};
use crate::store::engine::Engine;
use crate::store::sqlite::Sqlite;
use crate::store::sqlite::tests::FileLedger;
use crate::store::sqlite::tests::verify::full::operation;
use crate::store::{Access, ChainEnd, Ledger, LineDigests, LineEnd, RunTotals, SkippedLine};

/// A file that an earlier program wrote.
struct Earlier {
    format: u32,
    sql: &'static str,
    /// What that program said of its end.
    end: &'static str,
    /// What `main` has.
    main: i64,
}

const FORMAT_2: Earlier = Earlier {
    format: 2,
    sql: include_str!("format-2.sql"),
    end: "4.8.0844371c389a3fedf666cc5d10843b3273fc5f283e98ad987a9706624a5ba201",
    main: 8_700,
};

const FORMAT_3: Earlier = Earlier {
    format: 3,
    sql: include_str!("format-3.sql"),
    end: "4.9.ddd374833fa6ef806b3c6949cd7dd7423de555cf848f1f1a2ec37030294adb1d",
    main: 8_600,
};

impl Earlier {
    /// Makes the file as the earlier program left it.
    fn make(&self, path: &Path) {
        let connection = Connection::open(path).expect("a file");
        connection
            .execute_batch("PRAGMA application_id = 1651532146;")
            .expect("marked");
        connection
            .pragma_update(None, "user_version", self.format)
            .expect("marked");
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        });
        assert_eq!(mode.expect("a mode"), "wal");
        connection.execute_batch(self.sql).expect("filled");
    }

    fn check(&self, ledger: &mut FileLedger) {
        let end: ChainEnd = self.end.parse().expect("an end");
        let verified = ledger.verify(Some(&end)).expect("checked");
        assert_eq!(verified.violation, None);
        assert_eq!(ledger.unit().expect("a unit"), Unit::default());
        let names = ["main", "ops"].map(|name| Name::user(name).expect("a name"));
        let seen = ledger.look_up(&names).expect("accounts");
        let posted: Vec<_> = seen
            .into_iter()
            .map(|found| found.map(|account| account.view.posted.minor()))
            .collect();
        assert_eq!(posted, [Some(self.main), Some(1_000)]);
    }
}

fn open(path: &Path) -> FileLedger {
    Engine::new(Sqlite::open(path, Access::Existing).expect("a ledger"))
}

#[test]
fn a_file_of_an_earlier_format_says_the_same_in_this_one() {
    for earlier in [FORMAT_2, FORMAT_3] {
        says_the_same(&earlier);
    }
}

fn says_the_same(earlier: &Earlier) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    earlier.make(&path);
    let mut ledger = open(&path);
    earlier.check(&mut ledger);
    let connection = &ledger.backend.connection;
    let format = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    assert_eq!(format.expect("a format"), FORMAT);
    // The header of the file itself tells it to a process that looks before opening.
    let header = std::fs::read(&path).expect("the file");
    assert_eq!(header[60..64], FORMAT.to_be_bytes());
    // Only what was opened by a request may receive money from those who ask strictly.
    let mut strictly = |to| {
        let operation = operation(Kind::Deposit, None, to, None, 1);
        let caller = RequestContext {
            strict: true,
            ..RequestContext::default()
        };
        let request = Request::Execute(operation);
        let answers = ledger.transact(&[Asked { caller, request }]);
        answers
            .expect("answers")
            .remove(0)
            .expect("decided")
            .outcome
    };
    assert!(matches!(strictly("ops"), Outcome::Posted { .. }));
    assert!(matches!(strictly("main"), Outcome::Refused { .. }));
    drop(ledger);
    let verified = open(&path).verify(earlier.end.parse().ok().as_ref());
    assert_eq!(verified.expect("checked").violation, None);
}

#[test]
fn a_run_of_the_earlier_format_keeps_its_rule_and_its_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    FORMAT_2.make(&path);
    let mut ledger = open(&path);
    let november = "november".parse().expect("a name");
    let totals = RunTotals {
        number: 1,
        name: "november".parse().expect("a name"),
        done: 2,
        refused: 1,
        failed: 1,
        skipped: 0,
        begun: 0,
        in_doubt: 0,
        is_live: false,
    };
    assert_eq!(ledger.runs(0).expect("runs"), std::slice::from_ref(&totals));
    assert_eq!(ledger.runs(1).expect("runs"), []);
    let begun = ledger.begun_lines(1, 0).expect("lines");
    let told: Vec<_> = begun
        .iter()
        .map(|begun| (begun.line, begun.has_command, begun.is_open))
        .collect();
    assert_eq!(told, [(1, true, false), (4, true, false)]);
    let failed = &begun[1];
    let id = failed.id.as_ref().map(|id| id.as_str());
    assert_eq!(id, Some("november:4"));

    let mut skip = |line| ledger.skip(&november, line, "paid by hand").expect("told");
    assert!(matches!(skip(1), SkippedLine::Done(Outcome::Posted { .. })));
    assert_eq!(skip(4), SkippedLine::Skipped);
    assert_eq!(skip(4), SkippedLine::Already);
    assert_eq!(skip(9), SkippedLine::Skipped);
    let unknown = ledger.skip(&"december".parse().expect("a name"), 1, "");
    assert_eq!(unknown.expect("told"), SkippedLine::UnknownRun);

    let opened = ledger.begin_run(Some(&november)).expect("a run");
    assert_eq!((opened.number, opened.is_new), (1, false));
    assert_eq!(opened.digests, LineDigests::UpToLine);
    let done = ledger.done_lines(1, 0).expect("lines");
    let skipped: Vec<_> = done
        .iter()
        .filter(|done| {
            let reason = "paid by hand".to_string();
            done.end == LineEnd::Skipped { reason }
        })
        .map(|done| (done.line, done.digest))
        .collect();
    assert_eq!(skipped, [(4, failed.digest), (9, 0)]);
    let new = ledger.begin_run(Some(&"december".parse().expect("a name")));
    let new = new.expect("a run");
    assert_eq!((new.is_new, new.digests), (true, LineDigests::OfLine));
    let now = RunTotals {
        failed: 0,
        skipped: 2,
        is_live: true,
        ..totals
    };
    assert_eq!(ledger.runs(0).expect("runs")[0], now);
    assert!(matches!(
        ledger.skip(&november, 8, ""),
        Err(LedgerError::RunIsLive { .. })
    ));
    FORMAT_2.check(&mut ledger);
}

#[test]
#[ignore = "slow: waits until the file is given up"]
fn a_file_that_an_earlier_program_uses_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    FORMAT_2.make(&path);
    let other = Connection::open(&path).expect("a connection");
    let count = || other.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0));
    assert_eq!(count().expect("a count"), 1);
    let refused = Sqlite::open(&path, Access::Existing).err();
    let said = refused.map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("other processes use it"), "{said}");
    assert_eq!(count().expect("a count"), 1);
    drop(other);
    FORMAT_2.check(&mut open(&path));
}

/// It is refused, and its format is what it was.
fn is_left_as_it_was(path: &Path, format: u32) {
    let refused = Sqlite::open(path, Access::Existing).err();
    assert!(matches!(refused, Some(LedgerError::Damaged { .. })));
    let connection = Connection::open(path).expect("a connection");
    let now = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    assert_eq!(now.expect("a format"), format);
}

#[test]
fn a_file_with_other_tables_is_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    FORMAT_2.make(&path);
    let connection = Connection::open(&path).expect("a connection");
    connection
        .execute_batch("CREATE TABLE more (one INTEGER PRIMARY KEY)")
        .expect("a table");
    drop(connection);
    is_left_as_it_was(&path, FORMAT_2.format);
}

#[test]
fn a_copy_without_its_log_is_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    for earlier in [FORMAT_2, FORMAT_3] {
        Earlier { sql: "", ..earlier }.make(&path);
        is_left_as_it_was(&path, earlier.format);
        std::fs::remove_file(&path).expect("removed");
    }
}
