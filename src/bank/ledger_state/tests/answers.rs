//! What answers tell beside their outcome, and what a window that has begun meanwhile changes.

use super::*;
use crate::bank::{
    Allowance, AllowanceChange, Answer, Group, Line, Percent, Period, RunLine, Zone,
};

const DAY: i64 = 86_400_000_000;

/// A bank on a day, whose account `a` has 100 for each day.
struct Bank {
    state: LedgerState,
    day: i64,
}

fn name(text: &str) -> Name {
    Name::user(text).expect("a name")
}

fn operation(kind: Kind, account: &str, minor: i64, id: Option<&str>) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let amount = Amount::new(minor);
    Operation::new(kind, id, name(account), None, amount).expect("an operation")
}

fn group(parts: &[(Kind, &str, i64)], id: Option<&str>) -> Operation {
    let parts = parts.iter();
    let parts = parts.map(|(kind, account, minor)| operation(*kind, account, *minor, None));
    let group = Group::new(parts.collect()).expect("a group");
    group.operation(id.map(|id| Id::new(id).expect("an id")))
}

fn allowance(warn: Option<u8>) -> Option<AllowanceChange> {
    let warn = warn.map(|warn| Percent::try_from(warn).expect("a percentage"));
    Some(AllowanceChange::Set(Allowance {
        amount: Amount::new(100).expect("positive"),
        period: Period::Day,
        rollover: false,
        warn,
        zone: Zone::default(),
    }))
}

fn hold(operation: Operation) -> Request {
    Request::Hold {
        operation,
        lasts: None,
    }
}

fn refusal(answer: &Answer) -> Option<(Rejection, Option<i64>)> {
    match answer.outcome {
        Outcome::Refused { rejection, view } => {
            Some((rejection, view.map(|view| view.posted.minor())))
        }
        _ => None,
    }
}

impl Bank {
    fn new(warn: Option<u8>) -> Self {
        let mut state = LedgerState::new(Balance::default());
        state.lines().watch(1);
        let mut bank = Bank { state, day: 0 };
        bank.open(None, allowance(warn));
        bank
    }

    fn open(&mut self, overdraft: Option<i64>, allowance: Option<AllowanceChange>) -> Answer {
        let account = name("a");
        let overdraft = overdraft.map(Balance::new);
        self.ask(Request::Open {
            account,
            overdraft,
            allowance,
        })
    }

    fn ask(&mut self, request: Request) -> Answer {
        self.ask_as(RequestContext::default(), request)
    }

    fn ask_as(&mut self, caller: RequestContext, request: Request) -> Answer {
        let wall = Moment::new(self.day * DAY);
        let (label, boot_time) = (wall, None);
        let now = Now {
            label,
            wall,
            boot_time,
        };
        self.state.resume(self.state.last(), now);
        let asked = Asked { caller, request };
        let answer = self.state.decide(&asked, &mut NullJournal);
        answer.expect("an answer")
    }
}

fn on_line(number: u64, line: u64) -> RequestContext {
    let line = Some(Line {
        number: line,
        digest: 0,
    });
    RequestContext {
        run: 1,
        number,
        line,
        ..RequestContext::default()
    }
}

#[test]
fn a_group_tells_which_part_brought_an_allowance_low() {
    let parts = [
        (Kind::Deposit, "b", 5),
        (Kind::Withdraw, "b", 1),
        (Kind::Withdraw, "a", 60),
    ];
    let requests = [
        Request::Execute(group(&parts, None)),
        hold(group(&parts, Some("i"))),
    ];
    for request in requests {
        let answer = Bank::new(Some(50)).ask(request.clone());
        let left = answer.budget.as_ref().map(|budget| budget.left.minor());
        assert_eq!((left, answer.part()), (Some(40), 3), "{answer:?}");
        let answer = Bank::new(None).ask(request);
        assert_eq!((&answer.budget, answer.part()), (&None, 0), "{answer:?}");
    }
}

#[test]
fn what_is_no_group_says_nothing_of_parts() {
    let mut bank = Bank::new(None);
    let answer = bank.ask(Request::Execute(operation(Kind::Withdraw, "a", 1, None)));
    assert_eq!((answer.group, answer.budget), (None, None));
}

#[test]
fn a_refused_part_shows_its_own_account() {
    let mut bank = Bank::new(None);
    bank.ask(Request::Execute(operation(Kind::Deposit, "b", 7, None)));
    let parts = [
        (Kind::Withdraw, "a", 1),
        (Kind::Withdraw, "b", 8),
        (Kind::Deposit, "a", 1),
    ];
    let answer = bank.ask(Request::Execute(group(&parts, None)));
    let expected = (Rejection::InsufficientFunds, Some(7));
    assert_eq!((refusal(&answer), answer.part()), (Some(expected), 2));
}

#[test]
fn a_group_whose_parts_cannot_all_be_set_aside_is_refused() {
    let mut bank = Bank::new(None);
    bank.open(Some(i64::MAX), None);
    let most = operation(Kind::Withdraw, "a", i64::MAX - 10, None);
    bank.ask(Request::Execute(most));
    // So much of the bank's own side is set aside that there is room for 5 more.
    let begun = operation(Kind::Deposit, "b", i64::MAX - 5, Some("b"));
    bank.ask(hold(begun));
    let parts = [
        (Kind::Transfer, "a", 1),
        (Kind::Deposit, "c", 3),
        (Kind::Deposit, "c", 4),
    ];
    let requests = [
        Request::Execute(group(&parts, None)),
        hold(group(&parts, Some("i"))),
    ];
    for request in requests {
        let answer = bank.ask(request);
        let rejection = refusal(&answer).map(|(rejection, _)| rejection);
        let expected = Some(Rejection::BalanceOverflow);
        assert_eq!((rejection, answer.part()), (expected, 2), "{answer:?}");
    }
}

#[test]
fn the_same_allowance_again_changes_nothing() {
    let mut bank = Bank::new(Some(50));
    assert!(bank.open(None, allowance(Some(50))).duplicate);
    assert!(!bank.open(None, allowance(Some(51))).duplicate);
}

#[test]
fn a_window_that_begins_is_entered_by_whatever_asks_next() {
    let is_refilled = |answer: &Answer| answer.allowances.is_some();
    let mut bank = Bank::new(None);
    bank.ask(Request::Execute(operation(Kind::Withdraw, "a", 10, None)));
    bank.day += 1;
    assert!(is_refilled(&bank.open(Some(1), None)), "a changed limit");
    let caller = RequestContext {
        number: 5,
        ..RequestContext::default()
    };
    bank.ask_as(
        caller,
        Request::Begin(operation(Kind::Withdraw, "a", 10, None)),
    );
    bank.day += 1;
    let ended = bank.ask_as(caller, Request::End(WorkEnd::Post { amount: None }));
    assert!(is_refilled(&ended), "the end of work");
    // What is refilled just now is enough for more than was set aside.
    bank.open(Some(0), None);
    bank.ask(hold(operation(Kind::Withdraw, "a", 80, Some("h"))));
    bank.ask(Request::Execute(operation(Kind::Withdraw, "a", 20, None)));
    bank.day += 1;
    let posted = bank.ask(Request::PostHold {
        id: Id::new("h").expect("an id"),
        amount: Amount::new(90),
    });
    assert!(
        matches!(posted.outcome, Outcome::Posted { .. }),
        "{posted:?}"
    );
}

#[test]
fn more_than_was_held_is_refused_with_the_next_refill() {
    let mut bank = Bank::new(None);
    bank.ask(hold(operation(Kind::Withdraw, "a", 80, Some("h"))));
    let answer = bank.ask(Request::PostHold {
        id: Id::new("h").expect("an id"),
        amount: Amount::new(101),
    });
    let next = answer.budget.as_ref().map(|budget| budget.next);
    assert_eq!(next, Some(Moment::new(DAY)), "{answer:?}");
}

#[test]
fn a_line_is_done_that_was_given_up_or_spent_nothing() {
    let mut bank = Bank::new(None);
    let withdraw = |id| Request::Begin(operation(Kind::Withdraw, "a", 1, id));
    let works = RequestContext {
        has_side_effects: true,
        ..on_line(1, 1)
    };
    bank.ask_as(works, withdraw(Some("u")));
    bank.ask_as(works, Request::End(WorkEnd::Unspent));
    let line = Line {
        number: 2,
        digest: 0,
    };
    let skipped = RunLine { run: 1, line };
    bank.state.skip(skipped, "paid by hand", &mut NullJournal);
    for line in [1, 2] {
        let answer = bank.ask_as(on_line(2, line), withdraw(None));
        let rejection = refusal(&answer).map(|(rejection, _)| rejection);
        assert_eq!(rejection, Some(Rejection::LineDone), "{line}");
    }
}

#[test]
fn no_line_takes_over_what_is_in_doubt_once_it_is_done() {
    let mut bank = Bank::new(None);
    let caller = |number, line| RequestContext {
        has_side_effects: true,
        retry_in_doubt: true,
        ..on_line(number, line)
    };
    let begin = |id| Request::Begin(operation(Kind::Withdraw, "a", 1, Some(id)));
    bank.ask_as(caller(1, 1), begin("h"));
    bank.ask_as(caller(1, 1), Request::End(WorkEnd::Doubt));
    bank.ask_as(caller(2, 2), begin("other"));
    bank.ask_as(caller(2, 2), Request::End(WorkEnd::Unspent));
    let answer = bank.ask_as(caller(3, 2), begin("h"));
    let rejection = refusal(&answer).map(|(rejection, _)| rejection);
    assert_eq!(rejection, Some(Rejection::LineDone));
    let answer = bank.ask_as(caller(3, 1), begin("h"));
    assert!(matches!(answer.outcome, Outcome::Held { .. }), "{answer:?}");
}
