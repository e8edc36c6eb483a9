//! An order as a short text that anybody can read, and change: `x1/none/main=1000/w500,d500/1212` has a
//! withdrawal and a deposit of 500 on `main` with 1000, without synchronisation; each reads, then each
//! writes.

use super::order::{StepOrder, play};
use super::scenario::{MAX_OPERATIONS, Scenario, ScenarioError};
use super::shared_state::{SharedState, StepResult, StepTaken};
use super::walk::{OrderPrefix, walk};
use crate::bank::{AmountError, Balance, Kind, Name, Operation, WORLD};
use crate::sharing::{Sharing, SharingChoice, SharingMethod, Transport};

/// What a token begins with. Another way to write or to number steps is another version.
const VERSION: &str = "x1";

/// The signs for the operations of an order, the first operation's first.
const SIGNS: &[u8; MAX_OPERATIONS] =
    b"123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";

/// How operations can share: what a token can say.
const METHODS: [SharingMethod; 11] = {
    const PER_ACCOUNT: SharingMethod = SharingMethod::of(Sharing::LockPerAccount);
    const OWNER: SharingMethod = SharingMethod::of(Sharing::Owner);
    const WITH_WORK: SharingMethod = SharingMethod::of(Sharing::OwnerWithWork);
    [
        SharingMethod::of(Sharing::Unguarded),
        SharingMethod::of(Sharing::CompareAndSet),
        SharingMethod::of(Sharing::Lock),
        PER_ACCOUNT,
        PER_ACCOUNT.in_lock_order(true),
        OWNER,
        WITH_WORK,
        OWNER.over(Transport::Queue),
        WITH_WORK.over(Transport::Queue),
        OWNER.over(Transport::Pipe),
        WITH_WORK.over(Transport::Pipe),
    ]
};

/// The word for how operations share. `owner` is asked by a socket.
fn word(method: SharingMethod) -> String {
    let owner = match method.transport {
        Transport::Socket => "owner",
        Transport::Queue | Transport::Pipe => method.word(),
    };
    match method.sharing {
        Sharing::LockPerAccount if method.lock_order => "mutex-in-order".to_string(),
        Sharing::Owner => owner.to_string(),
        Sharing::OwnerWithWork => format!("{owner}-with-work"),
        _ => method.word().to_string(),
    }
}

/// The letters for the operations that move money.
const KINDS: [(char, Kind); 4] = [
    ('w', Kind::Withdraw),
    ('d', Kind::Deposit),
    ('t', Kind::Transfer),
    ('l', Kind::Loan),
];

/// Why a text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not one of ours, or of another version.
    #[error(
        "`{0}` is no token of this version, which looks like `x1/none/main=1000/w500,d500/1212`; `bank-par explore` prints them"
    )]
    Foreign(String),
    /// Its first part is not how operations share.
    #[error("the token's part `{part}` is not a way to share, which is one of `{known}`")]
    UnknownMethod {
        /// That part.
        part: String,
        /// The words of all ways.
        known: String,
    },
    /// A part that cannot be read.
    #[error("the token's part `{part}` is not {what}")]
    Malformed {
        /// Which part.
        part: String,
        /// What it should be.
        what: &'static str,
    },
    /// An amount that cannot be moved or held.
    #[error("the token's part `{part}` has no possible amount: {why}")]
    Amount {
        /// Which part.
        part: String,
        /// Why it is none.
        why: AmountError,
    },
    /// A part is missing.
    #[error("the token `{token}` ends too early: {missing} is missing")]
    Incomplete {
        /// The token.
        token: String,
        /// What comes next in a whole one.
        missing: &'static str,
    },
    /// The operations cannot be put in order.
    #[error("the token's operations cannot be put in order: {0}")]
    Scenario(ScenarioError),
    /// The order names an operation that is not there.
    #[error(
        "step `{position}` of the token's order `{order}` is of operation `{sign}`, and there is no such operation: the token has {count}"
    )]
    NoOperation {
        /// The order.
        order: String,
        /// Which step, from 1.
        position: usize,
        /// How the order names the operation.
        sign: char,
        /// How many operations there are.
        count: usize,
    },
    /// The order asks for a step that cannot be taken.
    #[error("step `{position}` of the token's order `{order}` cannot be taken: {why}")]
    Impossible {
        /// The order.
        order: String,
        /// Which step, from 1.
        position: usize,
        /// What keeps its operation from it.
        why: String,
    },
    /// The order ends before the operations do.
    #[error(
        "the token's order `{order}` ends before its operations do: operation `{operation}` has a step left"
    )]
    TooShort {
        /// The order.
        order: String,
        /// The first operation that can go on, as the order names it.
        operation: char,
    },
}

/// The token for an order of a scenario.
pub fn token(scenario: &Scenario, order: &[usize]) -> String {
    let method = word(scenario.method);
    let start = |(name, start): &(Name, Balance)| format!("{name}={}", short(start.minor()));
    let mut starts: String = joined(scenario.starts.iter().map(start));
    if scenario.overdraft > Balance::default() {
        starts += &format!("+{}", short(scenario.overdraft.minor()));
    }
    let account = scenario.starts.first().map(|(name, _)| name);
    let operations = scenario.operations.iter();
    let operations = joined(operations.map(|operation| written(operation, account)));
    let order: String = order.iter().copied().map(sign).collect();
    format!("{VERSION}/{method}/{starts}/{operations}/{order}")
}

/// How an order names an operation.
fn sign(process: usize) -> char {
    SIGNS.get(process).copied().map_or('?', char::from)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

/// An amount without the cents that it has not.
fn short(minor: i64) -> String {
    let text = Balance::new(minor).to_string();
    text.strip_suffix(".00").map_or(text.clone(), String::from)
}

fn written(operation: &Operation, account: Option<&Name>) -> String {
    let kind = operation.kind();
    let letter = KINDS.iter().find(|(_, known)| *known == kind);
    let letter = letter.map_or('?', |(letter, _)| *letter);
    let amount = operation.amount().map_or(0, |amount| amount.minor());
    let own = &operation.account;
    let sides = match operation.to() {
        Some(to) if *to != WORLD => format!("={own}={to}"),
        _ if Some(own) != account => format!("={own}"),
        _ => String::new(),
    };
    format!("{letter}{}{sides}", short(amount))
}

/// The scenario and the order of a token.
///
/// # Errors
///
/// A text that is none, or an order that its operations cannot follow.
pub fn read_token(text: &str) -> Result<(Scenario, StepOrder), TokenError> {
    let (scenario, numbers, order) = parts_of(text)?;
    match play(&scenario, &numbers) {
        Ok(_) => Ok((scenario, numbers)),
        Err(position) => Err(no_order(&scenario, (&numbers, order), position)),
    }
}

/// The scenario of a token whose order may end before its operations do, the order, and where it has led.
///
/// # Errors
///
/// A text that is none, or an order that its operations cannot follow.
pub fn read_begun_token(text: &str) -> Result<(Scenario, StepOrder, OrderPrefix), TokenError> {
    let (scenario, numbers, order) = parts_of(text)?;
    match walk(&scenario, &numbers) {
        Ok(walked) => Ok((scenario, numbers, walked)),
        Err(position) => Err(no_order(&scenario, (&numbers, order), position)),
    }
}

/// The scenario of a token, and its order, as numbers and as it stands there.
fn parts_of(text: &str) -> Result<(Scenario, StepOrder, &str), TokenError> {
    let parts: Vec<&str> = text.split('/').collect();
    let [VERSION, method, starts, operations, order] = parts[..] else {
        return Err(not_whole(text, &parts));
    };
    let known = METHODS.into_iter().find(|known| word(*known) == method);
    let method = known.ok_or_else(|| TokenError::UnknownMethod {
        part: method.chars().take(200).collect(),
        known: METHODS.map(word).join("`, `"),
    })?;
    let (starts, overdraft) = starts.split_once('+').unwrap_or((starts, "0"));
    let overdraft = balance(overdraft)?;
    let starts: Result<Vec<_>, _> = starts.split(',').map(read_start).collect();
    let starts = starts?;
    let account = starts.first().map(|(name, _)| name.clone());
    let account = account.unwrap_or_default();
    let operations = operations.split(',');
    let operations: Result<Vec<_>, _> = operations.map(|text| read(text, &account)).collect();
    let scenario =
        Scenario::new(method, starts, overdraft, operations?).map_err(TokenError::Scenario)?;
    let number = |sign: u8| SIGNS.iter().position(|known| *known == sign);
    let numbers: Option<StepOrder> = order.bytes().map(number).collect();
    let numbers = numbers.ok_or_else(|| malformed(order, "an order of operations"))?;
    Ok((scenario, numbers, order))
}

/// Why a text of other parts is no token.
fn not_whole(text: &str, parts: &[&str]) -> TokenError {
    const PARTS: [&str; 4] = [
        "the way to share, such as `none`,",
        "what the accounts hold, such as `main=1000`,",
        "the operations, such as `w500,d500`,",
        "the order of the steps, such as `1221`,",
    ];
    let token = text.chars().take(200).collect();
    match PARTS.get(parts.len().saturating_sub(1)) {
        Some(missing) if parts.first() == Some(&VERSION) => {
            TokenError::Incomplete { token, missing }
        }
        _ => TokenError::Foreign(token),
    }
}

/// Why an order cannot be followed at this position, from 1.
fn no_order(
    scenario: &Scenario,
    (numbers, order): (&[usize], &str),
    position: usize,
) -> TokenError {
    let order = order.to_string();
    let count = scenario.operations.len();
    let mut state = SharedState::start(scenario);
    let taken = numbers.iter().take(position - 1);
    let taken: Vec<_> = taken.filter_map(|p| state.take(scenario, *p)).collect();
    let Some(process) = numbers.get(position - 1).copied() else {
        let first = (0..count).find(|process| state.can_go(scenario, *process));
        let operation = first.map_or('?', sign);
        return TokenError::TooShort { order, operation };
    };
    let sign = sign(process);
    if process >= count {
        return TokenError::NoOperation {
            order,
            position,
            sign,
            count,
        };
    }
    let is_refused = |step: &StepTaken| {
        step.process == process
            && matches!(
                step.result,
                StepResult::Refused | StepResult::ChangedAndRefused
            )
    };
    let why = match state.next(scenario, process) {
        Some(_) => format!("operation `{sign}` waits for a lock that another one holds"),
        None if taken.iter().any(is_refused) => format!(
            "operation `{sign}` was refused, since there is not enough money, and has no step left"
        ),
        None => format!("operation `{sign}` has taken all of its steps before"),
    };
    TokenError::Impossible {
        order,
        position,
        why,
    }
}

fn malformed(part: &str, what: &'static str) -> TokenError {
    let part = part.chars().take(200).collect();
    TokenError::Malformed { part, what }
}

/// What is not written like an amount, or an amount that is none.
fn no_amount(part: &str, why: AmountError) -> TokenError {
    match why {
        AmountError::NotDecimal => malformed(part, "an amount"),
        why => TokenError::Amount {
            part: part.chars().take(200).collect(),
            why,
        },
    }
}

fn balance(text: &str) -> Result<Balance, TokenError> {
    text.parse().map_err(|why| no_amount(text, why))
}

fn read_start(text: &str) -> Result<(Name, Balance), TokenError> {
    let wrong = || malformed(text, "an account with its balance, such as `main=1000`");
    let (name, start) = text.split_once('=').ok_or_else(wrong)?;
    Ok((Name::user(name).map_err(|_| wrong())?, balance(start)?))
}

fn read(text: &str, account: &Name) -> Result<Operation, TokenError> {
    let wrong = || malformed(text, "an operation, such as `w500` or `t5=main=ops`");
    let letter = text.chars().next().ok_or_else(wrong)?;
    let kind = KINDS.iter().find(|(known, _)| *known == letter);
    let (_, kind) = kind.ok_or_else(wrong)?;
    let mut parts = text[letter.len_utf8()..].split('=');
    let amount = match parts.next().unwrap_or_default().parse() {
        Ok(amount) => amount,
        Err(AmountError::NotDecimal) => return Err(wrong()),
        Err(why) => return Err(no_amount(text, why)),
    };
    let own = parts.next().map_or(Ok(account.clone()), Name::user);
    let to = parts.next().map(Name::other_side).transpose();
    let (Ok(own), Ok(to), None) = (own, to, parts.next()) else {
        return Err(wrong());
    };
    Operation::new(*kind, None, own, to, Some(amount)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests;
