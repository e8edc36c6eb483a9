//! An entry is made undone.

use clap::Args;

use super::{Single, SingleArgs};
use crate::bank::{EntryKey, Id, Operation, Outcome, Rejection, Request, RequestContext};
use crate::cli::ledger::UnitArgs;
use crate::cli::{CliResult, Failure};
use crate::report::Subject;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct ReverseArgs {
    /// Which entry: the id it was posted under, or its number in the ledger
    #[arg(value_name = "ID|SEQ", required_unless_present = "id")]
    entry: Option<String>,
    /// The id it was posted under, where that looks like a number
    #[arg(long, conflicts_with = "entry", value_parser = super::id)]
    id: Option<Id>,
    #[command(flatten)]
    single: SingleArgs,
}

impl ReverseArgs {
    fn key(&self) -> Result<EntryKey, Failure> {
        if let Some(id) = &self.id {
            return Ok(EntryKey::Id(id.clone()));
        }
        let text = self.entry.as_deref().unwrap_or_default();
        match text.parse() {
            Ok(seq) => Ok(EntryKey::Seq(seq)),
            Err(_) => Id::new(text).map(EntryKey::Id).map_err(Failure::usage),
        }
    }
}

impl Single {
    /// What would make an entry undone.
    fn reversal(&mut self, key: &EntryKey) -> Result<Option<Operation>, Failure> {
        let entry = match key {
            EntryKey::Seq(seq) => self.entry(*seq)?,
            EntryKey::Id(id) => self.entry_of(id)?,
        };
        Ok(entry.and_then(|entry| entry.operation.reversed(entry.seq).ok()))
    }
}

/// `bank-par reverse`
pub(in crate::cli) fn reverse(args: ReverseArgs) -> CliResult {
    let key = args.key()?;
    let mut single = Single::open(args.single, Access::Existing, &UnitArgs::default())?;
    let request = Request::Reverse(key.clone());
    let answer = single.ask(RequestContext::default(), request)?;
    let reversal = match answer.outcome {
        Outcome::Posted { seq, .. } => single.entry(seq)?.map(|entry| entry.operation),
        // Whose funds are not enough, or which id is in the way, the entry itself tells.
        Outcome::Refused {
            rejection: Rejection::InsufficientFunds | Rejection::IdConflict,
            ..
        } => single.reversal(&key)?,
        _ => None,
    };
    match reversal {
        Some(operation) => {
            let account = operation.account.clone();
            let status = single
                .answers
                .answer(Subject::Operation(&operation), &answer);
            single.answers.warn(&account, &answer);
            super::ended(status.worse(single.answers.finish()))
        }
        None => single.finish(Subject::Entry(&key), &answer),
    }
}
