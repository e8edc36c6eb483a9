//! What goes wrong in a rehearsal, drawn from its seed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// Of a hundred commands of a start in which things go wrong, so many meet something themselves.
const COMMANDS: u64 = 40;
/// Of a hundred such starts, so many meet something at a moment that has nothing to do with a command.
const RUNS: u64 = 50;
/// In one of so many rounds no process is killed, only commands: there nothing is in doubt that would end
/// the round.
const SPARED: u64 = 3;
/// The longest delay and stop, in milliseconds.
const LONGEST: u64 = 60;
/// How far after its start a run is met, at most: so often is a millisecond doubled.
const DOUBLINGS: u64 = 11;

/// When a command meets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultMoment {
    /// Before it was started.
    Before,
    /// While it runs.
    During,
    /// After it has ended well.
    After,
}

/// What a command meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It fails: while it runs because it is killed.
    Failure,
    /// Its worker is killed.
    WorkerKilled,
    /// The run's first process is killed.
    RunKilled,
    /// Its worker is stopped, and goes on later.
    WorkerStopped,
    /// It takes longer.
    Delay,
}

/// Something that a command meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandFault {
    /// When.
    pub moment: FaultMoment,
    /// What.
    pub kind: FaultKind,
    /// How long the delay or the stop is, and how long after its start a command is met that runs.
    pub millis: u64,
}

/// All that a command can meet.
const ALL: [(FaultMoment, FaultKind); 14] = [
    (FaultMoment::Before, FaultKind::Failure),
    (FaultMoment::Before, FaultKind::WorkerKilled),
    (FaultMoment::Before, FaultKind::RunKilled),
    (FaultMoment::Before, FaultKind::WorkerStopped),
    (FaultMoment::Before, FaultKind::Delay),
    (FaultMoment::During, FaultKind::Failure),
    (FaultMoment::During, FaultKind::WorkerKilled),
    (FaultMoment::During, FaultKind::RunKilled),
    (FaultMoment::During, FaultKind::WorkerStopped),
    (FaultMoment::After, FaultKind::Failure),
    (FaultMoment::After, FaultKind::WorkerKilled),
    (FaultMoment::After, FaultKind::RunKilled),
    (FaultMoment::After, FaultKind::WorkerStopped),
    (FaultMoment::After, FaultKind::Delay),
];

/// Whether the rounds of this seed kill no process.
fn spares_processes(seed: u64) -> bool {
    seed.is_multiple_of(SPARED)
}

impl CommandFault {
    /// What this attempt of an operation meets in this start of the run; mostly nothing.
    pub fn of(seed: u64, id: &str, start: u32, attempt: u32) -> Option<Self> {
        let mut rng = Rng::of(seed, format!("{id} {start} {attempt}").as_bytes());
        if rng.below(100) >= COMMANDS {
            return None;
        }
        let (moment, kind) = loop {
            let drawn = ALL[rng.below(ALL.len() as u64) as usize];
            let kills = matches!(drawn.1, FaultKind::WorkerKilled | FaultKind::RunKilled);
            if !(kills && spares_processes(seed)) {
                break drawn;
            }
        };
        let millis = rng.below(LONGEST + 1);
        Some(CommandFault {
            moment,
            kind,
            millis,
        })
    }
}

impl fmt::Display for CommandFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis;
        let what = match (self.kind, self.moment) {
            (FaultKind::Failure, FaultMoment::Before) => {
                return f.write_str("a failure in the place of its command");
            }
            (FaultKind::Failure, FaultMoment::During) => {
                return write!(f, "its command was killed after {millis} ms");
            }
            (FaultKind::Failure, FaultMoment::After) => {
                return f.write_str("its success was told as a failure");
            }
            (FaultKind::WorkerKilled, _) => "its worker was killed".to_string(),
            (FaultKind::RunKilled, _) => "the run was killed".to_string(),
            (FaultKind::WorkerStopped, _) => format!("its worker was stopped for {millis} ms"),
            (FaultKind::Delay, _) => format!("a delay of {millis} ms"),
        };
        let when = match self.moment {
            FaultMoment::Before => "before its command began",
            FaultMoment::During => "while its command ran",
            FaultMoment::After => "after its command had succeeded",
        };
        write!(f, "{what} {when}")
    }
}

/// What a start of a run meets, at whatever it just does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunFault {
    /// How long after its start.
    pub after_millis: u64,
    /// What.
    pub kind: RunFaultKind,
}

/// What a run meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunFaultKind {
    /// Its first process is killed.
    Killed,
    /// One of its workers is killed.
    WorkerKilled,
    /// Its first process is stopped for so many milliseconds.
    Stopped {
        /// How many.
        millis: u64,
    },
}

impl RunFault {
    /// What the next start of a round of this seed meets, if anything.
    pub fn draw(seed: u64, rng: &mut Rng) -> Option<Self> {
        if rng.below(100) >= RUNS || spares_processes(seed) {
            return None;
        }
        // Runs last milliseconds or minutes.
        let scale = 1 << rng.below(DOUBLINGS);
        let after_millis = scale + rng.below(scale);
        let kind = match rng.below(3) {
            0 => RunFaultKind::Killed,
            1 => RunFaultKind::WorkerKilled,
            _ => RunFaultKind::Stopped {
                millis: rng.below(LONGEST + 1),
            },
        };
        Some(RunFault { after_millis, kind })
    }
}

impl fmt::Display for RunFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            RunFaultKind::Killed => f.write_str("the run was killed")?,
            RunFaultKind::WorkerKilled => f.write_str("a worker was killed")?,
            RunFaultKind::Stopped { millis } => write!(f, "the run was stopped for {millis} ms")?,
        }
        write!(f, " {} ms after its start", self.after_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_what_goes_wrong_and_all_of_it_comes() {
        let of = |line: u64| CommandFault::of(7, &format!("november:{line}"), 1, 1);
        let drawn: Vec<_> = (0..2_000).map(of).collect();
        assert_eq!(drawn, (0..2_000).map(of).collect::<Vec<_>>());
        for (moment, kind) in ALL {
            let is_it = |fault: &CommandFault| (fault.moment, fault.kind) == (moment, kind);
            assert!(drawn.iter().flatten().any(is_it), "{moment:?} {kind:?}");
        }
        let count = drawn.iter().flatten().count();
        assert!((700..900).contains(&count), "{count}");
        // Another attempt, another start and another seed meet other things.
        let others = [(7, 2, 1), (7, 1, 2), (8, 1, 1)].map(|(seed, start, attempt)| {
            let of =
                |line: u64| CommandFault::of(seed, &format!("november:{line}"), start, attempt);
            (0..2_000).map(of).collect::<Vec<_>>()
        });
        assert!(others.iter().all(|other| *other != drawn));
        let spared = (0..2_000).filter_map(|line| CommandFault::of(9, &format!("{line}"), 1, 1));
        let kills = |kind| matches!(kind, FaultKind::WorkerKilled | FaultKind::RunKilled);
        assert!(spared.into_iter().all(|fault| !kills(fault.kind)));
    }

    #[test]
    fn a_run_is_met_within_seconds() {
        let mut rng = Rng::new(3);
        let drawn: Vec<_> = (0..1_000)
            .filter_map(|_| RunFault::draw(7, &mut rng))
            .collect();
        assert!((400..600).contains(&drawn.len()));
        assert!(drawn.iter().all(|fault| fault.after_millis < 1 << 12));
        assert!(drawn.iter().any(|fault| fault.after_millis < 10));
        assert!((0..1_000).all(|_| RunFault::draw(9, &mut rng).is_none()));
    }
}
