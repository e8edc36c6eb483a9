//! The flags that say which operations are run, the same for every mode.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;
use clap::{Args, ValueEnum};

use crate::bank::{Amount, Balance, Kind, Name, Operation};
use crate::wake::Waker;
use crate::workload::{Defaults, Done, Feed, Format, Source, WorkloadError};

#[derive(Args)]
pub(super) struct WorkloadArgs {
    /// Operations as JSON Lines or CSV; `-` is stdin. Without it the five operations are run
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// The input's format; without it the file's name or its first character tells
    #[arg(long, value_enum, requires = "input")]
    format: Option<InputFormat>,
    /// What each of the built-in operations moves
    #[arg(
        long,
        default_value = "100",
        conflicts_with = "input",
        allow_negative_numbers = true
    )]
    amount: Amount,
    /// Run this operation instead of the five; may be repeated
    #[arg(long = "op", value_name = "NAME[=AMOUNT]", conflicts_with = "input")]
    ops: Vec<Choice>,
    /// What the account starts with, in memory [default: 1000]
    #[arg(long, allow_negative_numbers = true)]
    balance: Option<Balance>,
    /// How far below zero every account may go, in memory [default: 0]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    overdraft: Option<Balance>,
    /// The account of operations that name none
    #[arg(long, default_value_t = Name::default(), value_parser = user, value_name = "NAME")]
    pub(super) account: Name,
    /// Where transfers go that do not say it
    #[arg(long, default_value = "@world", value_parser = other_side, value_name = "NAME")]
    to: Name,
}

#[derive(Clone, Copy, ValueEnum)]
enum InputFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

pub(super) fn user(text: &str) -> Result<Name, crate::bank::NameError> {
    Name::user(text)
}

pub(super) fn other_side(text: &str) -> Result<Name, crate::bank::NameError> {
    Name::other_side(text)
}

/// One `--op`.
#[derive(Clone)]
struct Choice {
    kind: Kind,
    amount: Option<Amount>,
}

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (kind, amount) = match text.split_once('=') {
            Some((kind, amount)) => (kind, Some(amount.parse()?)),
            None => (text, None),
        };
        let kind = kind.parse()?;
        if kind == Kind::Balance && amount.is_some() {
            return Err(crate::bank::OperationError::NeedlessAmount.into());
        }
        Ok(Choice { kind, amount })
    }
}

impl WorkloadArgs {
    /// Whether the operations are the built-in ones, which have simulated work unless told otherwise.
    pub(super) fn is_built_in(&self) -> bool {
        self.input.is_none()
    }

    /// What the account starts with, in memory.
    pub(super) fn balance(&self) -> Balance {
        self.balance.unwrap_or(Balance::new(100_000))
    }

    /// How far below zero every account may go, in memory.
    pub(super) fn overdraft(&self) -> Balance {
        self.overdraft.unwrap_or_default()
    }

    /// Refuses what only makes sense for accounts that begin with the run.
    pub(super) fn check_lasting(&self) -> anyhow::Result<()> {
        if self.balance.is_some() {
            bail!(
                "`--balance` is for a run in memory; in a ledger that lasts, put money into `{0}` with `bank-par deposit AMOUNT --account {0}`",
                self.account
            );
        }
        if self.overdraft.is_some() {
            bail!(
                "`--overdraft` is for a run in memory; in a ledger that lasts, set the limit of `{0}` with `bank-par open {0} --overdraft AMOUNT`",
                self.account
            );
        }
        Ok(())
    }

    /// Opens the input, or puts the built-in operations together. For a named run, `done` is what it has
    /// done of the input.
    pub(super) fn feed(&self, done: Option<Done>, waker: Waker) -> Result<Feed, WorkloadError> {
        let defaults = Defaults {
            account: self.account.clone(),
            to: Some(self.to.clone()),
        };
        let format = self.format.map(|format| match format {
            InputFormat::Jsonl => Format::JsonLines,
            InputFormat::Csv => Format::Csv,
        });
        Feed::start(self.source(), format, defaults, done, waker)
    }

    /// Where the operations come from.
    pub(super) fn source(&self) -> Source {
        match &self.input {
            None => Source::Operations(self.operations()),
            Some(path) if path.as_os_str() == "-" => Source::Stdin,
            Some(path) => Source::File(path.clone()),
        }
    }

    fn operations(&self) -> Vec<Operation> {
        let all = Kind::ALL.map(|kind| Choice { kind, amount: None });
        let chosen = if self.ops.is_empty() {
            &all[..]
        } else {
            &self.ops
        };
        let operation = |choice: &Choice| {
            let amount = choice.amount.unwrap_or(self.amount);
            let amount = (choice.kind != Kind::Balance).then_some(amount);
            let to = (choice.kind == Kind::Transfer).then(|| self.to.clone());
            Operation::new(choice.kind, None, self.account.clone(), to, amount).ok()
        };
        chosen.iter().filter_map(operation).collect()
    }
}
