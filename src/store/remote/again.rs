//! What a client has under way at its server, and how it goes on where the server was started anew or
//! the connection was lost.
//!
//! The server ends the runs of a client that is gone: what they had begun is given back, or in doubt
//! where a command may have run. The client knows how its own commands ended, so it posts or voids by
//! their ids what is in doubt. Requests that were on their way are asked again where that cannot do
//! them twice.

use std::collections::HashMap;

use super::super::{LedgerAnswer, LedgerError, LedgerRequest, NEW_RUN, RunName};
use crate::bank::{Answer, Asked, Kind, Operation, Request, RequestContext, WorkEnd};

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
    /// The number of the run that was begun last.
    newest: u32,
    begun: HashMap<(u32, u64), Begun>,
}

impl UnderWay {
    /// A run was begun. Its number is the same for as long as this client lives.
    fn begin_run(&mut self, number: u32, name: Option<&RunName>) {
        self.newest = number;
        self.runs.push(OpenRun {
            number,
            there: number,
            name: name.cloned(),
        });
    }

    fn end_run(&mut self, number: u32) {
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
    pub(super) fn translated(&self, request: &LedgerRequest) -> LedgerRequest {
        let run = request.run();
        let sent = request.clone().in_run(self.there(run).unwrap_or(run));
        let LedgerRequest::Decide(Asked { caller, request }) = sent else {
            return sent;
        };
        let lost = self.lost(run, caller.number);
        LedgerRequest::Decide(match lost.and_then(|begun| begun.by_id(&request)) {
            // Whose hold it is, its id tells.
            Some(
                request @ (Request::PostHold { .. }
                | Request::VoidHold { .. }
                | Request::DeclineHold { .. }),
            ) => Asked {
                caller: RequestContext::default(),
                request,
            },
            Some(request) => Asked { caller, request },
            None => Asked { caller, request },
        })
    }

    /// Whether a request that may have been done already can be asked again, without being done twice.
    pub(super) fn is_repeatable(&self, request: &LedgerRequest) -> bool {
        // A run ends with its connection, and is begun anew on the next one.
        let LedgerRequest::Decide(Asked { caller, request }) = request else {
            return true;
        };
        match request {
            Request::Execute(operation) => is_known(operation, caller),
            // What was begun without a command is given back with its run.
            Request::Begin(operation) => operation.id.is_some() || !caller.has_side_effects,
            Request::Hold { .. }
            | Request::PostHold { .. }
            | Request::VoidHold { .. }
            | Request::DeclineHold { .. }
            | Request::Open { .. }
            | Request::Reverse(_) => true,
            Request::End(WorkEnd::Post { .. } | WorkEnd::Void | WorkEnd::Decline) => {
                let begun = self.begun.get(&(caller.run, caller.number));
                begun.is_some_and(|begun| match begun.by_id(request) {
                    Some(Request::Execute(operation)) => is_known(&operation, caller),
                    by_id => by_id.is_some(),
                })
            }
            Request::End(WorkEnd::Unspent | WorkEnd::Doubt | WorkEnd::Keep { .. }) => false,
        }
    }

    /// The answer to a request, which begins or ends something here too; `None` where it is none to that
    /// request.
    pub(super) fn told(
        &mut self,
        request: &LedgerRequest,
        answer: LedgerAnswer,
    ) -> Option<LedgerAnswer> {
        match (request, &answer) {
            (LedgerRequest::Decide(asked), LedgerAnswer::Decided(told)) => {
                let told = self.decided(asked, told.clone());
                return Some(LedgerAnswer::Decided(told));
            }
            (LedgerRequest::BeginRun(name), LedgerAnswer::RunBegun(run)) => {
                self.begin_run(run.number, name.as_ref());
            }
            (LedgerRequest::EndRun { run, .. }, LedgerAnswer::RunEnded(_)) => {
                self.end_run(self.resolved(*run));
            }
            (LedgerRequest::BeginRun(_), LedgerAnswer::RunIsLive(_))
            | (LedgerRequest::EndRun { .. }, LedgerAnswer::RunGoesOn) => {}
            _ => return None,
        }
        Some(answer)
    }

    fn decided(&mut self, asked: &Asked, answer: Option<Answer>) -> Option<Answer> {
        let Asked { caller, request } = asked;
        let key = (self.resolved(caller.run), caller.number);
        let was_lost = self.lost(key.0, key.1).is_some();
        match request {
            Request::Begin(operation) | Request::Hold { operation, .. } if caller.run != 0 => {
                let begun = Begun {
                    operation: operation.clone(),
                    is_doubtful: caller.has_side_effects,
                    is_lost: false,
                };
                self.begun.insert(key, begun);
            }
            Request::End(_) => {
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

    /// The run's number, where a request knows it only as the newest one.
    fn resolved(&self, run: u32) -> u32 {
        match run {
            NEW_RUN => self.newest,
            run => run,
        }
    }

    fn lost(&self, run: u32, number: u64) -> Option<&Begun> {
        let begun = self.begun.get(&(run, number));
        begun.filter(|begun| begun.is_lost)
    }
}

impl Begun {
    /// What ends it once its run was ended without it.
    fn by_id(&self, request: &Request) -> Option<Request> {
        let id = || self.operation.id.clone();
        Some(match request {
            Request::End(WorkEnd::Post { amount }) if self.is_doubtful => Request::PostHold {
                id: id()?,
                amount: *amount,
            },
            // It was given back, and is done anew.
            Request::End(WorkEnd::Post { amount: None }) => {
                Request::Execute(self.operation.clone())
            }
            Request::End(WorkEnd::Void) if self.is_doubtful => Request::VoidHold { id: id()? },
            Request::End(WorkEnd::Decline) if self.is_doubtful => {
                Request::DeclineHold { id: id()? }
            }
            _ => return None,
        })
    }
}

/// Whether the ledger knows it again when it is asked twice.
fn is_known(operation: &Operation, caller: &RequestContext) -> bool {
    operation.id.is_some()
        || matches!(operation.kind(), Kind::Balance | Kind::Open)
        || caller.line.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Balance, Id, LedgerState, Name, NullJournal, Outcome};

    fn ask(state: &mut LedgerState, request: Request) -> Outcome {
        let caller = RequestContext {
            run: 1,
            number: 1,
            has_side_effects: true,
            ..RequestContext::default()
        };
        let answer = state.decide(&Asked { caller, request }, &mut NullJournal);
        answer.expect("it can be asked").outcome
    }

    #[test]
    fn a_command_ends_after_a_lost_connection_as_it_ends_without() {
        let operation = |kind, id| {
            let id = Id::new(id).expect("an id");
            let amount = Amount::new(5).expect("an amount");
            Operation::new(kind, Some(id), Name::default(), None, Some(amount))
                .expect("it is whole")
        };
        for end in [
            WorkEnd::Post { amount: None },
            WorkEnd::Void,
            WorkEnd::Decline,
        ] {
            let begun = Begun {
                operation: operation(Kind::Withdraw, "x"),
                is_doubtful: true,
                is_lost: true,
            };
            let end = Request::End(end);
            let by_id = begun.by_id(&end).expect("it has an id");
            let mut outcomes = Vec::new();
            for is_lost in [false, true] {
                let mut state = LedgerState::new(Balance::default());
                ask(
                    &mut state,
                    Request::Execute(operation(Kind::Deposit, "paid")),
                );
                ask(&mut state, Request::Begin(operation(Kind::Withdraw, "x")));
                if is_lost {
                    ask(&mut state, Request::End(WorkEnd::Doubt));
                    let first = ask(&mut state, by_id.clone());
                    assert_eq!(ask(&mut state, by_id.clone()), first, "asked twice");
                    outcomes.push(first);
                } else {
                    outcomes.push(ask(&mut state, end.clone()));
                }
            }
            assert_eq!(outcomes[0], outcomes[1], "{end:?}");
        }
    }
}
