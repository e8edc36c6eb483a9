//! Which log or journal is believed beside a ledger.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::folder;
use crate::ledger::Ledger;

/// Files of a ledger as it stood after so many deposits, and the log with which it went on.
pub(super) struct States {
    pub(super) files: Vec<Vec<u8>>,
    /// The log of the deposits after the third state.
    pub(super) log: Vec<u8>,
}

pub(super) fn states() -> States {
    let ledger = Ledger::new();
    ledger.say("open main");
    let mut files = Vec::new();
    for number in 0..3 {
        ledger.say(&format!("deposit 1 --id early-{number}"));
        files.push(fs::read(ledger.path()).unwrap());
    }
    let reader = Connection::open(ledger.path()).unwrap();
    let count = "SELECT count(*) FROM entries";
    reader.query_row(count, [], |_| Ok(())).unwrap();
    for number in 0..3 {
        ledger.say(&format!("deposit 1 --id late-{number}"));
    }
    let log = fs::read(ledger.path() + "-wal").unwrap();
    drop(reader);
    files.push(fs::read(ledger.path()).unwrap());
    ledger.say("deposit 1 --id last");
    files.push(fs::read(ledger.path()).unwrap());
    let other = Ledger::new();
    (0..3).for_each(|_| drop(other.say("deposit 5")));
    files.push(fs::read(other.path()).unwrap());
    States { files, log }
}

/// Whichever state of a ledger, or another one, comes to lie beside a log: the two go together or are
/// refused, and what the refusal advises leads to the file as it was put there.
#[test]
fn a_log_is_believed_only_beside_the_file_that_it_belongs_to() {
    let States { files, log } = states();
    // Two states fit: where the log begins, and where it ends.
    let expected = [
        (None, "1.00"),
        (None, "2.00"),
        (Some("6.00"), ""),
        (Some("6.00"), ""),
        (None, "7.00"),
        (None, "15.00"),
    ];
    for (file, (together, alone)) in files.iter().zip(expected) {
        let ledger = Ledger::new();
        let beside = ledger.path() + "-wal";
        fs::write(ledger.path(), file).unwrap();
        fs::write(&beside, &log).unwrap();
        let Some(together) = together else {
            for words in ["deposit 1 --id late-1", "balance", "verify", "history"] {
                let run = ledger.run(words);
                assert_eq!(run.code(), 8, "{run:?}");
                assert!(run.stderr.contains("move the log away"), "{run:?}");
                assert!(run.stderr.contains(&beside), "{run:?}");
            }
            assert!(fs::read(&beside).unwrap() == log && fs::read(ledger.path()).unwrap() == *file);
            fs::rename(&beside, folder(&ledger).join("aside")).unwrap();
            assert_eq!(ledger.money("main")[0], alone);
            ledger.verify();
            continue;
        };
        assert_eq!(ledger.money("main")[0], together);
        ledger.verify();
    }
}

#[test]
fn a_log_that_another_program_left_is_not_copied_into_another_ledger() {
    let (ledger, other) = (Ledger::new(), Ledger::new());
    ledger.say("deposit 1");
    for _ in 0..20 {
        other.say("deposit 1");
    }
    let connection = Connection::open(ledger.path()).unwrap();
    connection
        .execute_batch("CREATE TABLE junk (x); DROP TABLE junk;")
        .unwrap();
    let log = fs::read(ledger.path() + "-wal").unwrap();
    drop(connection);
    fs::copy(other.path(), ledger.path()).unwrap();
    fs::write(ledger.path() + "-wal", log).unwrap();
    let said = ledger.run("balance");
    let why = said.stderr.contains("belongs to another state of it");
    assert!((said.code() == 8) && why, "{said:?}");
    fs::remove_file(ledger.path() + "-wal").unwrap();
    assert_eq!(ledger.money("main")[0], "20.00");
    ledger.verify();
}

/// Makes a journal of a write to a ledger without a log, whose program was killed.
fn unfinished(path: &Path) -> Vec<u8> {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
             CREATE TABLE junk (x); INSERT INTO junk VALUES (zeroblob(200000));",
        )
        .unwrap();
    let journal = fs::read(format!("{}-journal", path.display())).unwrap();
    connection.execute_batch("ROLLBACK").unwrap();
    assert_eq!(journal[..4], [0xd9, 0xd5, 0x05, 0xf9]);
    journal
}

#[test]
#[ignore = "slow: a log is waited for before it is refused"]
fn a_journal_of_another_file_is_not_copied_into_a_ledger() {
    let (ledger, other) = (Ledger::new(), Ledger::new());
    ledger.say("deposit 1");
    for _ in 0..20 {
        other.say("deposit 1");
    }
    let journal = unfinished(Path::new(&ledger.path()));
    let beside = ledger.path() + "-journal";
    for restored in [other.path(), ledger.path()] {
        let bytes = fs::read(restored).unwrap();
        fs::write(ledger.path(), &bytes).unwrap();
        fs::write(&beside, &journal).unwrap();
        for command in ["balance", "deposit 1", "verify"] {
            let said = ledger.run(command);
            let why = said.stderr.contains("did not finish");
            assert!((said.code() == 8) && why, "{command}: {said:?}");
        }
        assert!(fs::read(ledger.path()).unwrap() == bytes);
        assert!(fs::read(&beside).unwrap() == journal);
        fs::remove_file(&beside).unwrap();
        ledger.verify();
    }
    // One that is begun anew says nothing.
    fs::write(&beside, vec![0; 600]).unwrap();
    assert_eq!(ledger.money("main")[0], "20.00");
}
