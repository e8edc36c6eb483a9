//! The named runs of a ledger, and lines of them that were given up: columns or JSON Lines. Both are a
//! stable interface.

use serde::Serialize;

use super::columns::{Column, fixed, id, numbers, or_nothing, words};
use super::{Format, Output};
use crate::event::{add_line, is_zero};
use crate::status::Status;
use crate::store::{RunName, RunTotals};

const COLUMNS: [Column; 8] = [
    id("run"),
    numbers("done"),
    numbers("refused"),
    numbers("failed"),
    numbers("in doubt"),
    numbers("begun"),
    numbers("skipped"),
    fixed("live"),
];

/// Prints which runs there are, and how many lines of each came to what.
pub fn runs(mut output: Output, format: Format, runs: &[RunTotals]) -> Status {
    if format == Format::Text && runs.is_empty() && output.on_terminal {
        output.line("no run has a name here");
    } else if format == Format::Text {
        output.begin_table(&COLUMNS);
    }
    for run in runs {
        match format {
            Format::Text => output.row(&cells(run).each_ref().map(String::as_str)),
            // Memory takes every byte, so nothing fails.
            Format::Json => drop(add_line(&mut output.block, "run", &RunTotalsLine::new(run))),
        }
    }
    output.finish()
}

fn cells(run: &RunTotals) -> [String; 8] {
    let live = if run.is_live { "*" } else { "-" };
    [
        run.name.to_string(),
        run.done.to_string(),
        run.refused.to_string(),
        run.failed.to_string(),
        run.in_doubt.to_string(),
        run.begun.to_string(),
        run.skipped.to_string(),
        live.to_string(),
    ]
}

const SKIPPED_COLUMNS: [Column; 2] = [numbers("line"), words("reason")];

/// Prints which lines of a run were given up, and why.
pub fn skipped(
    mut output: Output,
    format: Format,
    run: &RunName,
    lines: &[(u64, String)],
) -> Status {
    if format == Format::Text {
        output.begin_table(&SKIPPED_COLUMNS);
    }
    for (line, reason) in lines {
        let reason = Some(reason.as_str()).filter(|reason| !reason.is_empty());
        match format {
            Format::Text => output.row(&[&line.to_string(), or_nothing(reason)]),
            Format::Json => {
                let skipped = SkippedRow {
                    reason,
                    ..SkippedRow::new(run, *line)
                };
                drop(add_line(&mut output.block, "skipped", &skipped));
            }
        }
    }
    output.finish()
}

/// Prints that a line was given up, now or before.
pub fn given_up(
    mut output: Output,
    format: Format,
    run: &RunName,
    line: u64,
    again: bool,
) -> Status {
    match format {
        Format::Text => {
            let mark = if again { " duplicate" } else { "" };
            let text = format!("skipped {run} line {line}{mark}\n");
            output.block.extend(text.into_bytes());
        }
        Format::Json => {
            let skipped = SkippedRow {
                duplicate: again,
                ..SkippedRow::new(run, line)
            };
            drop(add_line(&mut output.block, "skipped", &skipped));
        }
    }
    output.finish()
}

/// `run`.
#[derive(Serialize)]
struct RunTotalsLine<'a> {
    run: &'a str,
    done: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    begun: u64,
    skipped: u64,
    live: bool,
}

impl<'a> RunTotalsLine<'a> {
    fn new(run: &'a RunTotals) -> Self {
        RunTotalsLine {
            run: run.name.as_str(),
            done: run.done,
            refused: run.refused,
            failed: run.failed,
            in_doubt: run.in_doubt,
            begun: run.begun,
            skipped: run.skipped,
            live: run.is_live,
        }
    }
}

/// `skipped`, as `bank-par skip` and `bank-par runs` tell it.
#[derive(Serialize)]
struct SkippedRow<'a> {
    run: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    duplicate: bool,
}

impl<'a> SkippedRow<'a> {
    fn new(run: &'a RunName, line: u64) -> Self {
        SkippedRow {
            run: run.as_str(),
            line,
            reason: None,
            duplicate: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::columns::ReportTable;
    use std::time::SystemTime;

    #[test]
    fn a_table_of_runs_keeps_to_80_columns_with_the_longest_names() {
        let run = RunTotals {
            number: 1,
            name: "n".repeat(64).parse().expect("a name"),
            done: 1_000_000,
            refused: 2,
            failed: 3,
            skipped: 4,
            begun: 5,
            in_doubt: 6,
            is_live: true,
        };
        let mut table = ReportTable::new(&COLUMNS, true);
        table.row(&cells(&run).each_ref().map(String::as_str));
        let mut out = Vec::new();
        table.lay_out(80, SystemTime::UNIX_EPOCH, &mut out);
        let table = String::from_utf8(out).expect("text");
        assert!(table.ends_with(&format!("\n    {}\n", run.name)), "{table}");
        assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    }
}
