//! The named runs of a ledger, and lines of them that were given up: columns or JSON Lines. Both are a
//! stable interface.

use serde::Serialize;

use super::columns::{self, Column, numbers, words};
use super::json::{VERSION, add, is_false};
use super::{Format, Sheet};
use crate::status::Status;
use crate::store::{RunName, RunTotals};

const COLUMNS: [Column; 8] = [
    words("run", 20),
    numbers("done", 7),
    numbers("refused", 7),
    numbers("failed", 6),
    numbers("in doubt", 8),
    numbers("begun", 5),
    numbers("skipped", 7),
    words("", 1),
];

/// Tells which runs there are, and how many lines of each came to what.
pub fn runs(mut sheet: Sheet, format: Format, runs: &[RunTotals]) -> Status {
    let aligned = sheet.on_terminal;
    if format == Format::Text {
        columns::titles(&mut sheet.block, &COLUMNS, aligned);
    }
    for run in runs {
        match format {
            Format::Text => row(run, aligned, &mut sheet.block),
            // Memory takes every byte, so nothing fails.
            Format::Json => drop(add(&mut sheet.block, &RunLine::new(run))),
        }
    }
    sheet.finish()
}

fn row(run: &RunTotals, aligned: bool, out: &mut Vec<u8>) {
    let counts = [
        run.done,
        run.refused,
        run.failed,
        run.in_doubt,
        run.begun,
        run.skipped,
    ];
    let [done, refused, failed, in_doubt, begun, skipped] = counts.map(|count| count.to_string());
    let live = if run.is_live { "*" } else { "-" };
    let name = run.name.as_str();
    let cells = [
        name, &done, &refused, &failed, &in_doubt, &begun, &skipped, live,
    ];
    columns::row(out, &COLUMNS, aligned, &cells);
}

/// Tells that a line was given up, now or before.
pub fn given_up(mut sheet: Sheet, format: Format, run: &RunName, line: u64, again: bool) -> Status {
    match format {
        Format::Text => {
            let mark = if again { " duplicate" } else { "" };
            let text = format!("skipped {run} line {line}{mark}\n");
            sheet.block.extend(text.into_bytes());
        }
        Format::Json => {
            let skipped = SkipAnswer {
                v: VERSION,
                r#type: "skipped",
                run: run.as_str(),
                line,
                duplicate: again,
            };
            drop(add(&mut sheet.block, &skipped));
        }
    }
    sheet.finish()
}

/// `run`.
#[derive(Serialize)]
struct RunLine<'a> {
    v: u8,
    r#type: &'static str,
    run: &'a str,
    done: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    begun: u64,
    skipped: u64,
    live: bool,
}

impl<'a> RunLine<'a> {
    fn new(run: &'a RunTotals) -> Self {
        RunLine {
            v: VERSION,
            r#type: "run",
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

/// `skipped`, as the answer to `bank-par skip`.
#[derive(Serialize)]
struct SkipAnswer<'a> {
    v: u8,
    r#type: &'static str,
    run: &'a str,
    line: u64,
    #[serde(skip_serializing_if = "is_false")]
    duplicate: bool,
}
