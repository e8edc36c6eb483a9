//! Random groups against a plain account of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::bank::{
    Answer, Asked, BUDGET, Balance, LedgerState, NullJournal, Outcome, Rejection, Request,
    RequestContext, WorkEnd,
};

fn part(kind: Kind, account: &str, to: Option<&str>, minor: i64) -> Operation {
    let to = to.map(|to| Name::other_side(to).expect("a name"));
    let account = Name::user(account).expect("a name");
    Operation::new(kind, None, account, to, Amount::new(minor)).expect("an operation")
}

fn parts() -> impl Strategy<Value = Vec<Operation>> {
    let kinds = vec![Kind::Withdraw, Kind::Deposit, Kind::Transfer, Kind::Loan];
    let account = || select(vec!["a", "b", "c"]);
    let to = select(vec!["a", "b", "c", "@world"]);
    let drawn = (select(kinds), account(), to, 1i64..9).prop_map(|(kind, account, to, minor)| {
        part(
            kind,
            account,
            Some(to).filter(|_| kind == Kind::Transfer),
            minor,
        )
    });
    prop::collection::vec(drawn, 1..6)
}

#[derive(Clone, Debug)]
enum Step {
    Execute(Vec<Operation>),
    Begin(Vec<Operation>),
    /// The end of one of those that were begun, and whether it is posted.
    End(Index, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => parts().prop_map(Step::Execute),
        3 => parts().prop_map(Step::Begin),
        3 => (any::<Index>(), any::<bool>()).prop_map(|(index, posts)| Step::End(index, posts)),
    ]
}

/// What accounts have, and what is set aside on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Plain {
    posted: BTreeMap<Name, i64>,
    held: BTreeMap<Name, i64>,
    begun: Vec<(u64, Vec<Operation>)>,
}

impl Plain {
    /// Moves the parts one after another; the first that cannot be, and why.
    fn moves(&mut self, parts: &[Operation], checked: bool) -> Result<(), (u8, Rejection)> {
        for (number, part) in (1..).zip(parts) {
            let movement = part.movement().expect("a movement");
            let (debit, credit) = (movement.debit, movement.credit);
            if debit == credit {
                return Err((number, Rejection::SameAccount));
            }
            let posted = self.posted.get(debit).copied();
            let posted = match debit.is_the_banks() {
                true => posted.unwrap_or(0),
                false => posted.ok_or((number, Rejection::UnknownAccount))?,
            };
            let held = self.held.get(debit).copied().unwrap_or(0);
            let left = posted - held - movement.amount.minor();
            if checked && left < 0 && !debit.is_the_banks() {
                return Err((number, Rejection::InsufficientFunds));
            }
            *self.posted.entry(debit.clone()).or_default() -= movement.amount.minor();
            *self.posted.entry(credit.clone()).or_default() += movement.amount.minor();
        }
        Ok(())
    }

    /// The deepest that each account comes below where it was.
    fn needs(parts: &[Operation]) -> BTreeMap<Name, i64> {
        let mut plain = Plain::default();
        let mut needs: BTreeMap<Name, i64> = BTreeMap::new();
        for part in parts {
            let movement = part.movement().expect("a movement");
            *plain.posted.entry(movement.debit.clone()).or_default() -= movement.amount.minor();
            *plain.posted.entry(movement.credit.clone()).or_default() += movement.amount.minor();
            for (name, posted) in &plain.posted {
                let need = needs.entry(name.clone()).or_default();
                *need = (*need).max(-posted);
            }
        }
        needs
    }

    fn hold(&mut self, parts: &[Operation], times: i64) {
        for (name, need) in Plain::needs(parts) {
            *self.held.entry(name).or_default() += need * times;
        }
    }
}

fn ask(state: &mut LedgerState, number: u64, request: Request) -> Answer {
    let caller = RequestContext {
        number,
        ..RequestContext::default()
    };
    let answer = state.decide(&Asked { caller, request }, &mut NullJournal);
    answer.expect("decided")
}

fn group(parts: &[Operation]) -> Operation {
    let group = Group::new(parts.to_vec()).expect("a group");
    group.operation(None)
}

/// What is told of a group that is decided, in its plain form.
fn check_answer(
    answer: &Answer,
    parts: &[Operation],
    expected: Result<(), (u8, Rejection)>,
    entries: &mut u64,
) -> Result<(), TestCaseError> {
    match (expected, answer.outcome) {
        (
            Err((part, rejection)),
            Outcome::Refused {
                rejection: told, ..
            },
        ) => {
            prop_assert_eq!((answer.part(), told), (part, rejection));
        }
        (Ok(()), Outcome::Posted { seq, .. }) => {
            *entries += parts.len() as u64;
            prop_assert_eq!(seq, *entries);
            prop_assert_eq!(answer.parts().len(), parts.len());
        }
        (Ok(()), Outcome::Held { .. } | Outcome::Voided { .. }) => {}
        (expected, told) => prop_assert!(false, "{:?}, must be {:?}", told, expected),
    }
    Ok(())
}

proptest! {
    #[test]
    fn all_parts_are_posted_or_none(steps in prop::collection::vec(step(), 1..30)) {
        let mut state = LedgerState::new(Balance::default());
        let (mut plain, mut entries) = (Plain::default(), 0);
        for (number, step) in (1..).zip(steps) {
            let mut after = plain.clone();
            let (answer, parts, expected) = match step {
                Step::Execute(parts) => {
                    let request = Request::Execute(group(&parts));
                    let expected = after.moves(&parts, true);
                    (ask(&mut state, number, request), parts, expected)
                }
                Step::Begin(parts) => {
                    let request = Request::Begin(group(&parts));
                    let expected = after.clone().moves(&parts, true);
                    after.hold(&parts, 1);
                    after.begun.push((number, parts.clone()));
                    (ask(&mut state, number, request), parts, expected)
                }
                Step::End(index, posts) => {
                    if after.begun.is_empty() {
                        continue;
                    }
                    let place = index.index(after.begun.len());
                    let (begun, parts) = after.begun.remove(place);
                    after.hold(&parts, -1);
                    let end = match posts {
                        true => WorkEnd::Post { amount: None },
                        false => WorkEnd::Void,
                    };
                    // What was set aside is there, whatever came between.
                    let moved = if posts { after.moves(&parts, false) } else { Ok(()) };
                    (ask(&mut state, begun, Request::End(end)), parts, moved)
                }
            };
            check_answer(&answer, &parts, expected, &mut entries)?;
            if expected.is_ok() {
                plain = after;
            }
            let sums = |name: &Name| {
                let account = state.account(name)?;
                Some((account.posted, account.held))
            };
            for (name, posted) in &plain.posted {
                let held = plain.held.get(name).copied().unwrap_or(0);
                let must = (*posted != 0 || held != 0).then_some((*posted, held));
                let is = sums(name).filter(|sums| *sums != (0, 0));
                prop_assert_eq!(is, must, "{}", name);
                prop_assert!(name.is_the_banks() || posted - held >= 0, "{} is overdrawn", name);
            }
            prop_assert_eq!(plain.posted.values().sum::<i64>(), 0);
        }
    }
}

#[test]
fn a_part_may_spend_what_one_before_it_has_brought() {
    let mut state = LedgerState::new(Balance::default());
    let brings = part(Kind::Deposit, "a", None, 5);
    let takes = part(Kind::Withdraw, "a", None, 5);
    let in_order = group(&[brings.clone(), takes.clone()]);
    let answer = ask(&mut state, 1, Request::Execute(in_order.clone()));
    assert!(matches!(answer.outcome, Outcome::Posted { seq: 2, .. }));
    let answer = ask(&mut state, 2, Request::Begin(in_order));
    assert!(matches!(answer.outcome, Outcome::Held { .. }));
    let answer = ask(&mut state, 3, Request::Execute(group(&[takes, brings])));
    let Outcome::Refused { rejection, view } = answer.outcome else {
        panic!("{answer:?}");
    };
    assert_eq!(
        (rejection, answer.part()),
        (Rejection::InsufficientFunds, 1)
    );
    assert_eq!(view.map(|view| view.posted), Some(Balance::default()));
}

#[test]
fn what_cannot_be_a_part_is_refused() {
    let fine = part(Kind::Deposit, "a", None, 5);
    let with_id = Operation {
        id: Id::new("i").ok(),
        ..fine.clone()
    };
    let view = Operation::new(Kind::Balance, None, Name::default(), None, None);
    let opening = Operation::opening(Name::default(), None, None);
    let whole = group(std::slice::from_ref(&fine));
    let large = part(Kind::Deposit, "a", None, i64::MAX);
    let one = part(Kind::Deposit, "a", None, 1);
    let mut to_budget = fine.clone();
    to_budget.action = Action::Transfer {
        amount: Amount::new(5).expect("positive"),
        to: BUDGET.clone(),
    };
    let mut long = fine.clone();
    let mut added = Annotations::default();
    added.set_memo(&"x".repeat(1_024)).expect("a memo");
    long.detail = added.detail();
    for (parts, why) in [
        (vec![], GroupError::Count(0)),
        (vec![fine.clone(); 17], GroupError::Count(17)),
        (vec![with_id], GroupError::Id),
        (vec![view.expect("a view")], GroupError::Kind(Kind::Balance)),
        (vec![opening], GroupError::Kind(Kind::Open)),
        (vec![whole], GroupError::Kind(Kind::Group)),
        (vec![to_budget], GroupError::Kind(Kind::Transfer)),
        (vec![fine.clone(), large.clone()], GroupError::Amount),
        (vec![one, large], GroupError::Amount),
        (vec![long; 16], GroupError::Length),
    ] {
        assert_eq!(Group::new(parts), Err(why));
    }
}

#[test]
fn a_group_is_as_long_as_it_may_be_and_no_longer() {
    let annotated = |length: usize| {
        let mut added = Annotations::default();
        added.set_memo(&"x".repeat(length)).expect("a memo");
        part(Kind::Deposit, "a", None, 5).carrying(added.detail())
    };
    let of = |last| {
        let mut parts = vec![annotated(1_000); 15];
        parts.push(annotated(last));
        Group::new(parts)
    };
    let short = of(1).expect("a group").text().len();
    let most = MAX_DETAIL - short + 1;
    let longest = of(most).expect("as long as it may be");
    assert_eq!(longest.text().len(), MAX_DETAIL);
    assert_eq!(Group::read(longest.text()), Ok(longest.clone()));
    assert_eq!(of(most + 1), Err(GroupError::Length));
}

#[test]
fn a_group_is_read_as_it_is_written_and_not_otherwise() {
    let mut memo = Annotations::default();
    memo.set_memo("May \"rent\"").expect("a memo");
    memo.set_date("2026-11-26").expect("a date");
    let first = part(Kind::Transfer, "a", Some("@world"), 5).carrying(memo.detail());
    let parts = vec![first, part(Kind::Loan, "b", None, 7)];
    let group = Group::new(parts).expect("a group");
    assert_eq!(Group::read(group.text()), Ok(group.clone()));
    assert!(OperationDetail::read(group.text()).is_ok());
    let text = r#"{"all":[{"account":"a","amount":5,"op":"deposit"}]}"#;
    assert!(Group::read(text).is_ok());
    for (word, other) in [
        ("deposit", "balance"),
        ("deposit", "open"),
        ("deposit", "all"),
        ("5", "0"),
        ("5", "5.0"),
        ("\"a\"", "\"@world\""),
        ("{\"all", " {\"all"),
        ("\"op\"", "\"id\":\"i\",\"op\""),
    ] {
        assert_eq!(
            Group::read(&text.replace(word, other)),
            Err(NoGroup),
            "{other}"
        );
    }
    let id = Id::new("rent").ok();
    let [one, two] = group.entries(id.as_ref()).try_into().expect("two");
    let place = |part| {
        let (id, of) = (id.clone(), 2);
        Some(GroupPlace { id, of, part })
    };
    assert_eq!((one.group_place(), two.group_place()), (place(1), place(2)));
    assert_eq!((&one.id, &two.id), (&None, &id));
    assert_eq!(one.annotations(), memo);
    assert_eq!(two.posted_group(), Some(group));
    // What is posted so no user may ask for.
    assert!(!one.is_a_users() && !two.is_a_users());
}
