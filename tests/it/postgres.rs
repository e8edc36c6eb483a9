//! A ledger in PostgreSQL from outside: the same commands, two parents at once, no password anywhere, and
//! standbys that take over.

#[path = "../../src/store/postgres/tests/cluster.rs"]
mod cluster;

use std::fs;
use std::thread;

use crate::cli::Run;
use crate::ledger::{Ledger, at_once};
use crate::process::until;
use cluster::Cluster;

/// A folder, and the address of a ledger with a password in it; nothing where there is no server.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
pub(crate) fn ledger() -> Option<(Ledger, String)> {
    let cluster = Cluster::shared().inspect_err(|missing| eprintln!("not checked: {missing}"));
    let address = cluster.ok()?.new_ledger();
    let address = address.replace("bank@", "bank:s3cret@");
    Some((Ledger::new(), address))
}

/// Runs a script whose ledger is at this address, and in which no password may be told.
#[track_caller]
pub(crate) fn script(ledger: &Ledger, address: &str, script: &str) -> Run {
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
        fsync = 'off': a crash of the machine may lose or damage anything: set it to `on`\n\
        full_page_writes = 'off': a crash of the machine may damage pages: set it to `on`\n\
        synchronous_commit = 'on': ok\n\
        synchronous_standby_names = '': no standby confirms a commit (connected now: 0): where one is promoted, the latest entries may be lost\n\
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
        "bank-par check 0.jsonl 1.jsonl | grep -c '^ok: 600 answers'; bank-par verify >/dev/null; bank-par queue ops.jsonl --run r0 --output json | grep -c '\"duplicate\":true'",
    );
    assert_eq!(checked.stdout, "1\n300\n", "{}", checked.stderr);
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

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn a_database_that_takes_no_connection_is_waited_for_until_a_deadline() {
    let ledger = Ledger::new();
    let run = script(
        &ledger,
        "postgres://bank:s3cret@/money?host=/var/empty",
        "export BANK_PAR_WAIT_PART=60; bank-par deposit 1 -- touch ran || echo ended: $?; ls",
    );
    assert_eq!((run.code(), run.stdout.as_str()), (0, "ended: 8\n"));
    assert!(run.stderr.contains("cannot be reached"), "{}", run.stderr);
    assert!(
        run.stderr.ends_with(": nothing was done\n"),
        "{}",
        run.stderr
    );
}

/// A run whose first line's command waits until there is `go`; its process is frozen meanwhile. It goes on once
/// there is `other`.
const FREEZING: &str = r#"
    bank-par deposit 100 --account a >/dev/null
    mkfifo started go other
    bank-par queue ops.jsonl --run r --jobs 1 --output json -- sh work.sh >frozen.jsonl 2>frozen.err & frozen=$!
    trap 'kill -KILL $frozen' EXIT
    read line <started
    kill -STOP $frozen
    until grep -q '^State:.T' /proc/$frozen/status; do sleep 0.01; done
    echo >frozen
    read line <other
    echo >go
    kill -CONT $frozen
    trap - EXIT
    wait $frozen || echo frozen: $?
    grep -o 'its lease ended before it could be made to last longer' frozen.err | sort -u
    cat ran; bank-par balance a; bank-par verify | grep -o '^ok: [0-9]* entries'
"#;

#[test]
fn a_process_that_was_frozen_for_longer_than_its_lease_posts_nothing_any_more() {
    let Some((ledger, address)) = ledger() else {
        return;
    };
    let operation = "{\"op\":\"withdraw\",\"amount\":10,\"account\":\"a\"}\n";
    ledger.file("ops.jsonl", &operation.repeat(3));
    let work =
        "echo $BANK_PAR_LINE >>ran; [ $BANK_PAR_LINE != 1 ] || { echo >started; read line <go; }";
    ledger.file("work.sh", work);
    let frozen = thread::scope(|scope| {
        let frozen = scope.spawn(|| script(&ledger, &address, FREEZING));
        let mark = ledger.path().replace("bank.db", "frozen");
        until("the process to be frozen", || {
            fs::exists(&mark).unwrap().then_some(())
        });
        let schema = address.split_once("schema=").unwrap().1;
        let ended =
            format!("UPDATE {schema}.leases SET expires = clock_timestamp() - interval '1 second'");
        Cluster::shared()
            .unwrap()
            .order(&format!("ask a \"{ended}\""));
        let other = script(
            &ledger,
            &address,
            "run='bank-par queue ops.jsonl --run r --jobs 1 --output json'
            $run -- sh work.sh >/dev/null 2>&1 || echo undecided: $?
            bank-par balance --holds | grep -o 'in doubt'
            $run --in-doubt post -- sh work.sh | grep -c '\"type\":\"completed\"'
            bank-par balance a; echo >other",
        );
        let expected = "undecided: 8\nin doubt\n3\na\t70.00\t0.00\t70.00\t0.00\n";
        assert_eq!(other.stdout, expected, "{}", other.stderr);
        frozen.join().unwrap()
    });
    // It had begun the line that was posted meanwhile, and does not begin the others.
    let expected = "frozen: 8\nits lease ended before it could be made to last longer\n1\n2\n3\n\
        a\t70.00\t0.00\t70.00\t0.00\nok: 4 entries\n";
    assert_eq!(frozen.stdout, expected, "{}", frozen.stderr);
}

/// How many lines the run has.
const LINES: usize = 2_000;

/// One-shots, each of which is told once, and a run: all say what was acknowledged, on a ledger whose primary is
/// lost meanwhile. `$1` tells the round from others.
const WRITING: &str = r#"
    for i in $(seq 12); do
        case $((i % 3)) in
            0) bank-par deposit 1 --account b --output json >>told ;;
            1) bank-par deposit 1 --account b --id s$1-$i --output json >>told ;;
            2) bank-par deposit 1 --account b --id s$1-$i --events r$1-s$i.jsonl -- true ;;
        esac 2>>failed || echo "lost $i: $?"
    done &
    tries=0
    until bank-par queue ops.jsonl --run r$1 --jobs 2 --ops-per-worker 0 --events r$1-$tries.jsonl >/dev/null 2>>failed; do
        tries=$((tries + 1)); echo "run again: $tries" >>failed; sleep 0.1
    done
    wait
    bank-par balance a b
    bank-par verify >verified && echo sound || cat verified; bank-par check told r*.jsonl >checked && echo possible || cat checked
"#;

#[test]
#[ignore = "slow: starts servers that take over"]
fn a_standby_that_takes_over_has_all_that_was_acknowledged_and_nothing_twice() {
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
    let started =
        Cluster::with_standby().inspect_err(|missing| eprintln!("not checked: {missing}"));
    let Ok(cluster) = started else { return };
    let sockets = ["a", "b"].map(|server| cluster.socket(server).display().to_string());
    let address = cluster.new_ledger_at(sockets.join(",").as_ref());
    let ledger = Ledger::new();
    ledger.file(
        "ops.jsonl",
        &"{\"op\":\"deposit\",\"amount\":1,\"account\":\"a\"}\n".repeat(LINES),
    );
    script(&ledger, &address, "bank-par init >/dev/null").expect(0);
    let told = ledger.file("told", "");

    let rounds = std::env::var("BANK_PAR_FAILOVERS").map_or(1, |rounds| rounds.parse().unwrap());
    let mut servers = ["a", "b"];
    for round in 1..=rounds {
        let before = fs::read_to_string(&told).unwrap().lines().count();
        let run = thread::scope(|scope| {
            let run =
                scope.spawn(|| script(&ledger, &address, &format!("set -- {round}; {WRITING}")));
            until("some deposits", || {
                let count = fs::read_to_string(&told).unwrap().lines().count();
                (count >= before + 3).then_some(())
            });
            let [lost, standby] = servers;
            cluster.order(&format!("crash {lost}; promote {standby}"));
            run.join().unwrap()
        });
        let (a, b) = (LINES * round, 12 * round);
        let expected = format!(
            "a\t{a}.00\t0.00\t{a}.00\t0.00\nb\t{b}.00\t0.00\t{b}.00\t0.00\nsound\npossible\n"
        );
        assert_eq!(run.stdout, expected, "round {round}: {}", run.stderr);
        if round < rounds {
            servers.reverse();
            let [primary, standby] = servers;
            // It waits for its standby from its start on.
            let order = format!(
                "wait_for_standby {primary}; crash {primary}; start {primary}; follow {standby} {primary}"
            );
            cluster.order(&order);
        }
    }
}
