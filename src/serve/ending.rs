//! How a server ends: by a signal once all is answered, or with a ledger that can no longer be used.

use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::log::ServerLog;
use super::{ServeError, Server};
use crate::protocol::{LedgerFault, Response};
use crate::status::{Ending, Status};
use crate::store::LedgerError;

/// How long the answers may take to leave, once the end was asked for.
const LEAVING_PATIENCE: Duration = Duration::from_secs(10);

/// How long a thread is waited for that reads on while the server ends.
const READING_PATIENCE: Duration = Duration::from_secs(1);

impl Server {
    /// No new client and no new request: what has arrived by now is decided and answered.
    pub(super) fn begin_to_end(&mut self, signal: i32) {
        self.ending = Some((signal, self.now));
        self.accept_all();
        self.address = None;
        for client in self.clients.values_mut() {
            client.hear_last_words();
        }
        self.tell_unchecked();
    }

    /// Tells those who wait for a check of everything that it does not come.
    pub(super) fn tell_unchecked(&mut self) {
        for key in std::mem::take(&mut self.checking) {
            let fault =
                LedgerFault::refusal("the server ends before everything is checked".to_string());
            self.tell(key, &[Response::Failed(fault)]);
        }
    }

    /// Whether everything that was asked for is done: the end, and what had arrived before it.
    pub(super) fn is_over(&self) -> bool {
        if self.dead.is_some() {
            return self.owner.is_idle();
        }
        let Some((_, since)) = self.ending else {
            return false;
        };
        let ledger_idle =
            self.owner.is_idle() && self.requests.is_empty() && self.beginnings.is_empty();
        let told = |client: &Client| client.is_told() && client.has_ended();
        let patience_over = self.now.saturating_sub(since) >= LEAVING_PATIENCE;
        ledger_idle && (patience_over || self.clients.values().all(told))
    }

    pub(super) fn end(self) -> Result<Ending, ServeError> {
        let (log, dead, ending) = self.close_ledger();
        if let Some(error) = dead {
            log.finish(Some(format!("error: {error}")));
            return Err(ServeError::Told(Box::new(ServeError::Ledger(error))));
        }
        log.finish(None);
        Ok(Ending {
            status: Status::Posted,
            signal: ending.map(|(signal, _)| signal),
            passed_on: None,
        })
    }

    /// Closes the ledger in all threads, so that nothing stays beside it.
    pub(super) fn close_ledger(
        self,
    ) -> (ServerLog, Option<Arc<LedgerError>>, Option<(i32, Duration)>) {
        self.owner.end(Duration::MAX);
        // A thread that checks a long history is not waited for.
        self.reader.end(READING_PATIENCE);
        self.verify_thread.end(READING_PATIENCE);
        (self.log, self.dead, self.ending)
    }

    /// The server cannot go on.
    pub(super) fn give_up(self, error: ServeError) -> ServeError {
        self.log.finish(Some(format!("error: {error}")));
        ServeError::Told(Box::new(error))
    }
}
