//! Money that is set aside in one command, and posted or voided in another.

use std::time::{Duration, Instant};

use bank_par::bank::{Amount, Id, Kind, Name, Operation, Request};
use bank_par::store::MAX_PAGE;
use serde_json::json;

use crate::ledger::{Ledger, at_once};

#[test]
fn a_hold_is_posted_once_and_in_part() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    let id = ledger.say("hold 5");
    let id = id.trim_end();
    assert_eq!(ledger.money("main"), ["10.00", "5.00", "5.00"]);
    // More than is held must be available.
    ledger.refuses(
        &format!("post {id} --amount 10.01"),
        1,
        &format!("refused: insufficient funds: `{id}`"),
    );
    ledger.refuses(
        "withdraw 6",
        1,
        "refused: insufficient funds: `main` has 5.00 available",
    );
    let posted = "posted withdraw 3.00 main balance 7.00 available 7.00 seq 2";
    assert_eq!(
        ledger.say(&format!("post {id} --amount 3")),
        format!("{posted}\n")
    );
    assert_eq!(
        ledger.say(&format!("post {id} --amount 3")),
        format!("{posted} duplicate\n")
    );
    for words in [format!("post {id}"), format!("void {id}")] {
        let why = format!("refused: what was held is already posted: `{id}`");
        ledger.refuses(&words, 1, &why);
    }
    // What was asked for and what was posted differ, and what was posted counts.
    let again = ledger.say(&format!("withdraw 5 --id {id}"));
    assert_eq!(again, format!("{posted} duplicate\n"));
    // Nothing is held under it any more.
    let why = format!("refused: what was held is already posted: `{id}`");
    ledger.refuses(&format!("hold 5 --id {id}"), 1, &why);
    assert_eq!(ledger.money("main"), ["7.00", "0.00", "7.00"]);
    ledger.verify();
}

#[test]
fn more_than_is_held_is_posted_where_it_is_available() {
    let ledger = Ledger::new();
    ledger.say("open main --overdraft 2");
    ledger.say("deposit 10");
    ledger.say("hold 5 --id h");
    ledger.say("hold 3 --id other");
    let refused = "refused: insufficient funds: `h`";
    ledger.refuses("post h --amount 9.01", 1, refused);
    let posted = "posted withdraw 9.00 main balance 1.00 available -2.00 seq 2";
    assert_eq!(ledger.say("post h --amount 9"), format!("{posted}\n"));
    let again = format!("{posted} duplicate\n");
    assert_eq!(ledger.say("post h --amount 9"), again);
    // What was set aside before goes out all the same.
    ledger.refuses(
        "post other --amount 3.01",
        1,
        "refused: insufficient funds: `other`",
    );
    ledger.say("post other");
    assert_eq!(ledger.money("main"), ["-2.00", "0.00", "-2.00"]);
    let entries = ledger.say("history --output json");
    let excess: Vec<_> = entries
        .lines()
        .map(|line| line.contains(r#""excess":"4.00""#))
        .collect();
    assert_eq!(excess, [false, true, false]);
    ledger.verify();
}

#[test]
fn a_hold_is_voided_once_and_may_be_tried_again() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    for _ in 0..2 {
        assert_eq!(ledger.say("hold 4 --to rent --id h"), "h\n");
        assert_eq!(ledger.money("main"), ["10.00", "4.00", "6.00"]);
    }
    ledger.refuses(
        "hold 5 --to rent --id h",
        5,
        "refused: the id was used before with other content: `h`",
    );
    ledger.refuses(
        "transfer 4 --to rent --id h",
        1,
        "refused: an operation with this id is still under way: `h`",
    );
    assert_eq!(
        ledger.say("void h"),
        "voided h balance 10.00 available 10.00\n"
    );
    assert_eq!(
        ledger.say("void h"),
        "voided h balance 10.00 available 10.00 duplicate\n"
    );
    ledger.refuses("post h", 1, "refused: what was held is already voided: `h`");
    ledger.say("hold 4 --to rent --id h");
    assert_eq!(
        ledger.say("post h"),
        "posted transfer 4.00 main balance 6.00 available 6.00 seq 2 to rent\n"
    );
}

#[test]
fn a_refused_hold_prints_no_id() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let run = ledger.script("id=$(bank-par hold 5) || echo \"status $? id '$id'\"");
    assert_eq!(run.stdout, "status 1 id ''\n");
}

#[test]
fn what_is_set_aside_is_listed() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    ledger.say("deposit 10 --account ops");
    ledger.say("hold 1 --id a --expires 10m");
    ledger.say("hold 2 --id b --expires never --account ops --to rent");
    let held = ledger.say("balance --holds");
    let rows: Vec<Vec<&str>> = held
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(
        (&rows[0][..5], rows[0][7]),
        (&["a", "withdraw", "main", "-", "1.00"][..], "-")
    );
    assert_eq!(
        (&rows[1][..5], &rows[1][6..]),
        (
            &["b", "transfer", "ops", "rent", "2.00"][..],
            &["never", "-", "-"][..]
        )
    );
    let of_ops = ledger.json("balance --holds ops");
    assert_eq!(
        (&of_ops["id"], &of_ops["type"]),
        (&json!("b"), &json!("hold"))
    );
    let time = |text: &str| humantime::parse_rfc3339(text).unwrap();
    let lasts = time(rows[0][6]).duration_since(time(rows[0][5])).unwrap();
    assert_eq!(lasts, Duration::from_secs(600));
    ledger.say("void a");
    ledger.say("post b");
    assert_eq!(ledger.say("balance --holds"), "");
}

#[test]
fn a_hold_expires_once() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    ledger.say("hold 4 --id h --expires 1ms");
    let deadline = Instant::now() + Duration::from_secs(30);
    while ledger.money("main")[1] != "0.00" {
        assert!(Instant::now() < deadline, "the hold never expired");
    }
    for words in ["post h", "void h"] {
        ledger.refuses(words, 1, "refused: the hold has expired: `h`");
    }
    assert_eq!(ledger.say("balance --holds"), "");
    assert_eq!(
        ledger.say("withdraw 10"),
        "posted withdraw 10.00 main balance 0.00 available 0.00 seq 2\n"
    );
    ledger.say("deposit 4");
    ledger.say("hold 4 --id h");
    ledger.say("post h");
    ledger.verify();
}

#[test]
fn whoever_comes_first_ends_a_hold() {
    let ledger = Ledger::new();
    ledger.say("deposit 100");
    for round in 0..5 {
        ledger.say(&format!("hold 10 --id {round}"));
        let runs = at_once(8, |number| {
            let verb = ["post", "void"][number % 2];
            (
                verb,
                ledger.run(&format!("{verb} {round} --output json")).code(),
            )
        });
        let won = |verb| runs.iter().filter(|run| **run == (verb, 0)).count();
        // A repeat of what was done ends well, too; the other never does.
        assert!(
            matches!((won("post"), won("void")), (4, 0) | (0, 4)),
            "{runs:?}"
        );
    }
    let [posted, held, _] = ledger.money("main");
    let entries = ledger.entries() - 1;
    assert_eq!(
        (posted, held),
        (format!("{}.00", 100 - 10 * entries), "0.00".into())
    );
    ledger.verify();
}

#[test]
fn long_lists_come_in_pages() {
    let ledger = Ledger::new();
    let many = 2 * MAX_PAGE + 3;
    let name = |number: usize| Name::user(&format!("a{number:04}")).unwrap();
    let amount = Amount::new(100);
    let movement = |kind, id: Option<String>, number| {
        let id = id.map(|id| Id::new(&id).unwrap());
        Operation::new(kind, id, name(number), None, amount).unwrap()
    };
    ledger
        .transact((0..many).map(|number| Request::Execute(movement(Kind::Deposit, None, number))));
    ledger.transact((0..many).map(|number| Request::Hold {
        operation: movement(Kind::Withdraw, Some(number.to_string()), number),
        lasts: None,
    }));
    let firsts = |words: &str, column: usize| -> Vec<String> {
        let text = ledger.say(words);
        let cell = |line: &str| line.split('\t').nth(column).unwrap().to_string();
        text.lines().map(cell).collect()
    };
    let names: Vec<String> = (0..many).map(|number| name(number).to_string()).collect();
    assert_eq!(firsts("balance", 0)[2..], names);
    assert_eq!(firsts("balance --holds", 2), names);
    assert_eq!(firsts("balance --holds a0007 a1001", 0), ["7", "1001"]);
    assert_eq!(firsts(&format!("balance {}", names.join(" ")), 0), names);
}
