//! `backup`: a copy of a ledger, while others may write to it.

use std::path::{self, PathBuf};

use anyhow::anyhow;
use clap::Args;

use super::ledger::{self, LedgerArgs};
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{self, Format, Output, ProtectedFiles};
use crate::store::{Access, LedgerError};

#[derive(Args)]
pub(super) struct BackupArgs {
    /// The file to create, which must not be there; the copy has the ledger's mode, is verified, and is
    /// a ledger like the one it was made of
    dest: PathBuf,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    ledger: LedgerArgs,
}

/// `bank-par backup`
pub(super) fn backup(args: BackupArgs) -> CliResult {
    if args.dest.as_os_str() == "-" {
        return Err(Failure::usage(anyhow!(
            "a copy of a ledger is a file, and `-` names none: give its name (`./-` for a file of that name)"
        )));
    }
    let place = args.ledger.place()?;
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    // A server may have another working directory.
    let dest = path::absolute(&args.dest).map_err(Failure::usage)?;
    let mut ledger = ledger::open(&place, Access::Read)?;
    let verified = ledger.backup(&dest).map_err(|error| match error {
        LedgerError::NoPlace { .. } => Failure::usage(error),
        error => Failure::ledger(error),
    })?;
    ended(report::verified(output, args.output, &verified))
}
