//! Answers and contradictions in plain words.

use std::borrow::Cow;
use std::fmt::{self, Display};

use crate::bank::{Kind, Rejection, WindowEntry};
use crate::check::{
    Contradiction, Disagreement, NO_TEXT, Observed, ObservedEvent, ObservedHistory, ToldWindow,
};
use crate::event::rfc3339;
use crate::report::money::MoneyText;
use crate::report::text::one_line;

/// The width of a projector.
const WIDTH: usize = 80;

/// Words that are broken into lines which fit, each with the same indent as the first.
pub(super) struct Paragraph {
    start: &'static str,
    words: String,
}

impl Paragraph {
    /// The lines of these words; the first begins so.
    pub(super) fn new(start: &'static str, words: String) -> Self {
        Paragraph { start, words }
    }
}

impl Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = self.start.len() - self.start.trim_start().len();
        write!(f, "{}", self.start)?;
        let mut column = self.start.len();
        let mut is_first = true;
        for word in self.words.split(' ') {
            let length = word.chars().count();
            if !is_first && column + 1 + length > WIDTH {
                write!(f, "\n{:indent$}", "")?;
                column = indent;
            } else if !is_first {
                write!(f, " ")?;
                column += 1;
            }
            write!(f, "{word}")?;
            column += length;
            is_first = false;
        }
        Ok(())
    }
}

pub(super) fn count(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn money(minor: i64) -> MoneyText {
    MoneyText(minor.into())
}

/// What was asked for.
fn asked(history: &ObservedHistory, one: &Observed) -> String {
    let account = name(history, one.account);
    let amount = money(one.amount);
    let id = history
        .id(one.id)
        .map(|id| format!(" (id `{}`)", one_line(id)));
    let id = id.unwrap_or_default();
    match (one.event, one.kind) {
        (ObservedEvent::Began, _) => "the run began".to_string(),
        (ObservedEvent::Voided, _) => format!("void{id}"),
        (ObservedEvent::Entered, _) => entered(history, one, &account),
        (ObservedEvent::Opened, _) | (_, Kind::Open) => format!("open {account}"),
        (_, Kind::Withdraw) => format!("withdraw {amount} from {account}{id}"),
        (_, Kind::Deposit) => format!("deposit {amount} to {account}{id}"),
        (_, Kind::Loan) => format!("lend {amount} to {account}{id}"),
        (_, Kind::Balance) => format!("look at {account}{id}"),
        (_, Kind::Refill) => format!("refill {account} with {amount}{id}"),
        (_, Kind::Lapse) => format!("give {amount} of {account} back to its budget{id}"),
        (_, Kind::Group) => format!("all or nothing of a line{id}"),
        (_, Kind::Reverse) => {
            let other = name(history, one.other);
            let (from, to) = match one.comes_in {
                true => (other, account),
                false => (account, other),
            };
            format!("move {amount} back from {from} to {to}{id}")
        }
        (_, Kind::Transfer) => {
            let other = name(history, one.other);
            format!("transfer {amount} from {account} to {other}{id}")
        }
    }
}

/// What an account's allowance did.
fn entered(history: &ObservedHistory, one: &Observed, account: &str) -> String {
    let Some(ToldWindow { window, .. }) = history.window(one) else {
        return format!("a window of {account}");
    };
    let limit = money(window.limit.minor());
    let start = rfc3339(window.start);
    match window.entry {
        WindowEntry::New => format!("{account} comes into the window of {start}, with {limit}"),
        WindowEntry::Again => format!("{account} is in the window of {start} again, with {limit}"),
        WindowEntry::Changed => format!("{account} has {limit} in the window of {start}"),
    }
}

fn name(history: &ObservedHistory, account: u32) -> Cow<'_, str> {
    match account {
        NO_TEXT => "its account".into(),
        account => one_line(history.account(account)),
    }
}

/// An answer in words, with what matters for this contradiction.
pub(super) fn answer(history: &ObservedHistory, one: &Observed, why: Disagreement) -> String {
    let mut words = asked(history, one);
    let happened = match one.event {
        ObservedEvent::Began
        | ObservedEvent::Opened
        | ObservedEvent::Voided
        | ObservedEvent::Entered => "",
        ObservedEvent::Held => "set aside",
        ObservedEvent::Completed => "completed",
        ObservedEvent::Refused => "refused",
        ObservedEvent::InDoubt => "in doubt",
        ObservedEvent::Failed => "failed",
    };
    if !happened.is_empty() {
        words += &format!(": {happened}");
    }
    if let Some(reason) = one.reason {
        words += &format!(", {reason}");
    }
    if one.duplicate {
        words += ", as before";
    }
    if one.decided > 0 {
        words += &format!(", decided {}", one.decided);
    }
    if one.seq > 0 {
        words += &format!(", entry {}", one.seq);
    }
    if let Some(balance) = one.balance() {
        words += &format!("; {} holds {}", name(history, one.account), money(balance));
        if let Some(available) = one.available().filter(|available| *available != balance) {
            words += &format!(", {} of it available", money(available));
        }
    }
    if let Some(balance) = one.other_balance() {
        words += &format!("; {} holds {}", name(history, one.other), money(balance));
    }
    if matches!(
        why,
        Disagreement::TimeReversed | Disagreement::NoOrderInTime { .. }
    ) {
        words += &match one.call_us() {
            0 => format!("; answered at {} us", one.return_us()),
            call => format!("; asked at {call} us, answered at {} us", one.return_us()),
        };
    }
    words
}

/// Why they cannot all be true.
pub(super) fn why(history: &ObservedHistory, contradiction: &Contradiction) -> String {
    let account = |number| name(history, number);
    let is_alone = contradiction.answers.len() < 2;
    match contradiction.why {
        Disagreement::NotPositive => "An amount is more than zero.".to_string(),
        Disagreement::AvailableAboveBalance => {
            "No more is available than the account holds.".to_string()
        }
        Disagreement::CompletedTwice => {
            "One id is completed once; a repeat is answered as the first one, and marked `duplicate`."
                .to_string()
        }
        Disagreement::DuplicateDiffers => {
            "A repeat is answered as the first one was: same operation, same entry, same balance."
                .to_string()
        }
        Disagreement::EndedTwice => "An operation of a run ends once.".to_string(),
        Disagreement::SeqTwice => "Every entry has a number of its own.".to_string(),
        Disagreement::NumberTwice => {
            "Every change has a number of its own, and this one is not higher than the one before."
                .to_string()
        }
        Disagreement::SeqNotRising => {
            "In the order that is claimed, the numbers of entries must rise.".to_string()
        }
        Disagreement::SeqGap => {
            "An entry between them is missing, although no number of a change between them is.".to_string()
        }
        Disagreement::Count { what, told, counted } => {
            format!("The summary counts {told} {what}, and the history has {counted}.")
        }
        Disagreement::Sum { account: of, expected, told } => format!(
            "The start and all that was completed add up to {} on {}, and the summary tells {}.",
            MoneyText(expected),
            account(of),
            money(told)
        ),
        Disagreement::SumOfAll { sum } => format!(
            "The sum over all accounts must be zero, and the summary's balances add up to {}.",
            MoneyText(sum)
        ),
        Disagreement::LostUpdates { count: lost } => format!(
            "The summary itself tells of {}.",
            count(lost, "lost update", "lost updates")
        ),
        Disagreement::TimeReversed => "The first one stands before the second in the order, and was \
             asked for only after the second had been answered."
            .to_string(),
        Disagreement::Balance { account: of, expected, told } => format!(
            "After {} {} must hold {}, and not {}.",
            if is_alone { "it" } else { "all of them" },
            account(of),
            money(expected),
            money(told)
        ),
        Disagreement::Available { account: of, expected, told } => format!(
            "After {} {} of {} must be available, and not {}.",
            if is_alone { "it" } else { "all of them" },
            money(expected),
            account(of),
            money(told)
        ),
        Disagreement::Refill { account: of, expected, told } => format!(
            "By its allowance {} must be refilled with {}, and not with {}.",
            account(of),
            money(expected),
            money(told)
        ),
        Disagreement::RefilledTwice { account: of } => {
            format!("{} is refilled once for each window.", account(of))
        }
        Disagreement::HoldLost { account: of } => format!(
            "Less is set aside on {} than this operation alone has set aside.",
            account(of)
        ),
        Disagreement::Accepted { rejection, available } => {
            format!("The last one must be refused: {rejection}{}.", there_was(available, rejection))
        }
        Disagreement::Refused { rejection, available } => format!(
            "The last one must not be refused as `{}`{}.",
            rejection.word(),
            there_was(available, rejection)
        ),
        Disagreement::RepeatOfNothing => {
            "It is answered as an earlier one was, and nothing was asked under its id before.".to_string()
        }
        Disagreement::FoundTooOften { account: of, balance, found, left } => format!(
            "{} found {} with {}, and it came to that only {}.",
            count(found, "operation", "operations"),
            account(of),
            money(balance),
            count(left, "time", "times")
        ),
        Disagreement::Unreachable { account: of, balance } => format!(
            "It found {} with {}, and nothing before led to that.",
            account(of),
            money(balance)
        ),
        Disagreement::NoOrderInTime { account: of } => format!(
            "In no order that their times allow does each find {} as another left it.",
            account(of)
        ),
        Disagreement::Circle => {
            "Each of their accounts has one order, and these orders contradict each other.".to_string()
        }
    }
}

fn there_was(available: Option<i64>, rejection: Rejection) -> String {
    match available.filter(|_| rejection == Rejection::InsufficientFunds) {
        Some(available) => format!("; {} was available", money(available)),
        None => String::new(),
    }
}
