//! One time axis for several runs.

/// How far two ways to tell a machine's start may differ before they are those of two starts, in
/// microseconds.
const SAME_START: i64 = 60_000_000;

/// The latest begin of a run that is drawn, in microseconds: some three hundred years.
const LATEST_START: u64 = 10_000_000_000_000_000;

/// When a run began, as far as its recording tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RunClock {
    /// By the machine's monotonic clock, in microseconds.
    pub(super) clock: Option<u64>,
    /// By the calendar, in microseconds since 1970.
    pub(super) calendar: Option<i64>,
}

/// A run that is to be laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunExtent {
    pub(super) clock: RunClock,
    /// How long it is.
    pub(super) length: u64,
    /// It is the first one of its file.
    pub(super) begins_file: bool,
}

/// When each run begins, in microseconds since the first of them; and what must be said about that.
pub(super) fn lay_out(runs: &[RunExtent]) -> (Vec<u64>, Vec<String>) {
    let mut notes = Vec::new();
    let starts = starts(runs);
    if runs.len() > 1 && runs.iter().any(|run| run.clock.clock.is_none()) {
        notes.push(
            "some recordings do not tell when their run began: each such file is drawn from the left edge".into(),
        );
    }
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|run| starts[*run]);
    let busy: u64 = runs
        .iter()
        .fold(0, |sum, run| sum.saturating_add(run.length));
    // A pause that is longer says nothing more.
    let pause = (busy / 20).max(1);
    let (mut drawn, mut end, mut cut) = (vec![0; runs.len()], 0, 0);
    for run in order {
        let start = starts[run] - cut;
        let start = match start > end + i128::from(pause) {
            true => {
                cut += start - end - i128::from(pause);
                end + i128::from(pause)
            }
            false => start,
        };
        drawn[run] = u64::try_from(start).unwrap_or(0).min(LATEST_START);
        end = end.max(start + i128::from(runs[run].length));
    }
    if cut > 0 {
        notes.push("pauses between the runs are drawn shorter than they were".into());
    }
    (drawn, notes)
}

/// When each run begins, counted from the first of them.
fn starts(runs: &[RunExtent]) -> Vec<i128> {
    let machine_start = |clock: RunClock| {
        clock
            .calendar?
            .checked_sub(i64::try_from(clock.clock?).ok()?)
    };
    let first = runs.iter().find_map(|run| machine_start(run.clock));
    let on_clock = |clock: RunClock| {
        let (by_clock, own, first) = (clock.clock?, machine_start(clock)?, first?);
        Some(match own.abs_diff(first) > SAME_START.unsigned_abs() {
            true => i128::from(clock.calendar?) - i128::from(first),
            false => i128::from(by_clock),
        })
    };
    let known: Vec<Option<i128>> = runs.iter().map(|run| on_clock(run.clock)).collect();
    let least = known.iter().flatten().min().copied().unwrap_or(0);
    let (mut starts, mut end) = (Vec::with_capacity(runs.len()), 0);
    for (run, known) in runs.iter().zip(known) {
        let start = match known {
            Some(known) => known - least,
            None if run.begins_file => 0,
            None => end,
        };
        end = start + i128::from(run.length);
        starts.push(start);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(clock: u64, length: u64) -> RunExtent {
        RunExtent {
            clock: RunClock {
                clock: Some(clock),
                calendar: Some(1_000_000_000_000 + i64::try_from(clock).expect("small")),
            },
            length,
            begins_file: true,
        }
    }

    #[test]
    fn runs_of_one_machine_lie_as_they_were() {
        let (starts, notes) = lay_out(&[run(5_000, 1_000), run(5_400, 1_000), run(4_900, 10)]);
        assert_eq!(starts, [100, 500, 0]);
        assert!(notes.is_empty());
    }

    #[test]
    fn a_long_pause_is_cut() {
        let (starts, notes) = lay_out(&[run(0, 1_000), run(9_000_000, 1_000), run(9_000_500, 1)]);
        assert_eq!(starts, [0, 1_100, 1_600]);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_machine_that_was_started_again_goes_by_the_calendar() {
        let mut later = run(70_000_000, 1_000);
        // The clock began anew, and 80 seconds had passed by the calendar.
        later.clock.clock = Some(50);
        let (starts, _) = lay_out(&[run(69_999_500, 1_000), later]);
        assert_eq!(starts, [0, 500]);
    }

    #[test]
    fn runs_that_do_not_tell_follow_each_other_in_a_file() {
        let unknown = |begins_file| RunExtent {
            clock: RunClock::default(),
            length: 300,
            begins_file,
        };
        let (starts, notes) = lay_out(&[unknown(true), unknown(false), unknown(true)]);
        assert_eq!(starts, [0, 300, 0]);
        assert_eq!(notes.len(), 1);
    }
}
