//! The flag that says where the balance lives, the same everywhere.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{anyhow, bail};
use clap::Args;

use super::Failure;
use crate::report::note;
use crate::store::Place;

/// The variable that stands in for the flag.
pub(super) const VARIABLE: &str = "BANK_PAR_LEDGER";

#[derive(Args)]
pub(super) struct LedgerArgs {
    /// Where the balance lives: `memory`, a FILE that lasts, or `unix:SOCKET` of a running `bank-par
    /// serve`
    #[arg(long, env = VARIABLE, value_name = "LEDGER")]
    pub(super) ledger: Option<LedgerFlag>,
}

impl LedgerArgs {
    /// The ledger, if it is one that lasts.
    pub(super) fn lasting(&self) -> Option<Place> {
        match &self.ledger {
            Some(LedgerFlag::Lasting(place)) => Some(place.clone()),
            Some(LedgerFlag::Memory) | None => None,
        }
    }

    /// The ledger that lasts, for commands that are over before one in memory would be of use.
    pub(super) fn place(self) -> Result<Place, Failure> {
        let what = match self.ledger {
            Some(LedgerFlag::Lasting(place)) => return Ok(place),
            Some(LedgerFlag::Memory) => "a ledger in `memory` ends with this command",
            None => "there is no ledger",
        };
        Err(Failure::usage(anyhow!(
            "{what}: name one that lasts with `--ledger FILE`, or with `{VARIABLE}` for a whole script"
        )))
    }
}

/// The flag of those modes that have no ledger but memory. The variable is for the other commands of
/// a script, so it is no reason to refuse.
#[derive(Args)]
pub(super) struct MemoryArgs {
    /// Where the balance lives: only `memory` is possible in this mode
    #[arg(long, value_name = "LEDGER")]
    ledger: Option<LedgerFlag>,
}

impl MemoryArgs {
    /// Refuses a ledger that lasts, and says why.
    pub(super) fn check(&self, mode: &str, why: &str) -> Result<(), Failure> {
        if let Some(LedgerFlag::Lasting(place)) = &self.ledger {
            return Err(Failure::usage(anyhow!(
                "`{mode}` cannot use the ledger `{place}`: {why}; `parallel`, `queue` and `pipe` can"
            )));
        }
        let variable = env::var(VARIABLE).ok().filter(|_| self.ledger.is_none());
        if let Some(ledger) = variable.filter(|ledger| ledger != "memory") {
            note(format_args!(
                "`{mode}` runs in memory and not in `{ledger}` of `{VARIABLE}`: {why}"
            ));
        }
        Ok(())
    }
}

/// What `--ledger` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LedgerFlag {
    /// Nothing lasts.
    Memory,
    /// A ledger that lasts.
    Lasting(Place),
}

impl FromStr for LedgerFlag {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Ok(match text.split_once(':') {
            _ if text == "memory" => LedgerFlag::Memory,
            _ if text.is_empty() => bail!(
                "the name is empty (as is a variable, such as `{VARIABLE}`, that is set to nothing): a ledger is `memory`, a file, or `unix:SOCKET`"
            ),
            Some(("unix", "")) => bail!("`unix:` is followed by the path of a socket"),
            Some(("unix", socket)) => LedgerFlag::Lasting(Place::Server(PathBuf::from(socket))),
            Some((scheme, rest)) if rest.starts_with("//") => {
                bail!("`{scheme}:` is no kind of ledger: it is `memory`, a file, or `unix:SOCKET`")
            }
            _ => LedgerFlag::Lasting(Place::File(PathBuf::from(text))),
        })
    }
}
