//! Events of every kind, for tests.

use std::time::Duration;

use crate::bank::{
    Amount, Answer, Balance, Id, Kind, LOANS, Name, Operation, Outcome, Rejection, View, WORLD,
};
use crate::event::{
    AccountSummary, Cause, Event, Fault, Micros, Mode, OperationEvent, Summary, Total,
};
use crate::status::Status;

/// An event as many runs have it.
pub(super) fn completed() -> Event {
    posted(
        SampleOperation::of(Kind::Withdraw)
            .id("payout-000017")
            .line(17),
    )
}

/// Its line.
pub(super) const COMPLETED_JSON: &str = r#"{"v":1,"type":"completed","id":"payout-000017","op":"withdraw","account":"main","amount":"500.00","balance":"500.00","available":"400.00","seq":2,"decided":5,"operation":4,"worker":3,"pid":4711,"line":17,"at_us":1500,"elapsed_us":1200}"#;

/// What is asked for, put together word by word.
pub(super) struct SampleOperation {
    kind: Kind,
    id: Option<&'static str>,
    account: Name,
    to: Option<&'static str>,
    line: Option<u64>,
    unaided: bool,
}

impl SampleOperation {
    pub(super) fn of(kind: Kind) -> Self {
        SampleOperation {
            kind,
            id: None,
            account: Name::default(),
            to: None,
            line: None,
            unaided: false,
        }
    }

    pub(super) fn id(self, id: &'static str) -> Self {
        SampleOperation {
            id: Some(id),
            ..self
        }
    }

    pub(super) fn on(self, account: &str) -> Self {
        let account = Name::user(account).expect("a name");
        SampleOperation { account, ..self }
    }

    pub(super) fn to(self, to: &'static str) -> Self {
        SampleOperation {
            to: Some(to),
            ..self
        }
    }

    pub(super) fn line(self, line: u64) -> Self {
        SampleOperation {
            line: Some(line),
            ..self
        }
    }

    /// Without a worker.
    pub(super) fn unaided(self) -> Self {
        SampleOperation {
            unaided: true,
            ..self
        }
    }

    pub(super) fn event(self) -> OperationEvent {
        let id = self.id.map(|id| Id::new(id).expect("an id"));
        let to = self.to.map(|to| Name::other_side(to).expect("a name"));
        let amount = (self.kind != Kind::Balance).then(|| Amount::new(50_000));
        let operation = Operation::new(self.kind, id, self.account, to, amount.flatten());
        OperationEvent {
            operation: 4,
            worker: if self.unaided { 0 } else { 3 },
            pid: if self.unaided { 0 } else { 4711 },
            line: self.line,
            at_us: Some(Micros(1_500)),
            ..operation.expect("an operation").into()
        }
    }
}

const ELAPSED: Duration = Duration::from_micros(1_200);

pub(super) fn view(posted: i64, available: i64) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}

pub(super) fn answered(asked: SampleOperation, view: View, duplicate: bool) -> Event {
    let event = asked.event().after(ELAPSED);
    let amount = Amount::new(50_000).expect("positive");
    let outcome = match event.op {
        Some(Kind::Balance) => Outcome::Viewed { seq: 2, view },
        _ => Outcome::Posted {
            seq: 2,
            amount,
            view,
        },
    };
    event.answered(&Answer {
        duplicate,
        decided: 5,
        ..outcome.into()
    })
}

pub(super) fn posted(asked: SampleOperation) -> Event {
    answered(asked, view(50_000, 40_000), false)
}

pub(super) fn refused(
    asked: SampleOperation,
    rejection: Rejection,
    view: Option<View>,
    duplicate: bool,
) -> Event {
    asked.event().after(ELAPSED).answered(&Answer {
        duplicate,
        decided: 5,
        ..Outcome::Refused { rejection, view }.into()
    })
}

pub(super) fn failed(asked: SampleOperation, cause: Cause, detail: &str) -> Event {
    Event::Failed(asked.event().after(ELAPSED).faulted(Fault {
        cause,
        detail: detail.into(),
    }))
}

pub(super) fn account(
    account: Name,
    posted: i64,
    expected: i64,
    lost_updates: u64,
) -> AccountSummary {
    AccountSummary {
        account,
        balance: Balance::new(posted),
        available: Balance::new(posted),
        expected: Some(Balance::new(expected)),
        lost_updates,
        overdrawn: false,
    }
}

pub(super) fn summary() -> Summary {
    Summary {
        mode: Mode::Parallel,
        ledger: None,
        status: Status::Posted,
        operations: 5,
        completed: 5,
        refused: 0,
        failed: 0,
        in_doubt: 0,
        invalid: 0,
        skipped: 0,
        duplicates: 0,
        moved: Total(200_000),
        processes: 5,
        elapsed_us: Micros(4_004_321),
        sequential_us: Micros(10_004_999),
        balances: vec![
            account(LOANS.clone(), -50_000, -50_000, 0),
            account(WORLD.clone(), -50_000, -50_000, 0),
            account(Name::default(), 100_000, 100_000, 0),
        ],
        accounts_omitted: 0,
        sum: Some(Total::default()),
        wrong_accounts: Some(0),
        lost_updates: Some(0),
        overdrawn_accounts: 0,
        ended_early: None,
    }
}
