//! What the campaigns told, added up.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What is counted in whatever campaign tells it.
const TOTALS: [&str; 7] = [
    "kills",
    "power losses",
    "disks",
    "answers checked",
    "inputs",
    "lost",
    "doubled",
];

/// Counts, each with its word.
type Counts = Vec<(String, u64)>;

/// What was counted: for each campaign what its tests told, added up over the rounds.
#[derive(Default)]
pub(super) struct Figures {
    counted: BTreeMap<String, Counts>,
    took: BTreeMap<String, Duration>,
    pub(super) rounds: u64,
}

impl Figures {
    /// Adds the lines that tell figures: `parents and workers: 12 kills, 0 lost`.
    pub(super) fn add(&mut self, campaign: &str, said: &str) {
        for line in said.lines() {
            let Some((what, figures)) = figures_of(line) else {
                continue;
            };
            let known = self
                .counted
                .entry(format!("{campaign}: {what}"))
                .or_default();
            for (count, word) in figures {
                count_in(known, &word, count);
            }
        }
    }

    /// Adds how long a campaign took.
    pub(super) fn took(&mut self, campaign: &str, time: Duration) {
        *self.took.entry(campaign.to_string()).or_default() += time;
    }

    /// What all campaigns come to, then each of them.
    pub(super) fn report(&self, began: Instant) -> String {
        let seconds = began.elapsed().as_secs();
        let mut totals: Counts = TOTALS.map(|word| (word.to_string(), 0)).into();
        for (word, count) in self.counted.values().flatten() {
            if TOTALS.contains(&word.as_str()) {
                count_in(&mut totals, word, *count);
            }
        }
        let minutes = format!("{}:{:02} minutes", seconds / 60, seconds % 60);
        let mut report = format!(
            "{} rounds in {minutes}\n{}\n\n",
            self.rounds,
            listed(&totals)
        );
        for (campaign, time) in &self.took {
            let _ = writeln!(report, "{campaign}: {} seconds", time.as_secs());
        }
        for (what, figures) in &self.counted {
            let _ = writeln!(report, "{what}: {}", listed(figures));
        }
        report
    }
}

/// Adds a count to those of its word. Of memory the most is kept.
fn count_in(counts: &mut Counts, word: &str, count: u64) {
    match counts.iter_mut().find(|(known, _)| known == word) {
        Some((_, most)) if word.starts_with("KiB") => *most = count.max(*most),
        Some((_, sum)) => *sum += count,
        None => counts.push((word.to_string(), count)),
    }
}

fn listed(counts: &Counts) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    counts.join(", ")
}

/// What was tried, and counts with their words, if a line tells them.
fn figures_of(line: &str) -> Option<(&str, Vec<(u64, String)>)> {
    let (what, rest) = line.rsplit_once(": ")?;
    let rest = rest.split(';').next()?;
    let figure = |part: &str| {
        let (count, word) = part.split_once(' ')?;
        Some((count.parse().ok()?, word.to_string()))
    };
    let figures: Option<Vec<_>> = rest.split(", ").map(figure).collect();
    // The test runner may have begun the line with the name of a test.
    let what = what.rsplit(" ... ").next()?;
    Some((what, figures?))
}
