//! `init`: creates a ledger, and says what its amounts count.

use clap::Args;

use super::ledger::{LedgerArgs, UnitArgs, open_counting, open_or_create, open_when_there};
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{self, Format, Output, ProtectedFiles};
use crate::store::{Access, LedgerError};

#[derive(Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    unit: UnitArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    /// How the answer is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par init`
pub(super) fn init(args: InitArgs) -> CliResult {
    let place = args.ledger.place()?;
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    let is_new = match open_when_there(&place, Access::Existing) {
        Err(LedgerError::Missing { .. } | LedgerError::Foreign { .. }) => {
            open_or_create(&place, &args.unit, &[])?;
            true
        }
        opened => {
            drop(opened.map_err(Failure::ledger)?);
            open_counting(&place, Access::Existing, &args.unit)?;
            false
        }
    };
    let grants = place.grants().map_err(Failure::ledger)?;
    ended(report::created(
        output,
        args.output,
        &place,
        is_new,
        &grants,
    ))
}
