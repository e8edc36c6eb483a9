//! What was measured of every way to share: tables for people, JSON Lines with every sample, Markdown, and
//! a page.

mod json;
mod page;
mod table;

use std::fmt::Write as _;
use std::io::{self, IsTerminal};

use super::{Output, note};
use crate::comparison::{ComparePlan, Comparison, Placement};
use crate::status::Status;
pub(super) use page::page;
use table::{Row, tables};

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
const NOTES: [&str; 9] = [
    "Every figure is the median of its rounds, which were taken in turn; on a machine that does other things, differences under 20 % mean nothing.",
    "sync and shared-memory: p50 and p99 are those of the operation alone. Of threads and additions one operation in 64 is timed, and two looks at the clock are part of that time. A worker of shared-memory also tells its parent of each operation, which is in its rate; so it is held against its limit by p50.",
    "parallel, queue, pipe and server-share decide by the rules of the bank and keep track of every operation, as a run does, but print nothing here; p50 and p99 are from a request to its answer. Their limit only carries 32 bytes there and back.",
    "The links carry a payload of that size in the frames of the program, encoded and decoded, and decide nothing; the raw ones copy bytes.",
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
        let times = if rounds == 1 { "once" } else { "in turn" };
        note(format_args!(
            "measures {count} figures {times}, {rounds} rounds: at least {} s",
            least.as_secs()
        ));
    }
}

/// Prints a comparison; returns the status that follows from it.
pub fn compared(mut output: Output, format: ComparisonFormat, comparison: &Comparison) -> Status {
    match format {
        ComparisonFormat::Json => json::write(comparison, &mut output.block),
        ComparisonFormat::Text => {
            let text = text(comparison);
            output.block.extend(text.into_bytes());
        }
        ComparisonFormat::Markdown => {
            let text = markdown(comparison);
            output.block.extend(text.into_bytes());
        }
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

fn text(comparison: &Comparison) -> String {
    let mut text = String::new();
    for fact in surroundings(comparison) {
        wrapped(&fact, "", &mut text);
    }
    for table in tables(comparison) {
        let _ = writeln!(text, "\n{}", table.title);
        let widths = table.widths();
        for row in std::iter::once(&table.head).chain(&table.rows) {
            let [way, figures @ ..] = row;
            let _ = write!(text, "{way:<first$}", first = widths[0]);
            for (figure, width) in figures.iter().zip(&widths[1..]) {
                let _ = write!(text, " {figure:>width$}");
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
    }
    text += "\nNot like for like:\n";
    for note in NOTES {
        wrapped(note, "- ", &mut text);
    }
    text
}

/// A paragraph for a terminal.
fn wrapped(words: &str, mark: &str, out: &mut String) {
    const WIDTH: usize = 80;
    let indent = " ".repeat(mark.len());
    let mut line = mark.to_string();
    for word in words.split(' ') {
        let is_first = line.len() == mark.len();
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line.clone_from(&indent);
        } else if !is_first {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}

fn markdown(comparison: &Comparison) -> String {
    let mut text = String::new();
    for fact in surroundings(comparison) {
        let _ = writeln!(text, "- {fact}");
    }
    for table in tables(comparison) {
        let _ = writeln!(text, "\n### {}\n", table.title);
        let cells = |row: &Row| format!("| {} |", row.join(" | "));
        let _ = writeln!(text, "{}", cells(&table.head));
        let _ = writeln!(text, "|---{}|", "|---:".repeat(table.head.len() - 1));
        for row in &table.rows {
            let _ = writeln!(text, "{}", cells(row));
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
