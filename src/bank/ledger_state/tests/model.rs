//! The same bank, plainly right and without any care for speed.

use std::collections::{BTreeMap, HashMap};

use super::Terms;
use crate::bank::{
    Amount, Answer, Balance, Id, LOANS, Movement, Name, Operation, Outcome, Rejection, Request,
    View, WORLD, WorkEnd,
};

/// Posted and held sums of every open account.
pub(super) type Sums = BTreeMap<Name, (i128, i128)>;

/// The same bank without any care for speed: unbounded sums, and the history of every id.
pub(super) struct Model {
    pub(super) sums: Sums,
    pub(super) overdraft: i128,
    /// The limits of accounts that were opened by a request.
    pub(super) opened: HashMap<Name, i128>,
    /// What is under way, and whether it may tell what was spent.
    under_way: HashMap<u64, (Operation, bool)>,
    /// Nothing while under way.
    ids: HashMap<Id, (Operation, Option<Outcome>)>,
    pub(super) entries: u64,
}

impl Model {
    pub(super) fn new(overdraft: i64) -> Self {
        Model {
            sums: Sums::from([(WORLD.clone(), (0, 0)), (LOANS.clone(), (0, 0))]),
            overdraft: overdraft.into(),
            opened: HashMap::new(),
            under_way: HashMap::new(),
            ids: HashMap::new(),
            entries: 0,
        }
    }

    fn view(&self, name: &Name) -> Option<View> {
        let balance = |sum: i128| Balance::new(sum.try_into().expect("in range"));
        self.sums.get(name).map(|(posted, held)| View {
            posted: balance(*posted),
            available: balance(posted - held),
        })
    }

    /// What is known of the operation's id.
    fn known(&self, operation: &Operation) -> Option<Answer> {
        let (first, outcome) = self.ids.get(operation.id.as_ref()?)?;
        let refused = |rejection| Outcome::Refused {
            rejection,
            view: None,
        };
        let same = first.account == operation.account && first.action == operation.action;
        Some(match outcome {
            _ if !same => refused(Rejection::IdConflict).into(),
            None => refused(Rejection::InProgress).into(),
            Some(outcome) => Answer::repeated(*outcome),
        })
    }

    fn remember(&mut self, operation: &Operation, outcome: Option<Outcome>) {
        if let Some(id) = operation.id.clone() {
            self.ids.insert(id, (operation.clone(), outcome));
        }
    }

    /// Why the operation cannot begin, if it cannot.
    fn objection(&self, operation: &Operation, strict: bool) -> Option<Rejection> {
        let Some(Movement {
            debit,
            credit,
            amount,
        }) = operation.movement()
        else {
            let known = self.sums.contains_key(&operation.account);
            return (!known).then_some(Rejection::UnknownAccount);
        };
        if debit == credit {
            return Some(Rejection::SameAccount);
        }
        let Some((posted, held)) = self.sums.get(debit) else {
            return Some(Rejection::UnknownAccount);
        };
        let is_opened = |name: &Name| name.is_the_banks() || self.opened.contains_key(name);
        if strict && !(is_opened(debit) && is_opened(credit)) {
            return Some(Rejection::UnknownAccount);
        }
        let overdraft = self.opened.get(debit).unwrap_or(&self.overdraft);
        let amount = i128::from(amount.minor());
        let arrived = self.sums.get(credit).map_or(0, |(posted, _)| *posted) + amount;
        let rest = posted - held - amount;
        let range = i128::from(i64::MIN)..=i128::from(i64::MAX);
        if [rest, held + amount, arrived]
            .iter()
            .any(|sum| !range.contains(sum))
        {
            return Some(Rejection::BalanceOverflow);
        }
        let short = !debit.is_the_banks() && rest < -overdraft;
        short.then_some(Rejection::InsufficientFunds)
    }

    fn refuse(&mut self, operation: &Operation, rejection: Rejection) -> Answer {
        let view = self.view(&operation.account);
        let outcome = Outcome::Refused { rejection, view };
        self.remember(operation, Some(outcome));
        outcome.into()
    }

    pub(super) fn execute(&mut self, operation: &Operation, strict: bool) -> Answer {
        if let Some(answer) = self.known(operation) {
            return answer;
        }
        match self.objection(operation, strict) {
            Some(rejection) => self.refuse(operation, rejection),
            None => self.enter(operation, operation.amount()),
        }
    }

    /// Moves so much.
    fn enter(&mut self, operation: &Operation, amount: Option<Amount>) -> Answer {
        let moved = amount.map_or(0, Amount::minor);
        if let Some(movement) = operation.movement() {
            let amount = i128::from(moved);
            self.sums.entry(movement.debit.clone()).or_default().0 -= amount;
            self.sums.entry(movement.credit.clone()).or_default().0 += amount;
            self.entries += 1;
        }
        let view = self.view(&operation.account).expect("an open account");
        let seq = self.entries;
        let outcome = match amount {
            Some(amount) => Outcome::Posted { seq, amount, view },
            None => Outcome::Viewed { seq, view },
        };
        self.remember(operation, Some(outcome));
        outcome.into()
    }

    pub(super) fn begin(&mut self, number: u64, operation: &Operation, terms: Terms) -> Answer {
        if let Some(answer) = self.known(operation) {
            return answer;
        }
        if let Some(rejection) = self.objection(operation, terms.strict) {
            return self.refuse(operation, rejection);
        }
        self.hold(operation, 1);
        self.remember(operation, None);
        let tells = terms.has_side_effects && operation.id.is_some();
        self.under_way.insert(number, (operation.clone(), tells));
        // The account of an operation that will open it has nothing yet.
        let nothing = View {
            posted: Balance::default(),
            available: Balance::default(),
        };
        let view = self.view(&operation.account).unwrap_or(nothing);
        Outcome::Held { view }.into()
    }

    fn hold(&mut self, operation: &Operation, sign: i128) {
        if let Some(movement) = operation.movement() {
            let (_, held) = self.sums.get_mut(movement.debit).expect("an open account");
            *held += sign * i128::from(movement.amount.minor());
        }
    }

    /// What is posted is what was spent, whatever was set aside.
    pub(super) fn post(&mut self, number: u64, spent: Option<Amount>) -> Option<Answer> {
        let (operation, tells) = self.under_way.get(&number)?.clone();
        let asked = operation.amount();
        if spent.is_some() && spent != asked && !(tells && asked.is_some()) {
            return None;
        }
        self.under_way.remove(&number);
        self.hold(&operation, -1);
        let amount = spent.or(asked);
        let full = operation.movement().is_some_and(|movement| {
            let sums = |name| self.sums.get(name).copied().unwrap_or((0, 0));
            let moved = i128::from(amount.map_or(0, Amount::minor));
            let ((left, held), (arrived, _)) = (sums(movement.debit), sums(movement.credit));
            arrived + moved > i64::MAX.into() || left - moved - held < i64::MIN.into()
        });
        Some(match full {
            true => self.refuse(&operation, Rejection::BalanceOverflow),
            false => self.enter(&operation, amount),
        })
    }

    pub(super) fn give_back(&mut self, number: u64, how: &Request) -> Option<Answer> {
        let (operation, tells) = self.under_way.get(&number)?.clone();
        if *how == Request::End(WorkEnd::Unspent) && !tells {
            return None;
        }
        self.under_way.remove(&number);
        self.hold(&operation, -1);
        if let Some(id) = &operation.id {
            self.ids.remove(id);
        }
        if *how == Request::End(WorkEnd::Decline) {
            return Some(self.refuse(&operation, Rejection::Declined));
        }
        let nothing = View {
            posted: Balance::default(),
            available: Balance::default(),
        };
        let view = self.view(&operation.account).unwrap_or(nothing);
        if *how == Request::End(WorkEnd::Unspent) {
            let outcome = Outcome::Unspent { view };
            self.remember(&operation, Some(outcome));
            return Some(outcome.into());
        }
        Some(Outcome::Voided { view }.into())
    }

    pub(super) fn open(&mut self, name: &Name, limit: Option<i64>) -> Answer {
        let before = self.opened.get(name).copied();
        let now = limit.map(i128::from).or(before).unwrap_or(self.overdraft);
        self.opened.insert(name.clone(), now);
        self.sums.entry(name.clone()).or_default();
        let view = self.view(name).expect("an open account");
        Answer {
            duplicate: before == Some(now),
            ..Outcome::Opened { view }.into()
        }
    }
}
