//! `verify`: everything in a ledger is held against everything else.

use clap::Args;

use super::ledger::{self, LedgerArgs};
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{self, Format, Output, ProtectedFiles};
use crate::store::{Access, ChainEnd};

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
    let mut ledger = ledger::open(&place, Access::Read)?;
    let verified = ledger
        .verify(args.expect.as_ref())
        .map_err(Failure::ledger)?;
    ended(report::verified(output, args.output, &verified))
}
