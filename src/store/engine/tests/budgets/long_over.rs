//! Windows that a clock which goes back enters again, long after they were forgotten: the id of the refill tells
//! that there was one.

use super::*;
use crate::bank::WorkEnd;

/// Nine days with an allowance and something spent on each, the clock back on the first of them, and the work that a
/// run of the second process has begun.
fn back_on_the_first_day(rollover: bool) -> (Shells, RequestContext) {
    let mut shells = Shells::new(2, allowance(Period::Day, rollover));
    let paid = operation(Kind::Withdraw, Some("paid"), "a", 300);
    shells.ask(0, Request::Execute(paid));
    for _ in 0..8 {
        shells.pass(DAY);
        shells.withdraw(1);
    }
    shells.ask(0, hold("held", None));
    let run = shells.open[1].begin_run(None).expect("a run").number;
    let caller = RequestContext {
        run,
        number: 1,
        ..RequestContext::default()
    };
    let request = Request::Begin(operation(Kind::Withdraw, None, "a", 20));
    let begun = shells.open[1].transact(&[Asked { caller, request }]);
    begun.expect("begun");
    shells.pass(-8 * DAY);
    (shells, caller)
}

fn opened() -> Request {
    Request::Open {
        account: Name::user("a").expect("a name"),
        overdraft: Some(Balance::new(0)),
        allowance: None,
    }
}

/// What `@budget` has given for the two windows that are forgotten, the first of which is entered again.
const GIVEN: i64 = 2 * LIMIT;

/// What `@budget` has given where the account is touched on the first day again.
fn paid_after(touch: impl FnOnce(&mut Shells, RequestContext)) -> i64 {
    let (mut shells, caller) = back_on_the_first_day(true);
    touch(&mut shells, caller);
    shells.verify();
    shells.paid()
}

#[test]
fn however_an_account_is_touched_its_window_is_not_refilled_again() {
    let id = |text: &str| Id::new(text).expect("an id");
    let by_request = |request| {
        paid_after(|shells, _| {
            shells.ask(1, request);
        })
    };
    for request in [
        withdraw(1),
        opened(),
        Request::VoidHold { id: id("held") },
        Request::Reverse(EntryKey::Id(id("paid"))),
        Request::Reverse(EntryKey::Seq(2)),
    ] {
        let said = format!("{request:?}");
        assert_eq!(by_request(request), GIVEN, "{said}");
    }
    let ended = paid_after(|shells, caller| {
        let request = Request::End(WorkEnd::Void);
        let ended = shells.open[1].transact(&[Asked { caller, request }]);
        ended.expect("ended");
    });
    assert_eq!(ended, GIVEN);
    let run_ended = paid_after(|shells, caller| {
        shells.open[1].end_run(caller.run).expect("ended");
    });
    assert_eq!(run_ended, GIVEN);
}

#[test]
fn what_is_shown_of_such_a_window_is_what_a_touch_makes_of_it() {
    for rollover in [false, true] {
        let (mut shells, _) = back_on_the_first_day(rollover);
        let shown = shells.available();
        shells.ask(1, opened());
        assert_eq!(shells.available(), shown);
    }
}

#[test]
fn what_a_dead_run_gives_back_in_such_a_window_is_shown_as_it_will_be() {
    let (mut shells, _) = back_on_the_first_day(true);
    shells.open.pop();
    let shown = shells.available();
    shells.ask(0, opened());
    assert_eq!(shells.available(), shown);
}

#[test]
fn a_window_that_was_entered_without_a_refill_is_known_too() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    shells.pass(DAY);
    shells.ask(0, opened());
    for _ in 0..9 {
        shells.withdraw(1);
        shells.pass(DAY);
    }
    shells.withdraw(LIMIT);
    shells.pass(-9 * DAY);
    let shown = shells.available();
    shells.ask(1, opened());
    assert_eq!(shells.available(), shown);
    shells.verify();
}
