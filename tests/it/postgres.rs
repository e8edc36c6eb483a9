//! A ledger in PostgreSQL from outside: the same commands, two parents at once, and no password anywhere.

#[path = "../../src/store/postgres/tests/cluster.rs"]
mod cluster;

use crate::cli::Run;
use crate::ledger::{Ledger, at_once};
use cluster::Cluster;

/// A folder, and the address of a ledger with a password in it; nothing where there is no server.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
fn ledger() -> Option<(Ledger, String)> {
    let cluster = Cluster::shared().inspect_err(|missing| eprintln!("not checked: {missing}"));
    let address = cluster.ok()?.new_ledger();
    let address = address.replace("bank@", "bank:s3cret@");
    Some((Ledger::new(), address))
}

/// Runs a script whose ledger is at this address, and in which no password may be told.
#[track_caller]
fn script(ledger: &Ledger, address: &str, script: &str) -> Run {
    let script = format!("set -eu; export BANK_PAR_LEDGER='{address}'; {script}");
    let run = ledger.script(&script);
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(!told.contains("s3cret"), "{told}");
    run
}

#[test]
fn a_database_takes_the_commands_of_a_file() {
    let Some((ledger, address)) = ledger() else {
        return;
    };
    let run = script(
        &ledger,
        &address,
        "bank-par balance ops || echo missing: $?
        bank-par init --decimals 3 --unit EUR | grep -c GRANT
        bank-par deposit 20 --account ops --id a >/dev/null
        bank-par deposit 20 --account ops --id a | grep -o duplicate
        bank-par withdraw 5 --account ops -- sh -c 'exit 3' || echo failed: $?
        bank-par withdraw 5 --account ops --id b -- true
        bank-par backup copy.db | grep -c '^ok: 2 entries'
        bank-par verify --ledger copy.db > one; bank-par verify > other; cmp one other
        bank-par copy copy.db \"${BANK_PAR_LEDGER}_2\" > third; cmp one third
        bank-par balance ops --ledger \"${BANK_PAR_LEDGER}_2\"
        bank-par copy copy.db \"${BANK_PAR_LEDGER}_2\" || echo refused: $?
        bank-par doctor || echo lossy: $?",
    );
    let expected = "missing: 8\n2\nduplicate\nfailed: 3\n1\nops\t15.000\t0.000\t15.000\t0.000\tEUR\nrefused: 2\n\
        fsync = 'off': a crash of the machine may lose or damage anything\n\
        full_page_writes = 'off': a crash of the machine may damage pages\n\
        synchronous_commit = 'on': ok\n\
        synchronous_standby_names = '': no standby confirms a commit: where one is promoted, the latest entries may be lost\n\
        transaction_read_only = 'off': ok\nlossy: 3\n";
    assert_eq!(
        (run.code(), run.stdout.as_str()),
        (0, expected),
        "{}",
        run.stderr
    );
}

#[test]
fn two_parents_at_once_make_one_history() {
    let Some((ledger, address)) = ledger() else {
        return;
    };
    script(&ledger, &address, "bank-par deposit 100 --account a").expect(0);
    let lines = "{\"op\":\"withdraw\",\"amount\":1,\"account\":\"a\"}\n{\"op\":\"deposit\",\"amount\":\"0.5\",\"account\":\"a\"}\n";
    ledger.file("ops.jsonl", &lines.repeat(150));
    let runs = at_once(2, |number| {
        let parent = format!(
            "bank-par queue ops.jsonl --run r{number} --jobs 4 --ops-per-worker 0 --events {number}.jsonl"
        );
        script(&ledger, &address, &parent)
    });
    // 300 are asked for, and 100 and what comes in is there.
    assert!(
        runs.iter().all(|run| [0, 1].contains(&run.code())),
        "{runs:?}"
    );
    let checked = script(
        &ledger,
        &address,
        "bank-par check 0.jsonl 1.jsonl; bank-par verify >/dev/null; bank-par queue ops.jsonl --run r0 --output json | grep -c '\"duplicate\":true'",
    );
    assert!(
        checked.stdout.ends_with("300\n"),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
}

#[test]
fn a_server_in_front_of_a_database_shows_no_password() {
    let Some((ledger, address)) = ledger() else {
        return;
    };
    let served = script(
        &ledger,
        &address,
        "bank-par init >/dev/null
        line=$(bank-par serve --socket \"$PWD/run/bank\" --background)
        pid=${line##*(pid }; pid=${pid%)}
        tr '\\0' ' ' < /proc/$pid/cmdline
        bank-par deposit 3 --ledger unix:run/bank --account a
        kill $pid; cat run/bank.log",
    );
    assert!(served.expect(0).stdout.contains("posted deposit 3.00 a"));
}
