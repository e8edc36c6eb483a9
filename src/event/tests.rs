//! Every event that is written is read back as it was.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::bank::{Id, Kind, Moment, WaitInVain, WindowEntry};
use crate::status::Status;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,12}",
        ".{0,12}",
        Just("\u{2028}\"\\\u{1b}\n".to_string())
    ]
}

fn name() -> impl Strategy<Value = Name> {
    let user = "[a-z0-9]{1,30}".prop_map(|text| Name::user(&text).expect("a name"));
    prop_oneof![user, Just(crate::bank::WORLD.clone())]
}

fn balance() -> impl Strategy<Value = Balance> {
    prop_oneof![any::<i64>(), -1_000i64..1_000].prop_map(Balance::new)
}

fn micros() -> impl Strategy<Value = Micros> {
    any::<u64>().prop_map(Micros)
}

fn reason() -> impl Strategy<Value = Reason> {
    let causes = [
        Cause::Died,
        Cause::Deadline,
        Cause::Ledger,
        Cause::Command,
        Cause::Voided,
    ];
    prop_oneof![
        select(&Rejection::ALL[..]).prop_map(Reason::Rejected),
        select(causes.to_vec()).prop_map(Reason::Faulty),
    ]
}

fn part(account: Name, amount: Option<Balance>, seq: Option<u64>) -> PartEvent {
    PartEvent {
        op: Kind::Transfer,
        to: Some(account.clone()),
        account,
        amount: amount.unwrap_or_default(),
        date: None,
        memo: Some("May".into()),
        meta: BTreeMap::new(),
        balance: amount,
        available: None,
        to_balance: amount,
        seq,
    }
}

fn allowance(
    account: Name,
    amounts: &[Option<Balance>],
    numbers: &[Option<u64>],
) -> AllowanceEvent {
    AllowanceEvent {
        account,
        window: numbers[0].map(|number| WindowEvent {
            start: Moment::new((number % 253_402_300_799_999_999).cast_signed()),
            entry: WindowEntry::Again,
            limit: amounts[0].unwrap_or_default(),
            rollover: number % 2 == 0,
        }),
        lapse: amounts[1],
        refill: amounts[2],
        balance: amounts[3].unwrap_or_default(),
        available: amounts[4].unwrap_or_default(),
        seq: numbers[1].unwrap_or_default(),
        decided: numbers[2].unwrap_or_default(),
    }
}

prop_compose! {
    fn operation()(
        id in of("[^\\p{Cc}]{1,20}"), op in of(select(&Kind::EVERY[..])),
        names in (of(name()), of(name()), of(name())), amounts in vec(of(balance()), 7),
        numbers in vec(of(any::<u64>()), 5), small in vec(any::<u32>(), 3),
        flags in vec(any::<bool>(), 3), reason in of(reason()), texts in vec(of(text()), 5),
        times in vec(of(micros()), 3), ends in (of(any::<i32>()), of(any::<i32>())),
    ) -> OperationEvent {
        let boxed = |place: usize| texts[place].clone().map(String::into_boxed_str);
        OperationEvent {
            date: boxed(0),
            memo: boxed(1),
            meta: texts[2].clone().map(|text| Box::new(BTreeMap::from([("iban".to_string(), text)]))),
            id: id.map(|id| Id::new(&id).expect("an id")),
            op,
            account: names.0.clone(),
            to: names.1,
            from: names.2,
            parts: names.0.clone().map(|account| [part(account, amounts[0], numbers[4])].into()),
            part: small[0] as u8,
            allowances: names.0.map(|account| [allowance(account, &amounts, &numbers)].into()),
            reverses: numbers[4],
            refills: boxed(4),
            amount: amounts[0],
            set_aside: amounts[1],
            excess: amounts[2],
            overdraft: amounts[3],
            balance: amounts[4],
            available: amounts[5],
            to_balance: amounts[6],
            seq: numbers[0],
            decided: numbers[1].unwrap_or_default(),
            duplicate: flags[0],
            reason,
            detail: boxed(0),
            command: flags[1],
            attempts: Some(small[0]),
            exit: ends.0,
            signal: ends.1,
            timed_out: flags[2],
            spent: boxed(1),
            stdout: boxed(2),
            stdout_dropped: numbers[2].unwrap_or_default(),
            stderr: boxed(3),
            stderr_dropped: numbers[2].unwrap_or_default(),
            pause_us: times[0],
            operation: numbers[3].unwrap_or_default(),
            worker: small[1],
            pid: small[2],
            line: numbers[3],
            at_us: times[1],
            elapsed_us: times[2],
        }
    }
}

prop_compose! {
    fn run_started()(
        words in vec(text(), 3), sync in of(text()), pid in any::<u32>(),
        started in 0i64..253_402_300_799_999_999, clock_us in micros(), operations in of(any::<u64>()),
        account in name(), balance in of(balance()), run in of(text()),
    ) -> RunStarted {
        RunStarted {
            mode: Mode::Other(words[0].clone()),
            mechanism: words[1].clone().into(),
            sync: sync.map(Cow::from),
            pid,
            started_at: Moment::new(started),
            clock_us,
            operations,
            jobs: 64,
            ops_per_worker: 1,
            ledger: run.clone(),
            run,
            account,
            balance,
            overdraft: balance,
        }
    }
}

prop_compose! {
    fn summary()(
        counts in vec(any::<u64>(), 9), times in (micros(), micros()), text in of(text()),
        accounts in vec((name(), balance(), balance(), of(balance()), 0u64..3), 0..4),
        sum in of(any::<i128>()),
    ) -> Summary {
        let balances = accounts.into_iter().map(
            |(account, balance, available, expected, lost_updates)| AccountSummary {
                account,
                balance,
                available,
                expected,
                lost_updates, overdrawn: false,
            },
        );
        Summary {
            mode: Mode::Parallel,
            ledger: text.clone(),
            status: Status::Violation,
            operations: counts[0],
            completed: counts[1],
            refused: counts[2],
            failed: counts[3],
            in_doubt: counts[4],
            invalid: counts[5],
            skipped: counts[6],
            duplicates: counts[7],
            moved: Total::default(),
            processes: counts[8],
            elapsed_us: times.0,
            sequential_us: times.1,
            balances: balances.collect(),
            accounts_omitted: counts[8],
            sum: sum.map(Total),
            wrong_accounts: sum.map(|_| counts[0]),
            lost_updates: sum.map(|_| counts[1]),
            overdrawn_accounts: 0,
            ended_early: text,
        }
    }
}

prop_compose! {
    fn step()(
        operation in any::<u64>(), worker in any::<u32>(), account in name(), balance in balance(),
        version in of(any::<u64>()), at_us in micros(), time in of(micros()),
        request in select(vec![RequestName::Execute, RequestName::CompareAndSet, RequestName::Lock]),
        what in 0..9,
    ) -> Event {
        let (pid, accounts, exit) = (worker, vec![account.clone()], Some(-1));
        let cell = CellEvent {
            operation, worker, pid, account, balance, added: version.map(|_| balance), version, at_us,
        };
        let in_vain = time.map(|_| WaitInVain::Deadlock);
        let lease = LeaseEvent {
            operation, worker, pid, accounts, holder: time.map(|_| pid), in_vain, waited_us: time, at_us,
        };
        let process = WorkerEvent { worker, pid, exit, signal: None, at_us };
        match what {
            0 => Event::Read(cell),
            1 => Event::Wrote(cell),
            2 => Event::Conflict(cell),
            3 => Event::LeaseWait(lease),
            4 => Event::LeaseGranted(lease),
            5 => Event::Spawned(process),
            6 => Event::Exited(process),
            7 => Event::Repaired(Repair { operation, worker, pid, repaired_by: time.map(|_| pid), at_us }),
            _ => Event::Request(RequestEvent {
                operation, worker, pid, request, sent_us: time, received_us: at_us,
                decided_us: at_us, answered_us: at_us, returned_us: time, decided: version,
            }),
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (operation(), 0..12).prop_map(|(operation, what)| match what {
            0 => Event::Started(operation),
            1 => Event::Planned(operation),
            2 => Event::Skipped(operation),
            3 => Event::Held(operation),
            4 => Event::Retried(operation),
            5 => Event::Overspent(operation),
            6 => Event::Refused(operation),
            7 => Event::InDoubt(operation),
            8 => Event::Failed(operation),
            9 => Event::Voided(operation),
            10 => Event::Opened(operation),
            _ => Event::Completed(operation),
        }),
        4 => step(),
        1 => run_started().prop_map(|run| Event::RunStarted(Box::new(run))),
        1 => summary().prop_map(|summary| Event::Summary(Box::new(summary))),
        1 => (any::<u64>(), text(), micros()).prop_map(|(line, reason, at_us)| {
            Event::Invalid(InvalidLine { line, reason, at_us })
        }),
        1 => (text(), balance(), any::<u64>()).prop_map(|(remedy, actual, number)| {
            Event::Raced(Box::new(Race {
                remedy: remedy.into(),
                threads: 4,
                operations: number,
                refused: 1,
                expected: actual,
                actual,
                lost_updates: number,
                elapsed_us: Micros(number),
                ns_per_operation: number,
            }))
        }),
    ]
}

fn line(event: &Event) -> String {
    let mut line = Vec::new();
    event.write(&mut line).expect("memory takes every byte");
    String::from_utf8(line).expect("text")
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(event in event()) {
        let line = line(&event);
        prop_assert!(line.starts_with("{\"v\":1,\"type\":\""), "{}", line);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert_eq!(Event::read(1, &line), Ok(Some(event)), "{}", line);
    }
}

#[test]
fn what_a_later_program_adds_is_passed_over() {
    let known = r#"{"v":1,"type":"started","op":"withdraw","account":"main","amount":"5.00","operation":1,"worker":1,"pid":2,"at_us":3}"#;
    let more = known.replace("\"op\"", r#""mood":{"x":[1,"op"]},"op""#);
    let event = Event::read(1, known)
        .expect("an event")
        .expect("a known type");
    assert_eq!(Event::read(1, &more), Ok(Some(event.clone())));
    assert_eq!(line(&event), format!("{known}\n"));
    assert_eq!(
        Event::read(1, r#"{"v":1,"type":"sang","amount":7}"#),
        Ok(None)
    );
}

/// A line that is no event, and what is said of it.
#[track_caller]
fn check(text: &str, expected: &str) {
    let error = Event::read(7, text).expect_err("no event");
    let said = error.to_string();
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn what_another_program_leaves_out_or_calls_otherwise_is_read() {
    for text in [
        r#"{"v":1,"type":"run_started","balance":"0.00","account":"a"}"#,
        r#"{"v":1,"type":"run_started"}"#,
        r#"{"v":1,"type":"summary","completed":3}"#,
        r#"{"v":1,"type":"summary","balances":[{"account":"a","balance":"1.00"}]}"#,
    ] {
        assert!(matches!(Event::read(1, text), Ok(Some(_))), "{text}");
    }
    let foreign = r#"{"v":1,"type":"refused","op":"withdraw","reason":"my_own_reason"}"#;
    let event = Event::read(1, foreign)
        .expect("an event")
        .expect("a known type");
    assert_eq!(line(&event), format!("{foreign}\n"));
    check(
        r#"{"v":1,"type":"refused","op":"withdraw","reason":7}"#,
        "line 7: `reason`: a reason is a text",
    );
}

#[test]
fn a_bad_value_is_named_with_its_line_and_field() {
    check(
        r#"{"v":1,"type":"completed","op":"withdraw","amount":5}"#,
        "line 7: `amount`: invalid type: integer `5`, expected a text",
    );
    check(
        r#"{"v":1,"type":"completed","op":"steal"}"#,
        "line 7: `op`: unknown variant `steal`, expected one of `withdraw`, ",
    );
    check(
        r#"{"v":1,"type":"summary","mode":"pipe","status":99}"#,
        "line 7: `status`: `99` is no exit status",
    );
    check(
        r#"{"v":1,"type":"read","worker":1}"#,
        "line 7: missing field `operation`",
    );
    check(
        r#"{"v":1,"type":"wrote","operation":1,"worker":-1}"#,
        "line 7: `worker`: invalid value: integer `-1`, expected u32",
    );
    check(
        "{\"v\":1,\"type\":\"completed\"",
        "line 7: EOF while parsing",
    );
    for text in ["no JSON", "[\"v\"]", "7"] {
        check(text, "line 7: it is no JSON object, such as");
    }
    let large = r#"{"v":1,"type":"completed","amount":"99999999999999999999.00"}"#;
    let said = Event::read(7, large).expect_err("no event").to_string();
    let expected = "line 7: `amount`: the amount is too large: no account holds as much";
    assert_eq!(said, expected);
    check("{\"type\":\"completed\"}", "line 7: missing field `v`");
    check(
        "{\"v\":2,\"type\":\"completed\"}",
        "line 7 has version 2, and this program reads version 1",
    );
}
