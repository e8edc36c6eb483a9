use std::io::Read;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::bank::{
    Action, Amount, Answer, Asked, Balance, Id, Line, Moment, Operation, OperationDetail, Outcome,
    Rejection, Request, RequestContext, View, WorkEnd,
};
use crate::protocol::{Frame, Inbox, MAX_FRAME, Outbox};
use crate::store::{LineDigests, LineEnd, MAX_PAGE, MAX_REASON, OpenedRun};

fn operation(id: Option<&str>) -> Operation {
    Operation {
        id: id.map(|id| Id::new(id).expect("an id")),
        account: Name::user("ops").expect("a name"),
        action: Action::Transfer {
            amount: Amount::new(5).expect("positive"),
            to: Name::other_side("@loans").expect("a name"),
        },
        detail: id.and_then(|_| OperationDetail::read(r#"{"memo":"rent"}"#).ok()),
    }
}

fn view() -> View {
    View {
        posted: Balance::new(i64::MAX),
        available: Balance::new(-7),
    }
}

/// The frames of an outbox, as they are found again.
fn frames<T>(
    outbox: &mut Outbox,
    decode: impl Fn(Frame<'_>) -> Result<T, crate::protocol::ProtocolError>,
) -> Vec<T> {
    let mut bytes = outbox.unsent();
    let (mut inbox, mut found) = (Inbox::default(), Vec::new());
    while inbox.fill(|room| bytes.read(room)).expect("memory") > 0 {
        while let Some(frame) = inbox.take().expect("a frame") {
            found.push(decode(frame).expect("a message"));
        }
    }
    assert!(inbox.is_empty());
    found
}

#[test]
fn every_question_arrives_as_it_was_asked() {
    let name = Name::user("a").expect("a name");
    let end = ChainEnd {
        seq: 1,
        record: 2,
        hash: [7; 32],
    };
    let query = EntryQuery {
        after: 3,
        id: Id::new("payout 7").ok(),
        account: Some(name.clone()),
        since: Some(Moment::new(-4)),
        until: None,
        limit: MAX_PAGE,
        with_reversals: true,
    };
    let longest = Name::user(&"x".repeat(64)).expect("a name");
    let questions = [
        Query::LookUp(vec![longest; MAX_PAGE]),
        Query::Accounts(None),
        Query::Accounts(Some(name)),
        Query::Holds(9),
        Query::Entries(query),
        Query::DoneLines { run: 3, after: 4 },
        Query::BegunLines { run: 3, after: 4 },
        Query::Runs(5),
        Query::Skip {
            run: "november".parse().expect("a name"),
            line: 7,
            reason: "why".to_string(),
        },
        Query::Verify(None),
        Query::Verify(Some(end)),
        Query::Backup("/backups/bank.db".into()),
    ];
    let mut outbox = Outbox::new(0);
    outbox.greeting();
    for question in &questions {
        outbox.question(question).expect("room");
    }
    let expected = [ToServer::Greeting(VERSION)]
        .into_iter()
        .chain(questions.map(ToServer::Query));
    let found = frames(&mut outbox, |frame| frame.to_server());
    assert!(found.into_iter().eq(expected));
}

#[test]
fn requests_arrive_with_their_callers_in_frames_of_their_own() {
    let caller = RequestContext {
        run: 1,
        number: 2,
        line: Some(Line {
            number: 3,
            digest: u64::MAX,
        }),
        strict: true,
        retry: true,
        has_side_effects: true,
        retry_in_doubt: true,
    };
    let requests = [
        Request::Execute(operation(Some("a"))),
        Request::Begin(operation(None)),
        Request::End(WorkEnd::Post {
            amount: Amount::new(3),
        }),
        Request::End(WorkEnd::Void),
        Request::End(WorkEnd::Unspent),
        Request::End(WorkEnd::Decline),
        Request::End(WorkEnd::Doubt),
        Request::End(WorkEnd::Keep { lasts: None }),
        Request::Hold {
            operation: operation(Some("b")),
            lasts: Some(Duration::MAX),
        },
        Request::PostHold {
            id: Id::new("b").expect("an id"),
            amount: Amount::new(1),
        },
        Request::VoidHold {
            id: Id::new("b").expect("an id"),
        },
        Request::DeclineHold {
            id: Id::new("b").expect("an id"),
        },
        Request::Open {
            account: Name::default(),
            overdraft: Some(Balance::new(0)),
            allowance: None,
        },
    ];
    let decide = |request: Request| LedgerRequest::Decide(Asked { caller, request });
    let run = "november".parse().expect("a name");
    let runs = [
        LedgerRequest::BeginRun(None),
        LedgerRequest::BeginRun(Some(run)),
        LedgerRequest::EndRun {
            run: 3,
            if_idle: true,
        },
    ];
    let all: Vec<LedgerRequest> = requests
        .into_iter()
        .map(decide)
        .chain(runs)
        .cycle()
        .take(4_000)
        .collect();
    let mut outbox = Outbox::new(0);
    for request in &all {
        outbox.ledger_request(request).expect("room");
    }
    assert!(outbox.backlog() > MAX_FRAME);
    let found = frames(&mut outbox, |frame| frame.to_server());
    let blocks: Vec<Vec<LedgerRequest>> = found
        .into_iter()
        .map(|message| match message {
            ToServer::Requests(block) => block,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(blocks.len() > 1);
    assert_eq!(blocks.concat(), all);
}

#[test]
fn every_finding_arrives_as_it_was_told() {
    let run: RunName = "november".parse().expect("a name");
    let refused = Outcome::Refused {
        rejection: Rejection::Expired,
        view: None,
    };
    let verified = Verified {
        entries: 1,
        records: 2,
        accounts: 3,
        holds: 4,
        end: ChainEnd {
            seq: 1,
            record: 2,
            hash: [7; 32],
        },
        violation: Some("entry 1".to_string()),
    };
    let findings = vec![
        Response::Answer(LedgerAnswer::Decided(None)),
        Response::Answer(LedgerAnswer::Decided(Some(refused.into()))),
        Response::Answer(LedgerAnswer::Decided(Some(Answer {
            decided: 70_000,
            other_side: Some(view()),
            ..Answer::repeated(refused)
        }))),
        Response::Answer(LedgerAnswer::RunIsLive(run.clone())),
        Response::Answer(LedgerAnswer::RunEnded(3)),
        Response::Answer(LedgerAnswer::RunGoesOn),
        Response::Standing(None),
        Response::Standing(Some(Standing {
            name: crate::bank::WORLD.clone(),
            view: view(),
            overdraft: None,
            allowance: None,
            lost_updates: 0,
            lost_operations: 0,
            overdrawn: false,
        })),
        Response::Hold(OpenHold {
            number: 1,
            operation: operation(Some("a")),
            at: Moment::new(2),
            expires: Some(Moment::new(3)),
            run: Some(4),
            line: Some(9),
            in_doubt: true,
        }),
        Response::Entry(Entry {
            seq: 1,
            at: Moment::new(2),
            operation: operation(None),
            excess: Amount::new(3),
            view: view(),
            reversed_by: Some(4),
            run: Some(run.clone()),
            line: Some(9),
        }),
        Response::DoneLine(DoneLine {
            line: 1,
            digest: 2,
            record: 0,
            end: LineEnd::Decided(Outcome::Posted {
                seq: 3,
                amount: Amount::new(3).expect("positive"),
                view: view(),
            }),
        }),
        Response::DoneLine(DoneLine {
            line: 2,
            digest: 3,
            record: 8,
            end: LineEnd::Decided(Outcome::Unspent { view: view() }),
        }),
        Response::DoneLine(DoneLine {
            line: 3,
            digest: 0,
            record: 9,
            end: LineEnd::Skipped {
                reason: "r".repeat(MAX_REASON),
            },
        }),
        Response::BegunLine(BegunLine {
            hold: 1,
            line: 2,
            digest: 3,
            id: Id::new("i").ok(),
            has_command: true,
            is_open: false,
        }),
        Response::RunTotals(RunTotals {
            number: 1,
            name: run.clone(),
            done: 2,
            refused: 3,
            failed: 4,
            skipped: 5,
            begun: 6,
            in_doubt: 7,
            is_live: true,
        }),
        Response::Skipped(SkippedLine::Skipped),
        Response::Skipped(SkippedLine::Already),
        Response::Skipped(SkippedLine::Done(Outcome::Unspent { view: view() })),
        Response::Skipped(SkippedLine::Begun { in_doubt: true }),
        Response::Skipped(SkippedLine::UnknownRun),
        Response::Looked {
            at: 3,
            is_last: true,
        },
        Response::Answer(LedgerAnswer::RunBegun(OpenedRun {
            number: u32::MAX,
            is_new: true,
            digests: LineDigests::OfLine,
        })),
        Response::Answer(LedgerAnswer::RunBegun(OpenedRun {
            number: 1,
            is_new: false,
            digests: LineDigests::UpToLine,
        })),
        Response::Verified(verified),
        Response::NoPlace("something is there already".to_string()),
        Response::Done,
        Response::Unit(Unit::new(6, "USD").expect("a unit")),
        Response::Failed(LedgerFault::refusal("a text".to_string())),
        Response::Failed(LedgerFault {
            certainty: Certainty::Unknown,
            may_pass: true,
            why: "a text".to_string(),
        }),
    ];
    let mut outbox = Outbox::new(0);
    for finding in &findings {
        outbox.finding(finding).expect("room");
    }
    let found = frames(&mut outbox, |frame| frame.to_client());
    assert_eq!(found, [ToClient::Findings(findings)]);
}

#[test]
fn a_long_text_is_cut_between_its_characters() {
    let mut outbox = Outbox::new(0);
    let text = "ä".repeat(MAX_TEXT);
    let told = Response::Failed(LedgerFault::refusal(format!("a{text}")));
    outbox.finding(&told).expect("room");
    let found = frames(&mut outbox, |frame| frame.to_client());
    let [ToClient::Findings(findings)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let [Response::Failed(LedgerFault { why: text, .. })] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!(text.len(), MAX_TEXT - 1);
}

#[test]
fn what_is_impossible_in_the_bank_is_refused() {
    // A message of requests: something to decide, no run, no number, no line, not strict, no repeat, without
    // doubts and taking nothing over, a deposit to `@x` that carries nothing.
    let deposit = |account: &[u8], amount: u8| {
        let mut head = [0; 16];
        (head[0], head[15]) = (17, account.len() as u8);
        [&head[..], account, &[1, amount, 0]].concat()
    };
    let check = |bytes: &[u8], possible: bool| {
        let decoded = Frame::new(bytes).and_then(Frame::to_server);
        assert_eq!(decoded.is_ok(), possible, "{bytes:?}: {decoded:?}");
    };
    check(&deposit(b"x", 10), true);
    check(&deposit(b"@x", 10), false);
    check(&deposit(b"@world", 10), false);
    check(&deposit(b"", 10), false);
    // An amount of nothing, and one below it.
    check(&deposit(b"x", 0), false);
    check(&deposit(b"x", 1), false);
    // Two questions where one is possible, and none.
    check(&[18, 0, 0, 0, 0, 2, 0], true);
    check(&[18, 0, 0, 0, 0, 2, 0, 2, 0], false);
    check(&[18, 0, 0, 0, 0], false);
    // A greeting says its version, and later ones may say more.
    check(&[16, 0, 0, 0, 0, 1, 0, 0, 0, 99], true);
    check(&[16, 0, 0, 0, 0, 1, 0, 0], false);
}

proptest! {
    #[test]
    fn no_bytes_do_harm(kind in 14u8..22, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&[kind, 0, 0, 0, 0][..], &body].concat();
        let _ = Frame::new(&bytes).and_then(Frame::to_server);
        let _ = Frame::new(&bytes).and_then(Frame::to_client);
    }
}
