//! An order as a short text that anybody can read, and change: `x1/none/main=1000/w500,d500/1212` has a
//! withdrawal and a deposit of 500 on `main` with 1000, without synchronisation; each reads, then each
//! writes.

use super::order::{StepOrder, play};
use super::scenario::{MAX_OPERATIONS, Manner, OwnerLink, Scenario, ScenarioError};
use crate::bank::{Balance, Kind, Name, Operation, WORLD};
use crate::sharing::Sharing;

/// What a token begins with. Another way to write or to number steps is another version.
const VERSION: &str = "x1";

/// The signs for the operations of an order, the first operation's first.
const SIGNS: &[u8; MAX_OPERATIONS] =
    b"123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";

/// How operations can share: what a token can say.
const MANNERS: [Manner; 11] = {
    const PER_ACCOUNT: Manner = Manner::of(Sharing::LockPerAccount);
    const OWNER: Manner = Manner::of(Sharing::Owner);
    const WITH_WORK: Manner = Manner::of(Sharing::OwnerWithWork);
    [
        Manner::of(Sharing::Unguarded),
        Manner::of(Sharing::CompareAndSet),
        Manner::of(Sharing::Lock),
        PER_ACCOUNT,
        PER_ACCOUNT.in_lock_order(true),
        OWNER,
        WITH_WORK,
        OWNER.over(OwnerLink::Queue),
        WITH_WORK.over(OwnerLink::Queue),
        OWNER.over(OwnerLink::Pipe),
        WITH_WORK.over(OwnerLink::Pipe),
    ]
};

/// The word for how operations share. `owner` is asked by a socket.
fn word(manner: Manner) -> &'static str {
    match (manner.sharing, manner.owner_link) {
        (Sharing::Unguarded, _) => "none",
        (Sharing::CompareAndSet, _) => "cas",
        (Sharing::Lock, _) => "lock",
        (Sharing::LockPerAccount, _) if manner.lock_order => "mutex-in-order",
        (Sharing::LockPerAccount, _) => "mutex-per-account",
        (Sharing::Owner, OwnerLink::Socket) => "owner",
        (Sharing::OwnerWithWork, OwnerLink::Socket) => "owner-with-work",
        (Sharing::Owner, OwnerLink::Queue) => "queue",
        (Sharing::OwnerWithWork, OwnerLink::Queue) => "queue-with-work",
        (Sharing::Owner, OwnerLink::Pipe) => "pipe",
        (Sharing::OwnerWithWork, OwnerLink::Pipe) => "pipe-with-work",
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
    /// A part that cannot be read.
    #[error("the token's part `{part}` is not {what}")]
    Malformed {
        /// Which part.
        part: String,
        /// What it should be.
        what: &'static str,
    },
    /// The operations cannot be explored.
    #[error("the token's operations: {0}")]
    Scenario(#[from] ScenarioError),
    /// The order asks for a step that cannot be taken.
    #[error(
        "the token's order `{order}` cannot be followed: its step {position} is one that operation cannot take there"
    )]
    Impossible {
        /// The order.
        order: String,
        /// Which step, from 1.
        position: usize,
    },
    /// The order ends before the operations do.
    #[error("the token's order `{0}` ends before its operations do")]
    TooShort(String),
}

/// The token for an order of a scenario.
pub fn token(scenario: &Scenario, order: &[usize]) -> String {
    let manner = word(scenario.manner);
    let start = |(name, start): &(Name, Balance)| format!("{name}={}", short(start.minor()));
    let mut starts: String = joined(scenario.starts.iter().map(start));
    if scenario.overdraft > Balance::default() {
        starts += &format!("+{}", short(scenario.overdraft.minor()));
    }
    let account = scenario.starts.first().map(|(name, _)| name);
    let operations = scenario.operations.iter();
    let operations = joined(operations.map(|operation| written(operation, account)));
    let sign = |process: &usize| SIGNS.get(*process).copied().map_or('?', char::from);
    let order: String = order.iter().map(sign).collect();
    format!("{VERSION}/{manner}/{starts}/{operations}/{order}")
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
    let parts: Vec<&str> = text.split('/').collect();
    let [VERSION, manner, starts, operations, order] = parts[..] else {
        return Err(TokenError::Foreign(text.chars().take(200).collect()));
    };
    let known = MANNERS.into_iter().find(|known| word(*known) == manner);
    let manner = known.ok_or_else(|| malformed(manner, "a way to share"))?;
    let (starts, overdraft) = starts.split_once('+').unwrap_or((starts, "0"));
    let overdraft = balance(overdraft)?;
    let starts: Result<Vec<_>, _> = starts.split(',').map(read_start).collect();
    let starts = starts?;
    let account = starts.first().map(|(name, _)| name.clone());
    let account = account.unwrap_or_default();
    let operations = operations.split(',');
    let operations: Result<Vec<_>, _> = operations.map(|text| read(text, &account)).collect();
    let scenario = Scenario::new(manner, starts, overdraft, operations?)?;
    let number = |sign: u8| SIGNS.iter().position(|known| *known == sign);
    let numbers: Option<StepOrder> = order.bytes().map(number).collect();
    let numbers = numbers.ok_or_else(|| malformed(order, "an order of operations"))?;
    match play(&scenario, &numbers) {
        Ok(_) => Ok((scenario, numbers)),
        Err(position) if position > numbers.len() => Err(TokenError::TooShort(order.to_string())),
        Err(position) => Err(TokenError::Impossible {
            order: order.to_string(),
            position,
        }),
    }
}

fn malformed(part: &str, what: &'static str) -> TokenError {
    let part = part.chars().take(200).collect();
    TokenError::Malformed { part, what }
}

fn balance(text: &str) -> Result<Balance, TokenError> {
    text.parse().map_err(|_| malformed(text, "an amount"))
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
    let amount = parts.next().and_then(|amount| amount.parse().ok());
    let own = parts.next().map_or(Ok(account.clone()), Name::user);
    let to = parts.next().map(Name::other_side).transpose();
    let (Some(amount), Ok(own), Ok(to), None) = (amount, own, to, parts.next()) else {
        return Err(wrong());
    };
    Operation::new(*kind, None, own, to, Some(amount)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(text: &str) -> Result<String, String> {
        let (scenario, order) = read_token(text).map_err(|error| error.to_string())?;
        Ok(token(&scenario, &order))
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        for text in [
            "x1/none/main=1000/w500,d500/1212",
            "x1/cas/main=1000/w500,d500/12122",
            "x1/lock/ops=0.50+12.05/l0.05=main,t0.07=ops=rent/11112222",
            "x1/mutex-per-account/main=1000,b=500/t5=main=b,t5=b=main/12",
            "x1/mutex-in-order/main=1000,b=500/t5=main=b,t5=b=main/111111222222",
            "x1/owner/main=1000/w500,t500=main=@loans/21",
            "x1/owner-with-work/a:b.c_-=1000/w500,t500/1212",
            "x1/queue/main=1000/w500/1",
            "x1/pipe-with-work/main=1000/w500,t500/1212",
        ] {
            assert_eq!(again(text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_token_is_named() {
        for (text, expected) in [
            ("", "`` is no token of this version"),
            ("x2/none/main=1/w1/11", "is no token of this version"),
            ("x1/none/main=1/w1/11/", "is no token of this version"),
            ("x1/some/main=1/w1/11", "part `some` is not a way to share"),
            (
                "x1/none/@world=1/w1/11",
                "part `@world=1` is not an account",
            ),
            ("x1/none/main=-1/w1/11", "part `-1` is not an amount"),
            ("x1/none/main=1+/w1/11", "part `` is not an amount"),
            ("x1/none/main=1/b1/11", "part `b1` is not an operation"),
            ("x1/none/main=1/ü1/11", "part `ü1` is not an operation"),
            ("x1/none/main=1/w1=@loans/11", "is not an operation"),
            ("x1/none/main=1/w1=a=b/11", "is not an operation"),
            ("x1/none/main=1/w1/1!", "part `1!` is not an order"),
            ("x1/none/main=1/t1=a=a/11", "moves money from `a` to itself"),
            ("x1/none/main=1/w1/12", "its step 2 is one that"),
            ("x1/lock/main=1/w1,w1/12", "its step 2 is one that"),
            ("x1/none/main=1/w1,w1/11", "order `11` ends before"),
        ] {
            let error = again(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
