//! What is set aside in a window never exceeds the allowance, whatever the clocks do and whichever process comes
//! first.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Pass(i64),
    Jump(i64),
    Withdraw(i64),
    Hold(i64),
    /// Two withdrawals that are posted together.
    Both(i64, i64),
    /// They are held first.
    HoldBoth(i64, i64),
    Post(usize, i64),
    Void(usize),
    Reverse(u64),
    Deposit(i64),
    Limit(i64),
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let step = prop_oneof![
        3 => (1i64..600).prop_map(Step::Pass),
        2 => prop_oneof![Just(-1i64), Just(1), -3_000i64..3_000, -600_000i64..600_000].prop_map(Step::Jump),
        6 => (1i64..300).prop_map(Step::Withdraw),
        4 => (1i64..300).prop_map(Step::Hold),
        1 => (1i64..200, 1i64..200).prop_map(|(one, other)| Step::Both(one, other)),
        1 => (1i64..200, 1i64..200).prop_map(|(one, other)| Step::HoldBoth(one, other)),
        3 => (0usize..20, 1i64..300).prop_map(|(hold, part)| Step::Post(hold, part)),
        3 => (0usize..20).prop_map(Step::Void),
        1 => (1u64..40).prop_map(Step::Reverse),
        1 => (1i64..300).prop_map(Step::Deposit),
        1 => (200i64..700).prop_map(Step::Limit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec((0usize..40, step), 1..60)
}

/// What was set aside and not given back while the clock stood in one window.
struct Visit {
    window: Moment,
    number: u32,
    spent: i64,
}

/// A hold, and what it set aside in which visit.
struct OpenHoldOf {
    amount: i64,
    visit: u32,
    /// It is posted whole.
    is_group: bool,
}

fn both(one: i64, other: i64, id: Option<Id>) -> Operation {
    let parts = [one, other].map(|minor| operation(Kind::Withdraw, None, "a", minor));
    let group = Group::new(parts.to_vec()).expect("a group");
    group.operation(id)
}

/// Does the steps, and holds what is set aside in each visit of a window against the limit.
fn check(steps: Vec<(usize, Step)>, shells: usize) {
    let allowance = allowance(Period::Day, false);
    let mut shells = Shells::new(shells, allowance.clone());
    let mut visit = Visit {
        window: allowance.window(shells.now()).0,
        number: 0,
        spent: 0,
    };
    let mut holds: Vec<Option<OpenHoldOf>> = Vec::new();
    let mut entered = BTreeSet::from([visit.window]);
    let mut brought = 0;
    let mut highest = LIMIT;
    for (shell, step) in steps {
        let (window, _) = allowance.window(shells.now());
        if window != visit.window {
            let number = visit.number + 1;
            visit = Visit {
                window,
                number,
                spent: 0,
            };
        }
        if !matches!(step, Step::Pass(_) | Step::Jump(_)) {
            entered.insert(window);
        }
        let id = |number: usize| Id::new(&format!("hold-{number}")).expect("an id");
        match step {
            Step::Pass(minutes) | Step::Jump(minutes) => shells.pass(minutes * MINUTE),
            Step::Withdraw(minor) => {
                if let Outcome::Posted { .. } = shells.ask(shell, withdraw(minor)).outcome {
                    visit.spent += minor;
                }
            }
            Step::Both(one, other) => {
                let operation = both(one, other, None);
                let asked = shells.ask(shell, Request::Execute(operation));
                if let Outcome::Posted { .. } = asked.outcome {
                    visit.spent += one + other;
                }
            }
            Step::Hold(_) | Step::HoldBoth(..) => {
                let id = Some(id(holds.len()));
                let (operation, minor, is_group) = match step {
                    Step::HoldBoth(one, other) => (both(one, other, id), one + other, true),
                    Step::Hold(minor) => {
                        let operation = operation(Kind::Withdraw, None, "a", minor);
                        (Operation { id, ..operation }, minor, false)
                    }
                    _ => continue,
                };
                let lasts = None;
                let asked = shells.ask(shell, Request::Hold { operation, lasts });
                let is_held = matches!(asked.outcome, Outcome::Held { .. });
                holds.push(is_held.then_some(OpenHoldOf {
                    amount: minor,
                    visit: visit.number,
                    is_group,
                }));
                visit.spent += if is_held { minor } else { 0 };
            }
            Step::Post(hold, part) => {
                let Some(open) = holds.get_mut(hold).and_then(Option::take) else {
                    continue;
                };
                let (part, amount) = match open.is_group {
                    true => (open.amount, None),
                    false => (part.min(open.amount), Amount::new(part.min(open.amount))),
                };
                let id = id(hold);
                shells.ask(shell, Request::PostHold { id, amount });
                if open.visit == visit.number {
                    visit.spent -= open.amount - part;
                }
            }
            Step::Void(hold) => {
                let Some(open) = holds.get_mut(hold).and_then(Option::take) else {
                    continue;
                };
                shells.ask(shell, Request::VoidHold { id: id(hold) });
                if open.visit == visit.number {
                    visit.spent -= open.amount;
                }
            }
            Step::Reverse(seq) => {
                let asked = shells.ask(shell, Request::Reverse(EntryKey::Seq(seq)));
                if let (Outcome::Posted { amount, .. }, false) = (asked.outcome, asked.duplicate) {
                    brought += amount.minor();
                }
            }
            Step::Deposit(minor) => {
                shells.ask(
                    shell,
                    Request::Execute(operation(Kind::Deposit, None, "a", minor)),
                );
                brought += minor;
            }
            Step::Limit(minor) => {
                shells.set(limit(minor));
                highest = highest.max(minor);
            }
            Step::Kill => {
                let shell = shell % shells.open.len();
                let started = shells.start();
                shells.open[shell] = started;
            }
        }
        let windows = entered.len() as i64;
        assert!(shells.paid() <= highest * windows, "{windows} windows");
        let most = highest + brought;
        assert!(visit.spent <= most, "{} of {most}", visit.spent);
    }
    shells.verify();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_set_aside_in_a_window_never_exceeds_the_allowance(steps in steps()) {
        check(steps, 4);
    }
}
