//! The operations in a worker's hands, and what it may ask about them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::bank::{Line, Operation, WorkEnd};
use crate::protocol::{Ask, ShareRequest, WorkerRequest};
use crate::run::CommandSettings;
use crate::work::{CommandReport, Work};

/// One operation in a worker's hands.
#[derive(Debug)]
pub(in crate::run) struct Assigned {
    /// Names it towards the worker and the store; the worker's own number is the upper half.
    pub(in crate::run) number: u64,
    /// Its number within the run, from 1, whichever worker it is given to.
    pub(in crate::run) ordinal: u64,
    pub(in crate::run) operation: Operation,
    pub(in crate::run) line: Option<Line>,
    pub(in crate::run) work: Work,
    /// What is known of its command.
    pub(in crate::run) ran: Option<Box<CommandReport>>,
    /// Its money is set aside for a command.
    pub(in crate::run) is_held: bool,
    pub(in crate::run) given_at: Duration,
}

impl Assigned {
    /// How it ends if its worker is gone.
    pub(in crate::run) fn end_unheard(&self, command: Option<&CommandSettings>) -> WorkEnd {
        let declined = command.map(|command| command.declined);
        let ran = self.ran.as_ref();
        ran.map_or(WorkEnd::Void, |ran| ran.end_unheard(declined))
    }

    /// The work that was done for it.
    pub(in crate::run) fn worked(&self) -> Duration {
        let ended = self.ran.as_ref().and_then(|ran| ran.ended.as_ref());
        ended.map_or(self.work.duration(), |ended| ended.took)
    }
}

/// The operations that were assigned to a worker and are not decided, in the order in which it does them.
#[derive(Debug, Default)]
pub(in crate::run) struct AssignedQueue {
    operations: VecDeque<Assigned>,
    /// How many of them it has asked about.
    asked: usize,
    /// The first of them has begun and is not decided.
    begun: bool,
}

impl AssignedQueue {
    pub(in crate::run) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(in crate::run) fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    pub(in crate::run) fn front(&self) -> Option<&Assigned> {
        self.operations.front()
    }

    pub(in crate::run) fn push(&mut self, assigned: Assigned) {
        self.operations.push_back(assigned);
    }

    /// Whether its worker has asked about none of them.
    pub(in crate::run) fn none_asked(&self) -> bool {
        self.asked == 0
    }

    /// Whether its worker has asked about all of them.
    pub(in crate::run) fn all_asked(&self) -> bool {
        self.asked >= self.operations.len()
    }

    /// Takes the first one, if it is the one of this number: it is decided.
    pub(in crate::run) fn decided(&mut self, number: u64) -> Option<Assigned> {
        self.front().filter(|first| first.number == number)?;
        self.asked = self.asked.saturating_sub(1);
        self.begun = false;
        self.operations.pop_front()
    }

    /// Takes the one of this number: its worker has given it up.
    pub(in crate::run) fn take(&mut self, number: u64) -> Option<Assigned> {
        let place = self.place_of(number)?;
        self.asked -= usize::from(place < self.asked);
        self.begun &= place > 0;
        self.operations.remove(place)
    }

    /// The one of this number.
    pub(in crate::run) fn find(&self, number: u64) -> Option<&Assigned> {
        self.operations.get(self.place_of(number)?)
    }

    fn place_of(&self, number: u64) -> Option<usize> {
        let mut all = self.operations.iter();
        all.position(|assigned| assigned.number == number)
    }

    /// Takes those that were asked about.
    pub(in crate::run) fn take_asked(&mut self) -> Vec<Assigned> {
        let asked = std::mem::take(&mut self.asked).min(self.operations.len());
        self.operations.drain(..asked).collect()
    }

    /// Takes all of them.
    pub(in crate::run) fn take_all(&mut self) -> VecDeque<Assigned> {
        std::mem::take(self).operations
    }

    /// The lines of those that have one, by their numbers.
    #[cfg(test)]
    pub(in crate::run) fn lines(&self) -> std::collections::HashMap<u64, u64> {
        let line = |one: &Assigned| Some((one.number, one.line?.number));
        self.operations.iter().filter_map(line).collect()
    }

    /// Whether an operation whose work is a command has begun.
    pub(in crate::run) fn runs_command(&self) -> bool {
        let first = self.front().map(|first| first.work);
        self.begun && matches!(first, Some(Work::Command { .. }))
    }

    /// The bank has set the money of the first operation aside.
    pub(in crate::run) fn held(&mut self) {
        let runs_command = self.runs_command();
        if let Some(first) = self.operations.front_mut() {
            first.is_held = runs_command;
        }
    }

    /// The operation that a report is about, if its command may be running now.
    pub(in crate::run) fn reported(&mut self, number: u64) -> Option<&mut Assigned> {
        let runs = self.runs_command();
        let first = self.operations.front_mut();
        first.filter(|first| runs && first.number == number)
    }

    /// The operation that a request is about, if it is one that its worker may ask now.
    pub(in crate::run) fn asks(&mut self, request: &WorkerRequest) -> Option<&Assigned> {
        let index = match &request.ask {
            // No worker keeps what it has begun.
            Ask::End(WorkEnd::Keep { .. }) => return None,
            // Only work that may fail is given back, and only such work tells what it spent.
            Ask::End(end) if !self.runs_command() && *end != WorkEnd::Post { amount: None } => {
                return None;
            }
            // What was begun is not begun again.
            Ask::Begin | Ask::Share(ShareRequest::Claim(_)) if self.asked > 0 => return None,
            // The next one waits until the first is decided.
            Ask::Execute if self.begun => return None,
            Ask::Execute => {
                self.asked += 1;
                self.asked - 1
            }
            // What a worker decided on memory that it shares it tells in its order, without a wait.
            Ask::Share(ShareRequest::Decided(_)) => {
                let place = self.place_of(request.number)?;
                if place > self.asked {
                    return None;
                }
                self.asked = self.asked.max(place + 1);
                place
            }
            Ask::Begin | Ask::End(_) | Ask::Share(_) if self.asked > 1 => return None,
            Ask::Begin => {
                self.asked = 1;
                self.begun = true;
                0
            }
            Ask::Share(ShareRequest::Claim(operation)) => {
                self.asked = 1;
                self.begun = true;
                self.front().filter(|first| first.operation == *operation)?;
                0
            }
            Ask::End(_) | Ask::Share(_) => {
                self.asked = 1;
                0
            }
        };
        let assigned = self.operations.get(index);
        assigned.filter(|assigned| assigned.number == request.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, Name};

    fn operation() -> Operation {
        Operation::new(Kind::Deposit, None, Name::default(), None, Amount::new(1)).expect("fits")
    }

    /// Whether a worker with three operations may ask these one after another.
    fn check(work: Work, asks: &[(u64, Ask)], expected: &[bool]) {
        let mut queue = AssignedQueue::default();
        for number in 0..3 {
            queue.push(Assigned {
                number,
                ordinal: number + 1,
                operation: operation(),
                line: None,
                work,
                ran: None,
                is_held: false,
                given_at: Duration::ZERO,
            });
        }
        let may = |(number, ask): &(u64, Ask)| {
            let (number, ask) = (*number, ask.clone());
            queue.asks(&WorkerRequest { number, ask }).is_some()
        };
        let may: Vec<bool> = asks.iter().map(may).collect();
        assert_eq!(may, expected, "{asks:?}");
    }

    #[test]
    fn a_worker_asks_in_order_and_never_twice() {
        let execute = |number| (number, Ask::Execute);
        let begin = |number| (number, Ask::Begin);
        let post = |number| (number, Ask::End(WorkEnd::Post { amount: None }));
        let none = |asks: &[_], expected: &[bool]| check(Work::None, asks, expected);
        none(&[execute(0), execute(1), execute(2)], &[true; 3]);
        none(&[begin(0), post(0)], &[true; 2]);
        none(&[begin(0), begin(0)], &[true, false]);
        let claim = |number| (number, Ask::Share(ShareRequest::Claim(operation())));
        none(&[claim(0), execute(1)], &[true, false]);
        none(&[begin(0), execute(1)], &[true, false]);
        none(&[execute(0), execute(1), post(0)], &[true, true, false]);
        none(&[execute(1)], &[false]);
        none(&[begin(0), (0, Ask::End(WorkEnd::Void))], &[true, false]);
    }

    #[test]
    fn only_a_command_that_was_begun_may_fail_or_spend_less() {
        let command = Work::Command { line: None };
        let begin = || (0, Ask::Begin);
        let less = Amount::new(1);
        for end in [
            Ask::End(WorkEnd::Void),
            Ask::End(WorkEnd::Unspent),
            Ask::End(WorkEnd::Decline),
            Ask::End(WorkEnd::Doubt),
            Ask::End(WorkEnd::Post { amount: less }),
        ] {
            check(command, &[begin(), (0, end.clone())], &[true, true]);
            check(command, &[(0, end.clone())], &[false]);
            check(command, &[begin(), (1, end.clone())], &[true, false]);
            check(Work::None, &[begin(), (0, end)], &[true, false]);
        }
    }
}
