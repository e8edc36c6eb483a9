//! Servers that are killed or started anew while they do what a batch asks.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::failures::{deposit, open_again};
use super::relay::{Cut, Relay};
use super::*;

/// What is done to a server.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// The process is killed that serves the ledger: the server ends all others too, and goes on.
    KillSession(rustix::process::Pid),
    /// The server's first process is killed, and the server started anew.
    KillServer,
    /// An administrator starts the server anew, which ends all sessions.
    Restart,
}

impl Blow {
    fn strike(self, cluster: &Cluster) {
        match self {
            Blow::KillSession(process) => {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
            Blow::KillServer => cluster.order("restart a KILL"),
            Blow::Restart => cluster.order("restart a INT"),
        }
    }
}

/// The process that serves this ledger.
fn session_of(ledger: &mut SchemaLedger) -> Option<rustix::process::Pid> {
    let asked = ledger
        .backend
        .session
        .script("SELECT pg_backend_pid() AS pid");
    let pid = text_of(&asked.ok()?, "pid")?.parse().ok()?;
    rustix::process::Pid::from_raw(pid)
}

/// Looks until there is something: a server that has lost a session ends the others a little later.
fn until_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Some(found) => return found,
            None => assert!(began.elapsed() < Duration::from_secs(60), "{what}"),
        }
    }
}

#[test]
fn a_server_that_ends_at_any_statement_of_a_batch_loses_and_doubles_nothing() {
    // Its own, since a crash ends the sessions of all.
    let settings = ["restart_after_crash=on", "fsync=off"];
    let cluster = match Cluster::start("alone", &settings) {
        Ok(cluster) => Arc::new(cluster),
        Err(missing) => return stderr_line(format_args!("not checked: {missing}")),
    };
    let blow = Arc::new(Mutex::new(Blow::Restart));
    let strike = {
        let (cluster, blow) = (Arc::clone(&cluster), Arc::clone(&blow));
        move || blow.lock().expect("a blow").strike(&cluster)
    };
    let (address, server) = (cluster.new_ledger(), cluster.socket("a"));
    let relay = Relay::killing(&server, cluster.port, Cut::Kill, strike);
    let text = |folder: &Path| folder.display().to_string();
    let by_relay = address.replace(&text(&server), &text(relay.folder()));
    let mut counted = i64::from(deposit(&mut open(&address)));
    for kind in 0..3 {
        for statement in 0.. {
            let (mut ledger, process) = until_some("a session", || {
                let mut ledger = open_again(&by_relay);
                counted += i64::from(deposit(&mut ledger));
                let process = session_of(&mut ledger)?;
                Some((ledger, process))
            });
            *blow.lock().expect("a blow") = match kind {
                0 => Blow::KillSession(process),
                1 => Blow::KillServer,
                _ => Blow::Restart,
            };
            relay.cut_after(statement);
            counted += i64::from(deposit(&mut ledger));
            let has_cut = relay.has_cut();
            relay.cut_after(-1);
            let seen = until_some("a balance", || try_balance(&mut open_again(&address)).ok());
            assert_eq!(seen, counted, "{blow:?} at the statement {statement}");
            if !has_cut {
                // The lock, what is loaded, what is applied, and the commit.
                assert!(statement >= 4, "{statement}");
                break;
            }
        }
    }
}
