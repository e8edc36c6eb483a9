use super::*;
use crate::bank::{Amount, Kind, Moment};

fn ops_view() -> View {
    View {
        posted: Balance::new(12_000),
        available: Balance::new(11_500),
    }
}

fn name(text: &str) -> Name {
    Name::other_side(text).expect("a name")
}

fn operation(kind: Kind, id: Option<&str>, to: Option<&str>) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let operation = Operation::new(kind, id, name("ops"), to.map(name), Amount::new(500));
    operation.expect("an operation")
}

fn refused(rejection: Rejection, view: Option<View>) -> Outcome {
    Outcome::Refused { rejection, view }
}

fn posted() -> Outcome {
    Outcome::Posted {
        seq: 7,
        amount: Amount::new(500).expect("positive"),
        view: ops_view(),
    }
}

fn answers(format: Format) -> Answers {
    Answers::new(Output::for_test(false), format)
}

fn seen(mut answers: Answers) -> String {
    answers.output.lay_out();
    String::from_utf8(answers.output.block).expect("text")
}

#[track_caller]
fn check(subject: Subject<'_>, outcome: Outcome, duplicate: bool, expected: (&str, &str)) {
    let answer = Answer {
        duplicate,
        ..outcome.into()
    };
    for (format, expected) in [(Format::Text, expected.0), (Format::Json, expected.1)] {
        let mut answers = answers(format);
        answers.answer(subject, &answer);
        let expected = match expected {
            "" => String::new(),
            line => format!("{line}\n"),
        };
        assert_eq!(seen(answers), expected);
    }
}

#[test]
fn a_movement_is_a_line_of_words() {
    let deposit = operation(Kind::Deposit, None, None);
    let text = "posted deposit 5.00 ops balance 120.00 available 115.00 seq 7";
    let json = r#"{"v":1,"type":"completed","op":"deposit","account":"ops","amount":"5.00","balance":"120.00","available":"115.00","seq":7}"#;
    check(Subject::Operation(&deposit), posted(), false, (text, json));
    let transfer = operation(Kind::Transfer, Some("nov,1"), Some("rent"));
    let text = "posted transfer 5.00 ops balance 120.00 available 115.00 seq 7 to rent duplicate";
    let json = r#"{"v":1,"type":"completed","id":"nov,1","op":"transfer","account":"ops","to":"rent","amount":"5.00","balance":"120.00","available":"115.00","seq":7,"duplicate":true}"#;
    check(Subject::Operation(&transfer), posted(), true, (text, json));
}

#[test]
fn accounts_are_opened_and_holds_voided() {
    let (ops, id) = (name("ops"), Id::new("hold-1").expect("an id"));
    let overdraft = Some(Balance::new(5_000));
    let subject = Subject::Account {
        name: &ops,
        overdraft,
    };
    let text = "opened ops balance 120.00 available 115.00";
    let json = r#"{"v":1,"type":"opened","account":"ops","overdraft":"50.00","balance":"120.00","available":"115.00"}"#;
    check(
        subject,
        Outcome::Opened { view: ops_view() },
        false,
        (text, json),
    );
    let text = "voided hold-1 balance 120.00 available 115.00 duplicate";
    let json = r#"{"v":1,"type":"voided","id":"hold-1","balance":"120.00","available":"115.00","duplicate":true}"#;
    let voided = Outcome::Voided { view: ops_view() };
    check(Subject::Hold(&id), voided, true, (text, json));
}

#[test]
fn a_refusal_is_talk_unless_a_program_reads() {
    let withdraw = operation(Kind::Withdraw, Some("x"), None);
    let json = r#"{"v":1,"type":"refused","id":"x","op":"withdraw","account":"ops","amount":"5.00","balance":"120.00","available":"115.00","reason":"insufficient_funds"}"#;
    let outcome = refused(Rejection::InsufficientFunds, Some(ops_view()));
    check(Subject::Operation(&withdraw), outcome, false, ("", json));
    let id = Id::new("x").expect("an id");
    let json = r#"{"v":1,"type":"refused","id":"x","reason":"unknown_hold"}"#;
    let outcome = refused(Rejection::UnknownHold, None);
    check(Subject::Hold(&id), outcome, false, ("", json));
}

#[track_caller]
fn check_refusal(subject: Subject<'_>, outcome: Outcome, expected: &str) {
    let text = text::Refusal(subject, &outcome.into(), None).to_string();
    assert_eq!(text, expected);
}

#[test]
fn a_refusal_says_what_could_have_gone_out() {
    let withdraw = operation(Kind::Withdraw, None, None);
    let subject = Subject::Operation(&withdraw);
    for (posted, overdraft, most) in [(-550, 1_000, "4.50"), (-1_500, 1_000, "0.00")] {
        let posted = Balance::new(posted);
        let view = View {
            posted,
            available: posted,
        };
        let answer = refused(Rejection::InsufficientFunds, Some(view)).into();
        let overdraft = Some(Balance::new(overdraft));
        let text = text::Refusal(subject, &answer, overdraft).to_string();
        assert_eq!(
            text,
            format!(
                "refused: insufficient funds: `ops` has {posted} available and may go 10.00 below zero: at most {most} can go out"
            )
        );
    }
}

#[test]
fn a_refusal_names_what_it_is_about() {
    use Rejection::*;
    let withdraw = operation(Kind::Withdraw, Some("x"), None);
    let transfer = operation(Kind::Transfer, None, Some("rent"));
    let own = |rejection, view, expected| {
        check_refusal(
            Subject::Operation(&withdraw),
            refused(rejection, view),
            expected,
        );
    };
    own(
        InsufficientFunds,
        Some(ops_view()),
        "refused: insufficient funds: `ops` has 115.00 available",
    );
    own(
        UnknownAccount,
        None,
        "refused: unknown account: `ops`: check the name, or open it with `bank-par open ops` and the same `--ledger`",
    );
    own(
        IdConflict,
        None,
        "refused: the id was used before with other content: `x`",
    );
    own(
        InProgress,
        None,
        "refused: an operation with this id is still under way: `x`",
    );
    check_refusal(
        Subject::Operation(&transfer),
        refused(UnknownAccount, Some(ops_view())),
        "refused: unknown account: `rent`: check the name, or open it with `bank-par open rent` and the same `--ledger`",
    );
    check_refusal(
        Subject::Operation(&transfer),
        refused(SameAccount, Some(ops_view())),
        "refused: both sides are the same account: `ops`",
    );
    let id = Id::new("x").expect("an id");
    check_refusal(
        Subject::Hold(&id),
        refused(Expired, Some(ops_view())),
        "refused: the hold has expired: `x`",
    );
    let duplicate = Answer::repeated(refused(ExceedsHold, None));
    let text = text::Refusal(Subject::Hold(&id), &duplicate, None).to_string();
    assert_eq!(text, "refused: more than what is held: `x` (duplicate)");
}

#[test]
fn a_status_follows_from_every_answer() {
    let withdraw = operation(Kind::Withdraw, Some("x"), None);
    let status = |outcome: Outcome| {
        let mut answers = answers(Format::Json);
        answers.answer(Subject::Operation(&withdraw), &outcome.into())
    };
    assert_eq!(status(posted()), Status::Posted);
    for rejection in Rejection::ALL {
        let expected = match rejection {
            Rejection::IdConflict => Status::IdConflict,
            _ => Status::Refused,
        };
        assert_eq!(status(refused(rejection, None)), expected, "{rejection}");
    }
}

#[track_caller]
fn check_held(format: Format, outcome: Outcome, expected: &str) {
    let withdraw = operation(Kind::Withdraw, Some("hold-1"), None);
    let mut answers = answers(format);
    answers.held(&withdraw, &outcome.into());
    assert_eq!(seen(answers), expected);
}

#[test]
fn a_script_gets_the_id_of_its_hold_and_nothing_else() {
    let held = Outcome::Held { view: ops_view() };
    check_held(Format::Text, held, "hold-1\n");
    check_held(
        Format::Text,
        refused(Rejection::InsufficientFunds, None),
        "",
    );
    let json = r#"{"v":1,"type":"held","id":"hold-1","op":"withdraw","account":"ops","amount":"5.00","balance":"120.00","available":"115.00"}"#;
    check_held(Format::Json, held, &format!("{json}\n"));
}

#[test]
fn accounts_and_holds_are_listed() {
    let standing = Standing {
        name: name("ops"),
        view: ops_view(),
        overdraft: Some(Balance::new(1_000)),
        allowance: None,
        lost_updates: 0,
        lost_operations: 0,
        overdrawn: false,
    };
    let hold = |id, to, expires, run| OpenHold {
        number: 3,
        operation: operation(Kind::Transfer, id, Some(to)),
        at: Moment::new(1_795_438_800_000_001),
        expires,
        run,
        line: run.map(|_| 9),
        in_doubt: false,
    };
    let list = |format| {
        let mut answers = answers(format);
        answers.accounts();
        answers.account(&standing);
        answers.holds();
        let soon = Some(Moment::new(1_795_438_800_000_002));
        answers.hold(&hold(Some("a b"), "rent", soon, None), None);
        answers.hold(&hold(Some("x"), "rent", None, None), None);
        let november = "november".parse().unwrap();
        answers.hold(&hold(None, "@world", None, Some(4)), Some(&november));
        answers.hold(&hold(None, "@world", None, Some(5)), None);
        seen(answers)
    };
    let text = "ops\t120.00\t5.00\t115.00\t10.00\n\
        a b\ttransfer\tops\trent\t5.00\t2026-11-23T13:00:00.000001Z\t2026-11-23T13:00:00.000002Z\t-\t-\n\
        x\ttransfer\tops\trent\t5.00\t2026-11-23T13:00:00.000001Z\tnever\t-\t-\n\
        -\ttransfer\tops\t@world\t5.00\t2026-11-23T13:00:00.000001Z\t-\tnovember\t9\n\
        -\ttransfer\tops\t@world\t5.00\t2026-11-23T13:00:00.000001Z\t-\t-\t9\n";
    assert_eq!(list(Format::Text), text);
    let json = concat!(
        r#"{"v":1,"type":"balance","account":"ops","balance":"120.00","held":"5.00","available":"115.00","overdraft":"10.00"}"#,
        "\n",
        r#"{"v":1,"type":"hold","id":"a b","op":"transfer","account":"ops","to":"rent","amount":"5.00","at":"2026-11-23T13:00:00.000001Z","expires":"2026-11-23T13:00:00.000002Z"}"#,
        "\n",
        r#"{"v":1,"type":"hold","id":"x","op":"transfer","account":"ops","to":"rent","amount":"5.00","at":"2026-11-23T13:00:00.000001Z"}"#,
        "\n",
        r#"{"v":1,"type":"hold","op":"transfer","account":"ops","to":"@world","amount":"5.00","at":"2026-11-23T13:00:00.000001Z","run":"november","line":9}"#,
        "\n",
        r#"{"v":1,"type":"hold","op":"transfer","account":"ops","to":"@world","amount":"5.00","at":"2026-11-23T13:00:00.000001Z","line":9}"#,
        "\n",
    );
    assert_eq!(list(Format::Json), json);
}
