//! `--give-back`: where it has a place.

use anyhow::bail;

use super::WorkArgs;
use crate::bank::Kind;

impl WorkArgs {
    /// Refuses to give back what was never set aside.
    pub(in crate::cli::one) fn check_return(&self, kind: Kind) -> anyhow::Result<()> {
        match kind {
            Kind::Withdraw | Kind::Transfer => Ok(()),
            _ if !self.give_back => Ok(()),
            _ => bail!(
                "`--give-back` is for `withdraw` and `transfer`: nothing is set aside for a `{kind}`"
            ),
        }
    }

    /// Refuses to give back what a `hold` is to keep.
    pub(in crate::cli::one) fn check_kept(&self) -> anyhow::Result<()> {
        if self.give_back {
            bail!(
                "`hold` keeps what is set aside, so `--give-back` has no place there: use `withdraw`"
            );
        }
        Ok(())
    }
}
