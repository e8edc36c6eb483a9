//! What a check of a history found: a verdict for each tier, and the smallest contradiction in words.

mod json;
mod page;
mod words;

use std::fmt::{self, Write as _};

use super::{Format, Output};
use crate::check::{
    CheckedHistory, ClaimedBy, Contradiction, Judgement, LeftOpen, ObservedHistory, TierReport,
};
use crate::status::Status;
pub(super) use page::page;
use words::Paragraph;

/// What was checked, and what was found.
#[derive(Clone, Copy, Debug)]
pub struct HistoryReport<'a> {
    /// What was observed.
    pub history: &'a ObservedHistory,
    /// The names of the files.
    pub files: &'a [String],
    /// What was found.
    pub checked: &'a CheckedHistory,
}

impl HistoryReport<'_> {
    /// What is left open is never right.
    fn status(&self) -> Status {
        match self.checked.judgement() {
            Judgement::Right => Status::Posted,
            Judgement::Wrong => Status::Violation,
            Judgement::Undecided | Judgement::NotTold => Status::Undecided,
        }
    }
}

/// Prints what a check of a history found; returns the status that follows from it.
pub fn checked(mut output: Output, format: Format, report: &HistoryReport) -> Status {
    match format {
        Format::Text => {
            let mut text = String::new();
            // Memory takes everything.
            let _ = write_text(report, &mut text);
            output.text(&text);
        }
        Format::Json => json::write(report, &mut output.block),
    }
    report.status().worse(output.finish())
}

/// The word for a verdict.
fn verdict(judgement: Judgement) -> &'static str {
    match judgement {
        Judgement::Right => "ok",
        Judgement::Wrong => "contradiction",
        Judgement::Undecided => "undecided",
        Judgement::NotTold => "not told",
    }
}

/// What each tier looks at, and why it may have nothing to look at.
fn tiers(checked: &CheckedHistory) -> [(&'static str, &'static str, &TierReport); 3] {
    let [sums, ordered, unordered] = &checked.tiers;
    let order = match checked.claimed_by {
        Some(ClaimedBy::Decided) => "rules in the order of `decided`",
        Some(ClaimedBy::Seq) => "rules in the order of `seq`",
        None => "rules in a claimed order",
    };
    let why = match ordered.judgement {
        Judgement::NotTold => "no answer has a `balance`",
        _ => "not needed: an order is claimed",
    };
    [
        ("sums and ids", "no answers", sums),
        (order, "no answer has `decided` or `seq`", ordered),
        ("balances without an order", why, unordered),
    ]
}

/// The contradictions, each with the way in which it was found.
fn contradictions(checked: &CheckedHistory) -> Vec<(&'static str, &Contradiction)> {
    let in_order = match checked.claimed_by {
        Some(ClaimedBy::Seq) => "In the order of `seq`",
        _ => "In the order of `decided`",
    };
    let finders = ["By sums and ids", in_order, "By the balances"];
    let tiers = finders.into_iter().zip(&checked.tiers);
    let mut found: Vec<_> = tiers
        .filter_map(|(name, tier)| Some((name, tier.contradiction.as_ref()?)))
        .collect();
    // Answers that contradict each other say more than that their sum is another.
    found.sort_by_key(|(_, contradiction)| contradiction.summary.is_some());
    found
}

fn write_text(report: &HistoryReport, out: &mut String) -> fmt::Result {
    let checked = report.checked;
    for (name, not_told, one) in tiers(checked) {
        tier(name, one, not_told, out)?;
    }
    for tier in &checked.tiers {
        for open in &tier.left_open {
            writeln!(out, "{}", Paragraph::new("Left open: ", left_open(*open)))?;
        }
    }
    let found = contradictions(checked);
    for (name, contradiction) in &found {
        show(report, name, contradiction, out)?;
    }
    if !found.is_empty() {
        writeln!(out)?;
    }
    writeln!(out, "{}: {}", verdict(checked.judgement()), extent(report))
}

fn tier(name: &str, tier: &TierReport, not_told: &str, out: &mut String) -> fmt::Result {
    match tier.judgement {
        Judgement::NotTold => writeln!(out, "{name:<34}{not_told}"),
        judgement => writeln!(
            out,
            "{name:<34}{:<15}{}",
            verdict(judgement),
            words::count(tier.answers, "answer", "answers")
        ),
    }
}

/// How much was looked at.
fn extent(report: &HistoryReport) -> String {
    let checked = report.checked;
    let mut extent = format!(
        "{} about {} in {}",
        words::count(checked.answers, "answer", "answers"),
        words::count(checked.ledgers, "ledger", "ledgers"),
        words::count(report.files.len() as u64, "file", "files"),
    );
    if checked.unanswered > 0 {
        let unanswered = words::count(checked.unanswered, "operation", "operations");
        let _ = write!(extent, "; {unanswered} unanswered");
    }
    if checked.cut_lines > 0 {
        let cut = words::count(checked.cut_lines, "line", "lines");
        let _ = write!(extent, "; {cut} cut off");
    }
    if checked.told_twice > 0 {
        let twice = words::count(checked.told_twice, "answer", "answers");
        let _ = write!(extent, "; {twice} told twice, counted once");
    }
    extent
}

const MIXED_RUNS: &str = "runs with ledgers of their own wrote to one file at once, or one of them was killed, \
                          and no line tells them apart; give each a file.";

/// What a tier leaves open, in words.
fn left_open(open: LeftOpen) -> String {
    let count = words::count;
    match open {
        LeftOpen::MissingChanges(missing) => format!(
            "{} to the ledger, whose numbers are missing in the order, {} in no line; add the \
             recordings of all that wrote to it.",
            count(missing, "change", "changes"),
            if missing == 1 { "stands" } else { "stand" }
        ),
        LeftOpen::WithoutPlace(answers) => format!(
            "{} not say when it was decided.",
            match answers {
                1 => "1 answer does".to_string(),
                _ => format!("{} do", count(answers, "answer", "answers")),
            }
        )
        .replace("do not say when it was", "do not say when they were"),
        LeftOpen::Refusals(refusals) => format!(
            "whether {} right, which no answer tells.",
            match refusals {
                1 => "1 refusal was".to_string(),
                _ => format!("{} were", count(refusals, "refusal", "refusals")),
            }
        ),
        LeftOpen::Limits(answers) => format!(
            "whether an account may go below zero, as {}; no line tells a limit that lets it.",
            count(answers, "answer says", "answers say")
        ),
        LeftOpen::UntoldBalances(accounts) => format!(
            "{}, of which not every answer tells the balance.",
            count(accounts, "account", "accounts")
        ),
        LeftOpen::Holds(answers) => format!(
            "what was set aside when, as {}; that needs an order.",
            count(answers, "answer says", "answers say")
        ),
        LeftOpen::Unanswered(accounts) => format!(
            "{} with operations that may or may not have taken effect.",
            count(accounts, "account", "accounts")
        ),
        LeftOpen::TooManyOrders(accounts) => format!(
            "{} with operations that overlap in too many ways to try them all.",
            count(accounts, "account", "accounts")
        ),
        LeftOpen::MixedRuns => MIXED_RUNS.to_string(),
        LeftOpen::NoOrder(answers) => format!(
            "the order of {} neither `decided` nor `seq` nor a `balance`.",
            count(answers, "answer, which has", "answers, which have")
        ),
        LeftOpen::NoAnswers => "there are no answers to judge.".to_string(),
        LeftOpen::Races(races) => format!(
            "the threads of `sync` get no answers to judge; `bank-par show FILE` shows {}.",
            count(races, "result of it", "results of it")
        ),
        LeftOpen::Sums(runs) => format!(
            "the sums of {} of which not every operation is told.",
            count(runs, "run", "runs")
        ),
    }
}

/// What contradicts what.
fn title(contradiction: &Contradiction, has_summary: bool) -> String {
    let all = contradiction.answers.len() as u64 + contradiction.omitted;
    match (all, has_summary) {
        (0, _) => "the summary is contradicted".to_string(),
        (1, false) => "this answer cannot be true".to_string(),
        (1, true) => "this answer and the summary contradict each other".to_string(),
        (_, false) => format!("these {all} answers contradict each other"),
        (_, true) => format!("these {all} answers and the summary contradict each other"),
    }
}

const NOT_SMALLEST: &str = "Not all of them may be needed for that.";

/// The answers that contradict each other, and how.
fn show(
    report: &HistoryReport,
    tier: &str,
    contradiction: &Contradiction,
    out: &mut String,
) -> fmt::Result {
    let summary = contradiction
        .summary
        .and_then(|run| report.history.summary(run));
    writeln!(out)?;
    writeln!(out, "{tier}, {}:", title(contradiction, summary.is_some()))?;
    for answer in &contradiction.answers {
        let one = report.history.at(*answer);
        let place = report.place(one.file, one.line);
        writeln!(out, "  {place}")?;
        let words = words::answer(report.history, one, contradiction.why);
        writeln!(out, "{}", Paragraph::new("    ", words))?;
    }
    if contradiction.omitted > 0 {
        writeln!(
            out,
            "  and {}",
            words::count(contradiction.omitted, "more", "more")
        )?;
    }
    if let Some((file, line)) = summary {
        writeln!(out, "  {}", report.place(file, line))?;
        writeln!(out, "    the summary of the run")?;
    }
    let why = words::why(report.history, contradiction);
    writeln!(out, "{}", Paragraph::new("", why))?;
    if !contradiction.is_smallest {
        writeln!(out, "{NOT_SMALLEST}")?;
    }
    Ok(())
}

impl HistoryReport<'_> {
    fn place(&self, file: u16, line: u32) -> String {
        let name = self
            .files
            .get(usize::from(file))
            .map_or("?", String::as_str);
        format!("{}:{line}", super::text::one_line(name))
    }
}
