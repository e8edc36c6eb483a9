//! Connections that end, and servers that crash: what was acknowledged counts once, and nothing else does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::relay::{Cut, Relay};
use super::session::AnswerLimits;
use super::*;
use crate::bank::Request;
use crate::store::Certainty;

/// Deposits 1, and tells whether that counts.
pub(super) fn deposit(ledger: &mut SchemaLedger) -> bool {
    let request = Request::Execute(operation(Kind::Deposit, None, "a", 1));
    let caller = Default::default();
    match ledger.transact(&[Asked { caller, request }]) {
        Ok(answers) => {
            let outcome = answers[0].as_ref().expect("decided").outcome;
            assert!(matches!(outcome, Outcome::Posted { .. }), "{outcome:?}");
            true
        }
        Err(error) => {
            assert_eq!(error.certainty(), Certainty::NotDone, "{error}");
            assert!(error.may_pass(), "{error}");
            false
        }
    }
}

/// How long a server is waited for that will not answer.
const SHORT: AnswerLimits = AnswerLimits {
    writing: Duration::from_millis(400),
    reading: Duration::from_millis(400),
    commit: Duration::from_millis(400),
};

/// Ends the connection at each message of a batch.
fn cut_everywhere(cut: Cut) {
    with_server(|cluster| {
        let address = cluster.new_ledger();
        let server = cluster.socket("a");
        let relay = Relay::new(&server, cluster.port, cut);
        let [there, here] =
            [server.as_path(), relay.folder()].map(|folder| folder.display().to_string());
        let mut other = open(&address);
        let mut ledger = open(&address.replace(&there, &here));
        if cut == Cut::Silence {
            ledger.backend.address.limits = SHORT;
            ledger.backend.session =
                PgSession::connect(&ledger.backend.address).expect("a session");
        }
        let mut counted = i64::from(deposit(&mut ledger));
        let mut refused = 0;
        for message in 0.. {
            relay.cut_after(message);
            let is_posted = deposit(&mut ledger);
            match is_posted {
                true => counted += 1,
                false => refused += 1,
            }
            let has_cut = relay.has_cut();
            relay.cut_after(-1);
            assert_eq!(balance(&mut other), counted, "after the message {message}");
            // On a machine that stands still an answer may be late that nothing was cut of.
            if is_posted && !has_cut {
                break;
            }
        }
        // At least what was loaded and what was applied was lost with its connection.
        assert!(refused >= 2, "{refused}");
        assert!(counted > 2, "{counted}");
    });
}

#[test]
fn a_connection_that_ends_before_any_message_leaves_nothing_open() {
    cut_everywhere(Cut::Before);
}

#[test]
fn a_connection_that_ends_after_any_message_leaves_nothing_open() {
    cut_everywhere(Cut::After);
}

#[test]
#[ignore = "slow: waits for an answer after each message"]
fn a_server_that_says_nothing_any_more_is_waited_for_no_longer_than_told() {
    cut_everywhere(Cut::Silence);
}

#[test]
fn a_batch_that_other_transactions_came_between_is_tried_again() {
    with_server(|cluster| {
        let mut ledger = open(&cluster.new_ledger());
        change(
            &mut ledger,
            "CREATE SEQUENCE tries; CREATE FUNCTION come_between() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE try bigint := nextval('tries'); BEGIN IF try = 1 THEN RAISE SQLSTATE '40001'; ELSIF try = 2 THEN RAISE SQLSTATE '40P01'; END IF; RETURN NEW; END $$; CREATE TRIGGER come_between BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION come_between()",
        );
        assert!(deposit(&mut ledger));
        assert_eq!(balance(&mut ledger), 1);
        let tries = ledger
            .backend
            .session
            .script("SELECT last_value AS tries FROM tries");
        assert_eq!(
            text_of(&tries.expect("an answer"), "tries").as_deref(),
            Some("3")
        );
    });
}

/// Deposits while `disturb` does its worst, until it has been done so often.
fn disturbed(cluster: &Cluster, times: usize, disturb: impl Fn(&mut SchemaLedger) + Sync) {
    let address = cluster.new_ledger();
    let mut ledger = open(&address);
    let mut counted = i64::from(deposit(&mut ledger));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..times {
                disturb(&mut open_again(&address));
            }
            is_over.store(true, Ordering::SeqCst);
        });
        while !is_over.load(Ordering::SeqCst) {
            counted += i64::from(deposit(&mut ledger));
        }
    });
    assert_eq!(balance(&mut open_again(&address)), counted);
}

/// Opens a ledger of a server that may be starting.
pub(super) fn open_again(address: &str) -> SchemaLedger {
    let began = Instant::now();
    loop {
        let address = PostgresAddress::of(address).expect("an address");
        match Postgres::open(&address, Access::Existing) {
            Ok(ledger) => return Engine::new(ledger),
            Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "{error}"),
        }
    }
}

#[test]
fn sessions_that_an_administrator_ends_lose_and_double_nothing() {
    with_server(|cluster| {
        disturbed(cluster, 30, |other| {
            let schema = &other.backend.address.schema;
            let sql = format!(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.relation = '{schema}.head'::regclass AND l.pid <> pg_backend_pid()"
            );
            // It may be gone already, and this connection with it.
            let _ = other.backend.session.script(&sql);
        });
    });
}

#[test]
fn a_commit_of_which_the_server_warns_is_asked_about() {
    with_server(|cluster| {
        let mut ledger = open(&cluster.new_ledger());
        assert!(deposit(&mut ledger));
        let known = ledger.backend.last_batch.clone().expect("a batch");
        // It counts, and one that was never written does not.
        let found = commit::ask(&mut ledger.backend.session, &known);
        assert!(matches!(found, Ok(Some(commit::BatchFate::Counts))));
        let unknown = "00000000-0000-4000-8000-000000000000";
        let found = commit::ask(&mut ledger.backend.session, unknown);
        assert!(matches!(found, Ok(Some(commit::BatchFate::DoesNot))));
        // A commit outside of a transaction is a warning.
        let warning = ledger.backend.session.commit().expect("answered");
        assert!(warning.is_some());
        assert!(deposit(&mut ledger));
        assert_eq!(balance(&mut ledger), 2);
    });
}
