//! Events as lines for people.

mod summary;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::time::Duration;

use super::{decimal, ns_per_operation};
use crate::bank::{Action, Balance, Decimal, Kind, Name, Operation, Rejection, View, WORLD};
use crate::event::{Event, Fact, Fault, Race, Subject};

/// The lines so far, as far as later ones depend on them.
#[derive(Default)]
pub(super) struct Text {
    /// The header of the table of remedies is printed.
    raced: bool,
}

impl Text {
    /// Adds the lines of an event. A warning has none, it is a message on stderr; a hold has none either, because
    /// the start was told just before.
    pub(super) fn write(&mut self, event: &Event, out: &mut Vec<u8>) -> io::Result<()> {
        match &event.fact {
            Fact::Warned(_) | Fact::Held { .. } => Ok(()),
            Fact::Started(subject) => started(subject, out),
            Fact::Planned {
                subject,
                has_command,
                refusal,
            } => planned(subject, *has_command, *refusal, out),
            Fact::Completed {
                subject,
                seq,
                view,
                duplicate,
                ..
            } => {
                completed(subject, *seq, view, *duplicate, out)?;
                output(subject, out)
            }
            Fact::Refused {
                subject,
                rejection,
                view,
                overdraft,
                duplicate,
                ..
            } => {
                let title = Named(subject);
                write!(out, "{title} refused: {rejection}")?;
                if let (Rejection::InsufficientFunds, Some(view)) = (rejection, view) {
                    write!(out, ". Available: {}", Dollars::of(view.available))?;
                    if let Some(overdraft) = overdraft {
                        write!(out, ", and {} of overdraft", Dollars::of(*overdraft))?;
                    }
                }
                writeln!(out, "{}", mark(*duplicate))?;
                output(subject, out)
            }
            Fact::Failed { subject, fault, .. } => ill(subject, "failed", fault, out),
            Fact::Doubted { subject, fault, .. } => ill(subject, "is in doubt", fault, out),
            Fact::Retried {
                subject,
                fault,
                pause,
            } => {
                let seconds = Seconds(*pause);
                let what = format!("will be tried again in {seconds} s");
                ill(subject, &what, fault, out)
            }
            Fact::Overspent { subject, excess } => {
                let title = Named(subject);
                let excess = Dollars(excess.minor().into());
                writeln!(
                    out,
                    "{title} overspent: {excess} more was spent than was set aside"
                )
            }
            Fact::Skipped { line, operation } => {
                write!(out, "Line {line} was given up and is not run")?;
                match operation {
                    Some(operation) => writeln!(out, ": {}", Title(operation)),
                    None => writeln!(out),
                }
            }
            Fact::Invalid { line, reason } => {
                writeln!(out, "Line {line} is invalid: {}", one_line(reason))
            }
            Fact::Raced(race) => self.raced(race, out),
            Fact::Ended(summary) => summary::ended(summary, out),
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
            let names = ["expected", "actual", "lost updates", "ns/operation"];
            let [expected, actual, lost, ns] = &names;
            row(out, [&"remedy", expected, actual, lost, ns])?;
        }
        let expected = Dollars::of(race.expected).to_string();
        let actual = Dollars::of(race.actual).to_string();
        let lost = Grouped(race.lost_updates.into()).to_string();
        let ns = Grouped(ns_per_operation(race)).to_string();
        row(out, [&race.remedy, &expected, &actual, &lost, &ns])
    }
}

/// A view says what it saw and no more, so its start has no line.
fn started(subject: &Subject, out: &mut Vec<u8>) -> io::Result<()> {
    if subject.operation.kind() == Kind::Balance {
        return Ok(());
    }
    writeln!(out, "{} started", Named(subject))
}

fn completed(
    subject: &Subject,
    seq: Option<u64>,
    view: &View,
    duplicate: bool,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    if subject.operation.kind() == Kind::Balance {
        write!(out, "Current balance{}: ", Which(subject))?;
    } else {
        write!(out, "{} completed. ", Named(subject))?;
        match subject.set_aside {
            None => {}
            Some(_) if seq.is_none() => write!(out, "Nothing was spent. ")?,
            Some(amount) => {
                let amount = Dollars(amount.minor().into());
                write!(out, "Set aside: {amount}. ")?;
            }
        }
        let ended = subject.ran.as_ref().and_then(|ran| ran.ended.as_ref());
        if let Some(finer) = ended.and_then(|ended| ended.finer.as_deref()) {
            write!(out, "Spent: {finer}, rounded up. ")?;
        }
        write!(out, "Updated balance: ")?;
    }
    writeln!(out, "{}{}", Dollars::of(view.posted), mark(duplicate))
}

fn planned(
    subject: &Subject,
    has_command: bool,
    refusal: Option<(Rejection, Option<View>)>,
    out: &mut Vec<u8>,
) -> io::Result<()> {
    let title = Named(subject);
    if let Some((rejection, view)) = refusal {
        write!(out, "{title} would be refused: {rejection}")?;
        if let (Rejection::InsufficientFunds, Some(view)) = (rejection, view) {
            write!(out, ". Available then: {}", Dollars::of(view.available))?;
        }
        return writeln!(out);
    }
    match subject.operation.amount() {
        None => writeln!(out, "{title} would be shown"),
        Some(_) if !has_command => writeln!(out, "{title} would be posted"),
        Some(amount) => {
            let amount = Dollars(amount.minor().into());
            let id = subject.operation.id.as_ref().map_or("", |id| id.as_str());
            writeln!(
                out,
                "{title} would set aside {amount}, run the command as `{id}`, and post it if that succeeds"
            )
        }
    }
}

/// What went wrong with an operation, and what its command wrote.
fn ill(subject: &Subject, what: &str, fault: &Fault, out: &mut Vec<u8>) -> io::Result<()> {
    let title = Named(subject);
    writeln!(out, "{title} {what}: {}", one_line(&fault.detail))?;
    output(subject, out)
}

/// What an operation's command wrote, below the line about the operation.
fn output(subject: &Subject, out: &mut Vec<u8>) -> io::Result<()> {
    let Some(ran) = &subject.ran else {
        return Ok(());
    };
    let ended = ran.ended.as_ref();
    for (name, bytes, dropped) in [
        (
            "stdout",
            &ran.stdout,
            ended.map(|ended| ended.stdout_dropped),
        ),
        (
            "stderr",
            &ran.stderr,
            ended.map(|ended| ended.stderr_dropped),
        ),
    ] {
        for line in String::from_utf8_lossy(bytes).lines() {
            writeln!(out, "  {name}: {}", one_line(line))?;
        }
        if let Some(dropped) = dropped.filter(|dropped| *dropped > 0) {
            let dropped = Count(dropped, "more byte", "more bytes");
            writeln!(out, "  {name}: and {dropped}")?;
        }
    }
    Ok(())
}

fn mark(duplicate: bool) -> &'static str {
    if duplicate { " (duplicate)" } else { "" }
}

/// What an operation is called. The default account goes without saying.
pub(super) struct Title<'a>(pub(super) &'a Operation);

impl Display for Title<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        called(self.0, f)?;
        match other_account(self.0) {
            Some(account) => write!(f, " (account {account})"),
            None => Ok(()),
        }
    }
}

/// What an operation is called, and which one it is.
struct Named<'a>(&'a Subject);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        called(&self.0.operation, f)?;
        Which(self.0).fmt(f)
    }
}

fn called(operation: &Operation, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let what = match operation.kind() {
        Kind::Withdraw => "Withdrawal of ",
        Kind::Deposit => "Deposit of ",
        Kind::Transfer => "Transfer of ",
        Kind::Loan => "Loan application for ",
        Kind::Balance => "Balance",
    };
    f.write_str(what)?;
    if let Some(amount) = operation.amount() {
        f.write_str("$")?;
        f.write_str(Decimal::new(amount.minor()).as_str())?;
    }
    match &operation.action {
        Action::Transfer { to, .. } if *to != WORLD => write!(f, " to {to}"),
        _ => Ok(()),
    }
}

/// The account of an operation, unless it is the default one.
fn other_account(operation: &Operation) -> Option<&Name> {
    Some(&operation.account).filter(|account| **account != Name::default())
}

/// Which operation it is: its account, unless that is the default one, which goes without saying; its
/// line of the input and its id, if it has them.
struct Which<'a>(&'a Subject);

impl Display for Which<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject {
            operation, line, ..
        } = self.0;
        let account = other_account(operation);
        let parts = [
            account.map(|account| format!("account {account}")),
            line.map(|line| format!("line {line}")),
            operation
                .id
                .as_ref()
                .map(|id| format!("id `{}`", id.as_str())),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", parts.join(", ")),
        }
    }
}

/// Money in minor units; the sign stands before the currency.
pub(super) struct Dollars(pub(super) i128);

impl Dollars {
    fn of(balance: Balance) -> Self {
        Dollars(balance.minor().into())
    }
}

impl Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = decimal(self.0);
        match text.strip_prefix('-') {
            Some(positive) => write!(f, "-${positive}"),
            None => write!(f, "${text}"),
        }
    }
}

/// Seconds to the millisecond.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
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
struct Grouped(u128);

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
        let seconds = |millis| Seconds(Duration::from_millis(millis)).to_string();
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
