//! One moment between two steps: what is shared, and how far each operation has come.

use std::convert::Infallible;

use super::scenario::{Move, Scenario};
use crate::bank::{Account, Sides};
use crate::sharing::{Compared, NextStep, Part, SharedMemory, Steps};

/// What an operation will write, debit side first. Only a compare-and-set needs to know more: whether
/// another write has come since. Then what it would have written does not matter any more, and is
/// left out, so that states that cannot be told apart are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Draft {
    after: [i64; 2],
    overtaken: bool,
}

/// The sums of one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct AccountSums {
    pub(super) posted: i64,
    held: i64,
}

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It was taken as it is.
    Done,
    /// The bank's rules said no to what was read, or asked.
    Refused,
    /// The compare-and-set found another write; it was not written, and decided on anew.
    Changed,
    /// As `Changed`, and the rules said no to what stands there now.
    ChangedAndRefused,
}

/// One step as it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTaken {
    /// Whose step, from 0.
    pub process: usize,
    /// Which.
    pub step: NextStep,
    /// What was read or written, debit side first; after a request, what the owner has.
    pub sides: [i64; 2],
    /// What came of it.
    pub result: StepResult,
}

/// What the operations have made of what they share so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SharedState {
    pub(super) sums: Box<[AccountSums]>,
    open: u128,
    locked: u128,
    pub(super) steps: Box<[Steps<Draft>]>,
}

impl SharedState {
    /// Before the first step.
    pub(super) fn start(scenario: &Scenario) -> Self {
        let sums = scenario.places.iter().map(|place| AccountSums {
            posted: place.start,
            held: 0,
        });
        let open = (0..).zip(&scenario.places).filter(|(_, place)| place.open);
        let steps = scenario.operations.iter();
        SharedState {
            sums: sums.collect(),
            open: open.fold(0, |all, (number, _): (u32, _)| all | 1 << number),
            locked: 0,
            steps: steps.map(|_| Steps::new(scenario.method.sharing)).collect(),
        }
    }

    /// The next step of this operation; none if it has ended.
    pub(super) fn next(&self, scenario: &Scenario, process: usize) -> Option<NextStep> {
        self.steps[process].next(scenario.method.sharing)
    }

    /// Whether this operation can take a step now: it has not ended, and waits for no lock.
    pub(super) fn can_go(&self, scenario: &Scenario, process: usize) -> bool {
        match self.next(scenario, process) {
            None => false,
            Some(NextStep::Acquire(lock)) => self.locked & scenario.lock(process, lock) == 0,
            Some(_) => true,
        }
    }

    /// Takes the next step of an operation that can go.
    pub(super) fn take(&mut self, scenario: &Scenario, process: usize) -> Option<StepTaken> {
        let sharing = scenario.method.sharing;
        let step = self.next(scenario, process)?;
        let mut steps = self.steps[process];
        let mut access = ProcessAccess {
            scenario,
            process,
            state: self,
            sides: [0, 0],
            result: StepResult::Done,
        };
        let Ok(()) = steps.step(sharing, &mut access);
        let (sides, result) = (access.sides, access.result);
        self.steps[process] = steps;
        if step == NextStep::CompareAndSet && result == StepResult::Done {
            self.overtake(scenario, process);
        }
        Some(StepTaken {
            process,
            step,
            sides,
            result,
        })
    }

    /// A process that has read what was just written over will find it changed.
    fn overtake(&mut self, scenario: &Scenario, writer: usize) {
        let written = scenario.moves[writer].sides;
        for (other, steps) in self.steps.iter_mut().enumerate() {
            let shares = |place: &usize| scenario.moves[other].touches(*place);
            if let Some(draft) = steps.draft_mut().filter(|_| written.iter().any(shares)) {
                *draft = Draft {
                    after: [0, 0],
                    overtaken: true,
                };
            }
        }
    }

    /// The same state with equal operations in a fixed order, so that which of them is which does not
    /// count.
    pub(super) fn sorted(mut self, scenario: &Scenario) -> Self {
        for group in scenario.groups.iter().filter(|group| group.len() > 1) {
            let mut steps: Vec<_> = group.iter().map(|process| self.steps[*process]).collect();
            steps.sort_unstable();
            for (process, steps) in group.iter().zip(steps) {
                self.steps[*process] = steps;
            }
        }
        self
    }

    /// The operations that the bank has accepted.
    pub(super) fn accepted(&self, process: usize) -> bool {
        self.steps[process].accepted() == Some(true)
    }

    /// Whether every operation has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.steps.iter().all(|steps| steps.accepted().is_some())
    }
}

/// What is shared, as one operation reaches it.
struct ProcessAccess<'a> {
    scenario: &'a Scenario,
    process: usize,
    state: &'a mut SharedState,
    sides: [i64; 2],
    result: StepResult,
}

impl ProcessAccess<'_> {
    fn moves(&self) -> Move {
        self.scenario.moves[self.process]
    }

    fn note(&mut self) {
        self.sides = self
            .moves()
            .sides
            .map(|place| self.state.sums[place].posted);
    }

    /// The two accounts as they stand, if money may leave the first.
    fn accounts(&self) -> Option<Sides> {
        let [debit, credit] = self.moves().sides;
        let account = |place: usize| {
            let AccountSums { posted, held } = self.state.sums[place];
            Account::from_parts((posted, held, self.scenario.places[place].floor))
        };
        let open = self.state.open & 1 << debit != 0;
        let (debit, credit) = (account(debit)?, account(credit)?);
        open.then_some(Sides { debit, credit })
    }

    fn set(&mut self, after: Sides) {
        for (place, account) in self
            .moves()
            .sides
            .into_iter()
            .zip([after.debit, after.credit])
        {
            let (posted, held, _) = account.parts();
            self.state.sums[place] = AccountSums { posted, held };
            self.state.open |= 1 << place;
        }
        self.note();
    }

    fn decide(&mut self) -> Option<Draft> {
        self.note();
        let amount = self.moves().amount;
        let after = self.accounts()?.execute(amount).ok()?;
        Some(Draft {
            after: [after.debit.posted, after.credit.posted],
            overtaken: false,
        })
    }
}

impl SharedMemory for ProcessAccess<'_> {
    type Draft = Draft;
    type Error = Infallible;

    fn acquire(&mut self, lock: usize) -> Result<(), Infallible> {
        self.state.locked |= self.scenario.lock(self.process, lock);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Draft>, Infallible> {
        let draft = self.decide();
        if draft.is_none() {
            self.result = StepResult::Refused;
        }
        Ok(draft)
    }

    fn write(&mut self, draft: &Draft) -> Result<(), Infallible> {
        for (place, posted) in self.moves().sides.into_iter().zip(draft.after) {
            self.state.sums[place].posted = posted;
            self.state.open |= 1 << place;
        }
        self.sides = draft.after;
        Ok(())
    }

    fn compare_and_set(&mut self, draft: &Draft) -> Result<Compared<Draft>, Infallible> {
        if !draft.overtaken {
            self.write(draft)?;
            return Ok(Compared::Set);
        }
        let again = self.decide();
        self.result = match again {
            Some(_) => StepResult::Changed,
            None => StepResult::ChangedAndRefused,
        };
        Ok(Compared::Changed(again))
    }

    fn release(&mut self, lock: usize) -> Result<(), Infallible> {
        self.state.locked &= !self.scenario.lock(self.process, lock);
        Ok(())
    }

    fn ask(&mut self, part: Part) -> Result<bool, Infallible> {
        let amount = self.moves().amount;
        let before = self.accounts();
        let after = before.and_then(|sides| match part {
            Part::Whole => sides.execute(amount).ok(),
            Part::Begin => sides.begin(amount).ok(),
            Part::Post => sides.post(amount, amount).ok(),
        });
        match (after, before) {
            (Some(after), _) => self.set(after),
            // No room on the credit side any more: what was set aside is given back.
            (None, Some(before)) if part == Part::Post => self.set(before.void(amount)),
            (None, _) => self.note(),
        }
        if after.is_none() {
            self.result = StepResult::Refused;
        }
        Ok(after.is_some())
    }
}
