//! What lies beside a ledger and what its header says of that: the log that was left, and the mark of a file which
//! lacks what its log holds.

use std::fs::{self, File};
use std::path::PathBuf;

use tempfile::TempDir;

use super::one_batch::with_money;
use super::*;
use crate::store::byte_lock::holder;
use crate::store::lease::RECOVERY;
use log::LogMatch;

/// The bytes of the header in which the mark is.
const MARK: std::ops::Range<usize> = 72..92;
const NO_MARK: [u8; 20] = [0; 20];

fn log_of(ledger: &Path) -> PathBuf {
    side_files::beside(ledger, side_files::LOG)
}

fn mark_of(ledger: &Path) -> Vec<u8> {
    fs::read(ledger).expect("a ledger")[MARK].to_vec()
}

fn minor(path: &Path) -> i64 {
    let balance = Request::Execute(operation(Kind::Balance, None, "a", 0));
    match ask(&mut open(path), 0, balance).expect("decided").outcome {
        Outcome::Viewed { view, .. } => view.posted.minor(),
        other => panic!("{other:?}"),
    }
}

/// A ledger in use and its log, copied into a folder of their own, as a killed process leaves them.
fn left_by(ledger: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("left.db");
    fs::copy(ledger, &path).expect("a copy");
    fs::copy(log_of(ledger), log_of(&path)).expect("a copy");
    (folder, path)
}

fn compared(log: &Path, ledger: &Path) -> LogMatch {
    log::compare(log, &File::open(ledger).expect("a ledger")).expect("read")
}

#[test]
fn a_log_belongs_to_the_file_that_stands_where_one_of_its_commits_began_or_ended() {
    let (_folder, path, _ledger) = with_money();
    let (left, copy) = left_by(&path);
    let log = left.path().join("log");
    fs::copy(log_of(&copy), &log).expect("a copy");
    assert_eq!(compared(&log, &copy), LogMatch::Yes, "where it began");
    // A page that was torn when the power failed is in the log as a whole.
    let torn = left.path().join("torn");
    fs::write(&torn, "SQLite").expect("written");
    assert_eq!(compared(&log, &torn), LogMatch::Yes);
    drop(open(&copy));
    assert_eq!(compared(&log, &copy), LogMatch::Yes, "where it ended");
    execute(&mut open(&copy), Kind::Deposit, None, 1);
    assert_eq!(compared(&log, &copy), LogMatch::No, "where it went on");
}

#[test]
fn every_commit_brings_the_head_into_the_log() {
    let (_folder, path, mut ledger) = with_money();
    let run = ledger.begin_run(None).expect("a run").number;
    let begin_anew = "PRAGMA wal_checkpoint(TRUNCATE)";
    let connection = &ledger.backend.connection;
    connection
        .query_row(begin_anew, [], |_| Ok(()))
        .expect("copied back");
    // Nothing is posted by that.
    ledger.end_run(run).expect("ended");
    let (_left, copy) = left_by(&path);
    assert_eq!(compared(&log_of(&copy), &copy), LogMatch::Yes);
}

#[test]
fn a_log_without_a_whole_commit_is_empty() {
    let (_folder, path, _ledger) = with_money();
    let (left, copy) = left_by(&path);
    let log = left.path().join("log");
    assert_eq!(compared(&log, &copy), LogMatch::Empty, "there is none");
    let whole = fs::read(log_of(&copy)).expect("a log");
    let mut cases = vec![whole[..10].to_vec(), whole[..32].to_vec()];
    // A byte of the header, of its checksum, of the first page and of that page's checksum.
    for at in [0, 8, 17, 25, 32 + 24 + 100, 32 + 17] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        cases.push(damaged);
    }
    for (case, bytes) in cases.iter().enumerate() {
        fs::write(&log, bytes).expect("written");
        assert_eq!(compared(&log, &copy), LogMatch::Empty, "case {case}");
    }
    // What cannot be read is not taken for what is not there.
    let folder = File::open(left.path()).expect("a folder");
    assert!(log::compare(left.path(), &folder).is_err());
    assert!(log::compare(&log_of(&copy), &folder).is_err());
}

#[test]
fn the_log_that_a_killed_process_left_is_copied_back_when_the_ledger_is_opened() {
    let (_folder, path, _ledger) = with_money();
    let (left, copy) = left_by(&path);
    let ledger = open(&copy);
    assert_eq!(fs::metadata(log_of(&copy)).expect("a log").len(), 0);
    let held = holder(ledger.backend.file.file(), RECOVERY, 1);
    assert_eq!(held.expect("asked"), None, "others may open it again");
    drop(ledger);
    assert_eq!(minor(&copy), 30);
    assert_eq!(fs::read_dir(left.path()).expect("a folder").count(), 1);

    // The same log beside what became of the file is that of another state.
    execute(&mut open(&copy), Kind::Deposit, None, 1);
    fs::copy(log_of(&path), log_of(&copy)).expect("a copy");
    let refused = Sqlite::open(&copy, Access::Existing).err();
    assert!(
        matches!(refused, Some(LedgerError::OtherLog { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_file_is_marked_for_as_long_as_its_log_may_hold_what_it_does_not() {
    let (_folder, path, ledger) = with_money();
    let own = mark_of(&path);
    assert_ne!(own, NO_MARK);
    let other = open(&path);
    drop(ledger);
    assert_eq!(mark_of(&path), own, "another has it open");
    let (_left, copy) = left_by(&path);
    drop(other);
    assert_eq!(mark_of(&path), NO_MARK);
    let _ledger = open(&path);
    assert_eq!(mark_of(&path), NO_MARK, "nothing was written");
    // With its log it may lie elsewhere.
    let ledger = open(&copy);
    assert!(![&own[..], &NO_MARK].contains(&&mark_of(&copy)[..]));
    drop(ledger);
    assert_eq!(mark_of(&copy), NO_MARK);
}

#[test]
fn a_copy_is_a_whole_ledger_at_a_place_of_its_own() {
    let (folder, path, mut ledger) = with_money();
    // This one has read the header with its mark.
    let mut other = open(&path);
    let copy = folder.path().join("copy.db");
    for ledger in [&mut other, &mut ledger] {
        let found = ledger.backup(&copy).expect("copied");
        assert_eq!(found.violation, None);
        let header = fs::read(&copy).expect("a copy");
        assert_eq!(
            (&header[18..20], &header[MARK]),
            (&[2, 2][..], &NO_MARK[..])
        );
        assert_eq!(minor(&copy), 30);
        let again = ledger.backup(&copy).err();
        assert!(
            matches!(again, Some(LedgerError::NoPlace { .. })),
            "{again:?}"
        );
        fs::remove_file(&copy).expect("removed");
    }
}

#[test]
fn nothing_is_written_into_a_file_that_is_no_longer_found() {
    let (folder, path, mut ledger) = with_money();
    let ends = |ledger: &mut FileLedger| ledger.transact(&[asked(0, withdraw(1))]).err();
    assert!(ends(&mut ledger).is_none());
    let moved = folder.path().join("moved.db");
    fs::rename(&path, &moved).expect("moved");
    fs::copy(&moved, &path).expect("a copy");
    let refused = ends(&mut ledger);
    assert!(
        matches!(refused, Some(LedgerError::Replaced { .. })),
        "{refused:?}"
    );
    // Here it is again; but a transaction is open that could not be taken back.
    fs::rename(&moved, &path).expect("moved");
    let begin = ledger.backend.connection.execute_batch("BEGIN");
    begin.expect("begun");
    let refused = ledger.backend.begin(TxMode::Write).err();
    assert!(
        matches!(refused, Some(LedgerError::Failed { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_ledger_that_may_not_be_written_is_read_as_it_was_and_anew_once_it_was_changed() {
    let (_folder, path, ledger) = with_money();
    drop(ledger);
    let file = LedgerFile::open(&path).expect("a ledger").file;
    let (connection, reading) = reading::open(&path, &file).expect("opened to be read");
    let mut read = Sqlite {
        path: path.clone(),
        connection,
        mark: None,
        file,
        log: None,
        reading: Some(reading),
        version: None,
        head: None,
    };
    let minor = |ledger: &Sqlite| {
        let sql = "SELECT posted FROM accounts WHERE name = 'a'";
        ledger
            .connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .expect("an account")
    };
    read.check_current().expect("as it was");
    assert_eq!(minor(&read), 30);
    // Another connection writes, as another process would.
    let other = Connection::open(&path).expect("opened");
    let change =
        "UPDATE accounts SET posted = 31 WHERE name = 'a'; PRAGMA wal_checkpoint(TRUNCATE)";
    other.execute_batch(change).expect("changed");
    drop(other);
    assert!(read.check_current().is_err());
    read.reopen_changed().expect("opened anew");
    read.check_current().expect("as it is now");
    assert_eq!(minor(&read), 31);
}

#[test]
fn every_connection_is_set_up_alike() {
    let (_folder, _, ledger) = with_money();
    let settings = [
        ("synchronous", 2),
        ("cell_size_check", 1),
        ("trusted_schema", 0),
        ("temp_store", 2),
        ("wal_autocheckpoint", 4_000),
    ];
    for (name, value) in settings {
        let connection = &ledger.backend.connection;
        let set = connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
        assert_eq!(set.expect("a setting"), value, "{name}");
    }
}
