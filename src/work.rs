//! What an operation does while it is being processed: nothing, a duration, or a command.

mod command_report;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bank::Kind;

pub use command_report::{
    AttemptEnd, CommandEvent, CommandReport, CommandResult, MAX_OUTPUT, Stream, Termination,
    last_line,
};

/// What an operation's work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// None: it is decided in one step.
    None,
    /// It takes so long.
    Simulated(Duration),
    /// The run's command, for this line of its input.
    Command {
        /// Which one, from 1, if there are lines.
        line: Option<u64>,
    },
}

impl Work {
    /// Work that takes so long, if that is any time at all.
    pub fn lasting(duration: Duration) -> Self {
        if duration.is_zero() {
            Work::None
        } else {
            Work::Simulated(duration)
        }
    }

    /// How long it is simulated.
    pub fn duration(self) -> Duration {
        match self {
            Work::Simulated(duration) => duration,
            Work::None | Work::Command { .. } => Duration::ZERO,
        }
    }
}

/// How long simulated work takes, as a multiple of the classic durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(f64);

/// The largest multiple, at which a transfer takes some 46 days.
const MAX_SCALE: f64 = 1_000_000.0;

impl Pace {
    /// The classic durations as they are.
    pub const CLASSIC: Pace = Pace(1.0);
    /// No work at all.
    pub const NONE: Pace = Pace(0.0);

    /// This multiple of the classic durations, from 0 to a million.
    pub fn new(scale: f64) -> Option<Self> {
        (0.0..=MAX_SCALE).contains(&scale).then_some(Pace(scale))
    }

    /// Whether no operation has work.
    pub fn is_none(self) -> bool {
        self == Pace::NONE
    }

    /// How long this operation's work takes.
    pub fn of(self, kind: Kind) -> Duration {
        let classic = match kind {
            Kind::Withdraw => 3,
            Kind::Deposit => 2,
            Kind::Transfer => 4,
            Kind::Loan => 1,
            Kind::Balance | Kind::Open | Kind::Refill | Kind::Lapse | Kind::Reverse => 0,
            // The work of a group is that of its parts.
            Kind::Group => 0,
        };
        Duration::from_secs(classic).mul_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_multiplies_the_classic_durations() {
        let seconds: Vec<u64> = Kind::ALL
            .iter()
            .map(|kind| Pace::CLASSIC.of(*kind).as_secs())
            .collect();
        assert_eq!(seconds, [3, 2, 4, 1, 0]);
        let half = Pace::new(0.5).expect("in range");
        assert_eq!(half.of(Kind::Withdraw), Duration::from_millis(1_500));
        for scale in [-0.1, f64::NAN, f64::INFINITY, 1_000_001.0] {
            assert_eq!(Pace::new(scale), None);
        }
    }
}
