//! Events as lines for people.

mod beginning;
mod description;
mod group;
mod holder_killed;
mod mechanism;
mod paint;
mod refused;
mod steps;
mod style;
mod summary;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};

use beginning::run_started;
pub(super) use description::Description;
use description::{NamedOperation, OperationIdentity};
use holder_killed::KilledHolders;
use refused::{planned, refused};
use steps::StepText;
pub(super) use style::TextStyle;

use super::Detail;
use super::columns::terminal_width;
use super::money::MoneyText;
use super::wrap::wrap_from;
use crate::bank::Kind;
use crate::event::{Event, InvalidLine, Micros, OperationEvent, Race, Repair};

/// The lines so far, as far as later ones depend on them.
#[derive(Default)]
pub(super) struct Text {
    style: TextStyle,
    /// The header of the table of remedies is printed.
    raced: bool,
    holders: KilledHolders,
    steps: StepText,
}

impl Text {
    pub(super) fn new(style: TextStyle) -> Self {
        Text {
            style,
            ..Text::default()
        }
    }

    /// Adds the lines of an event that are wanted.
    pub(super) fn write(
        &mut self,
        event: &Event,
        detail: Detail,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        if self.style.leaves_out(event) {
            return Ok(());
        }
        let from = out.len();
        self.lines(event, detail, out)?;
        if self.style.has_colour {
            paint::paint(event, out, from);
        }
        if self.style.is_for_person {
            wrap_from(out, from, terminal_width());
        }
        Ok(())
    }

    /// Adds the lines of an event. A warning has none, it is said on stderr; a hold has none either,
    /// because the start was told just before.
    fn lines(&mut self, event: &Event, detail: Detail, out: &mut Vec<u8>) -> io::Result<()> {
        match event {
            Event::RunStarted(run) => {
                self.steps.run_started(run);
                run_started(run, detail, out)
            }
            Event::Started(operation) => started(operation, out),
            Event::Planned(operation) => planned(operation, out),
            Event::Completed(operation) => {
                completed(operation, out)?;
                output(operation, out)
            }
            Event::Refused(operation) => {
                refused(operation, out)?;
                output(operation, out)
            }
            Event::Failed(operation) => ill(operation, "failed", out),
            Event::InDoubt(operation) => ill(operation, "is in doubt", out),
            Event::Retried(operation) => {
                let pause = operation.pause_us.unwrap_or_default();
                let what = format!("will be tried again in {} s", Seconds(pause));
                ill(operation, &what, out)
            }
            Event::Overspent(operation) => {
                let title = NamedOperation(operation);
                let excess = MoneyText::of(operation.excess.unwrap_or_default());
                let (what, how) = operation.op.unwrap_or(Kind::Withdraw).excess_words();
                writeln!(out, "{title} {what}: {excess} more {how}")
            }
            Event::Opened(operation) => {
                let duplicate = mark(operation.duplicate);
                writeln!(out, "{} completed{duplicate}", NamedOperation(operation))
            }
            Event::Skipped(operation) => {
                let line = operation.line.unwrap_or_default();
                write!(out, "Line {line} was given up and is not run")?;
                match operation.op {
                    Some(_) => writeln!(out, ": {}", Description::about(operation)),
                    None => writeln!(out),
                }
            }
            Event::Invalid(InvalidLine { line, reason, .. }) => {
                writeln!(out, "Line {line} is invalid: {}", one_line(reason))
            }
            Event::Raced(race) => self.raced(race, out),
            Event::HolderKilled(killed) => self.holders.killed(killed, out),
            Event::Repaired(repair) => repaired(repair, out),
            Event::Summary(summary) => summary::ended(summary, self.style.is_for_person, out),
            step => self.steps.write(step, out),
        }
    }

    fn raced(&mut self, race: &Race, out: &mut Vec<u8>) -> io::Result<()> {
        let row = |out: &mut Vec<u8>, cells: [&dyn Display; 5]| {
            let [remedy, expected, actual, lost, ns] = cells;
            writeln!(
                out,
                "{remedy:<16} {expected:>15} {actual:>15} {lost:>15} {ns:>15}"
            )
        };
        if !self.raced {
            self.raced = true;
            let (threads, each) = (
                race.threads,
                race.operations / u64::from(race.threads.max(1)),
            );
            let each = Count(each, "operation", "operations");
            writeln!(out, "with each remedy {threads} threads do {each} each")?;
            let names = ["expected", "actual", "lost updates", "ns/operation"];
            let [expected, actual, lost, ns] = &names;
            row(out, [&"remedy", expected, actual, lost, ns])?;
        }
        let expected = MoneyText::of(race.expected).to_string();
        let actual = MoneyText::of(race.actual).to_string();
        let lost = Grouped(race.lost_updates.into()).to_string();
        let ns = Grouped(race.ns_per_operation.into()).to_string();
        row(out, [&race.remedy, &expected, &actual, &lost, &ns])?;
        match race.lost_updates > 0 && race.actual == race.expected {
            true => writeln!(
                out,
                "  {}: right by luck, since what was lost adds up to nothing",
                race.remedy
            ),
            false => Ok(()),
        }
    }
}

fn repaired(repair: &Repair, out: &mut Vec<u8>) -> io::Result<()> {
    match repair.repaired_by {
        Some(next) => write!(out, "Worker {next} had the lock next and")?,
        None => write!(out, "The parent")?,
    }
    let dead = repair.worker;
    writeln!(out, " completed what worker {dead} left half-written")
}

/// A view says what it saw and no more, so its start has no line.
fn started(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    match operation.op {
        Some(Kind::Balance | Kind::Open) => Ok(()),
        _ => writeln!(out, "{} started", NamedOperation(operation)),
    }
}

fn completed(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    if let Some(parts) = &operation.parts {
        return group::completed(operation, parts, out);
    }
    if operation.op == Some(Kind::Balance) {
        write!(out, "Current balance{}: ", OperationIdentity(operation))?;
    } else {
        write!(out, "{} completed. ", NamedOperation(operation))?;
        match operation.set_aside {
            None => {}
            Some(_) if operation.seq.is_none() => write!(out, "Nothing was spent. ")?,
            Some(amount) => write!(out, "Set aside: {}. ", MoneyText::of(amount))?,
        }
        if let Some(finer) = &operation.spent {
            write!(out, "Spent: {finer}, rounded up. ")?;
        }
        write!(out, "Updated balance: ")?;
    }
    let balance = MoneyText::of(operation.balance.unwrap_or_default());
    writeln!(out, "{balance}{}", mark(operation.duplicate))
}

/// What went wrong with an operation, and what its command wrote.
fn ill(operation: &OperationEvent, what: &str, out: &mut Vec<u8>) -> io::Result<()> {
    let title = NamedOperation(operation);
    let detail = operation.detail.as_deref().unwrap_or_default();
    writeln!(out, "{title} {what}: {}", one_line(detail))?;
    output(operation, out)
}

/// What an operation's command wrote, below the line about the operation.
fn output(operation: &OperationEvent, out: &mut Vec<u8>) -> io::Result<()> {
    for (name, text, dropped) in [
        ("stdout", &operation.stdout, operation.stdout_dropped),
        ("stderr", &operation.stderr, operation.stderr_dropped),
    ] {
        for line in text.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  {name}: {}", one_line(line))?;
        }
        if dropped > 0 {
            let dropped = Count(dropped, "more byte", "more bytes");
            writeln!(out, "  {name}: and {dropped}")?;
        }
    }
    Ok(())
}

fn mark(duplicate: bool) -> &'static str {
    if duplicate { " (duplicate)" } else { "" }
}

/// Seconds to the millisecond.
struct Seconds(Micros);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.0 / 1_000;
        write!(f, "{}.{:03}", millis / 1_000, millis % 1_000)
    }
}

/// A number of things, with the word for one and for several.
struct Count(u64, &'static str, &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Count(count, one, many) = *self;
        let word = if count == 1 { one } else { many };
        write!(f, "{} {word}", Grouped(count.into()))
    }
}

/// A number with its thousands told apart: `9,992`.
pub(super) struct Grouped(pub(super) u128);

impl Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{}", self.0);
        }
        write!(f, "{},{:03}", Grouped(self.0 / 1000), self.0 % 1000)
    }
}

/// A text that keeps to its line, whatever it quotes: control characters are shown, not obeyed.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(char::is_control) {
        return text.into();
    }
    let shown = |c: char| {
        let escaped = c.is_control().then(|| c.escape_default());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    };
    text.chars().flat_map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (9_992, "9,992"),
            (1_002_003, "1,002,003"),
        ] {
            assert_eq!(Grouped(number).to_string(), expected);
        }
        let seconds = |millis: u64| Seconds(Micros(millis * 1_000)).to_string();
        assert_eq!(seconds(10_004), "10.004");
        assert_eq!(seconds(7), "0.007");
    }

    #[test]
    fn what_is_quoted_keeps_to_its_line() {
        assert_eq!(one_line("a `ü` b"), "a `ü` b");
        assert_eq!(
            one_line("a\nb\u{1b}[31mü\u{9b}"),
            "a\\nb\\u{1b}[31mü\\u{9b}"
        );
    }
}
