//! Clients that are hostile, strange or too many.

use bank_par::protocol::VERSION;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use bank_par::bank::Unit;
use bank_par::store::{Access, Certainty, LedgerError, Place};
use rusqlite::Connection;

use super::{Served, execute};
use crate::ledger::Ledger;
use crate::process::until;

/// A frame: its length, its kind, a number, its body.
fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() + 5) as u32;
    [&length.to_le_bytes()[..], &[kind], &[0; 4], body].concat()
}

fn greeting(version: u32) -> Vec<u8> {
    frame(16, &version.to_le_bytes())
}

#[test]
fn a_client_asks_only_for_itself() {
    let served = Served::start();
    let mut owner = served.client();
    let run = owner.begin_run(None).unwrap().number;
    let mut stranger = served.client();
    let mut asked = execute(None, "ops", 5);
    asked.caller.run = run;
    let error = stranger.transact(std::slice::from_ref(&asked)).unwrap_err();
    assert!(matches!(error, LedgerError::Server { .. }), "{error}");
    let error = stranger.transact(std::slice::from_ref(&asked)).unwrap_err();
    assert!(matches!(error, LedgerError::Failed { .. }), "{error}");
    served.client().end_run(run).unwrap_err();
    owner.transact(&[asked]).unwrap();
    owner.end_run(run).unwrap();
}

#[test]
fn what_hostile_clients_send_harms_only_them() {
    let served = Served::start();
    let huge = [&u32::MAX.to_le_bytes()[..], &[18]].concat();
    let rubbish: [Vec<u8>; 8] = [
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        huge.clone(),
        [greeting(VERSION), huge].concat(),
        [greeting(VERSION), frame(18, &[255; 40])].concat(),
        [greeting(VERSION), frame(17, &[251, 255, 255, 1])].concat(),
        [greeting(VERSION), greeting(VERSION)].concat(),
        frame(17, &[]),
        [greeting(VERSION), frame(99, &[])].concat(),
    ];
    let mut client = served.client();
    for bytes in rubbish {
        let mut hostile = served.connection();
        hostile.write_all(&bytes).unwrap();
        // It is greeted, and then its connection ends.
        let mut heard = Vec::new();
        let _ = hostile.read_to_end(&mut heard);
        assert_eq!(heard, greeting(VERSION), "{bytes:?}");
        client.transact(&[execute(None, "ops", 1)]).unwrap();
    }
    // A half message, and a client that says nothing.
    let mut half = served.connection();
    half.write_all(&greeting(VERSION)[..7]).unwrap();
    let _silent = served.connection();
    client.transact(&[execute(None, "ops", 1)]).unwrap();
    drop(client);
    assert_eq!(served.say("balance ops"), "ops\t0.09\t0.00\t0.09\t0.00\n");
    let (_, run) = served.end();
    let first = run.stderr.lines().next().unwrap();
    assert!(
        first.starts_with("bank-par: a client was sent away: "),
        "{first}"
    );
}

#[test]
fn a_client_of_another_version_is_told_both() {
    const OTHER: u32 = VERSION + 1;
    let theirs = format!("version {OTHER} ");
    let served = Served::start();
    let mut other = served.connection();
    other.write_all(&greeting(OTHER)).unwrap();
    let mut heard = Vec::new();
    let _ = other.read_to_end(&mut heard);
    assert_eq!(heard, greeting(VERSION));
    let (_, run) = served.end();
    assert!(
        run.stderr.contains(&theirs) && run.stderr.contains(&format!("version {VERSION}:")),
        "{run:?}"
    );

    // And a server of another version is not used.
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bank");
    let listener = UnixListener::bind(&socket).unwrap();
    let answering = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(&greeting(OTHER)).unwrap();
        let mut heard = Vec::new();
        let _ = client.read_to_end(&mut heard);
    });
    let error = Place::Server(socket)
        .open(Access::Create(&Unit::default()))
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains(&theirs) && error.contains(&format!("version {VERSION}:")),
        "{error}"
    );
    answering.join().unwrap();
}

#[test]
fn a_client_that_never_reads_stops_only_itself() {
    let served = Served::start();
    served
        .client()
        .transact(
            &(0..500)
                .map(|n| execute(None, &format!("a{n}"), 1))
                .collect::<Vec<_>>(),
        )
        .unwrap();
    let mut deaf = served.connection();
    deaf.set_nonblocking(true).unwrap();
    // Asks for pages of accounts until the server takes no more.
    let question = frame(18, &[1, 0]);
    let mut asked = greeting(VERSION);
    let mut sent = 0;
    while sent < 50_000_000 {
        match deaf.write(&asked) {
            Ok(count) => sent += asked.drain(..count).len(),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                break;
            }
        }
        if asked.is_empty() {
            asked = question.repeat(500);
        }
    }
    let mut client = served.client();
    for _ in 0..20 {
        client.transact(&[execute(None, "ops", 1)]).unwrap();
    }
    #[cfg(target_os = "linux")]
    assert!(served.server.peak_memory() < 64 * 1024);
    drop(deaf);
    assert_eq!(served.say("balance ops"), "ops\t0.20\t0.00\t0.20\t0.00\n");
}

#[test]
fn one_client_too_many_is_told_so() {
    let served = Served::over(Ledger::created(), &["--max-clients", "2"]);
    let (first, _second) = (served.client(), served.client());
    let run = served.run("balance");
    assert_eq!(run.code(), 8);
    assert!(run.stderr.contains("--max-clients"), "{run:?}");
    drop(first);
    // The server has room again once it has seen that the first has gone.
    until("room for a client", || {
        (served.run("balance").code() == 0).then_some(())
    });
}

#[test]
fn a_client_learns_that_nothing_was_done_in_a_damaged_account() {
    let ledger = Ledger::created();
    ledger.say("deposit 1 --account ops");
    ledger.say("deposit 1 --account rent");
    let file = Connection::open(ledger.path()).unwrap();
    file.execute_batch("UPDATE accounts SET checksum = 1 WHERE name = 'ops'")
        .unwrap();
    file.close().unwrap();
    let served = Served::over(ledger, &[]);
    let mut client = served.client();
    for _ in 0..2 {
        let error = client.transact(&[execute(None, "ops", 1)]).unwrap_err();
        assert_eq!(error.certainty(), Certainty::Damaged, "{error}");
        assert!(!error.may_pass() && !error.is_final(), "{error}");
    }
    // So the same client goes on with what is not damaged.
    client.transact(&[execute(None, "rent", 1)]).unwrap();
}
