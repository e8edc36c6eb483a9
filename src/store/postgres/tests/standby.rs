//! A primary whose commits wait for a standby: what is acknowledged is on both.

use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use super::failures::deposit;
use super::*;

/// Waits until this is so. Servers start and stop meanwhile.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(120), "{what}");
        sleep(Duration::from_millis(10));
    }
}

/// Ends the wait of a commit for the standby, as an administrator would.
fn cancel_wait(beside: &mut PgSession) {
    const SQL: &str = "SELECT pg_cancel_backend(pid) AS cancelled FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("a commit that waits for the standby", || {
        let rows = beside.script(SQL).expect("an answer");
        text_of(&rows, "cancelled").as_deref() == Some("t")
    });
}

/// Servers `a` and `b`, a ledger that both have with 1 on it, a session beside it, and the address.
fn pair(cluster: &Cluster) -> (SchemaLedger, PgSession, String) {
    let sockets = ["a", "b"].map(|server| cluster.socket(server).display().to_string());
    let address = cluster.new_ledger_at(sockets.join(",").as_ref());
    let mut ledger = open(&address);
    assert!(deposit(&mut ledger));
    let beside = PgSession::connect(&ledger.backend.address).expect("a session");
    (ledger, beside, address)
}

/// Deposits in a thread of its own, which gives the ledger back with what it was told.
fn deposit_meanwhile(mut ledger: SchemaLedger) -> Receiver<(SchemaLedger, bool)> {
    let (told, answer) = channel();
    thread::spawn(move || {
        let counts = deposit(&mut ledger);
        told.send((ledger, counts)).expect("heard");
    });
    answer
}

#[test]
fn a_commit_counts_once_a_standby_has_confirmed_it_and_not_before() {
    let cluster = match Cluster::with_standby() {
        Ok(cluster) => cluster,
        Err(missing) => return stderr_line(format_args!("not checked: {missing}")),
    };
    let (ledger, mut beside, address) = pair(&cluster);

    cluster.order("crash b");
    let answer = deposit_meanwhile(ledger);
    // The commit is answered with a warning; then what asks for it waits too, and so on.
    (0..3).for_each(|_| cancel_wait(&mut beside));
    assert!(answer.try_recv().is_err());
    cluster.order("start b");
    let (ledger, counts) = answer.recv().expect("an answer");
    assert!(counts);

    cluster.order("crash b");
    let answer = deposit_meanwhile(ledger);
    cancel_wait(&mut beside);
    // Now it is there on `a` alone, which the standby then takes over from.
    let mut other = open(&address);
    until("a deposit on the primary", || balance(&mut other) == 3);
    drop((other, beside));
    cluster.order("crash a; start b; promote b");
    let (mut ledger, counts) = answer.recv().expect("an answer");
    assert!(!counts);
    assert_eq!(balance(&mut ledger), 2);
    assert!(deposit(&mut ledger));
    assert_eq!(balance(&mut ledger), 3);
}
