//! The ledger state: every account, every hold, every id, and the decision about a request.

mod decision;

use hashbrown::HashMap;

use super::journal::{Asked, Journal, Moment, Now, Owner, RequestContext, RunLine};
use super::{
    Account, Answer, Balance, Budget, Id, IdempotencyKeys, LOANS, LineStates, Name, Operation,
    View, VoidReason, WORLD, refill_id,
};
use decision::{Decision, End};

/// Money that is set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What for.
    pub operation: Operation,
    /// Who ends it.
    pub owner: Owner,
    /// The line of a named run that it was begun for, no matter which caller ends it.
    pub line: Option<RunLine>,
    /// Since when.
    pub at: Moment,
}

/// The state of a bank, or that part of it which the next requests touch.
///
/// A store that keeps its state elsewhere brings in the accounts, holds and ids of a batch before it
/// is decided; then this state decides as if it held everything.
pub struct LedgerState {
    slots: HashMap<Name, usize>,
    names: Vec<Name>,
    accounts: Vec<Account>,
    holds: HashMap<u64, Hold>,
    /// The hold of each operation that a run has begun, by the run's own number for it.
    begun: HashMap<(u32, u64), u64>,
    ids: IdempotencyKeys,
    lines: LineStates,
    /// Of the accounts in these places that have an allowance.
    budgets: HashMap<usize, Budget>,
    /// What was posted, as far as it may be made undone by what is decided next.
    posted: HashMap<u64, Operation>,
    last: LastNumbers,
    now: Now,
    overdraft: Balance,
}

/// The last numbers that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastNumbers {
    /// To an entry.
    pub seq: u64,
    /// To another record.
    pub record: u64,
}

const WORLD_SLOT: usize = 0;
const LOANS_SLOT: usize = 1;

impl LedgerState {
    /// An empty state in which every user's account has this overdraft limit.
    pub fn new(overdraft: Balance) -> Self {
        LedgerState {
            slots: HashMap::from([(WORLD.clone(), WORLD_SLOT), (LOANS.clone(), LOANS_SLOT)]),
            names: vec![WORLD.clone(), LOANS.clone()],
            accounts: vec![Account::the_banks(); 2],
            holds: HashMap::new(),
            begun: HashMap::new(),
            ids: IdempotencyKeys::default(),
            lines: LineStates::default(),
            budgets: HashMap::new(),
            posted: HashMap::new(),
            last: LastNumbers::default(),
            now: Now::default(),
            overdraft,
        }
    }

    /// Every account with what it holds, in no particular order.
    pub fn accounts(&self) -> impl Iterator<Item = (&Name, &Account)> {
        let account = |(name, slot): (_, &usize)| (name, &self.accounts[*slot]);
        self.slots.iter().map(account)
    }

    /// An account, if it is known.
    pub fn account(&self, name: &Name) -> Option<&Account> {
        self.slot(name).map(|slot| &self.accounts[slot])
    }

    /// Decides one request, keeps what follows from it and writes it down.
    ///
    /// Nothing is returned, and nothing written down, where the caller asks what it cannot: the end of an
    /// operation that it has not begun, a second begin of one that it has, a part or more of what is held
    /// without work that could tell, or to hold for no time.
    pub fn decide(&mut self, asked: &Asked, journal: &mut impl Journal) -> Option<Answer> {
        let mut decision = Decision::new(&asked.caller, self, journal);
        let answer = decision.answer(&asked.request)?;
        let other_side = decision.other_side;
        let budget = decision.budget.map(Box::new);
        let allowances = decision.moves;
        let group = decision.group;
        let says = group.part > 0 || !group.parts.is_empty();
        Some(Answer {
            decided: self.last.seq + self.last.record,
            other_side,
            budget,
            allowances: (!allowances.is_empty()).then(|| allowances.into()),
            group: says.then(|| Box::new(group)),
            ..answer
        })
    }

    /// Gives back a hold that no caller ends any more.
    pub fn release(&mut self, hold: u64, release: VoidReason, journal: &mut impl Journal) {
        let caller = RequestContext::default();
        let mut decision = Decision::new(&caller, self, journal);
        if let Some(taken) = decision.take(hold) {
            decision.end_taken(hold, &taken, End::GiveBack(release));
        }
    }

    /// Gives a line of a run up.
    pub fn skip(&mut self, line: RunLine, reason: &str, journal: &mut impl Journal) {
        let caller = RequestContext {
            run: line.run,
            line: Some(line.line),
            ..RequestContext::default()
        };
        let mut decision = Decision::new(&caller, self, journal);
        decision.skip(reason);
    }

    /// Ends what a run worked on that is gone: what has no side effects is given back, the rest is in
    /// doubt from now on.
    pub fn abandon(&mut self, hold: u64, journal: &mut impl Journal) {
        let owner = self.holds.get(&hold).map(|hold| hold.owner);
        if let Some(Owner::Run {
            has_side_effects: true,
            ..
        }) = owner
        {
            let caller = RequestContext::default();
            let mut decision = Decision::new(&caller, self, journal);
            decision.doubt(hold);
        } else {
            self.release(hold, VoidReason::Voided, journal);
        }
    }

    fn slot(&self, name: &Name) -> Option<usize> {
        // Nearly every movement has this side.
        if *name == WORLD {
            return Some(WORLD_SLOT);
        }
        self.slots.get(name).copied()
    }

    /// Whether the account in this place was opened by a request, or is one of the bank's own.
    fn is_opened(&self, slot: Option<usize>) -> bool {
        slot.is_some_and(|slot| slot <= LOANS_SLOT || self.accounts[slot].is_opened())
    }

    fn view(&self, name: &Name) -> Option<View> {
        self.slot(name).map(|slot| self.accounts[slot].view())
    }

    /// What an account that was not opened would show.
    fn view_or_nothing(&self, name: &Name) -> View {
        let nothing = || Account::new(self.overdraft).view();
        self.view(name).unwrap_or_else(nothing)
    }

    fn add(&mut self, name: &Name, account: Account) -> usize {
        let slot = self.accounts.len();
        self.accounts.push(account);
        self.names.push(name.clone());
        self.slots.insert(name.clone(), slot);
        slot
    }
}

/// What a store that keeps its state elsewhere brings in and takes out.
impl LedgerState {
    /// Sets the clocks, and goes on from these numbers.
    pub fn resume(&mut self, last: LastNumbers, now: Now) {
        self.last = last;
        self.now = now;
    }

    /// The last numbers that were given.
    pub fn last(&self) -> LastNumbers {
        self.last
    }

    /// The place of an account that is here.
    pub fn place(&self, name: &Name) -> Option<usize> {
        self.slot(name)
    }

    /// The account in a place, and its name.
    pub fn at(&self, slot: usize) -> (&Name, Account) {
        (&self.names[slot], self.accounts[slot])
    }

    /// How many places there are; they are numbered from 0, with `@world` and `@loans` first.
    pub fn places(&self) -> usize {
        self.accounts.len()
    }

    /// Brings in an account, and tells its place.
    pub fn bring_account(&mut self, name: &Name, account: Account) -> usize {
        match self.slot(name) {
            Some(slot) => {
                self.accounts[slot] = account;
                slot
            }
            None => self.add(name, account),
        }
    }

    /// Brings in what is known of the allowance of the account in this place.
    pub fn bring_budget(&mut self, slot: usize, budget: Option<Budget>) {
        match budget {
            Some(budget) => drop(self.budgets.insert(slot, budget)),
            None => drop(self.budgets.remove(&slot)),
        }
    }

    /// What is known of the allowance of the account in this place.
    pub fn budget(&self, slot: usize) -> Option<&Budget> {
        self.budgets.get(&slot)
    }

    /// Whether an account that is here has an allowance.
    pub fn has_budgets(&self) -> bool {
        !self.budgets.is_empty()
    }

    /// The id of the refill that is due for this account, if one is.
    pub fn due_refill(&self, name: &Name) -> Option<Id> {
        let budget = self.budgets.get(&self.slot(name)?)?;
        let wall = self.now.wall;
        let is_due = budget
            .is_due(wall)
            .then(|| budget.allowance().window(wall).0);
        refill_id(name, is_due?, None)
    }

    fn refill_id(&self, name: &Name, start: Moment) -> Option<Id> {
        let id = refill_id(name, start, None)?;
        match self.ids.get(&id) {
            None => Some(id),
            Some(_) => refill_id(name, start, Some(self.last.seq + 1)),
        }
    }

    /// Brings in an entry that may be reversed.
    pub fn bring_posted(&mut self, seq: u64, operation: Operation) {
        self.posted.insert(seq, operation);
    }

    /// What was posted as the entry of this number, if it is here.
    pub fn posted(&self, seq: u64) -> Option<&Operation> {
        self.posted.get(&seq)
    }

    /// Brings in a hold.
    pub fn bring_hold(&mut self, number: u64, hold: Hold) {
        if let Owner::Run {
            run, number: begun, ..
        } = hold.owner
        {
            self.begun.insert((run, begun), number);
        }
        self.holds.insert(number, hold);
    }

    /// The hold of this number, if it is here.
    pub fn held(&self, number: u64) -> Option<&Hold> {
        self.holds.get(&number)
    }

    /// The number of the hold that a run has begun, if it is here.
    pub fn begun(&self, run: u32, number: u64) -> Option<u64> {
        self.begun.get(&(run, number)).copied()
    }

    /// The holds that a run has begun and not ended, in their order.
    pub fn begun_by(&self, run: u32) -> Vec<u64> {
        let all = self.begun.iter();
        let mut holds: Vec<u64> = all
            .filter(|((of, _), _)| *of == run)
            .map(|(_, hold)| *hold)
            .collect();
        holds.sort_unstable();
        holds
    }

    /// The ids that are here.
    pub fn ids(&mut self) -> &mut IdempotencyKeys {
        &mut self.ids
    }

    /// What became of the lines of runs.
    pub fn lines(&mut self) -> &mut LineStates {
        &mut self.lines
    }

    /// Forgets what runs have begun; the store brings back what it knows of that.
    pub fn forget_begun(&mut self) {
        self.begun.clear();
    }

    /// Forgets what a run has begun and what became of its lines: from now on others may end the one and do the
    /// other.
    pub fn leave(&mut self, run: u32) {
        self.begun.retain(|(of, _), _| *of != run);
        self.lines.leave(run);
    }

    /// Forgets every account, hold and id; a store that keeps them brings back those that matter.
    pub fn forget(&mut self) {
        *self = LedgerState {
            last: self.last,
            now: self.now,
            // While a run lives, only it ends what it has begun.
            begun: std::mem::take(&mut self.begun),
            lines: std::mem::take(&mut self.lines),
            ..LedgerState::new(self.overdraft)
        };
    }
}

#[cfg(test)]
mod tests;
