//! How long a worker may take for what it is at.

use std::time::Duration;

use super::settings::WorkLimits;
use super::workers::WorkerState;
use crate::event::{Cause, Fault};
use crate::protocol::REPLY_LIMIT;
use crate::work::Work;

/// How long a worker may take to start, to end, or to get its last words through.
pub(super) const START_LIMIT: Duration = Duration::from_secs(60);

/// When a worker is ended that has not done something by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) at: Duration,
    limit: Duration,
    did_not: &'static str,
}

impl Deadline {
    /// The deadline of what a worker is at; `None` while it may take as long as it likes. Requests that
    /// are being decided are not its own to answer for: they must be settled.
    pub(super) fn of(state: &WorkerState, limits: WorkLimits) -> Option<Deadline> {
        let (limit, did_not) = match state.queue.front() {
            _ if state.fault.is_some() && state.exit.is_none() => return None,
            _ if state.exit.is_some() => (START_LIMIT, "get its last messages through"),
            _ if !state.ready => (START_LIMIT, "connect to the server"),
            _ if state.waits_for_lease => (limits.lease?, "get the lock that another holds"),
            Some(first) => match first.work {
                Work::Command { .. } => (limits.command?, "finish its command"),
                work => {
                    let usual = || work.duration() + REPLY_LIMIT;
                    let limit = limits.simulated.unwrap_or_else(usual);
                    (limit, "finish its operation")
                }
            },
            None if state.closing || state.link_ended => {
                (START_LIMIT, "end when it had nothing more to do")
            }
            None => return None,
        };
        Some(Deadline {
            at: state.progress_at.saturating_add(limit),
            limit,
            did_not,
        })
    }

    /// What is said of a worker that did not keep it.
    pub(super) fn fault(&self, state: &WorkerState) -> Fault {
        let Deadline { limit, did_not, .. } = self;
        Fault {
            cause: Cause::Deadline,
            detail: format!("{state} did not {did_not} within {limit:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, Name, Operation};
    use crate::exit::Exit;
    use crate::run::workers::{Assigned, Workers};

    const SECOND: Duration = Duration::from_secs(1);

    fn check(work: Option<Work>, change: impl Fn(&mut WorkerState), expected: Option<Duration>) {
        let mut workers = Workers::default();
        let worker = workers.add(SECOND);
        let state = workers.get_mut(worker).expect("a worker");
        state.ready = true;
        if let Some(work) = work {
            let (name, amount) = (Name::default(), Amount::new(1));
            let operation = Operation::new(Kind::Deposit, None, name, None, amount);
            let assigned = Assigned {
                number: 1,
                ordinal: 1,
                operation: operation.expect("fits"),
                line: None,
                work,
                ran: None,
                is_held: false,
                given_at: SECOND,
            };
            state.give(assigned, SECOND);
        }
        change(state);
        let limits = WorkLimits {
            simulated: None,
            command: None,
            lease: None,
        };
        let deadline = Deadline::of(state, limits).map(|deadline| deadline.at - SECOND);
        assert_eq!(deadline, expected);
    }

    #[test]
    fn everything_but_an_idle_worker_and_a_command_has_a_deadline() {
        let command = Some(Work::Command { line: None });
        let simulated = Some(Work::Simulated(3 * SECOND));
        check(None, |_| {}, None);
        check(None, |state| state.ready = false, Some(START_LIMIT));
        check(None, |state| state.closing = true, Some(START_LIMIT));
        check(None, |state| state.link_ended = true, Some(START_LIMIT));
        check(command, |_| {}, None);
        check(Some(Work::None), |_| {}, Some(REPLY_LIMIT));
        check(simulated, |_| {}, Some(3 * SECOND + REPLY_LIMIT));
        check(simulated, |state| state.waits_for_lease = true, None);
        let exited = |state: &mut WorkerState| state.exit = Some(Exit::Signal(9));
        check(simulated, exited, Some(START_LIMIT));
        let killed = |state: &mut WorkerState| {
            let (cause, detail) = (Cause::Deadline, String::new());
            state.fault = Some(Fault { cause, detail });
        };
        check(simulated, killed, None);
    }
}
