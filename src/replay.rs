//! One order of steps, taken by real threads: each runs one operation, and a gate lets them take their
//! steps in that order.
//!
//! What they share are the cells of `server-share`, with its rules and versions; nothing of it knows how
//! the order was found, so a balance that comes out the same is a second opinion.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, ScopedJoinHandle};
use std::time::Duration;

use crate::bank::{Account, Cell, Operation, Sides};
use crate::explore::{Played, Scenario};
use crate::sharing::{Compared, Part, SharedMemory, Sharing, Steps};

/// How long a thread waits for its turn before it gives up.
const TURN_LIMIT: Duration = Duration::from_secs(10);

/// How an order ended when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEnd {
    /// What each place of the scenario holds.
    pub balances: Vec<i64>,
    /// What became of each operation: accepted, refused, or nothing because it waits for ever.
    pub operations: Vec<Option<bool>>,
}

/// How often an order came out as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How often it was taken.
    pub times: u32,
    /// How often it ended as it must.
    pub reproduced: u32,
    /// How it ended the first time that it did not.
    pub differently: Option<OrderEnd>,
}

/// Why an order could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The system gives no more threads.
    #[error("a thread could not be started for operation `{operation}`: {source}")]
    NoThread {
        /// Which operation, from 1.
        operation: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A thread waited too long.
    #[error(
        "operation `{operation}` waited {TURN_LIMIT:?} for its turn; step {step} of the order did not come"
    )]
    NoTurn {
        /// Which operation, from 1.
        operation: usize,
        /// Which step, from 1.
        step: usize,
    },
    /// A step that the order has and that cannot be taken.
    #[error(
        "operation `{operation}` cannot take its step: a lock is held, or an account is impossible"
    )]
    Impossible {
        /// Which operation, from 1.
        operation: usize,
    },
}

/// Takes the order so many times, with a thread for each operation.
///
/// # Errors
///
/// No thread, or a step that does not come.
pub fn replay(scenario: &Scenario, played: &Played, times: u32) -> Result<Replayed, ReplayError> {
    let ends = played.verdict.ends.iter();
    let must: Vec<i64> = ends.map(|(ended, _)| *ended).collect();
    let mut replayed = Replayed {
        times,
        reproduced: 0,
        differently: None,
    };
    for _ in 0..times {
        let ended = once(scenario, &played.order)?;
        let same = ended.balances == must && ended.operations == played.verdict.operations;
        match same {
            true => replayed.reproduced += 1,
            false => replayed.differently = replayed.differently.or(Some(ended)),
        }
    }
    Ok(replayed)
}

fn once(scenario: &Scenario, order: &[usize]) -> Result<OrderEnd, ReplayError> {
    let gate = StepGate::new(order);
    let board = Mutex::new(ThreadCells::new(scenario)?);
    let (gate, shared) = (&gate, &board);
    let operations = thread::scope(|scope| {
        let numbered = scenario.operations().iter().enumerate();
        let threads = numbered.map(|(process, operation)| {
            let reach = ThreadAccess {
                scenario,
                process,
                operation,
                board: shared,
            };
            let thread = Builder::new().spawn_scoped(scope, move || all_steps(reach, gate));
            thread.map_err(|source| {
                gate.close();
                let operation = process + 1;
                ReplayError::NoThread { operation, source }
            })
        });
        let threads: Result<Vec<_>, _> = threads.collect();
        threads?.into_iter().map(joined).collect::<Result<_, _>>()
    })?;
    let cells = &lock(&board).cells;
    Ok(OrderEnd {
        balances: cells.iter().map(|cell| cell.account.posted).collect(),
        operations,
    })
}

/// What one thread does; whether its operation was accepted, if it came to an end.
fn all_steps(mut reach: ThreadAccess, gate: &StepGate) -> Result<Option<bool>, ReplayError> {
    let sharing = reach.scenario.manner().sharing;
    let mut steps = Steps::new(sharing);
    while steps.next(sharing).is_some() {
        let Some(turn) = gate.enter(reach.process)? else {
            return Ok(None);
        };
        let taken = steps.step(sharing, &mut reach);
        if taken.is_err() {
            gate.close();
        }
        taken?;
        drop(turn);
    }
    Ok(steps.accepted())
}

/// What a thread returned; a panic goes on in the caller.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|payload| std::panic::resume_unwind(payload))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets threads take their steps in an order.
struct StepGate<'a> {
    order: &'a [usize],
    /// How many steps were taken.
    taken: Mutex<usize>,
    moved: Condvar,
}

/// A step that a thread may take now; the next one's turn comes when it is dropped.
struct StepTurn<'a>(&'a StepGate<'a>);

impl<'a> StepGate<'a> {
    fn new(order: &'a [usize]) -> Self {
        StepGate {
            order,
            taken: Mutex::new(0),
            moved: Condvar::new(),
        }
    }

    /// Waits until it is this operation's turn; nothing if the order ends before.
    fn enter(&'a self, process: usize) -> Result<Option<StepTurn<'a>>, ReplayError> {
        let not_yet = |taken: &mut usize| {
            let next = self.order.get(*taken);
            next.is_some_and(|next| *next != process)
        };
        let waited = self
            .moved
            .wait_timeout_while(lock(&self.taken), TURN_LIMIT, not_yet);
        let (taken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            let (operation, step) = (process + 1, *taken + 1);
            return Err(ReplayError::NoTurn { operation, step });
        }
        // A turn that is made is given back, and would wait here for the count that is held.
        Ok(match *taken < self.order.len() {
            true => Some(StepTurn(self)),
            false => None,
        })
    }

    /// Ends the order, so that no thread waits for its turn any more.
    fn close(&self) {
        *lock(&self.taken) = self.order.len();
        self.moved.notify_all();
    }
}

impl Drop for StepTurn<'_> {
    fn drop(&mut self) {
        let mut taken = lock(&self.0.taken);
        *taken = (*taken + 1).min(self.0.order.len());
        self.0.moved.notify_all();
    }
}

/// What the threads share. A step has it alone; between two steps of a thread any other may come.
struct ThreadCells {
    /// The cells, in the order of the scenario's places.
    cells: Vec<Cell>,
    /// Which of them are locked.
    locked: Vec<bool>,
}

impl ThreadCells {
    fn new(scenario: &Scenario) -> Result<Self, ReplayError> {
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
        })
    }
}

/// The board as one operation reaches it.
struct ThreadAccess<'a> {
    scenario: &'a Scenario,
    process: usize,
    operation: &'a Operation,
    board: &'a Mutex<ThreadCells>,
}

impl ThreadAccess<'_> {
    /// The cells of the operation, the debit side first.
    fn seen(&self, board: &ThreadCells) -> Vec<Cell> {
        let sides = self.scenario.sides(self.process);
        sides.map(|place| board.cells[place].clone()).to_vec()
    }

    fn put(&self, board: &mut ThreadCells, cells: &[Cell]) {
        for (place, cell) in self.scenario.sides(self.process).into_iter().zip(cells) {
            let version = board.cells[place].version + 1;
            board.cells[place] = Cell {
                version,
                ..cell.clone()
            };
        }
    }

    /// The places of a lock.
    fn places(&self, lock: usize) -> Vec<usize> {
        let mut sides = self.scenario.sides(self.process).to_vec();
        if self.scenario.manner().sharing == Sharing::Lock {
            return sides;
        }
        if self.scenario.manner().lock_order {
            sides.sort_by_key(|place| &self.scenario.places()[*place].name);
        }
        sides.get(lock).copied().into_iter().collect()
    }
}

impl SharedMemory for ThreadAccess<'_> {
    type Draft = Vec<Cell>;
    type Error = ReplayError;

    fn acquire(&mut self, number: usize) -> Result<(), ReplayError> {
        let mut board = lock(self.board);
        for place in self.places(number) {
            if std::mem::replace(&mut board.locked[place], true) {
                let operation = self.process + 1;
                return Err(ReplayError::Impossible { operation });
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Vec<Cell>>, ReplayError> {
        let seen = self.seen(&lock(self.board));
        Ok(Cell::decide(self.operation, &seen).ok())
    }

    fn write(&mut self, after: &Vec<Cell>) -> Result<(), ReplayError> {
        self.put(&mut lock(self.board), after);
        Ok(())
    }

    fn compare_and_set(&mut self, after: &Vec<Cell>) -> Result<Compared<Vec<Cell>>, ReplayError> {
        let mut board = lock(self.board);
        let now = self.seen(&board);
        let same = now
            .iter()
            .zip(after)
            .all(|(now, read)| now.version == read.version);
        if !same {
            return Ok(Compared::Changed(Cell::decide(self.operation, &now).ok()));
        }
        self.put(&mut board, after);
        Ok(Compared::Set)
    }

    fn release(&mut self, number: usize) -> Result<(), ReplayError> {
        let mut board = lock(self.board);
        for place in self.places(number) {
            board.locked[place] = false;
        }
        Ok(())
    }

    fn ask(&mut self, part: Part) -> Result<bool, ReplayError> {
        let mut board = lock(self.board);
        let mut cells = self.seen(&board);
        let (Some(amount), [debit, credit]) = (self.operation.amount(), &mut cells[..]) else {
            return Ok(false);
        };
        if !debit.open {
            return Ok(false);
        }
        let before = Sides {
            debit: debit.account,
            credit: credit.account,
        };
        let after = match part {
            Part::Whole => before.execute(amount),
            Part::Begin => before.begin(amount),
            Part::Post => before.post(amount, amount),
        };
        let accepted = after.is_ok();
        let after = match (after, part) {
            (Ok(after), _) => after,
            (Err(_), Part::Post) => before.void(amount),
            (Err(_), _) => return Ok(false),
        };
        (debit.account, credit.account) = (after.debit, after.credit);
        credit.open = true;
        self.put(&mut board, &cells);
        Ok(accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{play, read_token};

    fn check(token: &str) {
        let (scenario, order) = read_token(token).expect("a token");
        let mut played = play(&scenario, &order).expect("an order");
        let replayed = replay(&scenario, &played, 100).expect("turns");
        assert_eq!(
            (replayed.reproduced, replayed.differently),
            (100, None),
            "{token}"
        );
        // Were it to end otherwise, it would be seen.
        played.verdict.ends[0].0 += 1;
        let replayed = replay(&scenario, &played, 2).expect("turns");
        assert_eq!(replayed.reproduced, 0, "{token}");
        assert!(replayed.differently.is_some(), "{token}");
    }

    #[test]
    fn threads_end_where_the_order_ends() {
        for token in [
            "x1/none/main=1000/w500,d500/1221",
            "x1/none/main=1000/w500,d500,t500,l500/11223443",
            "x1/none/main=1000/w600,w600/112",
            "x1/none/main=1000,b=5/t600=main=b,t3=b=main,d1/122331",
            "x1/cas/main=1000/w500,d500/12122",
            "x1/cas/main=1000/w600,w600/1212",
            "x1/lock/main=1000/w600,w600/1111222",
            "x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12",
            "x1/mutex-in-order/a=10,b=10/t5=a=b,t5=b=a/111111222222",
            "x1/owner/main=1000/w600,w600/21",
            "x1/owner-with-work/main=1000/w600,w500,d5/13231",
        ] {
            check(token);
        }
    }

    #[test]
    fn a_turn_that_does_not_come_is_not_waited_for_in_vain() {
        let gate = StepGate::new(&[0, 1]);
        assert!(gate.enter(0).expect("its turn").is_some());
        assert!(gate.enter(1).expect("its turn").is_some());
        assert!(gate.enter(0).expect("the end").is_none());
        let closed = StepGate::new(&[0]);
        closed.close();
        assert!(closed.enter(1).expect("the end").is_none());
    }
}
