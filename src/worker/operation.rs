//! One operation, as its worker does it: what it asks and does next follows from what it was answered.
//! Without input and output, so that a simulated worker is one too.

mod cells;

use std::time::Duration;

use crate::bank::{Answer, Outcome, WorkEnd};
use crate::command::NextAction;
use crate::protocol::{Ask, Assignment, Said};
use crate::sharing::Manner;
use crate::work::Work;
use cells::SharedCells;

/// What a worker does next for its operation.
#[derive(Debug)]
pub(crate) enum WorkerStep {
    /// Ask this, and go on without the answer.
    AskAhead(Ask),
    /// Ask this, and wait for the answer.
    Ask(Ask),
    /// Wait for a further answer to what was asked last.
    Await,
    /// Do the simulated work for so long.
    Work(Duration),
    /// Run the command.
    Attempt {
        /// The how manieth attempt this is, over all runs.
        attempt: u32,
        /// How many of this worker's have failed.
        failed: u32,
    },
    /// Wait before the command is run again.
    Pause(Duration),
    /// Go on to the next operation.
    Done,
}

/// An answer that the last question cannot have.
#[derive(Debug)]
pub(crate) struct UnexpectedAnswer;

/// One operation on its way.
#[derive(Debug)]
pub(crate) struct OperationInWork {
    assignment: Assignment,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The bank was asked for nothing.
    New,
    /// It was asked to set the money aside.
    Beginning,
    /// The money is set aside, and the work is to be done.
    Working(Duration),
    /// The same, and the work is a command.
    Attempting { attempt: u32, failed: u32 },
    /// The command failed, and is run again after a pause.
    Pausing {
        pause: Duration,
        attempt: u32,
        failed: u32,
    },
    /// The work has ended so.
    Ending(WorkEnd),
    /// Nothing more is to be asked.
    Done,
    /// The worker decides on data that it shares.
    Sharing(Box<SharedCells>),
}

impl OperationInWork {
    /// An operation of which nothing was asked. With `manner` the worker shares the data like this, else
    /// the bank decides.
    pub(crate) fn new(assignment: Assignment, manner: Option<Manner>) -> Self {
        let stage = match manner {
            Some(manner) => Stage::Sharing(Box::new(SharedCells::new(&assignment, manner))),
            None => Stage::New,
        };
        OperationInWork { assignment, stage }
    }

    pub(crate) fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// What comes next. The same again, until what it asks for was done.
    pub(crate) fn next(&mut self) -> Result<WorkerStep, UnexpectedAnswer> {
        let (stage, step) = match std::mem::replace(&mut self.stage, Stage::Done) {
            // No wait before the next operation's request.
            Stage::New if self.assignment.work == Work::None => {
                (Stage::Done, WorkerStep::AskAhead(Ask::Execute))
            }
            Stage::New => (Stage::Beginning, WorkerStep::Ask(Ask::Begin)),
            Stage::Beginning => (Stage::Beginning, WorkerStep::Await),
            Stage::Working(work) => (Stage::Working(work), WorkerStep::Work(work)),
            Stage::Attempting { attempt, failed } => (
                Stage::Attempting { attempt, failed },
                WorkerStep::Attempt { attempt, failed },
            ),
            Stage::Pausing {
                pause,
                attempt,
                failed,
            } => (
                Stage::Attempting { attempt, failed },
                WorkerStep::Pause(pause),
            ),
            Stage::Ending(end) => (Stage::Done, WorkerStep::Ask(Ask::End(end))),
            Stage::Done => (Stage::Done, WorkerStep::Done),
            Stage::Sharing(mut cells) => {
                let step = cells.next(&self.assignment)?;
                (Stage::Sharing(cells), step)
            }
        };
        self.stage = stage;
        Ok(step)
    }

    /// The answer to what was asked.
    pub(crate) fn answered(&mut self, said: Said) {
        match (&mut self.stage, said) {
            (Stage::Sharing(cells), said) => cells.answered(said),
            (Stage::Beginning, said) => self.stage = self.begun(said),
            _ => {}
        }
    }

    fn begun(&self, said: Said) -> Stage {
        let Said::Decided(Answer {
            outcome: Outcome::Held { .. },
            duplicate,
            ..
        }) = said
        else {
            return Stage::Done;
        };
        match self.assignment.work {
            Work::Command { .. } => Stage::Attempting {
                // What was begun before was also run before.
                attempt: 1 + u32::from(duplicate),
                failed: 0,
            },
            work => Stage::Working(work.duration()),
        }
    }

    /// The simulated work is done.
    pub(crate) fn worked(&mut self) {
        match &mut self.stage {
            Stage::Sharing(cells) => cells.worked(),
            stage => *stage = Stage::Ending(WorkEnd::Post { amount: None }),
        }
    }

    /// The command was run, and this follows.
    pub(crate) fn attempted(&mut self, follows: NextAction) {
        let Stage::Attempting { attempt, failed } = self.stage else {
            return;
        };
        self.stage = match follows {
            NextAction::Again(pause) => Stage::Pausing {
                pause,
                attempt: attempt + 1,
                failed: failed + 1,
            },
            NextAction::End(end) => Stage::Ending(end),
        };
    }
}
