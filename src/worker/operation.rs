//! One operation, as its worker does it: what it asks and does next follows from what it was answered.
//! Without input and output, so that a simulated worker is one too.

mod cells;

use std::time::Duration;

use crate::bank::{Answer, Outcome, WorkEnd};
use crate::command::NextAction;
use crate::protocol::{Ask, Assignment, ReplyBody};
use crate::sharing::SharingMethod;
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
    stage: WorkStage,
}

#[derive(Debug)]
enum WorkStage {
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
    /// An operation of which nothing was asked. With `method` the worker shares the data like this, else
    /// the bank decides.
    pub(crate) fn new(assignment: Assignment, method: Option<SharingMethod>) -> Self {
        let stage = match method {
            Some(method) => WorkStage::Sharing(Box::new(SharedCells::new(&assignment, method))),
            None => WorkStage::New,
        };
        OperationInWork { assignment, stage }
    }

    pub(crate) fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// What comes next. The same again, until what it asks for was done.
    pub(crate) fn next(&mut self) -> Result<WorkerStep, UnexpectedAnswer> {
        let (stage, step) = match std::mem::replace(&mut self.stage, WorkStage::Done) {
            // No wait before the next operation's request.
            WorkStage::New if self.assignment.work == Work::None => {
                (WorkStage::Done, WorkerStep::AskAhead(Ask::Execute))
            }
            WorkStage::New => (WorkStage::Beginning, WorkerStep::Ask(Ask::Begin)),
            WorkStage::Beginning => (WorkStage::Beginning, WorkerStep::Await),
            WorkStage::Working(work) => (WorkStage::Working(work), WorkerStep::Work(work)),
            WorkStage::Attempting { attempt, failed } => (
                WorkStage::Attempting { attempt, failed },
                WorkerStep::Attempt { attempt, failed },
            ),
            WorkStage::Pausing {
                pause,
                attempt,
                failed,
            } => (
                WorkStage::Attempting { attempt, failed },
                WorkerStep::Pause(pause),
            ),
            WorkStage::Ending(end) => (WorkStage::Done, WorkerStep::Ask(Ask::End(end))),
            WorkStage::Done => (WorkStage::Done, WorkerStep::Done),
            WorkStage::Sharing(mut cells) => {
                let step = cells.next(&self.assignment)?;
                (WorkStage::Sharing(cells), step)
            }
        };
        self.stage = stage;
        Ok(step)
    }

    /// The answer to what was asked.
    pub(crate) fn answered(&mut self, body: ReplyBody) {
        match (&mut self.stage, body) {
            (WorkStage::Sharing(cells), body) => cells.answered(body),
            (WorkStage::Beginning, body) => self.stage = self.begun(body),
            _ => {}
        }
    }

    fn begun(&self, body: ReplyBody) -> WorkStage {
        let ReplyBody::Decided(Answer {
            outcome: Outcome::Held { .. },
            duplicate,
            ..
        }) = body
        else {
            return WorkStage::Done;
        };
        match self.assignment.work {
            Work::Command { .. } => WorkStage::Attempting {
                // What was begun before was also run before.
                attempt: 1 + u32::from(duplicate),
                failed: 0,
            },
            work => WorkStage::Working(work.duration()),
        }
    }

    /// The simulated work is done.
    pub(crate) fn worked(&mut self) {
        match &mut self.stage {
            WorkStage::Sharing(cells) => cells.worked(),
            stage => *stage = WorkStage::Ending(WorkEnd::Post { amount: None }),
        }
    }

    /// The command was run, and this follows.
    pub(crate) fn attempted(&mut self, follows: NextAction) {
        let WorkStage::Attempting { attempt, failed } = self.stage else {
            return;
        };
        self.stage = match follows {
            NextAction::Again(pause) => WorkStage::Pausing {
                pause,
                attempt: attempt + 1,
                failed: failed + 1,
            },
            NextAction::End(end) => WorkStage::Ending(end),
        };
    }
}
