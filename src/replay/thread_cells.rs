//! The cells that threads share, and how one operation reaches them.

use std::sync::Mutex;

use super::threads::lock;
use super::{ReplayError, StepSeen};
use crate::bank::{Account, Cell, Operation, Sides};
use crate::explore::{Scenario, StepResult};
use crate::sharing::{Compared, NextStep, Part, SharedMemory, Sharing};

/// What the threads share. A step has it alone; between two steps of a thread any other may come.
pub(super) struct ThreadCells {
    /// The cells, in the order of the scenario's places.
    cells: Vec<Cell>,
    /// Which of them are locked.
    locked: Vec<bool>,
    /// The steps that were taken.
    pub(super) steps: Vec<StepSeen>,
}

impl ThreadCells {
    pub(super) fn new(scenario: &Scenario) -> Result<Self, ReplayError> {
        let cells = scenario.places().iter().map(|place| {
            let account = Account::from_parts((place.start, 0, place.floor));
            account.map(|account| Cell {
                name: place.name.clone(),
                open: place.open,
                account,
                version: 0,
                updates: 0,
            })
        });
        let cells: Option<Vec<Cell>> = cells.collect();
        let cells = cells.ok_or(ReplayError::Impossible { operation: 1 })?;
        Ok(ThreadCells {
            locked: vec![false; cells.len()],
            cells,
            steps: Vec::new(),
        })
    }

    /// What each cell holds.
    pub(super) fn balances(&self) -> Vec<i64> {
        let cells = self.cells.iter();
        cells.map(|cell| cell.account.posted).collect()
    }
}

/// The cells as one operation reaches them.
pub(super) struct ThreadAccess<'a> {
    scenario: &'a Scenario,
    process: usize,
    operation: &'a Operation,
    shared: &'a Mutex<ThreadCells>,
    /// What the step under way reads or writes.
    sides: [Option<i64>; 2],
    /// What comes of it.
    result: StepResult,
}

impl<'a> ThreadAccess<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        process: usize,
        shared: &'a Mutex<ThreadCells>,
    ) -> Self {
        ThreadAccess {
            scenario,
            process,
            operation: &scenario.operations()[process],
            shared,
            sides: [None, None],
            result: StepResult::Done,
        }
    }

    pub(super) fn sharing(&self) -> Sharing {
        self.scenario.method().sharing
    }

    pub(super) fn process(&self) -> usize {
        self.process
    }

    /// A step begins.
    pub(super) fn begin(&mut self) {
        (self.sides, self.result) = ([None, None], StepResult::Done);
    }

    /// The step was taken.
    pub(super) fn note(&self, step: NextStep) {
        lock(self.shared).steps.push(StepSeen {
            process: self.process,
            pid: None,
            step,
            sides: self.sides,
            result: self.result,
        });
    }

    fn saw(&mut self, cells: &[Cell]) {
        for (side, cell) in self.sides.iter_mut().zip(cells) {
            *side = Some(cell.account.posted);
        }
    }

    /// Decides on what was seen; `refused` is what comes of the step otherwise.
    fn decide(&mut self, seen: &[Cell], refused: StepResult) -> Option<Vec<Cell>> {
        self.saw(seen);
        let after = Cell::decide(self.operation, seen).ok();
        if after.is_none() {
            self.result = refused;
        }
        after
    }

    /// The cells of the operation, the debit side first.
    fn seen(&self, shared: &ThreadCells) -> Vec<Cell> {
        let sides = self.scenario.sides(self.process);
        sides.map(|place| shared.cells[place].clone()).to_vec()
    }

    fn put(&self, shared: &mut ThreadCells, cells: &[Cell]) {
        for (place, cell) in self.scenario.sides(self.process).into_iter().zip(cells) {
            let version = shared.cells[place].version + 1;
            shared.cells[place] = Cell {
                version,
                ..cell.clone()
            };
        }
    }

    /// The places of a lock.
    fn places(&self, lock: usize) -> Vec<usize> {
        let mut sides = self.scenario.sides(self.process).to_vec();
        if self.scenario.method().sharing == Sharing::Lock {
            return sides;
        }
        if self.scenario.method().lock_order {
            sides.sort_by_key(|place| &self.scenario.places()[*place].name);
        }
        sides.get(lock).copied().into_iter().collect()
    }
}

impl SharedMemory for ThreadAccess<'_> {
    type Draft = Vec<Cell>;
    type Error = ReplayError;

    fn acquire(&mut self, number: usize) -> Result<(), ReplayError> {
        let mut shared = lock(self.shared);
        for place in self.places(number) {
            if std::mem::replace(&mut shared.locked[place], true) {
                let operation = self.process + 1;
                return Err(ReplayError::Impossible { operation });
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Cell>>, ReplayError> {
        let seen = self.seen(&lock(self.shared));
        Ok(self.decide(&seen, StepResult::Refused))
    }

    fn write(&mut self, after: &Vec<Cell>) -> Result<(), ReplayError> {
        self.put(&mut lock(self.shared), after);
        self.saw(after);
        Ok(())
    }

    fn compare_and_set(&mut self, after: &Vec<Cell>) -> Result<Compared<Vec<Cell>>, ReplayError> {
        let mut shared = lock(self.shared);
        let now = self.seen(&shared);
        let same = now
            .iter()
            .zip(after)
            .all(|(now, read)| now.version == read.version);
        if !same {
            self.result = StepResult::Changed;
            return Ok(Compared::Changed(
                self.decide(&now, StepResult::ChangedAndRefused),
            ));
        }
        self.put(&mut shared, after);
        self.saw(after);
        Ok(Compared::Set)
    }

    fn release(&mut self, number: usize) -> Result<(), ReplayError> {
        let mut shared = lock(self.shared);
        for place in self.places(number) {
            shared.locked[place] = false;
        }
        Ok(())
    }

    fn ask(&mut self, part: Part) -> Result<bool, ReplayError> {
        let mut shared = lock(self.shared);
        let mut cells = self.seen(&shared);
        self.saw(&cells);
        let after = after(self.operation, part, &cells);
        if let Some(after) = after.or_else(|| void(self.operation, part, &cells)) {
            cells[0].account = after.debit;
            cells[1].account = after.credit;
            cells[1].open = true;
            self.put(&mut shared, &cells);
            self.saw(&cells);
        }
        if after.is_none() {
            self.result = StepResult::Refused;
        }
        Ok(after.is_some())
    }
}

/// The two sides of an operation, if money may leave the first.
fn sides(cells: &[Cell]) -> Option<Sides> {
    match cells {
        [debit, credit] if debit.open => Some(Sides {
            debit: debit.account,
            credit: credit.account,
        }),
        _ => None,
    }
}

/// What the owner makes of the two sides, if the bank's rules allow it.
fn after(operation: &Operation, part: Part, cells: &[Cell]) -> Option<Sides> {
    let (before, amount) = (sides(cells)?, operation.amount()?);
    match part {
        Part::Whole => before.execute(amount).ok(),
        Part::Begin => before.begin(amount).ok(),
        Part::Post => before.post(amount, amount).ok(),
    }
}

/// What was set aside is given back, where it cannot be posted.
fn void(operation: &Operation, part: Part, cells: &[Cell]) -> Option<Sides> {
    let (before, amount) = (sides(cells)?, operation.amount()?);
    (part == Part::Post).then(|| before.void(amount))
}
