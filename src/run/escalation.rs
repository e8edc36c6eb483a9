//! What the signals that end a program do to a run: the first lets what is under way finish, the
//! second kills.

/// How far a run is on its way to an end that a signal asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Escalation {
    /// No signal came.
    #[default]
    Running,
    /// No new operations; those under way finish. Then the run ends by this signal.
    Finishing(i32),
    /// The workers are killed. Then the run ends by this signal.
    Killing(i32),
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Hand out no further operations.
    Finish,
    /// Kill every worker.
    Kill,
    /// End this process at once: even the dead cannot be waited for.
    End(i32),
}

impl Escalation {
    /// Takes a further signal; the run ends by the first one.
    pub(super) fn signal(self, signal: i32) -> (Self, Step) {
        match self {
            Escalation::Running => (Escalation::Finishing(signal), Step::Finish),
            Escalation::Finishing(first) => (Escalation::Killing(first), Step::Kill),
            Escalation::Killing(first) => (self, Step::End(first)),
        }
    }

    /// The signal that the run will end by.
    pub(super) fn ends_by(self) -> Option<i32> {
        match self {
            Escalation::Running => None,
            Escalation::Finishing(signal) | Escalation::Killing(signal) => Some(signal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(signals: &[i32], steps: &[Step], ends_by: Option<i32>) {
        let mut escalation = Escalation::default();
        let mut taken = Vec::new();
        for signal in signals {
            let (next, step) = escalation.signal(*signal);
            escalation = next;
            taken.push(step);
        }
        assert_eq!((taken.as_slice(), escalation.ends_by()), (steps, ends_by));
    }

    #[test]
    fn the_first_signal_finishes_the_second_kills_and_the_first_one_counts() {
        const INT: i32 = 2;
        const TERM: i32 = 15;
        check(&[], &[], None);
        check(&[INT], &[Step::Finish], Some(INT));
        check(&[TERM, INT], &[Step::Finish, Step::Kill], Some(TERM));
        check(
            &[INT; 3],
            &[Step::Finish, Step::Kill, Step::End(INT)],
            Some(INT),
        );
        check(
            &[INT, TERM, TERM, INT],
            &[Step::Finish, Step::Kill, Step::End(INT), Step::End(INT)],
            Some(INT),
        );
    }
}
