//! `copy`: a ledger from one place to another.

use std::str::FromStr;

use anyhow::anyhow;
use clap::Args;

use super::ledger::{LedgerFlag, open};
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{self, Format, Output, ProtectedFiles};
use crate::store::{Access, LedgerError, Place};

#[derive(Args)]
pub(super) struct CopyArgs {
    /// The ledger: a file, or `postgres://...`
    #[arg(value_name = "FROM", value_parser = LedgerFlag::from_str)]
    from: LedgerFlag,
    /// Where the copy is made, and no ledger is yet: a file, or `postgres://...`
    #[arg(value_name = "TO", value_parser = LedgerFlag::from_str)]
    to: LedgerFlag,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par copy`
pub(super) fn copy(args: CopyArgs) -> CliResult {
    let (from, to) = (place(args.from)?, place(args.to)?);
    // What is said of amounts is by what the ledger counts.
    drop(open(&from, Access::Read)?);
    let protected = ProtectedFiles::default().ledger(&from).ledger(&to);
    let output = Output::open(&protected).map_err(Failure::usage)?;
    let verified = from.copy_to(&to).map_err(|error| match error {
        LedgerError::NoPlace { .. } => Failure::usage(error),
        error => Failure::ledger(error),
    })?;
    ended(report::verified(output, args.output, &verified))
}

fn place(flag: LedgerFlag) -> Result<Place, Failure> {
    match flag {
        LedgerFlag::Lasting(place) => Ok(place),
        LedgerFlag::Memory => Err(Failure::usage(anyhow!(
            "a ledger in `memory` ends with its command: name a file or `postgres://...`"
        ))),
    }
}
