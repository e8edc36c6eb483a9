//! `doctor`: the settings of a ledger's server that can lose what was acknowledged.

use anyhow::anyhow;
use clap::Args;

use super::ledger::LedgerArgs;
use super::one::ended;
use super::{CliResult, Failure};
use crate::report::{Format, Output, ProtectedFiles, settings};

#[derive(Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// How the answer is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par doctor`
pub(super) fn doctor(args: DoctorArgs) -> CliResult {
    let place = args.ledger.place()?;
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    match place.settings().map_err(Failure::ledger)? {
        Some(found) => ended(settings(output, args.output, &found)),
        None => Err(Failure::usage(anyhow!(
            "`{place}` has no server with settings of its own: name a ledger in PostgreSQL with `--ledger postgres://...`"
        ))),
    }
}
