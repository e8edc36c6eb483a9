//! `verify`: everything in a ledger is held against everything else.

use anyhow::anyhow;
use clap::Args;

use super::ledger::{self, LedgerArgs};
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{self, Format, Output, ProtectedFiles};
use crate::store::{Access, ChainEnd, LedgerError};

#[derive(Args)]
pub(super) struct VerifyArgs {
    /// The end that an earlier `verify` printed and that was kept elsewhere: the ledger must contain
    /// that history
    #[arg(long, value_name = "END")]
    expect: Option<ChainEnd>,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// `bank-par verify`
pub(super) fn verify(args: VerifyArgs) -> CliResult {
    let place = args.ledger.place()?;
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    let mut ledger = ledger::open(&place, Access::Read).map_err(without_advice)?;
    let verified = ledger
        .verify(args.expect.as_ref())
        .map_err(|error| without_advice(Failure::ledger(error)))?;
    ended(report::verified(output, args.output, &verified))
}

/// The message of a damaged ledger names this command, which is no way out of it.
fn without_advice(failure: Failure) -> Failure {
    let error = match failure.error.downcast_ref() {
        Some(LedgerError::Damaged { ledger, what }) => anyhow!(
            "the ledger `{ledger}` is damaged: {what}; nothing more of it can be verified: keep this file, and go on with a backup"
        ),
        _ => return failure,
    };
    Failure { error, ..failure }
}
