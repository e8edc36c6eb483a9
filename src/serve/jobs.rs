//! What the ledger's thread is given next.

use std::collections::VecDeque;

use super::owner::Job;
use super::{MAX_BATCH, MAX_QUESTIONS, ServeError, Server};
use crate::protocol::Query;
use crate::wake::TICK;

impl Server {
    /// Tries again to end the runs of clients that have gone.
    pub(super) fn close_again(&mut self) {
        /// No client has this number.
        const NONE: u32 = 0;
        if self.now >= self.close_again_at && !self.unclosed.is_empty() {
            self.close_again_at = self.now + TICK;
            let runs = std::mem::take(&mut self.unclosed).into_iter();
            self.questions
                .extend(runs.map(|run| (NONE, Query::CloseRun(run))));
        }
    }

    /// Gives the ledger's thread its next job, if it has none.
    pub(super) fn hand_on(&mut self) -> Result<(), ServeError> {
        if self.owner.is_busy() || self.dead.is_some() {
            return Ok(());
        }
        let job = match self.questions_next {
            true => self.next_questions().or_else(|| self.next_batch()),
            false => self.next_batch().or_else(|| self.next_questions()),
        };
        let Some(job) = job else {
            return Ok(());
        };
        self.questions_next = matches!(job, Job::Decide(_));
        match self.owner.give(job) {
            true => Ok(()),
            false => Err(ServeError::Died),
        }
    }

    fn next_batch(&mut self) -> Option<Job> {
        self.tell_halted();
        let mut blocks = Vec::new();
        let mut count = 0;
        while count < MAX_BATCH
            && let Some((key, asked)) = self.requests.pop_front()
        {
            count += asked.len();
            blocks.push((key, asked));
        }
        (!blocks.is_empty()).then_some(Job::Decide(blocks))
    }

    fn next_questions(&mut self) -> Option<Job> {
        // A run that a client has left is ended before anyone is told that it is going on.
        let leaving = self
            .clients
            .values()
            .any(|client| client.is_leaving() && !client.runs.is_empty());
        let mut next = Vec::new();
        let mut later = VecDeque::new();
        while next.len() < MAX_QUESTIONS
            && let Some((key, question)) = self.questions.pop_front()
        {
            match question {
                Query::OpenRun(Some(_)) if leaving => later.push_back((key, question)),
                question => next.push((key, question)),
            }
        }
        later.append(&mut self.questions);
        self.questions = later;
        (!next.is_empty()).then_some(Job::Answer(next))
    }
}
