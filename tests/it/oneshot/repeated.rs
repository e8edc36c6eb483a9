//! An operation that is asked for again, or by many at once.

use super::*;

#[test]
fn a_repeat_is_answered_as_the_first_one_was() {
    let ledger = Ledger::new();
    ledger.say("deposit 10 --id d");
    let again = ledger.say("deposit 10 --id d");
    assert!(again.ends_with(" seq 1 duplicate\n"), "{again}");
    ledger.refuses(
        "deposit 11 --id d",
        5,
        "refused: the id was used before with other content: `d`",
    );
    let poor = "refused: insufficient funds: `main` has 10.00 available";
    ledger.refuses("withdraw 50 --id w", 1, poor);
    ledger.say("deposit 90");
    ledger.refuses("withdraw 50 --id w", 1, &format!("{poor} (duplicate: it was refused so before, and `--retry-refused` has it decided anew)"));
    ledger.say("withdraw 50 --id w --retry-refused");
    assert_eq!(ledger.json("withdraw 50 --id w")["duplicate"], true);
    assert_eq!(ledger.money("main"), ["50.00", "0.00", "50.00"]);
}

#[test]
fn the_last_money_is_spent_once() {
    let ledger = Ledger::new();
    let paid = at_once(8, |_| {
        // They race to create the ledger, too.
        let deposit = ledger.run("deposit 1 --account pot");
        assert_eq!(deposit.code(), 0, "{deposit:?}");
        let tries = (0..3).map(|_| ledger.run("withdraw 1 --account pot").code());
        tries.filter(|code| *code == 0).count()
    });
    assert_eq!(paid.iter().sum::<usize>(), 8);
    assert_eq!(ledger.money("pot"), ["0.00", "0.00", "0.00"]);
    assert_eq!(ledger.entries(), 16);
    ledger.verify();
}

#[test]
fn one_id_is_posted_once_however_many_ask() {
    let ledger = Ledger::new();
    let fresh = at_once(8, |_| {
        let asked = (0..25).map(|_| ledger.json("deposit 1 --id once"));
        asked.filter(|answer| answer["duplicate"] != true).count()
    });
    assert_eq!(fresh.iter().sum::<usize>(), 1);
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
}

#[test]
fn one_id_is_posted_once_by_runs_and_commands_alike() {
    let ledger = Ledger::created();
    let run = r#"yes '{"op":"deposit","amount":"1","id":"once"}' | head -n 10000 |
        bank-par parallel - --jobs 4 --ops-per-worker 0 --output json | tail -n 1"#;
    let fresh = at_once(5, |number| match number {
        0 => {
            let summary = ledger.script(run).expect(0).summary();
            assert_eq!(summary["completed"], 10_000, "{summary}");
            10_000 - summary["duplicates"].as_u64().unwrap()
        }
        _ => {
            let asked = (0..10).map(|_| ledger.json("deposit 1 --id once"));
            asked.filter(|answer| answer["duplicate"] != true).count() as u64
        }
    });
    assert_eq!(fresh.iter().sum::<u64>(), 1, "{fresh:?}");
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
    ledger.verify();
}

#[test]
fn one_id_is_posted_once_however_many_batches_ask() {
    let ledger = Ledger::new();
    let id = Id::new("once").unwrap();
    let deposit = Operation::new(
        Kind::Deposit,
        Some(id),
        Name::default(),
        None,
        Amount::new(100),
    );
    let request = Request::Execute(deposit.unwrap());
    let fresh = at_once(8, |_| {
        let batches = (0..25).map(|_| ledger.decide(iter::repeat_n(request.clone(), 50)));
        batches.flatten().filter(|answer| !answer.duplicate).count()
    });
    assert_eq!(fresh.iter().sum::<usize>(), 1);
    assert_eq!(ledger.money("main"), ["1.00", "0.00", "1.00"]);
    assert_eq!(ledger.entries(), 1);
    ledger.verify();
}

#[test]
fn a_command_that_was_killed_can_be_repeated() {
    let ledger = Ledger::new();
    let mut acknowledged = 0;
    for number in 0..40 {
        let words = format!("deposit 1 --id {number}");
        let mut killed = Running::start(ledger.command(&words));
        // Each is killed a little later than the one before: somewhere between its start and its end.
        std::thread::sleep(Duration::from_micros(500 * number));
        killed.kill();
        let was_acknowledged = !killed.hear().is_empty();
        killed.finish();
        let again = ledger.json(&words);
        if was_acknowledged {
            acknowledged += 1;
            assert_eq!(again["duplicate"], true, "{again}");
        }
    }
    assert_eq!(ledger.money("main"), ["40.00", "0.00", "40.00"]);
    assert_eq!(ledger.entries(), 40, "{acknowledged} were acknowledged");
    ledger.verify();
}
