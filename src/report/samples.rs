//! Events of every kind, for tests.

use std::time::Duration;

use crate::bank::{Amount, Balance, Id, Kind, LOANS, Name, Operation, Rejection, View, WORLD};
use crate::event::{AccountSummary, Cause, Check, Counts, Event, Fact, Fault, Subject, Summary};
use crate::status::Status;

/// An event as many runs have it.
pub(super) fn completed() -> Event {
    posted(Asked::of(Kind::Withdraw).id("payout-000017").line(17))
}

/// Its line.
pub(super) const COMPLETED_JSON: &str = r#"{"v":1,"type":"completed","id":"payout-000017","op":"withdraw","account":"main","amount":"500.00","balance":"500.00","available":"400.00","seq":2,"worker":3,"pid":4711,"line":17,"at_us":1500,"elapsed_us":1200}"#;

/// What is asked for, put together word by word.
pub(super) struct Asked {
    kind: Kind,
    id: Option<&'static str>,
    account: Name,
    to: Option<&'static str>,
    line: Option<u64>,
    unaided: bool,
}

impl Asked {
    pub(super) fn of(kind: Kind) -> Self {
        Asked {
            kind,
            id: None,
            account: Name::default(),
            to: None,
            line: None,
            unaided: false,
        }
    }

    pub(super) fn id(self, id: &'static str) -> Self {
        Asked {
            id: Some(id),
            ..self
        }
    }

    pub(super) fn on(self, account: &str) -> Self {
        let account = Name::user(account).expect("a name");
        Asked { account, ..self }
    }

    pub(super) fn to(self, to: &'static str) -> Self {
        Asked {
            to: Some(to),
            ..self
        }
    }

    pub(super) fn line(self, line: u64) -> Self {
        Asked {
            line: Some(line),
            ..self
        }
    }

    /// Without a worker.
    pub(super) fn unaided(self) -> Self {
        Asked {
            unaided: true,
            ..self
        }
    }

    pub(super) fn subject(self) -> Subject {
        let id = self.id.map(|id| Id::new(id).expect("an id"));
        let to = self.to.map(|to| Name::other_side(to).expect("a name"));
        let amount = (self.kind != Kind::Balance).then(|| Amount::new(50_000));
        let operation = Operation::new(self.kind, id, self.account, to, amount.flatten());
        Subject {
            worker: if self.unaided { 0 } else { 3 },
            pid: if self.unaided { 0 } else { 4711 },
            ..Subject::of(operation.expect("an operation"), self.line)
        }
    }
}

const ELAPSED: Duration = Duration::from_micros(1_200);

pub(super) fn event(fact: Fact) -> Event {
    let at = Duration::from_micros(1_500);
    Event { at, fact }
}

pub(super) fn view(posted: i64, available: i64) -> View {
    View {
        posted: Balance::new(posted),
        available: Balance::new(available),
    }
}

pub(super) fn answered(asked: Asked, view: View, duplicate: bool) -> Event {
    event(Fact::Completed {
        subject: asked.subject(),
        seq: Some(2),
        view,
        elapsed: ELAPSED,
        duplicate,
    })
}

pub(super) fn posted(asked: Asked) -> Event {
    answered(asked, view(50_000, 40_000), false)
}

pub(super) fn refused(
    asked: Asked,
    rejection: Rejection,
    view: Option<View>,
    duplicate: bool,
) -> Event {
    event(Fact::Refused {
        subject: asked.subject(),
        rejection,
        view,
        overdraft: None,
        elapsed: ELAPSED,
        duplicate,
    })
}

pub(super) fn failed(asked: Asked, cause: Cause, detail: &str) -> Event {
    event(Fact::Failed {
        subject: asked.subject(),
        fault: Fault {
            cause,
            detail: detail.into(),
        },
        elapsed: ELAPSED,
    })
}

pub(super) fn account(name: Name, posted: i64, expected: i64, lost_updates: u64) -> AccountSummary {
    AccountSummary {
        name,
        view: view(posted, posted),
        expected: Some(Balance::new(expected)),
        lost_updates,
    }
}

pub(super) fn summary() -> Summary {
    Summary {
        mode: "parallel",
        elapsed: Duration::from_micros(4_004_321),
        sequential: Duration::from_micros(10_004_999),
        processes: 5,
        counts: Counts {
            completed: 5,
            ..Counts::default()
        },
        ledger: None,
        accounts: vec![
            account(LOANS.clone(), -50_000, -50_000, 0),
            account(WORLD.clone(), -50_000, -50_000, 0),
            account(Name::default(), 100_000, 100_000, 0),
        ],
        accounts_omitted: 0,
        check: Some(Check::default()),
        ended_early: None,
        status: Status::Posted,
    }
}
