//! The same as JSON Lines.

use serde::Serialize;

use super::{RehearsalTotals, steps};
use crate::rehearsal::{FindingKind, RehearsedRound};

/// `rehearsed_round`.
#[derive(Serialize)]
pub(super) struct RoundLine<'a> {
    round: u32,
    seed: u64,
    starts: u32,
    faults: u64,
    commands: u64,
    posted: u64,
    in_doubt: &'a [String],
    findings: Vec<FindingLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<&'a str>,
}

/// An element of `findings`.
#[derive(Serialize)]
struct FindingLine<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    verdict: &'static str,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
    steps: Vec<StepLine>,
}

/// An element of `steps`.
#[derive(Serialize)]
struct StepLine {
    start: u32,
    step: String,
}

/// `rehearsed`.
#[derive(Serialize)]
pub(super) struct EndLine<'a> {
    pub(super) status: u8,
    pub(super) verdict: &'a str,
    pub(super) rounds: u32,
    pub(super) time_over: bool,
    pub(super) elapsed_ms: u64,
    #[serde(flatten)]
    pub(super) totals: &'a RehearsalTotals,
}

impl<'a> RoundLine<'a> {
    /// What is told of a round.
    pub(super) fn of(round: &'a RehearsedRound) -> Self {
        let findings = round.findings.iter().map(|finding| {
            let (what, times) = match finding.kind {
                FindingKind::Paid { times } => ("paid_repeatedly", Some(times)),
                FindingKind::PostedUnpaid => ("posted_unpaid", None),
                FindingKind::PaidUnposted => ("paid_unposted", None),
                FindingKind::MayBePaid { times } => ("may_be_paid_repeatedly", Some(times)),
                FindingKind::PostedUnseen => ("posted_unseen", None),
                FindingKind::MayBeUnposted => ("may_be_unposted", None),
            };
            let verdict = match finding.kind.is_certain() {
                true => "broken",
                false => "open",
            };
            let steps = steps(round, finding).into_iter();
            FindingLine {
                id: &finding.id,
                line: finding.line,
                verdict,
                what,
                times,
                steps: steps
                    .map(|(start, step)| StepLine { start, step })
                    .collect(),
            }
        });
        RoundLine {
            round: round.number,
            seed: round.seed,
            starts: round.starts,
            faults: round.faults(),
            commands: round.commands,
            posted: round.posted,
            in_doubt: &round.in_doubt,
            findings: findings.collect(),
            violation: round.violation.as_deref(),
        }
    }
}
