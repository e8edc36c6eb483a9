//! What became of each operation of a rehearsed run, held against what its command did.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::step::{CommandStep, JournalLine};
use crate::exit::Exit;

/// All that is known at the end of a round.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The ids that were posted, with their lines.
    pub posted: HashMap<String, Option<u64>>,
    /// The ids that were left in doubt.
    pub in_doubt: HashSet<String>,
    /// What the commands did.
    pub journal: Vec<JournalLine>,
    /// The lines in which they told what they had paid; none, if they tell nothing.
    pub payments: Vec<String>,
    /// Nothing more would be run if the run was started again.
    pub came_to_end: bool,
}

/// Something that is not as promised, or cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RehearsalFinding {
    /// The operation's id.
    pub id: String,
    /// Its line of the input.
    pub line: Option<u64>,
    /// What it is.
    pub kind: FindingKind,
    /// What its command did, in that order.
    pub steps: Vec<JournalLine>,
}

/// What a rehearsal finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// The command told so many payments.
    Paid {
        /// How many, more than one.
        times: u64,
    },
    /// It was posted, and the command told no payment.
    PostedUnpaid,
    /// The command told a payment; nothing was posted and nothing is in doubt.
    PaidUnposted,
    /// The command may have paid so often: it began and was not seen to fail by itself.
    MayBePaid {
        /// How often, more than once.
        times: u64,
    },
    /// It was posted, and the command was never seen to succeed.
    PostedUnseen,
    /// The command may have paid; nothing was posted and nothing is in doubt.
    MayBeUnposted,
}

impl FindingKind {
    /// Whether it is certain that the promise is broken.
    pub fn is_certain(self) -> bool {
        match self {
            FindingKind::Paid { .. } | FindingKind::PostedUnpaid | FindingKind::PaidUnposted => {
                true
            }
            FindingKind::MayBePaid { .. }
            | FindingKind::PostedUnseen
            | FindingKind::MayBeUnposted => false,
        }
    }
}

/// How often a command did what.
#[derive(Clone, Debug, Default)]
struct CommandCounts {
    line: Option<u64>,
    began: u64,
    succeeded: u64,
    failed: u64,
    paid: u64,
}

impl CommandCounts {
    /// How often it may have paid.
    fn possible(&self) -> u64 {
        self.began.saturating_sub(self.failed)
    }
}

/// A line in which a command told a payment of no operation that it ran for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownPayment(pub String);

impl Evidence {
    /// All that is not as promised or cannot be known, by id.
    ///
    /// # Errors
    ///
    /// A command told a payment of no operation that it ran for.
    pub fn findings(&self) -> Result<Vec<RehearsalFinding>, UnknownPayment> {
        let counts = self.counts()?;
        let findings = counts.iter().filter_map(|(id, counts)| {
            Some(RehearsalFinding {
                id: (*id).to_string(),
                line: counts.line,
                kind: self.kind(id, counts)?,
                steps: self
                    .journal
                    .iter()
                    .filter(|step| step.id == *id)
                    .cloned()
                    .collect(),
            })
        });
        Ok(findings.collect())
    }

    fn counts(&self) -> Result<BTreeMap<&str, CommandCounts>, UnknownPayment> {
        let mut all: BTreeMap<&str, CommandCounts> = BTreeMap::new();
        for step in &self.journal {
            let counts = all.entry(&step.id).or_default();
            counts.line = step.line;
            match step.step {
                CommandStep::Began => counts.began += 1,
                CommandStep::Ended(Exit::Status(0)) => counts.succeeded += 1,
                CommandStep::Ended(_) => counts.failed += 1,
                CommandStep::Met(_) => {}
            }
        }
        for payment in &self.payments {
            let id = beginnings(payment).find(|id| all.contains_key(id));
            match id.and_then(|id| all.get_mut(id)) {
                Some(counts) => counts.paid += 1,
                None => return Err(UnknownPayment(payment.clone())),
            }
        }
        for (id, line) in &self.posted {
            // A view or an operation without a command has no steps, and pays nothing.
            if let Some(counts) = all.get_mut(id.as_str()) {
                counts.line = counts.line.or(*line);
            }
        }
        Ok(all)
    }

    fn kind(&self, id: &str, counts: &CommandCounts) -> Option<FindingKind> {
        let (posted, tells) = (self.posted.contains_key(id), !self.payments.is_empty());
        let given_up = self.came_to_end && !posted && !self.in_doubt.contains(id);
        let (paid, possible) = (counts.paid, counts.possible());
        match tells {
            true if paid > 1 => Some(FindingKind::Paid { times: paid }),
            true if posted && paid == 0 => Some(FindingKind::PostedUnpaid),
            true if given_up && paid > 0 => Some(FindingKind::PaidUnposted),
            true => None,
            false if possible > 1 => Some(FindingKind::MayBePaid { times: possible }),
            false if posted && counts.succeeded == 0 => Some(FindingKind::PostedUnseen),
            false if given_up && possible > 0 => Some(FindingKind::MayBeUnposted),
            false => None,
        }
    }
}

/// What a line may begin with: all of it, then less and less by a word. An id may have blanks in it.
fn beginnings(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.rmatch_indices(char::is_whitespace).map(|(at, _)| at);
    [line.len()]
        .into_iter()
        .chain(ends)
        .map(|end| line[..end].trim_end())
}

#[cfg(test)]
mod tests {
    use super::super::faults::{CommandFault, FaultKind, FaultMoment};
    use super::*;

    const DONE: CommandStep = CommandStep::Ended(Exit::Status(0));
    const FAILED: CommandStep = CommandStep::Ended(Exit::Status(3));
    const CUT_OFF: CommandStep = CommandStep::Met(CommandFault {
        moment: FaultMoment::During,
        kind: FaultKind::WorkerKilled,
        millis: 3,
    });

    /// What is found of an operation whose command did this, told these payments and ended so.
    fn found(
        steps: &[CommandStep],
        paid: &[&str],
        posted: bool,
        in_doubt: bool,
    ) -> Option<FindingKind> {
        let (id, line) = ("rent 11", Some(4));
        let step = |(number, step): (usize, &CommandStep)| JournalLine {
            id: id.to_string(),
            line,
            start: number as u32,
            attempt: 1,
            step: *step,
        };
        let evidence = Evidence {
            posted: posted.then(|| (id.to_string(), line)).into_iter().collect(),
            in_doubt: in_doubt.then(|| id.to_string()).into_iter().collect(),
            journal: steps.iter().enumerate().map(step).collect(),
            payments: paid.iter().map(ToString::to_string).collect(),
            came_to_end: true,
        };
        let findings = evidence.findings().expect("known payments");
        let finding = findings.first()?;
        assert_eq!((finding.id.as_str(), finding.line), (id, line));
        assert_eq!(finding.steps, evidence.journal);
        Some(finding.kind)
    }

    #[test]
    fn a_command_that_tells_its_payments_is_judged_by_them() {
        use CommandStep::Began;
        let once = ["rent 11 12.50 sent"];
        assert_eq!(found(&[Began, DONE], &once, true, false), None);
        assert_eq!(
            found(&[Began, CUT_OFF, Began, DONE], &once, true, false),
            None
        );
        assert_eq!(found(&[Began, CUT_OFF], &once, false, true), None);
        let twice = FindingKind::Paid { times: 2 };
        let both = [once[0], "rent 11"];
        assert_eq!(
            found(&[Began, CUT_OFF, Began, DONE], &both, true, false),
            Some(twice)
        );
        let none = Some(FindingKind::PaidUnposted);
        assert_eq!(found(&[Began, FAILED], &once, false, false), none);
        assert!(twice.is_certain() && FindingKind::PostedUnpaid.is_certain());
    }

    #[test]
    fn what_was_posted_and_never_paid_is_found_beside_what_was_paid() {
        let step = |id: &str, step| JournalLine {
            id: id.to_string(),
            line: None,
            start: 1,
            attempt: 1,
            step,
        };
        let mut evidence = Evidence {
            posted: ["a", "b"]
                .map(|id| (id.to_string(), Some(1)))
                .into_iter()
                .collect(),
            journal: vec![step("a", CommandStep::Began), step("b", CommandStep::Began)],
            payments: vec!["a".to_string()],
            ..Evidence::default()
        };
        let findings = evidence.findings().expect("known payments");
        let kinds: Vec<_> = findings
            .iter()
            .map(|one| (one.id.as_str(), one.kind))
            .collect();
        assert_eq!(kinds, [("b", FindingKind::PostedUnpaid)]);
        evidence.payments.push("c 5".to_string());
        let unknown = UnknownPayment("c 5".to_string());
        assert_eq!(evidence.findings(), Err(unknown));
    }

    #[test]
    fn what_a_silent_command_may_have_paid_twice_is_left_open() {
        use CommandStep::Began;
        assert_eq!(found(&[Began, DONE], &[], true, false), None);
        assert_eq!(found(&[Began, FAILED, Began, DONE], &[], true, false), None);
        assert_eq!(found(&[Began, FAILED], &[], false, false), None);
        let twice = Some(FindingKind::MayBePaid { times: 2 });
        assert_eq!(
            found(&[Began, CUT_OFF, Began, DONE], &[], true, false),
            twice
        );
        let unseen = Some(FindingKind::PostedUnseen);
        assert_eq!(found(&[Began, CUT_OFF], &[], true, false), unseen);
        let unposted = Some(FindingKind::MayBeUnposted);
        assert_eq!(found(&[Began, CUT_OFF], &[], false, false), unposted);
        assert!(!unposted.is_some_and(FindingKind::is_certain));
    }
}
