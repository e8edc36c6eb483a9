//! The text and the JSON that every kind of event must become.

use super::samples::{
    COMPLETED_JSON, SampleOperation, account, answered, completed, failed, posted, refused,
    summary, view,
};
use super::text::{Text, TextStyle};
use super::{Detail, Format};
use crate::bank::{Balance, Kind, Name, Rejection, WORLD};
use crate::event::{
    AccountSummary, Cause, Event, InvalidLine, Micros, Mode, OperationEvent, Race, Summary, Total,
};
use crate::status::Status;

fn format(format: Format, events: &[Event]) -> String {
    let mut text = Text::new(TextStyle {
        lists_repeats: true,
        ..TextStyle::default()
    });
    let mut out = Vec::new();
    for event in events {
        match format {
            Format::Text => text.write(event, Detail::Results, &mut out).expect("room"),
            Format::Json => event.write(&mut out).expect("room"),
        }
    }
    String::from_utf8(out).expect("text")
}

fn check_all(events: &[Event], expected_text: &str, expected_json: &str) {
    assert_eq!(format(Format::Text, events), expected_text);
    let lines = format(Format::Json, events);
    assert_eq!(lines, expected_json);
    for line in lines.lines() {
        assert!(line.starts_with(r#"{"v":1,"type":""#), "{line}");
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok());
    }
}

fn check(event: Event, expected_text: &str, expected_json: &str) {
    check_all(&[event], expected_text, &format!("{expected_json}\n"));
}

/// Checks the text alone, of events whose JSON shows nothing new.
fn check_text(event: Event, expected: &str) {
    assert_eq!(format(Format::Text, &[event]), format!("{expected}\n"));
}

#[test]
fn what_goes_on_before_a_result() {
    check(
        Event::Started(SampleOperation::of(Kind::Withdraw).event()),
        "Withdrawal of $500.00 started\n",
        r#"{"v":1,"type":"started","op":"withdraw","account":"main","amount":"500.00","operation":4,"worker":3,"pid":4711,"at_us":1500}"#,
    );
    check(
        Event::Started(SampleOperation::of(Kind::Balance).event()),
        "",
        r#"{"v":1,"type":"started","op":"balance","account":"main","operation":4,"worker":3,"pid":4711,"at_us":1500}"#,
    );
    check(
        Event::Held(
            SampleOperation::of(Kind::Withdraw)
                .event()
                .seeing(Some(view(100_000, 50_000))),
        ),
        "",
        r#"{"v":1,"type":"held","op":"withdraw","account":"main","amount":"500.00","balance":"1000.00","available":"500.00","operation":4,"worker":3,"pid":4711,"at_us":1500}"#,
    );
    check_all(&[Event::Warned("on stderr".into())], "", "");
}

#[test]
fn the_classic_words() {
    for (kind, title) in [
        (Kind::Withdraw, "Withdrawal of $500.00"),
        (Kind::Deposit, "Deposit of $500.00"),
        (Kind::Transfer, "Transfer of $500.00"),
        (Kind::Loan, "Loan application for $500.00"),
    ] {
        let started = Event::Started(SampleOperation::of(kind).event());
        check_text(started, &format!("{title} started"));
        let completed = format!("{title} completed. Updated balance: $500.00");
        check_text(posted(SampleOperation::of(kind)), &completed);
    }
    check_text(
        answered(
            SampleOperation::of(Kind::Balance),
            view(100_000, 100_000),
            false,
        ),
        "Current balance: $1000.00",
    );
}

#[test]
fn what_was_completed() {
    check(
        completed(),
        "Withdrawal of $500.00 (line 17, id `payout-000017`) completed. Updated balance: $500.00\n",
        COMPLETED_JSON,
    );
    check(
        posted(SampleOperation::of(Kind::Transfer).on("ops").to("rent")),
        "Transfer of $500.00 to rent (account ops) completed. Updated balance: $500.00\n",
        r#"{"v":1,"type":"completed","op":"transfer","account":"ops","to":"rent","amount":"500.00","balance":"500.00","available":"400.00","seq":2,"decided":5,"operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        answered(
            SampleOperation::of(Kind::Loan).id("l"),
            view(-500, -500),
            true,
        ),
        "Loan application for $500.00 (id `l`) completed. Updated balance: -$5.00 (duplicate)\n",
        r#"{"v":1,"type":"completed","id":"l","op":"loan","account":"main","amount":"500.00","balance":"-5.00","available":"-5.00","seq":2,"decided":5,"duplicate":true,"operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        answered(
            SampleOperation::of(Kind::Deposit).line(7).unaided(),
            view(500, 500),
            true,
        ),
        "Deposit of $500.00 (line 7) completed. Updated balance: $5.00 (duplicate)\n",
        r#"{"v":1,"type":"completed","op":"deposit","account":"main","amount":"500.00","balance":"5.00","available":"5.00","seq":2,"decided":5,"duplicate":true,"operation":4,"line":7,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        answered(
            SampleOperation::of(Kind::Balance).on("ops"),
            view(0, 0),
            false,
        ),
        "Current balance (account ops): $0.00\n",
        r#"{"v":1,"type":"completed","op":"balance","account":"ops","balance":"0.00","available":"0.00","seq":2,"decided":5,"operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
}

#[test]
fn what_was_refused_or_failed() {
    check(
        refused(
            SampleOperation::of(Kind::Withdraw),
            Rejection::InsufficientFunds,
            Some(view(20_000, 10_000)),
            false,
        ),
        "Withdrawal of $500.00 refused: insufficient funds. Available: $100.00\n",
        r#"{"v":1,"type":"refused","op":"withdraw","account":"main","amount":"500.00","balance":"200.00","available":"100.00","decided":5,"reason":"insufficient_funds","operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    let mut in_debt = refused(
        SampleOperation::of(Kind::Withdraw),
        Rejection::InsufficientFunds,
        Some(view(-100, -100)),
        false,
    );
    in_debt.add_overdraft(|_| Some(Balance::new(1_000)));
    check(
        in_debt,
        "Withdrawal of $500.00 refused: insufficient funds. Available: -$1.00, and $10.00 of overdraft\n",
        r#"{"v":1,"type":"refused","op":"withdraw","account":"main","amount":"500.00","overdraft":"10.00","balance":"-1.00","available":"-1.00","decided":5,"reason":"insufficient_funds","operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        refused(
            SampleOperation::of(Kind::Balance),
            Rejection::UnknownAccount,
            None,
            false,
        ),
        "Balance refused: unknown account\n",
        r#"{"v":1,"type":"refused","op":"balance","account":"main","decided":5,"reason":"unknown_account","operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        refused(
            SampleOperation::of(Kind::Transfer).id("t").to("main"),
            Rejection::SameAccount,
            Some(view(0, 0)),
            true,
        ),
        "Transfer of $500.00 to main (id `t`) refused: both sides are the same account (duplicate)\n",
        r#"{"v":1,"type":"refused","id":"t","op":"transfer","account":"main","to":"main","amount":"500.00","balance":"0.00","available":"0.00","decided":5,"duplicate":true,"reason":"same_account","operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        failed(
            SampleOperation::of(Kind::Deposit),
            Cause::Died,
            "worker 3 was killed\nby signal 9",
        ),
        "Deposit of $500.00 failed: worker 3 was killed\\nby signal 9\n",
        r#"{"v":1,"type":"failed","op":"deposit","account":"main","amount":"500.00","reason":"worker_died","detail":"worker 3 was killed\nby signal 9","operation":4,"worker":3,"pid":4711,"at_us":1500,"elapsed_us":1200}"#,
    );
    check(
        Event::Skipped(OperationEvent {
            line: Some(7),
            at_us: Some(Micros(1_500)),
            ..OperationEvent::default()
        }),
        "Line 7 was given up and is not run\n",
        r#"{"v":1,"type":"skipped","line":7,"at_us":1500}"#,
    );
    check(
        Event::Invalid(InvalidLine {
            line: 7,
            reason: "`\u{1b}[2J` is no amount".into(),
            at_us: Micros(1_500),
        }),
        "Line 7 is invalid: `\\u{1b}[2J` is no amount\n",
        r#"{"v":1,"type":"invalid","line":7,"reason":"`\u001b[2J` is no amount","at_us":1500}"#,
    );
}

#[test]
fn a_nasty_id_comes_back_as_it_was() {
    for id in [
        r#"","op":"deposit"#,
        r"\",
        r"\u0000",
        "</script>",
        "\u{2028}ü💰\u{200b}",
    ] {
        let line = format(
            Format::Json,
            &[posted(SampleOperation::of(Kind::Loan).id(id))],
        );
        assert_eq!(line.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&object["id"], &object["op"]), (&id.into(), &"loan".into()));
    }
}

#[test]
fn every_remedy_has_a_row() {
    let race = |remedy, actual, lost_updates| {
        Event::Raced(Box::new(Race {
            remedy: String::from(remedy).into(),
            threads: 4,
            operations: 40_000,
            refused: 0,
            expected: Balance::new(100_000),
            actual: Balance::new(actual),
            lost_updates,
            elapsed_us: Micros(50_100),
            ns_per_operation: 1_252,
        }))
    };
    let text = "\
with each remedy 4 threads do 10,000 operations each
remedy                  expected          actual    lost updates    ns/operation
none                    $1000.00        -$234.50          12,345           1,252
mutex                   $1000.00        $1000.00               0           1,252
";
    let json = r#"{"v":1,"type":"raced","remedy":"none","threads":4,"operations":40000,"refused":0,"expected":"1000.00","actual":"-234.50","lost_updates":12345,"elapsed_us":50100,"ns_per_operation":1252}
{"v":1,"type":"raced","remedy":"mutex","threads":4,"operations":40000,"refused":0,"expected":"1000.00","actual":"1000.00","lost_updates":0,"elapsed_us":50100,"ns_per_operation":1252}
"#;
    let events = [race("none", -23_450, 12_345), race("mutex", 100_000, 0)];
    check_all(&events, text, json);
}

#[test]
fn a_summary_of_a_good_run() {
    check(
        Event::Summary(Box::new(summary())),
        "
5 operations: 5 completed
5 processes started
Elapsed: 4.004 s (one after another: 10.004 s)
Balance of main: $1000.00 (as it must be)
Balance of @loans: -$500.00 (as it must be)
Balance of @world: -$500.00 (as it must be)
Sum over all accounts: $0.00
",
        r#"{"v":1,"type":"summary","mode":"parallel","status":0,"operations":5,"completed":5,"refused":0,"failed":0,"in_doubt":0,"invalid":0,"skipped":0,"duplicates":0,"moved":"2000.00","processes":5,"elapsed_us":4004321,"sequential_us":10004999,"balances":[{"account":"@loans","balance":"-500.00","available":"-500.00","expected":"-500.00"},{"account":"@world","balance":"-500.00","available":"-500.00","expected":"-500.00"},{"account":"main","balance":"1000.00","available":"1000.00","expected":"1000.00"}],"accounts_omitted":0,"sum":"0.00","wrong_accounts":0,"lost_updates":0}"#,
    );
}

#[test]
fn a_summary_of_a_run_on_a_ledger_that_lasts() {
    let unchecked = AccountSummary {
        expected: None,
        ..account(Name::default(), 50_000, 0, 0)
    };
    let lasting = Summary {
        ledger: Some("bank.db".into()),
        balances: vec![unchecked],
        sum: None,
        wrong_accounts: None,
        lost_updates: None,
        ..summary()
    };
    check(
        Event::Summary(Box::new(lasting)),
        "
5 operations: 5 completed
5 processes started
Elapsed: 4.004 s (one after another: 10.004 s)
Balance of main: $500.00
",
        r#"{"v":1,"type":"summary","mode":"parallel","ledger":"bank.db","status":0,"operations":5,"completed":5,"refused":0,"failed":0,"in_doubt":0,"invalid":0,"skipped":0,"duplicates":0,"moved":"2000.00","processes":5,"elapsed_us":4004321,"sequential_us":10004999,"balances":[{"account":"main","balance":"500.00","available":"500.00"}],"accounts_omitted":0}"#,
    );
}

#[test]
fn a_summary_of_a_bad_run() {
    let bad = Summary {
        mode: Mode::ServerShare,
        processes: 1,
        operations: 1_001,
        completed: 998,
        refused: 1,
        failed: 1,
        in_doubt: 1,
        invalid: 2,
        skipped: 1,
        duplicates: 1,
        balances: vec![
            account(WORLD.clone(), -100_000, -100_000, 0),
            account(Name::default(), 70_000, 100_000, 3),
            account(Name::user("ops").expect("a name"), 0, 0, 1),
        ],
        sum: Some(Total(-30_000)),
        wrong_accounts: Some(1),
        lost_updates: Some(4),
        ended_early: Some("stdout was closed".into()),
        status: Status::Violation,
        ..summary()
    };
    check(
        Event::Summary(Box::new(bad)),
        "
1,001 operations: 998 completed, 1 refused, 1 failed, 1 in doubt; 1 duplicate; 2 invalid lines; 1 skipped line
1 process started
Elapsed: 4.004 s (one after another: 10.004 s)
Balance of main: $700.00 (must be $1000.00: 3 updates lost)
Balance of ops: $0.00 (the right total, although 1 update was lost)
Balance of @world: -$1000.00 (as it must be)
Wrong: 1 account
Sum over all accounts: -$300.00 (must be $0.00)
Ended early: stdout was closed
",
        r#"{"v":1,"type":"summary","mode":"server-share","status":3,"operations":1001,"completed":998,"refused":1,"failed":1,"in_doubt":1,"invalid":2,"skipped":1,"duplicates":1,"moved":"2000.00","processes":1,"elapsed_us":4004321,"sequential_us":10004999,"balances":[{"account":"@world","balance":"-1000.00","available":"-1000.00","expected":"-1000.00"},{"account":"main","balance":"700.00","available":"700.00","expected":"1000.00","lost_updates":3},{"account":"ops","balance":"0.00","available":"0.00","expected":"0.00","lost_updates":1}],"accounts_omitted":0,"sum":"-300.00","wrong_accounts":1,"lost_updates":4,"ended_early":"stdout was closed"}"#,
    );
}

#[test]
fn people_see_ten_accounts_and_the_wrong_ones_first() {
    let named = |number: i64| Name::user(&format!("a{number}")).expect("a name");
    let mut balances = vec![account(WORLD.clone(), 0, 0, 0)];
    balances.extend((0..12).map(|n| account(named(n), 0, if n == 11 { 100 } else { 0 }, 0)));
    let many = Summary {
        balances,
        accounts_omitted: 9_989,
        ..summary()
    };
    let text = format(Format::Text, &[Event::Summary(Box::new(many))]);
    let lines: Vec<&str> = text.lines().skip(4).collect();
    assert_eq!(lines[0], "Balance of a11: $0.00 (must be $1.00)");
    assert_eq!(lines[9], "Balance of a8: $0.00 (as it must be)");
    assert_eq!(lines[10], "and 9,992 more accounts");
}
