//! Which of the entries are told.

use clap::Args;

use crate::bank::{Amount, AmountText, Id, Kind};
use crate::cli::Failure;
use crate::cli::ledger::amount_of;
use crate::store::{Entry, RunName};

#[derive(Args)]
pub(super) struct FilterArgs {
    /// Only the entry that was posted under this id
    #[arg(long, value_parser = |text: &str| Id::new(text))]
    id: Option<Id>,
    /// Only entries of this named run
    #[arg(long, value_name = "NAME")]
    run: Option<RunName>,
    /// Only entries of this operation, such as `withdraw` or `refill`
    #[arg(long, value_name = "OP", value_parser = kind)]
    op: Option<Kind>,
    /// Only entries of this amount and more
    #[arg(long, value_name = "AMOUNT")]
    min: Option<AmountText>,
    /// Only entries of this amount and less
    #[arg(long, value_name = "AMOUNT")]
    max: Option<AmountText>,
    /// Only entries with these words in their memo, in small letters or large
    #[arg(long, value_name = "WORDS")]
    memo: Option<String>,
}

/// What an entry must have to be told.
#[derive(Default)]
pub(super) struct EntrySelection {
    id: Option<Id>,
    run: Option<RunName>,
    op: Option<Kind>,
    min: Option<Amount>,
    max: Option<Amount>,
    memo: Option<String>,
}

impl FilterArgs {
    /// The same, once it is known what amounts count.
    pub(super) fn wanted(&self) -> Result<EntrySelection, Failure> {
        Ok(EntrySelection {
            id: self.id.clone(),
            run: self.run.clone(),
            op: self.op,
            min: self.min.as_ref().map(amount_of).transpose()?,
            max: self.max.as_ref().map(amount_of).transpose()?,
            memo: self.memo.as_ref().map(|words| words.to_lowercase()),
        })
    }
}

impl EntrySelection {
    /// Whether every entry is told.
    pub(super) fn is_all(&self) -> bool {
        let EntrySelection {
            id,
            run,
            op,
            min,
            max,
            memo,
        } = self;
        let is_named = id.is_some() || run.is_some() || op.is_some();
        !is_named && min.is_none() && max.is_none() && memo.is_none()
    }

    pub(super) fn has(&self, entry: &Entry) -> bool {
        let amount = entry.amount();
        let has_words = |words: &String| {
            let memo = entry.operation.annotations().memo;
            memo.is_some_and(|memo| memo.to_lowercase().contains(words.as_str()))
        };
        self.id
            .as_ref()
            .is_none_or(|id| entry.id().as_ref() == Some(id))
            && (self.run.is_none() || self.run == entry.run)
            && self.op.is_none_or(|op| entry.kind() == op)
            && self
                .min
                .is_none_or(|min| amount.is_some_and(|amount| amount >= min))
            && self
                .max
                .is_none_or(|max| amount.is_some_and(|amount| amount <= max))
            && self.memo.as_ref().is_none_or(has_words)
    }
}

/// An operation that moves money.
fn kind(word: &str) -> anyhow::Result<Kind> {
    let known = [
        Kind::Withdraw,
        Kind::Deposit,
        Kind::Transfer,
        Kind::Loan,
        Kind::Refill,
        Kind::Lapse,
        Kind::Reverse,
    ];
    let found = known.into_iter().find(|kind| kind.word() == word);
    found.ok_or_else(|| {
        let words = known.map(|kind| format!("`{}`", kind.word()));
        anyhow::anyhow!("an entry is one of {}", words.join(", "))
    })
}
