//! What was measured of every way to share: tables for people, JSON Lines with every sample, Markdown, and
//! a page.

mod json;
mod page;
mod table;

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::iter;
use std::time::SystemTime;

use super::columns::{Column, ReportTable, fixed, numbers};
use super::wrap::wrap;
use super::{Output, note};
use crate::comparison::{ComparePlan, Comparison, Placement};
use crate::status::Status;
pub(super) use page::page;
use table::tables;

/// How a comparison looks on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparisonFormat {
    /// For people.
    Text,
    /// For programs: JSON Lines.
    Json,
    /// For documents.
    Markdown,
}

/// What is not like for like.
const NOTES: [&str; 10] = [
    "Every figure is the median of its rounds, which were taken in turn; on a machine that does other things, differences under 20 % mean nothing, and what comes to its limit may be somewhat over 100 % of it.",
    "sync and shared-memory: p50 and p99 are those of the operation alone. Of threads and additions one operation in 64 is timed, and two looks at the clock are part of that time. A worker of shared-memory also tells its parent of each operation, which is in its rate; so it is held against its limit by p50.",
    "parallel, queue, pipe and server-share decide by the rules of the bank and keep track of every operation, as a run does, but print nothing here; what of a WORKLOAD they refuse, as its money is gone after some rounds, counts as done; p50 and p99 are from a request to its answer. Their limit only carries 32 bytes there and back.",
    "The links carry a payload of that size in the frames of the program, encoded and decoded, and decide nothing; the raw ones copy bytes.",
    "Of large messages under way, only so many are on their way at once as a socket (some 200 KiB) or a pipe (64 KiB) takes; what they cost is copying, so that many under way gain little there, for the raw ones too.",
    "The library of the queue sends over sockets, so its limit is the raw socket.",
    "Of several requests under way, p50 and p99 include the wait for those before.",
    "CPU is the time of all processes, user and kernel; of workers from their first operation on, of the parent and of a server from their start.",
    "An empty process is this program, ended before it looks at anything: it has the cost of starting the same file, with the C library and Rust's beginnings, and no link and no operation.",
    "serve: its clients are threads of one process, and one with 64 under way asks for them in one batch. append and fdatasync writes 100 bytes for each record, as many records for each sync as all workers have under way; a ledger also keeps accounts, a chain and checksums.",
];

/// Says what is about to be measured, to a person who waits.
pub fn announce_comparison(plan: &ComparePlan) {
    if io::stderr().is_terminal() {
        let (count, rounds) = (plan.count(), plan.rounds);
        let least = plan.each * rounds * u32::try_from(count).unwrap_or(u32::MAX);
        let times = match rounds {
            1 => "once".to_string(),
            rounds => format!("in {rounds} rounds"),
        };
        note(format_args!(
            "measures {count} figures {times}, which takes at least {} s",
            least.as_millis().div_ceil(1_000)
        ));
    }
}

/// Prints a comparison; returns the status that follows from it.
pub fn compared(mut output: Output, format: ComparisonFormat, comparison: &Comparison) -> Status {
    match format {
        ComparisonFormat::Json => json::write(comparison, &mut output.block),
        ComparisonFormat::Text => output.text(&text(comparison, output.width())),
        ComparisonFormat::Markdown => output.block.extend(markdown(comparison).into_bytes()),
    }
    let status = match comparison.is_as_promised() {
        true => Status::Posted,
        false => Status::Violation,
    };
    status.worse(output.finish())
}

/// Where and how it was measured, one fact each.
fn surroundings(comparison: &Comparison) -> Vec<String> {
    let placement = match comparison.placement {
        Placement::Free => "processes run wherever the system puts them",
        Placement::OneCore => "all processes and threads on one processor",
        Placement::Spread => {
            "the parent on the first processor, workers on the next one in turn; threads and what is measured of starting processes are left to the system"
        }
    };
    let processors = match comparison.processors {
        1 => "1 processor".to_string(),
        count => format!("{count} processors"),
    };
    let named = |what: &Option<String>| what.as_ref().map(|name| format!(", {name}"));
    let machine = [
        Some(processors),
        named(&comparison.processor),
        named(
            &comparison
                .kernel
                .as_ref()
                .map(|kernel| format!("kernel {kernel}")),
        ),
    ];
    let folder = match comparison.is_in_memory {
        true => format!(
            "files in {}, which is in memory: a sync does nothing there, so the durable figures are those of no disk",
            comparison.folder
        ),
        false => format!("files in {}", comparison.folder),
    };
    let (rounds, each) = (comparison.rounds, comparison.each.as_millis());
    let rounds = if rounds == 1 {
        "1 round".to_string()
    } else {
        format!("{rounds} rounds")
    };
    vec![
        machine.into_iter().flatten().collect(),
        placement.to_string(),
        format!("{rounds} of {each} ms for each figure"),
        folder,
    ]
}

fn text(comparison: &Comparison, width: usize) -> String {
    let mut text = Vec::new();
    for fact in surroundings(comparison) {
        text.extend(wrap(&format!("{fact}\n"), width).into_bytes());
    }
    for table in tables(comparison) {
        text.extend(format!("\n{}\n", table.title).into_bytes());
        let figures = table.head.iter().skip(1).map(|title| numbers(title));
        let columns: Vec<Column> = iter::once(fixed(table.head[0])).chain(figures).collect();
        let mut aligned = ReportTable::new(&columns, true);
        for row in &table.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            aligned.row(&cells);
        }
        aligned.lay_out(width, SystemTime::UNIX_EPOCH, &mut text);
    }
    text.extend(b"\nNot like for like:\n");
    for note in NOTES {
        text.extend(wrap(&format!("- {note}\n"), width).into_bytes());
    }
    String::from_utf8(text).unwrap_or_default()
}

fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    for fact in surroundings(comparison) {
        let _ = writeln!(text, "- {fact}");
    }
    for table in tables(comparison) {
        let _ = writeln!(text, "\n### {}\n", table.title);
        let _ = writeln!(text, "| {} |", table.head.join(" | "));
        let _ = writeln!(text, "|---{}|", "|---:".repeat(table.head.len() - 1));
        for row in &table.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
    }
    text += "\nNot like for like:\n\n";
    for note in NOTES {
        let _ = writeln!(text, "- {note}");
    }
    text
}

#[cfg(test)]
mod tests;
