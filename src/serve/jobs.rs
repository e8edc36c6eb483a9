//! What the ledger's thread is given next.

use std::mem::take;

use super::Server;
use super::client::Client;
use crate::store::{ClientRequests, LedgerRequest};
use crate::wake::TICK;

impl Server {
    /// Ends the runs of clients that have gone, and forgets those clients to which nothing more is owed.
    pub(super) fn see_off(&mut self) {
        let may_end = self.now >= self.end_runs_at && self.dead.is_none();
        let mut ends = Vec::new();
        self.clients.retain(|client, state| {
            if !state.has_ended() {
                return true;
            }
            if state.is_told() {
                state.give_up();
            }
            if state.runs.is_empty() {
                let is_over = !state.is_connected();
                if is_over && state.halted {
                    self.owner.resume(*client);
                }
                return !is_over;
            }
            if state.halted && !may_end {
                return true;
            }
            if take(&mut state.halted) {
                self.owner.resume(*client);
            }
            ends.push(end_runs(*client, state));
            true
        });
        if !ends.is_empty() {
            // What was not done is tried again then.
            self.end_runs_at = self.now + TICK;
            self.owner.decide(ends);
        }
    }

    /// Hands on what has arrived, as one batch.
    pub(super) fn hand_on(&mut self) {
        if self.dead.is_some() {
            return;
        }
        // A run that a client has left is ended before any client is told that it is going on.
        let mut clients = self.clients.values();
        if !clients.any(|client| client.is_leaving() && !client.runs.is_empty()) {
            self.requests.append(&mut self.beginnings);
        }
        self.owner.decide(take(&mut self.requests));
    }
}

/// What ends the runs of a client that has gone.
fn end_runs(client: u32, state: &mut Client) -> ClientRequests {
    let end = |run: &u32| LedgerRequest::EndRun {
        run: *run,
        if_idle: false,
    };
    let requests: Vec<LedgerRequest> = state.runs.iter().map(end).collect();
    state.undecided += requests.len();
    ClientRequests { client, requests }
}
