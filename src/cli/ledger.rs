//! The flag that says where the balance lives, the same everywhere.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{anyhow, bail};
use clap::Args;

use super::Failure;
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
            _ if text.is_empty() => bail!("a ledger is `memory`, a file, or `unix:SOCKET`"),
            Some(("unix", "")) => bail!("`unix:` is followed by the path of a socket"),
            Some(("unix", socket)) => LedgerFlag::Lasting(Place::Server(PathBuf::from(socket))),
            Some((scheme, rest)) if rest.starts_with("//") => {
                bail!("`{scheme}:` is no kind of ledger: it is `memory`, a file, or `unix:SOCKET`")
            }
            _ => LedgerFlag::Lasting(Place::File(PathBuf::from(text))),
        })
    }
}
