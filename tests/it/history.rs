//! What was posted, as `history` tells it.

use std::time::{Duration, SystemTime};

use bank_par::bank::{Amount, Kind, Name, Operation, Request};
use bank_par::store::MAX_PAGE;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

use crate::cli::Running;
use crate::ledger::Ledger;

/// A ledger with a deposit, a transfer to `rent`, and a loan to `ops`.
fn three_entries() -> Ledger {
    let ledger = Ledger::new();
    ledger.say("deposit 20");
    ledger.say("transfer 5 --to rent --id nov,1");
    ledger.say("loan 7 --account ops");
    ledger
}

/// The numbers of the entries that are told.
#[track_caller]
fn seqs(ledger: &Ledger, flags: &str) -> Vec<u64> {
    let run = ledger
        .run(&format!("history --output json {flags}"))
        .expect(0);
    run.of("entry")
        .iter()
        .map(|entry| entry["seq"].as_u64().unwrap())
        .collect()
}

#[test]
fn an_entry_is_a_row_an_object_or_a_record() {
    let ledger = three_entries();
    let entries = ledger.run("history --output json").expect(0).events();
    let at = |number: usize| entries[number]["at"].as_str().unwrap();
    let ago = SystemTime::now().duration_since(humantime::parse_rfc3339(at(0)).unwrap());
    assert!(ago.unwrap() < Duration::from_secs(600));
    assert_eq!(
        entries[1],
        json!({"v":1,"type":"entry","seq":2,"at":at(1),"id":"nov,1","op":"transfer","account":"main","to":"rent","amount":"5.00","balance":"15.00","available":"15.00"})
    );
    let text = format!(
        "1\t{}\tdeposit\tmain\t-\t20.00\t20.00\t-\n2\t{}\ttransfer\tmain\trent\t5.00\t15.00\tnov,1\n3\t{}\tloan\tops\t-\t7.00\t7.00\t-\n",
        at(0),
        at(1),
        at(2)
    );
    assert_eq!(ledger.say("history"), text);
    let csv = format!(
        "seq,at,op,account,to,amount,balance,available,id,run,line,date,memo,meta,from,reverses,part,of\n1,{},deposit,main,,20.00,20.00,20.00,,,,,,,,,,\n2,{},transfer,main,rent,5.00,15.00,15.00,\"nov,1\",,,,,,,,,\n3,{},loan,ops,,7.00,7.00,7.00,,,,,,,,,,\n",
        at(0),
        at(1),
        at(2)
    );
    assert_eq!(ledger.say("history --output csv"), csv);
}

#[test]
fn entries_are_chosen_by_account_number_and_time() {
    let ledger = three_entries();
    let entries = ledger.run("history --output json").expect(0).events();
    let second = entries[1]["at"].as_str().unwrap();
    for (flags, expected) in [
        ("", &[1, 2, 3][..]),
        ("rent", &[2]),
        ("main", &[1, 2]),
        ("@world", &[1]),
        ("nobody", &[]),
        ("--after 1", &[2, 3]),
        ("--after 3", &[]),
        ("--limit 2", &[1, 2]),
        ("--after 1 --limit 1", &[2]),
        ("main --after 1 --limit 5", &[2]),
        ("--since 1h", &[1, 2, 3]),
        ("--until 1h", &[]),
        ("--since 2020-01-01 --until 2020-01-02", &[]),
        (&format!("--since {second}"), &[2, 3]),
        (&format!("--until {second}"), &[1]),
    ] {
        assert_eq!(seqs(&ledger, flags), expected, "{flags}");
    }
}

#[test]
fn a_long_history_comes_in_pages() {
    let ledger = Ledger::new();
    let many = 2 * MAX_PAGE as u64 + 3;
    let deposit = |number: u64| {
        let account = if number == 700 { "rare" } else { "main" };
        let account = Name::user(account).unwrap();
        let operation = Operation::new(Kind::Deposit, None, account, None, Amount::new(1));
        Request::Execute(operation.unwrap())
    };
    ledger.transact((1..=many).map(deposit));
    let every = |until| (1..=until).collect::<Vec<_>>();
    assert_eq!(seqs(&ledger, ""), every(many));
    assert_eq!(seqs(&ledger, "--limit 600"), every(600));
    assert_eq!(seqs(&ledger, "--limit 500"), every(500));
    assert_eq!(seqs(&ledger, "rare"), [700]);
    assert_eq!(seqs(&ledger, "--after 1002"), [1003]);
}

#[test]
fn new_entries_are_told_as_they_come() {
    let ledger = three_entries();
    let mut following = Running::start(ledger.command("history main --follow --output json"));
    assert_eq!(following.hear_event()["seq"], 1);
    assert_eq!(following.hear_event()["seq"], 2);
    ledger.say("deposit 1 --account ops");
    ledger.say("deposit 1");
    assert_eq!(following.hear_event()["seq"], 5);
    ledger.say("deposit 2");
    assert_eq!(following.hear_event()["amount"], "2.00");
    let pid = Pid::from_raw(following.pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    let run = following.finish();
    assert_eq!((run.status.signal(), run.stderr.as_str()), (Some(2), ""));
}

#[test]
fn following_ends_with_its_reader_or_its_limit() {
    let ledger = three_entries();
    let mut following = Running::start(ledger.command("history --follow"));
    assert!(following.hear().starts_with("1\t"));
    drop(following.stdout.take());
    following.finish().expect(0);
    let mut following = Running::start(ledger.command("history --follow --limit 4 --output csv"));
    for start in ["seq,", "1,", "2,", "3,"] {
        assert!(following.hear().starts_with(start));
    }
    ledger.say("deposit 1");
    let run = following.finish().expect(0);
    assert!(run.stdout.starts_with("4,"), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 1);
}

#[test]
fn the_tail_is_the_last_entries_that_are_asked_for() {
    let ledger = three_entries();
    for (flags, expected) in [
        ("--tail 1", &[3][..]),
        ("--tail 2", &[2, 3]),
        ("--tail 9", &[1, 2, 3]),
        ("--tail 2 --after 2", &[3]),
        ("--tail 2 --after 9", &[]),
        ("--tail 1 main", &[2]),
        ("--tail 2 main", &[1, 2]),
        ("--tail 9 main --after 1", &[2]),
        ("--tail 1 nobody", &[]),
        ("--tail 1 --since today", &[3]),
        ("--tail 1 --until yesterday", &[]),
    ] {
        assert_eq!(seqs(&ledger, flags), expected, "{flags}");
    }
    let empty = Ledger::new();
    empty.say("open main");
    assert_eq!(seqs(&empty, "--tail 3"), [0; 0]);
}

#[test]
fn following_goes_on_with_a_later_copy_and_ends_with_another_ledger() {
    let (ledger, other) = (three_entries(), three_entries());
    let copy = format!("{}.new", ledger.path());
    std::fs::copy(ledger.path(), &copy).unwrap();
    ledger.say(&format!("deposit 9 --ledger {copy}"));
    let mut following = Running::start(ledger.command("history --follow --output json"));
    for seq in 1..=3 {
        assert_eq!(following.hear_event()["seq"], seq);
    }
    std::fs::rename(&copy, ledger.path()).unwrap();
    assert_eq!(following.hear_event()["amount"], "9.00");
    std::fs::rename(other.path(), ledger.path()).unwrap();
    let run = following.finish();
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(run.stderr.contains(&ledger.path()), "{run:?}");
}

#[test]
#[ignore = "slow: waits until a ledger stays gone"]
fn following_ends_where_the_ledger_is_gone() {
    let ledger = three_entries();
    let mut following = Running::start(ledger.command("history --follow --output json"));
    assert_eq!(following.hear_event()["seq"], 1);
    std::fs::remove_file(ledger.path()).unwrap();
    let run = following.finish();
    assert_eq!(run.code(), 8, "{run:?}");
    assert!(run.stderr.contains(&ledger.path()), "{run:?}");
}

/// `cp` of an older copy over the ledger leaves the file where it is.
#[test]
fn following_ends_where_its_file_has_other_content() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let copy = format!("{}-older", ledger.path());
    std::fs::copy(ledger.path(), &copy).unwrap();
    ledger.say("deposit 2");
    let mut following = Running::start(ledger.command("history --follow --output json"));
    for seq in 1..=2 {
        assert_eq!(following.hear_event()["seq"], seq);
    }
    std::fs::copy(&copy, ledger.path()).unwrap();
    ledger.say("deposit 4");
    let run = following.finish();
    assert_eq!((run.code(), run.stdout.as_str()), (8, ""), "{run:?}");
    assert!(
        run.stderr.contains("another ledger is in the place of"),
        "{run:?}"
    );
}
