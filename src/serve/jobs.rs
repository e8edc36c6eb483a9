//! What the ledger's thread is given next.

use std::mem::take;

use super::Server;
use super::query::ClientQuery;
use crate::protocol::Query;
use crate::wake::TICK;

impl Server {
    /// Ends the runs of clients that have gone, and forgets those clients to which nothing more is owed.
    pub(super) fn end_runs_of_gone(&mut self) {
        let owner = &mut self.owner;
        self.clients.retain(|client, state| {
            if !state.has_ended() {
                return true;
            }
            for run in state.runs.drain(..) {
                owner.ask(ClientQuery {
                    client: *client,
                    query: Query::CloseRun(run),
                });
            }
            if state.is_connected() && !state.is_told() {
                return true;
            }
            if state.halted {
                owner.resume(*client);
            }
            false
        });
    }

    /// Tries again to end the runs of clients that have gone.
    pub(super) fn close_again(&mut self) {
        /// No client has this number.
        const NONE: u32 = 0;
        if self.now >= self.close_again_at && !self.unclosed.is_empty() {
            self.close_again_at = self.now + TICK;
            for run in take(&mut self.unclosed) {
                self.owner.ask(ClientQuery {
                    client: NONE,
                    query: Query::CloseRun(run),
                });
            }
        }
    }

    /// Hands on what has arrived, as one batch.
    pub(super) fn hand_on(&mut self) {
        if self.dead.is_some() {
            return;
        }
        self.owner.decide(take(&mut self.requests));
        // A run that a client has left is ended before any client is told that it is going on.
        let mut clients = self.clients.values();
        if !clients.any(|client| client.is_leaving() && !client.runs.is_empty()) {
            for named in take(&mut self.named_runs) {
                self.owner.ask(named);
            }
        }
    }
}
