//! Several at the same ledger.

use std::collections::BTreeMap;

use super::{MODES, Office, ends, only};
use crate::cli::Running;
use crate::family::{FAMILY, Family};
use crate::ledger::{Ledger, at_once};
use crate::process::until;

#[test]
fn a_cap_holds_however_many_run_at_once() {
    for mode in MODES {
        let office = Office::with("5");
        office.write(
            "in.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":\"0.37\"}\n".repeat(40),
        );
        let run = office.run(&format!("{mode} in.jsonl --jobs 40"), "echo ran >> log");
        assert_eq!(ends(&run), ([13, 27, 0, 0], 1), "{run:?}");
        assert_eq!(office.read("log").lines().count(), 13);
        assert_eq!(office.money(), ["0.19", "0.00", "0.19"]);
        office.ledger.verify();
    }
}

#[test]
fn shells_and_a_workload_share_a_cap() {
    let office = Office::with("5");
    office.write(
        "in.jsonl",
        &"{\"op\":\"withdraw\",\"amount\":\"0.37\"}\n".repeat(20),
    );
    let codes = at_once(21, |number| {
        if number == 0 {
            let run = office.run("pipe in.jsonl --jobs 20", "echo ran >> log");
            return ends(&run).0[0] as i32;
        }
        let mut one = office.ledger.command("withdraw 0.37");
        one.args(["--", "true"]);
        Running::start(one).finish().code()
    });
    let mut count = BTreeMap::new();
    codes[1..]
        .iter()
        .for_each(|code| *count.entry(*code).or_insert(0) += 1);
    let ran = count.get(&0).copied().unwrap_or(0);
    assert_eq!(
        (ran + codes[0], count.get(&75).copied().unwrap_or(0)),
        (13, 20 - ran)
    );
    assert_eq!(office.money(), ["0.19", "0.00", "0.19"]);
    office.ledger.verify();
}

#[test]
#[ignore = "slow: a run that is going on is waited for before it is refused"]
fn nobody_joins_a_run_that_is_going_on() {
    let office = Office::with("10");
    office.write("in.jsonl", "{\"op\":\"withdraw\",\"amount\":4}\n");
    let words = "parallel in.jsonl --run november";
    let running = office.start(
        words,
        "echo run >> log; until [ -e go ]; do sleep 0.01; done",
    );
    until("the command to run", || {
        (office.read("log") == "run\n").then_some(())
    });
    for more in ["", "--in-doubt retry", "--in-doubt void"] {
        let second = office.run(&format!("{words} {more}"), "echo second >> log");
        assert_eq!(second.code(), 8, "{second:?}");
    }
    office.write("go", "");
    assert_eq!(ends(&running.finish()), ([1, 0, 0, 0], 0));
    assert_eq!(office.read("log"), "run\n");
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
}

#[test]
fn a_served_ledger_is_as_good_as_a_file() {
    let ledger = Ledger::created();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/bank");
    let unix = format!("unix:{}", socket.display());
    let mut serve = ledger.command("serve");
    serve.args(["--socket", socket.to_str().unwrap()]);
    let mut server = Running::start(serve);
    assert!(server.hear().starts_with("listening on "));
    let client = |words: &str| {
        let mut command = ledger.command(words);
        command.env("BANK_PAR_LEDGER", &unix);
        command
    };
    Running::start(client("deposit 10")).finish().expect(0);
    let family = || {
        let mut command = client("queue --op withdraw=4 --output json");
        command.args(["--", "sh", "-c", FAMILY]);
        Family::start(command)
    };
    let killed = family();
    killed.keeper.kill();
    let run = killed.end();
    assert_eq!(ends(&run), ([0, 0, 0, 1], 7), "{run:?}");
    let id = only(&run, "in_doubt")["id"].as_str().unwrap().to_string();
    let killed = family();
    killed.parent().kill();
    killed.end();
    until("the server to have noticed", || {
        let holds = Running::start(client("balance --holds")).finish().expect(0);
        (holds.stdout.matches("\tin doubt\t").count() == 2).then_some(())
    });
    Running::start(client(&format!("post {id} --amount 1")))
        .finish()
        .expect(0);
    let mut zero = client("parallel --op withdraw=2 --output json");
    zero.args(["--", "sh", "-c", "echo 0 > $BANK_PAR_ACTUAL"]);
    let zero = Running::start(zero).finish();
    assert_eq!(ends(&zero), ([1, 0, 0, 0], 0), "{zero:?}");
    assert_eq!(only(&zero, "completed")["amount"], "0.00");
    drop(server.stdin.take());
    let server_process = crate::process::Process(server.pid.try_into().unwrap());
    server_process.signal(rustix::process::Signal::TERM);
    server.finish();
    assert_eq!(ledger.money("main"), ["9.00", "4.00", "5.00"]);
    ledger.verify();
}
