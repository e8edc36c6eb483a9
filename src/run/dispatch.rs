//! Operations go out to workers, and workers are started for them and let go.

mod starting;

use std::collections::VecDeque;
use std::time::Duration;

use super::{Effect, Run};
use crate::bank::{Line, Operation, Outcome};
use crate::event::{Event, InvalidLine, Micros};
use crate::protocol::{Assignment, weight};
use crate::status::Status;
use crate::work::Work;
use crate::workload::Item;

use super::workers::{Assigned, WorkerState};

/// The most bytes that the operations handed to one worker at once may take on the wire.
const WINDOW_BYTES: usize = 32 * 1_024;
/// How many workers are started before the others are looked after again.
const SPAWNS_A_TURN: usize = 4;
/// How many items are taken from the input at once, and how few must be left before.
const BLOCK: usize = 512;
/// The most items that are taken in one turn: an input of nothing but invalid lines must not keep the
/// run from its deadlines, nor fill memory with events.
const ITEMS_A_TURN: usize = 16_384;

/// What comes after the items that were taken from the input.
#[derive(Debug)]
pub enum InputState {
    /// There may be more at once.
    More,
    /// There may be more later.
    NotYet,
    /// Nothing.
    Ended,
    /// It cannot be read, and why.
    Failed(String),
}

/// The part of the input that is here.
#[derive(Debug)]
pub(super) struct Dispatch {
    /// What workers were given and did not begin, and what is looked at before it is given.
    returned: VecDeque<NextOperation>,
    items: VecDeque<Item>,
    rest: InputState,
    /// How many items may still be taken in this turn.
    may_take: usize,
    /// How many workers may still be started in this turn.
    may_start: usize,
    /// Items were asked for and have not come.
    asked: bool,
    /// Nothing is handed out: the outputs have too much to write already.
    paused: bool,
    last_number: u32,
    last_ordinal: u64,
    /// Nothing is handed out before.
    not_before: Duration,
}

impl Default for Dispatch {
    fn default() -> Self {
        Dispatch {
            returned: VecDeque::new(),
            items: VecDeque::new(),
            rest: InputState::NotYet,
            may_take: 0,
            may_start: 0,
            asked: false,
            paused: false,
            last_number: 0,
            last_ordinal: 0,
            not_before: Duration::ZERO,
        }
    }
}

/// An operation that is given to a worker next.
#[derive(Debug)]
pub(super) struct NextOperation {
    /// Its number within the run, from 1.
    pub(super) ordinal: u64,
    pub(super) line: Option<Line>,
    pub(super) operation: Operation,
}

/// What stands next in the input.
enum NextItem {
    Operation(NextOperation),
    Done(u64, Line, Operation, Outcome),
    Skipped(Line, Option<Operation>),
    Invalid(u64, String),
    Failed(String),
}

impl Dispatch {
    /// Another turn begins.
    pub(super) fn begin_turn(&mut self, paused: bool) {
        self.paused = paused;
        self.may_take = ITEMS_A_TURN;
        self.may_start = SPAWNS_A_TURN;
        if matches!(self.rest, InputState::NotYet) {
            self.rest = InputState::More;
        }
    }

    /// Adds what was taken from the input.
    pub(super) fn took(&mut self, items: Vec<Item>, rest: InputState) {
        self.may_take = self.may_take.saturating_sub(items.len());
        match self.items.is_empty() {
            true => self.items = items.into(),
            false => self.items.extend(items),
        }
        self.rest = rest;
        self.asked = false;
    }

    /// How many items to take from the input now, if any.
    fn ask(&mut self) -> Option<usize> {
        let is_short = matches!(self.rest, InputState::More) && self.items.len() < BLOCK;
        let most = BLOCK.min(self.may_take);
        if !is_short || most == 0 || self.paused || self.asked {
            return None;
        }
        self.asked = true;
        Some(most)
    }

    /// Whether there is more to do at once, with the next turn.
    pub(super) fn goes_on(&self) -> bool {
        let started = self.may_start < SPAWNS_A_TURN;
        let cut_short = self.may_take == 0 && matches!(self.rest, InputState::More);
        started || cut_short && !self.paused
    }

    /// Whether the input has nothing more.
    pub(super) fn is_exhausted(&self) -> bool {
        self.is_empty() && matches!(self.rest, InputState::Ended)
    }

    /// Whether the input was not seen to its end, and nothing of it is here.
    pub(super) fn may_have_more(&self) -> bool {
        self.is_empty() && !self.is_exhausted()
    }

    fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.items.is_empty()
    }

    /// Gives items back, to come next in this order: what a worker was handed and did not begin.
    pub(super) fn put_back(&mut self, items: impl DoubleEndedIterator<Item = Assigned>) {
        for Assigned {
            ordinal,
            line,
            operation,
            ..
        } in items.rev()
        {
            self.returned.push_front(NextOperation {
                ordinal,
                line,
                operation,
            });
        }
    }

    /// Whether there are more than so many operations here.
    fn has_more_than(&self, count: usize) -> bool {
        let is_operation = |item: &&Item| matches!(item, Item::Operation { .. });
        let operations = self.items.iter().filter(is_operation).map(drop);
        let returned = self.returned.iter().map(drop);
        returned.chain(operations).nth(count).is_some()
    }

    /// What stands next, if it is here. What is no operation is passed over only once.
    fn next(&mut self) -> Option<NextItem> {
        if let Some(returned) = self.returned.pop_front() {
            return Some(NextItem::Operation(returned));
        }
        let item = self.items.pop_front();
        if let (None, InputState::Failed(_)) = (&item, &self.rest) {
            let InputState::Failed(why) = std::mem::replace(&mut self.rest, InputState::Ended)
            else {
                return None;
            };
            return Some(NextItem::Failed(why));
        }
        Some(match item? {
            Item::Operation { line, operation } => NextItem::Operation(NextOperation {
                ordinal: self.ordinal(),
                line,
                operation,
            }),
            Item::Done {
                line,
                operation,
                outcome,
            } => NextItem::Done(self.ordinal(), line, operation, outcome),
            Item::Skipped { line, operation } => NextItem::Skipped(line, operation),
            Item::Invalid { line, reason } => NextItem::Invalid(line, reason),
        })
    }

    /// Nothing is handed out before this time.
    pub(super) fn not_before(&self) -> Duration {
        self.not_before
    }

    /// The number of the operation that stands next, if one does.
    fn next_ordinal(&self) -> u64 {
        let returned = self.returned.front();
        returned.map_or(self.last_ordinal + 1, |next| next.ordinal)
    }

    fn ordinal(&mut self) -> u64 {
        self.last_ordinal += 1;
        self.last_ordinal
    }

    /// A number for an operation that goes to this worker.
    fn number(&mut self, worker: u32) -> u64 {
        self.last_number = self.last_number.wrapping_add(1);
        u64::from(worker) << 32 | u64::from(self.last_number)
    }
}

/// The place of an operation of this number in the input, from 1.
pub(super) fn handout_of(number: u64) -> u32 {
    number as u32
}

/// The worker that an operation of this number was given to.
pub(super) fn worker_of(number: u64) -> u32 {
    (number >> 32) as u32
}

impl Run {
    /// Hands out what there is to do, lets those workers go that have nothing more to do, and takes more
    /// from the input.
    pub(super) fn dispatch(&mut self) {
        if !self.shutdown.is_stopped() && !self.dispatch.paused {
            self.fill_hands();
        }
        self.start_worker();
        self.retire();
        if !self.shutdown.is_stopped()
            && let Some(most) = self.dispatch.ask()
        {
            self.out.push(Effect::Take(most));
        }
    }

    /// Whether a worker that takes nothing more may still leave operations: with one worker at a time, which
    /// keeps the order of the input, they come first.
    fn waits_for_what_is_left(&self) -> bool {
        let may_leave = |state: &WorkerState| !state.takes() && !state.queue.all_asked();
        self.settings.jobs == 1 && self.workers.all().any(may_leave)
    }

    fn fill_hands(&mut self) {
        if self.waits_for_what_is_left() {
            return;
        }
        let window = self.settings.window();
        // A new block goes out when half of the window is free, so that blocks stay large.
        let has_room = |held: usize| held * 2 <= window;
        let takers = self.workers.all();
        let takers = takers.filter(|state| state.takes() && has_room(state.queue.len()));
        let takers: Vec<u32> = takers.map(|state| state.worker).collect();
        for worker in takers {
            let assignments = self.fill_hand(worker, window);
            if !assignments.is_empty() {
                self.out.push(Effect::Assign(worker, assignments));
            }
        }
    }

    /// Gives a worker as many operations as it may have in its hands.
    fn fill_hand(&mut self, worker: u32, window: usize) -> Vec<Assignment> {
        let Some(state) = self.workers.get(worker) else {
            return Vec::new();
        };
        let left = self.settings.quota().saturating_sub(state.given);
        let room = window.saturating_sub(state.queue.len());
        let most = room.min(usize::try_from(left).unwrap_or(usize::MAX));
        let (mut assignments, mut bytes) = (Vec::with_capacity(most.min(BLOCK)), 0);
        while assignments.len() < most
            && bytes < WINDOW_BYTES
            && self.dispatch.not_before <= self.out.now
        {
            let Some(next) = self.next_operation() else {
                break;
            };
            self.dispatch.not_before = self.out.now + self.settings.pacing.spacing;
            bytes += weight(&next.operation);
            assignments.extend(self.assign(worker, next));
        }
        assignments
    }

    fn assign(&mut self, worker: u32, next: NextOperation) -> Option<Assignment> {
        let NextOperation {
            ordinal,
            line,
            operation,
        } = next;
        let work = self.settings.work_of(&operation, line);
        let number = self.dispatch.number(worker);
        let state = self.workers.get_mut(worker)?;
        if work != Work::None {
            let event = state.event(ordinal, operation.clone(), line);
            self.out.event(Event::Started(event));
        }
        let assigned = Assigned {
            number,
            ordinal,
            operation: operation.clone(),
            line,
            work,
            ran: None,
            is_held: false,
            given_at: self.out.told_now(),
        };
        state.give(assigned, self.out.now);
        Some(Assignment {
            number,
            operation,
            work,
        })
    }

    /// The next operation, if it is here. Lines before it that are invalid, or were done before, are
    /// reported.
    pub(super) fn next_operation(&mut self) -> Option<NextOperation> {
        loop {
            if !self.is_in_reach(self.dispatch.next_ordinal()) {
                return None;
            }
            let next = self.dispatch.next()?;
            if let Some(order) = &mut self.out.input_order {
                order.read(self.dispatch.last_ordinal);
            }
            match next {
                NextItem::Operation(mut next) => {
                    self.ids.name(next.line, &mut next.operation);
                    return Some(next);
                }
                NextItem::Invalid(line, reason) => {
                    self.tally.invalid();
                    self.out.event(Event::Invalid(InvalidLine {
                        line,
                        reason,
                        at_us: Micros::default(),
                    }));
                }
                NextItem::Done(ordinal, line, operation, outcome) => {
                    self.was_done(ordinal, line, operation, outcome);
                }
                NextItem::Skipped(line, operation) => self.was_skipped(line, operation),
                NextItem::Failed(why) => {
                    self.tally.met(Status::Usage);
                    self.out.push(Effect::Say(format!("error: {why}")));
                }
            }
        }
    }

    /// Lets the workers go that have nothing more to do.
    fn retire(&mut self) {
        let nothing_more = self.nothing_more();
        let quota = self.settings.quota();
        for state in self.workers.all_mut() {
            let done = nothing_more || state.given >= quota;
            if done && state.queue.is_empty() && state.takes() {
                state.closing = true;
                state.made_progress(self.out.now);
                self.out.push(Effect::CloseLink(state.worker));
            }
        }
    }

    /// Whether nothing more is to be handed out.
    pub(super) fn nothing_more(&self) -> bool {
        self.shutdown.is_stopped() || self.dispatch.is_exhausted()
    }
}

#[cfg(test)]
mod tests;
