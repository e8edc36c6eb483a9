//! What a check found, as one JSON object.

use serde::Serialize;

use super::{HistoryReport, words};
use crate::bank::{Balance, Kind};
use crate::check::{
    ClaimedBy, Contradiction, Judgement, LeftOpen, Observed, ObservedEvent, TierReport,
};
use crate::event::add_line;

pub(super) fn write(report: &HistoryReport, out: &mut Vec<u8>) {
    // Memory takes every byte, so nothing fails.
    let _ = add_line(out, "checked", &CheckedLine::new(report));
}

/// `checked`.
#[derive(Serialize)]
struct CheckedLine<'a> {
    status: u8,
    verdict: &'static str,
    answers: u64,
    ledgers: u64,
    unanswered: u64,
    cut_lines: u64,
    told_twice: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    claimed_by: Option<&'static str>,
    tiers: Vec<TierPart<'a>>,
}

#[derive(Serialize)]
struct TierPart<'a> {
    tier: &'static str,
    verdict: &'static str,
    answers: u64,
    left_open: Vec<OpenPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contradiction: Option<ContradictionPart<'a>>,
}

#[derive(Serialize)]
struct OpenPart {
    what: &'static str,
    count: u64,
}

#[derive(Serialize)]
struct ContradictionPart<'a> {
    why: &'static str,
    words: String,
    smallest: bool,
    omitted: u64,
    events: Vec<EventPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<PlacePart<'a>>,
}

#[derive(Serialize)]
struct PlacePart<'a> {
    file: &'a str,
    line: u32,
}

#[derive(Serialize)]
struct EventPart<'a> {
    file: &'a str,
    line: u32,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_balance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl<'a> CheckedLine<'a> {
    fn new(report: &'a HistoryReport) -> Self {
        let checked = report.checked;
        let names = ["sums", "order", "balances"];
        let tiers = names.into_iter().zip(&checked.tiers);
        CheckedLine {
            status: report.status().code(),
            verdict: word(checked.judgement()),
            answers: checked.answers,
            ledgers: checked.ledgers,
            unanswered: checked.unanswered,
            cut_lines: checked.cut_lines,
            told_twice: checked.told_twice,
            claimed_by: checked.claimed_by.map(|by| match by {
                ClaimedBy::Decided => "decided",
                ClaimedBy::Seq => "seq",
            }),
            tiers: tiers
                .map(|(name, tier)| TierPart::new(report, name, tier))
                .collect(),
        }
    }
}

fn word(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Right => "ok",
        Judgement::Wrong => "contradiction",
        Judgement::Undecided => "undecided",
        Judgement::NotTold => "not_told",
    }
}

impl<'a> TierPart<'a> {
    fn new(report: &'a HistoryReport, name: &'static str, tier: &'a TierReport) -> Self {
        let contradiction = tier.contradiction.as_ref();
        TierPart {
            tier: name,
            verdict: word(tier.judgement),
            answers: tier.answers,
            left_open: tier
                .left_open
                .iter()
                .map(|open| OpenPart::new(*open))
                .collect(),
            contradiction: contradiction.map(|found| ContradictionPart::new(report, found)),
        }
    }
}

impl OpenPart {
    fn new(open: LeftOpen) -> Self {
        let (what, count) = match open {
            LeftOpen::MissingChanges(count) => ("missing_changes", count),
            LeftOpen::WithoutPlace(count) => ("without_place", count),
            LeftOpen::Refusals(count) => ("refusals", count),
            LeftOpen::Limits(count) => ("limits", count),
            LeftOpen::UntoldBalances(count) => ("untold_balances", count),
            LeftOpen::Holds(count) => ("holds", count),
            LeftOpen::Unanswered(count) => ("unanswered", count),
            LeftOpen::TooManyOrders(count) => ("too_many_orders", count),
            LeftOpen::MixedRuns => ("mixed_runs", 1),
            LeftOpen::Sums(count) => ("sums", count),
            LeftOpen::NoOrder(count) => ("no_order", count),
            LeftOpen::NoAnswers => ("no_answers", 1),
            LeftOpen::Races(count) => ("races", count),
        };
        OpenPart { what, count }
    }
}

impl<'a> ContradictionPart<'a> {
    fn new(report: &'a HistoryReport, found: &'a Contradiction) -> Self {
        let summary = found.summary.and_then(|run| report.history.summary(run));
        let event = |answer: &u32| EventPart::new(report, report.history.at(*answer));
        ContradictionPart {
            why: found.why.word(),
            words: words::why(report.history, found),
            smallest: found.is_smallest,
            omitted: found.omitted,
            events: found.answers.iter().map(event).collect(),
            summary: summary.map(|(file, line)| PlacePart {
                file: file_name(report, file),
                line,
            }),
        }
    }
}

fn file_name<'a>(report: &'a HistoryReport, file: u16) -> &'a str {
    report
        .files
        .get(usize::from(file))
        .map_or("?", String::as_str)
}

impl<'a> EventPart<'a> {
    fn new(report: &'a HistoryReport, one: &'a Observed) -> Self {
        let history = report.history;
        let money = |minor: i64| Balance::new(minor).to_string();
        let number = |number: u64| (number > 0).then_some(number);
        let account = |number| history.account_if_told(number);
        EventPart {
            file: file_name(report, one.file),
            line: one.line,
            r#type: match one.event {
                ObservedEvent::Began => "run_started",
                ObservedEvent::Held => "held",
                ObservedEvent::Completed => "completed",
                ObservedEvent::Refused => "refused",
                ObservedEvent::InDoubt => "in_doubt",
                ObservedEvent::Failed => "failed",
                ObservedEvent::Voided => "voided",
                ObservedEvent::Opened => "opened",
                ObservedEvent::Entered => "window",
            },
            id: history.id(one.id),
            op: one.kind.word(),
            account: account(one.account),
            to: match one.kind {
                Kind::Transfer => account(one.other),
                Kind::Reverse if !one.comes_in => account(one.other),
                _ => None,
            },
            from: account(one.other).filter(|_| one.kind == Kind::Reverse && one.comes_in),
            amount: one.sides().map(|_| money(one.amount)),
            balance: one.balance().map(money),
            available: one.available().map(money),
            to_balance: one.other_balance().map(money),
            seq: number(one.seq),
            decided: number(one.decided),
            reason: one.reason.map(|reason| reason.word()),
        }
    }
}
