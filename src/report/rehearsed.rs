//! How a rehearsal went: lines of words, or JSON Lines. Both are a stable interface.

mod json;

use std::fmt::{self, Display};

use serde::Serialize;

use super::stderr::is_quiet;
use super::text::one_line;
use super::{Format, Output};
use crate::event::add_line;
use crate::exit::Exit;
use crate::rehearsal::{
    CommandStep, FindingKind, JournalLine, RehearsalFinding, Rehearsed, RehearsedRound,
};
use crate::status::Status;
use json::{EndLine, RoundLine};

/// The most findings of a round that text tells.
const MAX_FINDINGS: usize = 5;

/// Tells how a rehearsal goes.
pub struct RehearsalReport {
    output: Output,
    format: Format,
    totals: RehearsalTotals,
}

/// All rounds together.
#[derive(Debug, Default, Serialize)]
struct RehearsalTotals {
    starts: u64,
    faults: u64,
    commands: u64,
    posted: u64,
    in_doubt: u64,
    broken: u64,
    open: u64,
    violations: u64,
}

impl RehearsedRound {
    fn faults(&self) -> u64 {
        self.command_faults + self.run_faults.len() as u64
    }

    fn broken(&self) -> u64 {
        let certain = |finding: &&RehearsalFinding| finding.kind.is_certain();
        self.findings.iter().filter(certain).count() as u64
    }
}

impl RehearsalReport {
    /// A report of this form.
    pub fn new(output: Output, format: Format) -> Self {
        let totals = RehearsalTotals::default();
        RehearsalReport {
            output,
            format,
            totals,
        }
    }

    /// Tells of a round. Text tells what is as promised too, unless only what went wrong is asked for.
    pub fn round(&mut self, round: &RehearsedRound) {
        let totals = &mut self.totals;
        totals.starts += u64::from(round.starts);
        totals.faults += round.faults();
        totals.commands += round.commands;
        totals.posted += round.posted;
        totals.in_doubt += round.in_doubt.len() as u64;
        totals.broken += round.broken();
        totals.open += round.findings.len() as u64 - round.broken();
        totals.violations += u64::from(round.violation.is_some());
        match self.format {
            Format::Text => text(round, &mut self.output),
            Format::Json => add(&mut self.output, "rehearsed_round", &RoundLine::of(round)),
        }
        self.output.write();
    }

    /// Tells what comes of all rounds, and with what status the program ends.
    pub fn finish(mut self, rehearsed: &Rehearsed) -> Status {
        let totals = &self.totals;
        let (verdict, status) = match (totals.broken + totals.violations, totals.open) {
            (1.., _) => ("broken", Status::Violation),
            (0, 1..) => ("open", Status::Undecided),
            (0, 0) if totals.commands == 0 => ("open", Status::Undecided),
            (0, 0) => ("kept", Status::Posted),
        };
        match self.format {
            Format::Text => {
                let line = end(verdict, totals, rehearsed);
                self.output.line(line);
            }
            Format::Json => {
                let line = EndLine {
                    status: status.code(),
                    verdict,
                    rounds: rehearsed.rounds,
                    time_over: rehearsed.is_time_over,
                    elapsed_ms: rehearsed.took.as_millis() as u64,
                    totals,
                };
                add(&mut self.output, "rehearsed", &line);
            }
        }
        status.worse(self.output.finish())
    }
}

fn add<T: Serialize>(output: &mut Output, r#type: &'static str, fields: &T) {
    // Memory takes every byte, so nothing fails.
    let _ = add_line(&mut output.block, r#type, fields);
}

fn count(count: u64, one: &'static str, many: &'static str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn text(round: &RehearsedRound, output: &mut Output) {
    if !is_quiet() {
        output.line(format_args!(
            "round {}: {}, {}; {} posted, {} in doubt",
            round.number,
            count(round.starts.into(), "start", "starts"),
            count(round.faults(), "fault", "faults"),
            count(round.posted, "operation", "operations"),
            round.in_doubt.len(),
        ));
    }
    if let Some(violation) = &round.violation {
        output.line(format_args!("  violation: {}", one_line(violation)));
    }
    for finding in round.findings.iter().take(MAX_FINDINGS) {
        text_of(round, finding, output);
    }
    let more = round.findings.len().saturating_sub(MAX_FINDINGS);
    if more > 0 {
        output.line(format_args!(
            "  and {more} more like these: `--output json` tells all"
        ));
    }
    if !round.findings.is_empty() || round.violation.is_some() {
        output.line(format_args!(
            "  to see it again: `--seed {} --rounds 1`",
            round.seed
        ));
    }
}

fn text_of(round: &RehearsedRound, finding: &RehearsalFinding, output: &mut Output) {
    let id = one_line(&finding.id);
    let line = finding.line.map(|line| format!("line {line}, "));
    let line = line.unwrap_or_default();
    let verdict = match finding.kind.is_certain() {
        true => "broken",
        false => "open",
    };
    output.line(format_args!("  {verdict}: {line}`{id}`: {}", finding.kind));
    for (start, step) in steps(round, finding) {
        output.line(format_args!("    start {start}: {step}"));
    }
}

/// What happened to an operation, start by start. What a whole run met stands behind the steps of that
/// start: it may have been at any moment.
fn steps(round: &RehearsedRound, finding: &RehearsalFinding) -> Vec<(u32, String)> {
    let mut told: Vec<(u32, String)> = Vec::new();
    let mut starts: Vec<u32> = finding.steps.iter().map(|step| step.start).collect();
    starts.dedup();
    for start in starts {
        let of_start = finding.steps.iter().filter(|step| step.start == start);
        told.extend(of_start.map(|JournalLine { step, .. }| (start, step.to_string())));
        let of_run = round.run_faults.iter().filter(|(of, _)| *of == start);
        told.extend(of_run.map(|(_, fault)| (start, fault.to_string())));
    }
    told
}

fn end(verdict: &str, totals: &RehearsalTotals, rehearsed: &Rehearsed) -> String {
    let what = match verdict {
        "broken" => format!(
            "{} not as promised",
            count(
                totals.broken + totals.violations,
                "operation is",
                "operations are"
            )
        ),
        "open" if rehearsed.rounds == 0 => "the time was over before one round was".to_string(),
        "open" if totals.commands == 0 => "no command was run".to_string(),
        "open" => format!(
            "of {} only its receiver knows whether it was paid once",
            count(totals.open, "operation", "operations")
        ),
        _ => "every operation was paid and posted once, or is in doubt".to_string(),
    };
    let time = match rehearsed.is_time_over && rehearsed.rounds > 0 {
        true => "; the time was over",
        false => "",
    };
    format!(
        "{verdict}: {what} ({}, {}, {}, {} posted, {} in doubt{time})",
        count(rehearsed.rounds.into(), "round", "rounds"),
        count(totals.starts, "start", "starts"),
        count(totals.faults, "fault", "faults"),
        totals.posted,
        totals.in_doubt,
    )
}

impl Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindingKind::Paid { times } => write!(f, "it was paid {times} times"),
            FindingKind::PostedUnpaid => f.write_str("it was posted, and never paid"),
            FindingKind::PaidUnposted => f.write_str("it was paid, and not posted"),
            FindingKind::MayBePaid { times } => {
                write!(
                    f,
                    "its command ran {times} times, and may have paid each time"
                )
            }
            FindingKind::PostedUnseen => {
                f.write_str("it was posted, and its command was never seen to succeed")
            }
            FindingKind::MayBeUnposted => f.write_str("it may have been paid, and was not posted"),
        }
    }
}

impl Display for CommandStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandStep::Began => f.write_str("its command began"),
            CommandStep::Ended(Exit::Status(0)) => f.write_str("its command succeeded"),
            CommandStep::Ended(exit) => write!(f, "its command {exit}"),
            CommandStep::Met(fault) => fault.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::{CommandFault, FaultKind, FaultMoment};

    fn sample(kind: Option<FindingKind>) -> RehearsedRound {
        let fault = CommandFault {
            moment: FaultMoment::After,
            kind: FaultKind::WorkerKilled,
            millis: 7,
        };
        let steps = [
            (1, CommandStep::Began),
            (1, CommandStep::Ended(Exit::Status(0))),
            (1, CommandStep::Met(fault)),
            (2, CommandStep::Began),
            (2, CommandStep::Ended(Exit::Status(3))),
        ];
        let steps = steps.map(|(start, step)| JournalLine {
            id: "november:3".to_string(),
            line: Some(3),
            start,
            attempt: 1,
            step,
        });
        let finding = |kind| RehearsalFinding {
            id: "november:3".to_string(),
            line: Some(3),
            kind,
            steps: steps.to_vec(),
        };
        RehearsedRound {
            number: 2,
            seed: 18,
            starts: 2,
            run_faults: Vec::new(),
            command_faults: 1,
            commands: 2,
            posted: 12,
            in_doubt: vec!["november:7".to_string()],
            findings: kind.map(finding).into_iter().collect(),
            violation: None,
        }
    }

    fn told(format: Format, kind: Option<FindingKind>) -> (String, Status) {
        let mut report = RehearsalReport::new(Output::for_test(false), format);
        let round = sample(kind);
        match format {
            Format::Text => text(&round, &mut report.output),
            Format::Json => add(
                &mut report.output,
                "rehearsed_round",
                &RoundLine::of(&round),
            ),
        }
        let told = String::from_utf8(report.output.block.clone()).expect("text");
        report.round(&round);
        let rehearsed = Rehearsed {
            rounds: 1,
            ..Rehearsed::default()
        };
        (told, report.finish(&rehearsed))
    }

    #[test]
    fn what_is_found_is_told_with_what_leads_to_it_and_how_to_repeat_it() {
        let kept = "round 2: 2 starts, 1 fault; 12 operations posted, 1 in doubt\n";
        let found = told(Format::Text, None);
        assert_eq!(found, (kept.to_string(), Status::Posted));
        let (text, status) = told(Format::Text, Some(FindingKind::Paid { times: 2 }));
        let steps = "  broken: line 3, `november:3`: it was paid 2 times
    start 1: its command began
    start 1: its command succeeded
    start 1: its worker was killed after its command had succeeded
    start 2: its command began
    start 2: its command exited with status 3
  to see it again: `--seed 18 --rounds 1`
";
        assert_eq!(text, format!("{kept}{steps}"));
        assert_eq!(status, Status::Violation);
        let (text, status) = told(Format::Text, Some(FindingKind::PostedUnseen));
        assert!(text.contains("  open: line 3"), "{text}");
        assert_eq!(status, Status::Undecided);
    }

    #[test]
    fn a_round_is_one_object() {
        let (json, _) = told(Format::Json, Some(FindingKind::PaidUnposted));
        let begins = r#"{"v":1,"type":"rehearsed_round","round":2,"seed":18,"starts":2,"faults":1,"commands":2,"posted":12,"in_doubt":["november:7"],"findings":[{"id":"november:3","line":3,"verdict":"broken","what":"paid_unposted","steps":[{"start":1,"step":"its command began"},"#;
        assert!(json.starts_with(begins), "{json}");
    }
}
