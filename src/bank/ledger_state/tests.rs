//! Random sequences of requests against a model that is plainly right.

mod answers;
mod model;
mod two_steps;
mod windows;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::bank::{
    Action, Amount, Id, Kind, NullJournal, Outcome, Rejection, Request, RequestContext, WorkEnd,
};

use model::{Model, Sums};

/// One request, as it is drawn.
#[derive(Clone, Debug)]
enum Step {
    Execute(Operation, Terms),
    Begin(Operation, Terms),
    Open(Name, Option<i64>),
    /// The end of one of the numbers used so far, or of one never used.
    End(Index, Request),
}

/// On which terms it is asked.
#[derive(Clone, Copy, Debug)]
struct Terms {
    strict: bool,
    has_side_effects: bool,
}

fn terms() -> impl Strategy<Value = Terms> {
    (prop::bool::weighted(0.2), any::<bool>()).prop_map(|(strict, has_side_effects)| Terms {
        strict,
        has_side_effects,
    })
}

/// Amounts of everyday sizes, which meet, and of the largest, which overflow.
fn amount() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => 1i64..=20,
        1 => 1..=i64::MAX,
        1 => (0i64..3).prop_map(|less| i64::MAX - less),
        1 => (-2i64..3).prop_map(|more| i64::MAX / 2 + more),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let id = proptest::option::of(select(vec!["i", "j", "k"]));
    let account = select(vec!["a", "b", "c"]);
    let to = select(vec!["a", "b", "c", "@world", "@loans"]);
    (select(Kind::ALL.to_vec()), id, account, to, amount()).prop_map(
        |(kind, id, account, to, minor)| {
            let id = id.map(|id| Id::new(id).expect("an id"));
            let account = Name::user(account).expect("a name");
            let to = Name::other_side(to).expect("a name");
            let to = (kind == Kind::Transfer).then_some(to);
            let amount = Amount::new(minor).filter(|_| kind != Kind::Balance);
            Operation::new(kind, id, account, to, amount).expect("an operation")
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let spent = proptest::option::of(amount());
    let spent = spent.prop_map(|minor| minor.and_then(Amount::new));
    let end = prop_oneof![
        4 => spent.prop_map(|amount| Request::End(WorkEnd::Post { amount })),
        1 => Just(Request::End(WorkEnd::Void)),
        1 => Just(Request::End(WorkEnd::Unspent)),
        1 => Just(Request::End(WorkEnd::Decline)),
    ];
    let open = (select(vec!["a", "b", "c"]), proptest::option::of(0i64..30));
    prop_oneof![
        6 => (operation(), terms()).prop_map(|(operation, terms)| Step::Execute(operation, terms)),
        6 => (operation(), terms()).prop_map(|(operation, terms)| Step::Begin(operation, terms)),
        6 => (any::<Index>(), end).prop_map(|(index, request)| Step::End(index, request)),
        1 => open.prop_map(|(name, limit)| Step::Open(Name::user(name).expect("a name"), limit)),
    ]
}

fn overdraft() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1i64..30, Just(i64::MAX)]
}

/// Decides a request that is not written down.
fn decide(ledger_state: &mut LedgerState, number: u64, request: Request) -> Option<Answer> {
    let (strict, has_side_effects) = (false, false);
    decide_on(
        ledger_state,
        number,
        request,
        Terms {
            strict,
            has_side_effects,
        },
    )
}

fn decide_on(
    ledger_state: &mut LedgerState,
    number: u64,
    request: Request,
    terms: Terms,
) -> Option<Answer> {
    let Terms {
        strict,
        has_side_effects,
    } = terms;
    let caller = RequestContext {
        number,
        strict,
        has_side_effects,
        ..RequestContext::default()
    };
    ledger_state.decide(&Asked { caller, request }, &mut NullJournal)
}

/// Every account of the ledger state with its posted and held sums.
fn sums(ledger_state: &LedgerState) -> Sums {
    let sums = |(name, account): (&Name, &Account)| {
        let view = account.view();
        let (posted, available) = (
            i128::from(view.posted.minor()),
            i128::from(view.available.minor()),
        );
        (name.clone(), (posted, posted - available))
    };
    ledger_state.accounts().map(sums).collect()
}

/// The bank beside its model, asked the same.
struct Course {
    ledger_state: LedgerState,
    model: Model,
    last_number: u64,
    last_decided: u64,
}

impl Course {
    fn new(overdraft: i64) -> Self {
        Course {
            ledger_state: LedgerState::new(Balance::new(overdraft)),
            model: Model::new(overdraft),
            last_number: 0,
            last_decided: 0,
        }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let before = sums(&self.ledger_state);
        let entries = self.model.entries;
        let (answer, expected, is_end) = self.ask(step);
        let told = |answer: &Option<Answer>| {
            let answer = answer.as_ref();
            answer.map(|answer| (answer.outcome, answer.duplicate))
        };
        prop_assert_eq!(told(&answer), told(&expected), "{:?}", step);
        let after = sums(&self.ledger_state);
        prop_assert_eq!(&after, &self.model.sums);
        // What follows needs no model to be believed.
        let all: i128 = after.values().map(|(posted, _)| posted).sum();
        prop_assert_eq!(all, 0, "money was made or lost");
        for (name, (posted, held)) in after.iter().filter(|(name, _)| !name.is_the_banks()) {
            prop_assert!(*held >= 0, "{} holds less than nothing", name);
            let limit = self.model.opened.get(name).unwrap_or(&self.model.overdraft);
            let had = before.get(name).map_or(0, |(posted, held)| posted - held);
            // Only what was spent beyond what was set aside takes an account below its limit.
            let falls_below = posted - held < -limit && posted - held < had;
            let tells = matches!(
                step,
                Step::End(_, Request::End(WorkEnd::Post { amount: Some(_) }))
            );
            prop_assert!(!falls_below || tells, "{} is overdrawn", name);
        }
        let Some(Answer {
            outcome,
            duplicate,
            decided,
            other_side,
            ..
        }) = answer
        else {
            prop_assert_eq!(&after, &before);
            return Ok(());
        };
        // What changed something has a number of its own, and nothing else has.
        let changes = decided - self.last_decided;
        prop_assert!(changes > 0 || after == before, "{:?}", step);
        self.last_decided = decided;
        let moved = matches!(outcome, Outcome::Posted { .. }) && !duplicate;
        prop_assert_eq!(other_side.is_some(), moved);
        prop_assert!(!moved || changes > 0);
        let refused = matches!(outcome, Outcome::Refused { .. });
        if duplicate || refused && !is_end || matches!(outcome, Outcome::Viewed { .. }) {
            prop_assert_eq!(&after, &before);
        }
        if let (Outcome::Posted { seq, .. }, false) = (outcome, duplicate) {
            prop_assert_eq!(seq, entries + 1);
        }
        Ok(())
    }

    /// What the bank and the model answer, and whether this ended something.
    fn ask(&mut self, step: &Step) -> (Option<Answer>, Option<Answer>, bool) {
        let Course {
            ledger_state,
            model,
            ..
        } = self;
        match step {
            Step::Execute(operation, terms) => {
                self.last_number += 1;
                let request = Request::Execute(operation.clone());
                let answer = decide_on(ledger_state, self.last_number, request, *terms);
                (answer, Some(model.execute(operation, terms.strict)), false)
            }
            Step::Begin(operation, terms) => {
                self.last_number += 1;
                let number = self.last_number;
                let answer = decide_on(
                    ledger_state,
                    number,
                    Request::Begin(operation.clone()),
                    *terms,
                );
                (answer, Some(model.begin(number, operation, *terms)), false)
            }
            Step::Open(name, limit) => {
                let request = Request::Open {
                    account: name.clone(),
                    overdraft: limit.map(Balance::new),
                    allowance: None,
                };
                (
                    decide(ledger_state, 0, request),
                    Some(model.open(name, *limit)),
                    true,
                )
            }
            Step::End(index, request) => {
                let number = index.index(self.last_number as usize + 2) as u64;
                let answer = decide(ledger_state, number, request.clone());
                let expected = match request {
                    Request::End(WorkEnd::Post { amount }) => model.post(number, *amount),
                    how => model.give_back(number, how),
                };
                (answer, expected, true)
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_ledger_state_decides_as_the_model_does(
        overdraft in overdraft(), steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut course = Course::new(overdraft);
        for step in &steps {
            course.take(step)?;
        }
        // Whatever is still under way can be given back, and then nothing is held.
        for number in 0..=course.last_number {
            decide(&mut course.ledger_state, number, Request::End(WorkEnd::Void));
        }
        prop_assert!(sums(&course.ledger_state).values().all(|(_, held)| *held == 0));
    }
}

fn deposit(minor: i64, id: Option<&str>) -> Operation {
    let id = id.map(|id| Id::new(id).expect("an id"));
    let amount = Amount::new(minor);
    Operation::new(Kind::Deposit, id, Name::default(), None, amount).expect("an operation")
}

#[test]
fn a_post_that_has_no_room_any_more_gives_back_what_was_held() {
    let mut ledger_state = LedgerState::new(Balance::default());
    let rest = deposit(i64::MAX, None);
    let small = deposit(1, Some("x"));
    let loan = Operation {
        action: Action::Loan(Amount::new(i64::MAX).expect("positive")),
        ..rest
    };
    assert!(matches!(
        decide(&mut ledger_state, 1, Request::Begin(small.clone())),
        Some(Answer {
            outcome: Outcome::Held { .. },
            ..
        })
    ));
    decide(&mut ledger_state, 2, Request::Execute(loan));
    let answer = decide(
        &mut ledger_state,
        1,
        Request::End(WorkEnd::Post { amount: None }),
    )
    .expect("under way");
    let Outcome::Refused { rejection, .. } = answer.outcome else {
        panic!("{answer:?}");
    };
    assert_eq!(rejection, Rejection::BalanceOverflow);
    assert!(sums(&ledger_state).values().all(|(_, held)| *held == 0));
    // The refusal is the outcome from now on.
    let again = decide(&mut ledger_state, 3, Request::Execute(small)).expect("an answer");
    assert_eq!((again.outcome, again.duplicate), (answer.outcome, true));
}

#[test]
fn a_voided_id_can_be_tried_again() {
    let mut ledger_state = LedgerState::new(Balance::default());
    let asked = deposit(5, Some("x"));
    for number in 1..4 {
        let held =
            decide(&mut ledger_state, number, Request::Begin(asked.clone())).expect("an answer");
        assert!(
            matches!(held.outcome, Outcome::Held { .. }) && !held.duplicate,
            "{held:?}"
        );
        let voided =
            decide(&mut ledger_state, number, Request::End(WorkEnd::Void)).expect("under way");
        assert!(matches!(voided.outcome, Outcome::Voided { .. }));
        assert_eq!(
            decide(
                &mut ledger_state,
                number,
                Request::End(WorkEnd::Post { amount: None })
            ),
            None
        );
    }
    let posted = decide(&mut ledger_state, 9, Request::Execute(asked)).expect("an answer");
    assert!(matches!(posted.outcome, Outcome::Posted { seq: 1, .. }) && !posted.duplicate);
}

#[test]
fn every_change_has_a_number_and_what_changes_nothing_has_that_of_the_last() {
    let mut ledger_state = LedgerState::new(Balance::default());
    let mut decided = |request| {
        let answer = decide(&mut ledger_state, 1, request).expect("an answer");
        let other_side = answer.other_side.map(|view| view.posted.minor());
        (answer.decided, other_side)
    };
    let execute = |operation: &Operation| Request::Execute(operation.clone());
    let amount = Amount::new(30).expect("positive");
    let of_main = |id: Option<&str>, action| Operation {
        action,
        ..deposit(100, id)
    };
    let to = Name::user("rent").expect("a name");
    let transfer = of_main(None, Action::Transfer { amount, to });
    let (view, withdraw) = (
        Action::Balance,
        Action::Withdraw(Amount::new(500).expect("positive")),
    );
    assert_eq!(decided(execute(&deposit(100, Some("a")))), (1, Some(-100)));
    assert_eq!(
        decided(execute(&deposit(100, Some("a")))),
        (1, None),
        "a duplicate"
    );
    assert_eq!(
        decided(execute(&of_main(None, view.clone()))),
        (1, None),
        "a view"
    );
    assert_eq!(
        decided(execute(&of_main(Some("v"), view))),
        (2, None),
        "one that is kept"
    );
    assert_eq!(
        decided(execute(&of_main(None, withdraw.clone()))),
        (2, None),
        "a refusal"
    );
    assert_eq!(
        decided(execute(&of_main(Some("w"), withdraw))),
        (3, None),
        "one that is kept"
    );
    assert_eq!(decided(Request::Begin(transfer)), (4, None));
    assert_eq!(
        decided(Request::End(WorkEnd::Post { amount: None })),
        (5, Some(30))
    );
}
