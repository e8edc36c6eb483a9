//! An operation whose work is a command.

use super::{Worker, WorkerError};
use crate::command::{Attempt, Executor, NextAction};
use crate::protocol::{Ask, Assignment, Report};
use crate::work::CommandEvent;

impl Worker {
    /// The money is set aside, the command is run until it succeeds or must not be run again, and what
    /// follows is asked of the bank. The parent hears of every step.
    pub(super) fn command(
        &mut self,
        assignment: &Assignment,
        line: Option<u64>,
    ) -> Result<(), WorkerError> {
        let Some(mut executor) = self.executor.take() else {
            return Err(self.unexpected());
        };
        let done = self.attempt_all(assignment, line, &mut executor);
        self.executor = Some(executor);
        done
    }

    fn attempt_all(
        &mut self,
        assignment: &Assignment,
        line: Option<u64>,
        executor: &mut Executor,
    ) -> Result<(), WorkerError> {
        if !executor.may_start() {
            // It was asked to end: other workers do its operations.
            self.leaving = true;
            return Ok(());
        }
        let Some(held) = self.begin(assignment)? else {
            return Ok(());
        };
        let number = assignment.number;
        let mut failed = 0;
        loop {
            let attempt = Attempt {
                number,
                operation: &assignment.operation,
                line,
                // What was begun before was also run before.
                attempt: 1 + u32::from(held.duplicate) + failed,
                failed,
            };
            match executor.attempt(&attempt, |news| self.tell(number, news))? {
                NextAction::Again(pause) => {
                    self.flush()?;
                    executor.pause(pause);
                    failed += 1;
                }
                NextAction::End(end) => return self.ask(number, Ask::End(end)).map(drop),
            }
        }
    }

    /// Tells the parent. That a command is about to start must have left this process before it does.
    fn tell(&mut self, number: u64, news: CommandEvent) -> Result<(), WorkerError> {
        let is_first = matches!(news, CommandEvent::Starting { .. });
        let put = self.outbox.report(&Report { number, news });
        put.map_err(|error| self.broken(error.into()))?;
        if is_first { self.flush() } else { Ok(()) }
    }
}
