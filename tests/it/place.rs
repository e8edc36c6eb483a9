//! What happens to a ledger's file while it is in use.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::cli::{Running, program};
use crate::ledger::Ledger;

/// A server in front of a ledger, and how it is reached.
fn serve(ledger: &Ledger, folder: &Path) -> (Running, String) {
    let socket = folder.join("sockets/bank").display().to_string();
    let arguments = ["serve", "--ledger", &ledger.path(), "--socket", &socket];
    let mut server = Running::start(program(&arguments));
    server.hear();
    (server, format!("unix:{socket}"))
}

/// The kernel takes all locks of a process on a file away when it closes any handle of it. SQLite's own
/// shell would then take itself for the last one there, and remove the log of those who still write.
#[test]
fn a_check_leaves_the_servers_locks_in_place() {
    let (ledger, folder) = (Ledger::created(), tempfile::tempdir().unwrap());
    let (server, address) = serve(&ledger, folder.path());
    let client = |words: &str| ledger.say(&format!("{words} --ledger {address}"));
    client("deposit 10");
    client("verify");
    let other = Connection::open(ledger.path()).unwrap();
    let count = other.query_row("SELECT count(*) FROM entries", [], |row| row.get(0));
    assert_eq!(count, Ok(1));
    other.close().unwrap();
    client("deposit 7");
    assert_eq!(ledger.money("main"), ["17.00", "0.00", "17.00"]);
    server.kill();
    server.finish();
    assert_eq!(ledger.money("main"), ["17.00", "0.00", "17.00"]);
}

#[test]
fn nothing_is_written_to_a_file_that_was_moved_away() {
    let (ledger, folder) = (Ledger::created(), tempfile::tempdir().unwrap());
    ledger.say("deposit 1");
    let (server, address) = serve(&ledger, folder.path());
    let moved = format!("{}.old", ledger.path());
    fs::rename(ledger.path(), &moved).unwrap();
    let gone = "was moved, replaced or removed";
    let late = ledger.run(&format!("deposit 2 --ledger {address}"));
    assert!((late.code() == 8) && late.stderr.contains(gone), "{late:?}");
    let ended = server.finish();
    assert!(
        (ended.code() == 8) && ended.stderr.contains(gone),
        "{ended:?}"
    );
    // The server left nothing beside it, so another ledger may take its place.
    ledger.say("deposit 3");
    fs::rename(&moved, ledger.path()).unwrap();
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    ledger.verify();
}
