//! One order of steps, taken for real: by threads of this process, or by worker processes.
//!
//! What takes the steps does not know how the order was found, and shares what the modes share; so where
//! each step reads and writes the same as `explore` says, and the same balance comes out, that is a second
//! opinion.

mod gate;
mod keys;
mod pace;
mod processes;
mod seen;
mod thread_cells;
mod threads;
mod turns;

#[cfg(test)]
mod tests;

use std::io;

use crate::explore::{OrderEnd, Played, Replayed, Scenario, StepSeen, StepTakers};
use crate::status::Status;
use crate::supervisor::Signals;
use crate::wake::{Alarm, Waker};

pub use keys::{KeysError, TerminalKeys};
pub use pace::{StepKey, StepPace};

/// Why an order could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The system gives no more threads.
    #[error("a thread could not be started for operation `{operation}`: {source}")]
    NoThread {
        /// Which operation, from 1.
        operation: usize,
        /// What the system said.
        source: io::Error,
    },
    /// A step did not come.
    #[error(
        "step `{step}` of the order, of operation `{operation}`, did not come within {limit:?}"
    )]
    NoStep {
        /// Which operation, from 1.
        operation: usize,
        /// Which step, from 1.
        step: usize,
        /// How long it was waited for.
        limit: std::time::Duration,
    },
    /// A step that the order has and that cannot be taken.
    #[error(
        "operation `{operation}` cannot take its step: a lock is held, or an account is impossible"
    )]
    Impossible {
        /// Which operation, from 1.
        operation: usize,
    },
    /// Shared memory has no such way to share.
    #[error(
        "`--shared-memory` cannot take this order, since {0}; without the flag, processes take it as the \
         token says"
    )]
    NotInMemory(&'static str),
    /// The processes cannot be run.
    #[error("worker processes cannot be run: {0}")]
    Processes(#[from] io::Error),
    /// The run ended before the order did.
    #[error("{why}")]
    EndedEarly {
        /// Why.
        why: String,
        /// The status of the run.
        status: Status,
    },
    /// A signal asked for the end.
    #[error("a signal asked for the end")]
    Signal(i32),
    /// A person wants to see no more steps.
    #[error("a key ended the replay {}", match .0 {
        0 => "before the first step".to_string(),
        step => format!("after step `{step}`"),
    })]
    Left(usize),
}

impl ReplayError {
    /// The exit status that tells it.
    pub fn status(&self) -> Status {
        match self {
            ReplayError::NoThread { .. } | ReplayError::Processes(_) => Status::Died,
            ReplayError::NoStep { .. } => Status::Deadline,
            ReplayError::Impossible { .. } => Status::Violation,
            ReplayError::NotInMemory(_) => Status::Usage,
            ReplayError::EndedEarly { status, .. } => *status,
            ReplayError::Signal(_) | ReplayError::Left(_) => Status::EndedEarly,
        }
    }
}

/// Takes the order so many times. `pace` says how fast, for each time; what it says is asked again when
/// the waker is woken.
///
/// # Errors
///
/// No thread or process, or a step that does not come.
pub fn replay(
    scenario: &Scenario,
    played: &Played,
    (times, by): (u32, StepTakers),
    mut pace: impl FnMut(Waker) -> io::Result<StepPace>,
) -> Result<Replayed, ReplayError> {
    let mut replayed = Replayed {
        by,
        times,
        reproduced: 0,
        last: None,
        differently: None,
    };
    if by == StepTakers::SharedMemory {
        processes::check_shared_memory(scenario, played)?;
    }
    // Threads need nothing ended or cleaned away, so signals keep what they do by themselves there.
    let mut kept = match by {
        StepTakers::Threads => None,
        // One that comes between two runs is heard by the next.
        StepTakers::Processes | StepTakers::SharedMemory => Some((
            Signals::listen()?,
            scenario.method().transport.keep_shared()?,
        )),
    };
    for _ in 0..times {
        let (alarm, waker) = Alarm::new()?;
        let pace = pace(waker.clone())?;
        let end = match &mut kept {
            None => threads::once(scenario, played, pace)?,
            Some((signals, _)) => {
                let plan = processes::plan((scenario, played), by);
                processes::once((scenario, played), plan, pace, (alarm, waker), signals)?
            }
        };
        match end.is(played) {
            true => {
                replayed.reproduced += 1;
                replayed.last = Some(end);
            }
            false => replayed.differently = replayed.differently.or(Some(end)),
        }
    }
    Ok(replayed)
}
