//! The flags of a run that has a name.

use std::env;
use std::ffi::OsString;

use anyhow::bail;
use clap::Args;

use super::ledger::{LedgerFlag, VARIABLE};
use crate::run::named::{self, Named, command};
use crate::server::RunLedger;
use crate::store::{Access, LedgerError, Place, RunName};
use crate::workload::Done;

#[derive(Args)]
pub(super) struct NamedArgs {
    /// Begin the run of this name, or go on with it: lines that it has done are not run again. Needs a
    /// ledger that lasts
    #[arg(long, value_name = "NAME", requires = "input")]
    run: Option<RunName>,
    /// Run the lines again that the run was refused
    #[arg(long, requires = "run")]
    retry_refused: bool,
}

impl NamedArgs {
    /// Refuses a name for a run of which nothing stays.
    pub(super) fn check(&self, ledger: Option<&LedgerFlag>) -> anyhow::Result<()> {
        let lasts = matches!(ledger, Some(LedgerFlag::Lasting(_)));
        match &self.run {
            Some(run) if !lasts => bail!(
                "the run `{run}` needs a ledger that remembers it: name one with `--ledger FILE`"
            ),
            _ => Ok(()),
        }
    }

    /// Opens the ledger for this run. If it has a name, also tells what it has done.
    pub(super) fn open(&self, place: &Place) -> Result<(RunLedger, Option<Done>), LedgerError> {
        let mut ledger = place.open(Access::Create)?;
        let (run, done) = match &self.run {
            None => (ledger.open_run(None)?, None),
            Some(name) => {
                let (run, done) = named::open(&mut *ledger, name, self.retry_refused)?;
                (run, Some(done))
            }
        };
        let name = place.to_string();
        Ok((RunLedger { ledger, run, name }, done))
    }

    /// The run, if it has a name.
    pub(super) fn named(&self) -> Option<Named> {
        self.run.as_ref()?;
        let arguments: Vec<OsString> = env::args_os().collect();
        let given = |argument: &OsString| {
            let argument = argument.as_encoded_bytes();
            argument == b"--ledger" || argument.starts_with(b"--ledger=")
        };
        let variable = env::var_os(VARIABLE).filter(|_| !arguments.iter().any(given));
        let ledger = variable.map(|value| format!("{VARIABLE}={} ", command([value])));
        let ledger = ledger.unwrap_or_default();
        Some(Named {
            retry_refused: self.retry_refused,
            from_stdin: arguments.iter().any(|argument| argument == "-"),
            words: format!("{ledger}{}", command(arguments)),
        })
    }
}
