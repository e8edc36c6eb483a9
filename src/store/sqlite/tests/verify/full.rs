//! A ledger with everything in it.

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::bank::{
    Amount, Answer, Asked, Balance, Id, Kind, Line, Name, Operation, Outcome, Request,
    RequestContext, WorkEnd,
};
use crate::store::Ledger;
use crate::store::sqlite::tests::FileLedger;

pub(super) struct Full {
    folder: TempDir,
    pub(super) ledger: FileLedger,
    /// A run that is going on.
    pub(super) run: u32,
}

pub(super) fn open(path: &Path) -> FileLedger {
    crate::store::sqlite::tests::open(path)
}

pub(in crate::store::sqlite) fn operation(
    kind: Kind,
    id: Option<&str>,
    account: &str,
    to: Option<&str>,
    minor: i64,
) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let account = Name::user(account).expect("a name");
    let to = to.map(|to| Name::other_side(to).expect("a name"));
    Operation::new(kind, id, account, to, Amount::new(minor)).expect("an operation")
}

pub(super) fn ask(ledger: &mut FileLedger, caller: RequestContext, request: Request) -> Outcome {
    let answers = ledger.transact(&[Asked { caller, request }]);
    let answer: Option<Answer> = answers.expect("answers").pop().expect("one answer");
    answer.expect("decided").outcome
}

pub(super) fn execute(ledger: &mut FileLedger, operation: Operation) -> Outcome {
    ask(
        ledger,
        RequestContext::default(),
        Request::Execute(operation),
    )
}

impl Full {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = open(&folder.path().join("bank.db"));
        let run = ledger.begin_run(Some(&"november".parse().expect("a name")));
        let run = run.expect("a run").number;
        let mut full = Full {
            folder,
            ledger,
            run,
        };
        full.one_step();
        full.two_steps();
        full.lines();
        full
    }

    /// With work whose end was not seen, or that was declined, or spent nothing.
    pub(super) fn with_doubts() -> Self {
        let mut full = Full::new();
        full.doubts();
        full
    }

    /// A ledger that says the same, to be changed.
    pub(super) fn copy(&self) -> FileLedger {
        let path = self.folder.path().join("copy.db");
        for ending in ["", "-wal", "-shm", "-turn"] {
            let _ = std::fs::remove_file(format!("{}{ending}", path.display()));
        }
        let into = path.to_str().expect("a path");
        let copied = self
            .ledger
            .backend
            .connection
            .execute("VACUUM INTO ?", [into]);
        copied.expect("a copy");
        let copy = open(&path);
        for (pragma, value) in [("journal_mode", "wal"), ("synchronous", "off")] {
            let set = copy.backend.connection.pragma_update(None, pragma, value);
            set.expect(pragma);
        }
        copy
    }

    fn execute(&mut self, kind: Kind, id: Option<&str>, account: &str, minor: i64) {
        execute(&mut self.ledger, operation(kind, id, account, None, minor));
    }

    fn one_step(&mut self) {
        self.execute(Kind::Deposit, Some("first"), "a", 1_000);
        self.execute(Kind::Loan, None, "b", 50);
        let transfer = operation(Kind::Transfer, Some("t"), "a", Some("c"), 100);
        execute(&mut self.ledger, transfer);
        self.execute(Kind::Withdraw, Some("again"), "b", 60);
        self.execute(Kind::Withdraw, Some("stranger"), "z", 1);
        let same = operation(Kind::Transfer, Some("same"), "a", Some("a"), 1);
        execute(&mut self.ledger, same);
        let view = Operation::new(
            Kind::Balance,
            Id::new("look").ok(),
            Name::user("a").expect("a name"),
            None,
            None,
        );
        execute(&mut self.ledger, view.expect("a view"));
        let open = Request::Open {
            account: Name::user("b").expect("a name"),
            overdraft: Some(Balance::new(20)),
            allowance: None,
        };
        ask(&mut self.ledger, RequestContext::default(), open);
        let again = Request::Execute(operation(Kind::Withdraw, Some("again"), "b", None, 60));
        let retry = RequestContext {
            retry: true,
            ..RequestContext::default()
        };
        ask(&mut self.ledger, retry, again);
    }

    fn two_steps(&mut self) {
        let id = |id: &str| Id::new(id).expect("an id");
        let mut hold = |name: &str, lasts: Option<Duration>| {
            let operation = operation(Kind::Transfer, Some(name), "a", Some("d"), 30);
            let request = Request::Hold { operation, lasts };
            ask(&mut self.ledger, RequestContext::default(), request);
        };
        hold("part", None);
        hold("void", None);
        hold("open", None);
        hold("later", Some(Duration::from_secs(1 << 30)));
        hold("short", Some(Duration::from_micros(1)));
        while self.ledger.holds(0).expect("holds").len() > 4 {}
        let (part, void) = (
            Request::PostHold {
                id: id("part"),
                amount: Amount::new(10),
            },
            Request::VoidHold { id: id("void") },
        );
        ask(&mut self.ledger, RequestContext::default(), part);
        ask(&mut self.ledger, RequestContext::default(), void);
        self.execute(Kind::Deposit, None, "a", 5);
    }

    fn lines(&mut self) {
        let view = Operation {
            id: None,
            ..operation(Kind::Deposit, None, "a", None, 1)
        };
        let view = Operation::new(Kind::Balance, None, view.account, None, None);
        let view = view.expect("a view");
        let withdraw = |minor| operation(Kind::Withdraw, None, "a", None, minor);
        let begin = Request::Begin;
        for (number, request) in [
            (1, begin(withdraw(7))),
            (1, Request::End(WorkEnd::Post { amount: None })),
            (2, begin(withdraw(8))),
            (2, Request::End(WorkEnd::Void)),
            (3, Request::Execute(withdraw(9))),
            (4, Request::Execute(withdraw(1_000_000))),
            (5, begin(view)),
            (5, Request::End(WorkEnd::Post { amount: None })),
            (6, begin(operation(Kind::Deposit, None, "new", None, 3))),
        ] {
            let line = Some(Line {
                number,
                digest: number * 1_000,
            });
            let caller = RequestContext {
                run: self.run,
                number,
                line,
                ..RequestContext::default()
            };
            ask(&mut self.ledger, caller, request);
        }
    }

    fn doubts(&mut self) {
        let other = self.ledger.begin_run(None).expect("a run").number;
        let withdraw = |id| Request::Begin(operation(Kind::Withdraw, Some(id), "a", None, 20));
        let post = |id: &str| Request::PostHold {
            id: Id::new(id).expect("an id"),
            amount: Amount::new(5),
        };
        let part = Request::End(WorkEnd::Post {
            amount: Amount::new(6),
        });
        for (run, number, request) in [
            (self.run, 21, withdraw("retried")),
            (self.run, 21, Request::End(WorkEnd::Doubt)),
            (other, 31, withdraw("retried")),
            (other, 31, part),
            (self.run, 22, withdraw("by hand")),
            (self.run, 22, Request::End(WorkEnd::Doubt)),
            (0, 0, post("by hand")),
            (self.run, 23, withdraw("unspent")),
            (self.run, 23, Request::End(WorkEnd::Unspent)),
            (self.run, 24, withdraw("declined")),
            (self.run, 24, Request::End(WorkEnd::Decline)),
            (self.run, 25, withdraw("has_side_effects")),
            (self.run, 25, Request::End(WorkEnd::Doubt)),
        ] {
            let line = Some(Line {
                number,
                digest: number * 1_000,
            });
            let caller = RequestContext {
                run,
                number,
                line: line.filter(|_| run == self.run),
                has_side_effects: true,
                retry_in_doubt: run == other,
                ..RequestContext::default()
            };
            ask(&mut self.ledger, caller, request);
        }
    }
}
