//! An operation whose work is a command.

use std::time::Duration;

use super::{Worker, WorkerError};
use crate::command::{Attempt, NextAction};
use crate::protocol::{Assignment, Report};
use crate::work::{CommandEvent, Work};

impl Worker {
    /// Whether a command may be started: none may once the worker was asked to end.
    pub(super) fn may_start_command(&mut self) -> bool {
        self.executor
            .as_mut()
            .is_none_or(|executor| executor.may_start())
    }

    /// Runs the command once. The parent hears of its start and its end.
    pub(super) fn attempt(
        &mut self,
        assignment: &Assignment,
        attempt: u32,
        failed: u32,
    ) -> Result<NextAction, WorkerError> {
        let (Some(mut executor), Work::Command { line }) = (self.executor.take(), assignment.work)
        else {
            return Err(self.unexpected());
        };
        let number = assignment.number;
        let attempt = Attempt {
            number,
            operation: &assignment.operation,
            line,
            attempt,
            failed,
        };
        let follows = executor.attempt(&attempt, |event| self.tell(number, event));
        self.executor = Some(executor);
        follows
    }

    /// Waits before the command is run again.
    pub(super) fn pause(&mut self, pause: Duration) -> Result<(), WorkerError> {
        self.flush()?;
        if let Some(executor) = &mut self.executor {
            executor.pause(pause);
        }
        Ok(())
    }

    /// Tells the parent. That a command is about to start must have left this process before it does.
    fn tell(&mut self, number: u64, event: CommandEvent) -> Result<(), WorkerError> {
        let is_first = matches!(event, CommandEvent::Starting { .. });
        let put = self.outbox.report(&Report { number, event });
        put.map_err(|error| self.broken(error.into()))?;
        if is_first { self.flush() } else { Ok(()) }
    }
}
