//! What a client has under way at its server, and how it goes on where the server was started anew or
//! the connection was lost.
//!
//! The server ends the runs of a client that is gone: what they had begun is given back, or in doubt
//! where a command may have run. The client knows how its own commands ended, so it posts or voids by
//! their ids what is in doubt. Requests that were on their way are asked again where that cannot do
//! them twice.

use std::collections::HashMap;

use super::super::{LedgerError, RunName};
use crate::bank::{Answer, Asked, Kind, Operation, Request, RequestContext};

/// A run that a client has opened.
struct OpenRun {
    /// Its number towards the caller.
    number: u32,
    /// Its number at the server now.
    there: u32,
    name: Option<RunName>,
}

/// What was begun in a run, and where.
struct Begun {
    operation: Operation,
    /// It is the work of a command, so that the end of its run leaves it in doubt.
    is_doubtful: bool,
    /// It was begun on a connection that was lost.
    is_lost: bool,
}

/// The runs of a client, and what it has begun in them.
#[derive(Default)]
pub(super) struct UnderWay {
    runs: Vec<OpenRun>,
    begun: HashMap<(u32, u64), Begun>,
}

impl UnderWay {
    /// A run was opened. Its number is the same for as long as this client lives.
    pub(super) fn open(&mut self, number: u32, name: Option<&RunName>) {
        self.runs.push(OpenRun {
            number,
            there: number,
            name: name.cloned(),
        });
    }

    pub(super) fn close(&mut self, number: u32) {
        self.runs.retain(|run| run.number != number);
        self.begun.retain(|(run, _), _| *run != number);
    }

    /// The run's number at the server now, if it is open there.
    pub(super) fn there(&self, number: u32) -> Option<u32> {
        let run = self.runs.iter().find(|run| run.number == number);
        run.map(|run| run.there)
    }

    /// The connection was lost, and with it all that was begun. Opens the same runs anew. False if the
    /// server has another ledger now, in which a run of the same name is another one.
    pub(super) fn reopen(
        &mut self,
        mut open: impl FnMut(Option<&RunName>) -> Result<u32, LedgerError>,
    ) -> Result<bool, LedgerError> {
        self.begun
            .values_mut()
            .for_each(|begun| begun.is_lost = true);
        for run in &mut self.runs {
            run.there = open(run.name.as_ref())?;
            if run.name.is_some() && run.there != run.number {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is sent for a request.
    pub(super) fn translated(&self, asked: &Asked) -> Asked {
        let Asked { caller, request } = asked;
        let there = self.there(caller.run).unwrap_or(caller.run);
        let caller = RequestContext {
            run: there,
            ..*caller
        };
        let lost = self.lost(asked);
        let request = lost.and_then(|begun| begun.by_id(request));
        match request {
            // Whose hold it is, its id tells.
            Some(request @ (Request::PostHold { .. } | Request::VoidHold { .. })) => Asked {
                caller: RequestContext::default(),
                request,
            },
            Some(request) => Asked { caller, request },
            None => Asked {
                caller,
                request: asked.request.clone(),
            },
        }
    }

    /// Whether a request that may have been done already can be asked again, without being done twice.
    pub(super) fn is_repeatable(&self, asked: &Asked) -> bool {
        let Asked { caller, request } = asked;
        let key = (caller.run, caller.number);
        match request {
            Request::Execute(operation) => is_known(operation, caller),
            // What was begun without a command is given back with its run.
            Request::Begin(operation) => operation.id.is_some() || !caller.has_side_effects,
            Request::Hold { .. }
            | Request::PostHold { .. }
            | Request::VoidHold { .. }
            | Request::Open { .. } => true,
            Request::Post { .. } | Request::Void | Request::Decline => {
                let begun = self.begun.get(&key);
                begun.is_some_and(|begun| match begun.by_id(request) {
                    Some(Request::Execute(operation)) => is_known(&operation, caller),
                    by_id => by_id.is_some(),
                })
            }
            Request::Unspent | Request::Doubt | Request::Keep { .. } => false,
        }
    }

    /// The answer to a request, which begins or ends something here too.
    pub(super) fn told(&mut self, asked: &Asked, answer: Option<Answer>) -> Option<Answer> {
        let Asked { caller, request } = asked;
        let was_lost = self.lost(asked).is_some();
        let key = (caller.run, caller.number);
        match request {
            Request::Begin(operation) | Request::Hold { operation, .. } if caller.run != 0 => {
                let begun = Begun {
                    operation: operation.clone(),
                    is_doubtful: caller.has_side_effects,
                    is_lost: false,
                };
                self.begun.insert(key, begun);
            }
            Request::Post { .. }
            | Request::Void
            | Request::Unspent
            | Request::Decline
            | Request::Doubt
            | Request::Keep { .. } => {
                self.begun.remove(&key);
            }
            _ => {}
        }
        // That it counted before the connection was lost is no news to the caller.
        answer.map(|answer| Answer {
            duplicate: answer.duplicate && !was_lost,
            ..answer
        })
    }

    fn lost(&self, Asked { caller, .. }: &Asked) -> Option<&Begun> {
        let begun = self.begun.get(&(caller.run, caller.number));
        begun.filter(|begun| begun.is_lost)
    }
}

impl Begun {
    /// What ends it once its run was ended without it.
    fn by_id(&self, request: &Request) -> Option<Request> {
        let id = || self.operation.id.clone();
        Some(match request {
            Request::Post { amount } if self.is_doubtful => Request::PostHold {
                id: id()?,
                amount: *amount,
            },
            // It was given back, and is done anew.
            Request::Post { amount: None } => Request::Execute(self.operation.clone()),
            Request::Void | Request::Decline if self.is_doubtful => Request::VoidHold { id: id()? },
            _ => return None,
        })
    }
}

/// Whether the ledger knows it again when it is asked twice.
fn is_known(operation: &Operation, caller: &RequestContext) -> bool {
    operation.id.is_some() || operation.kind() == Kind::Balance || caller.line.is_some()
}
