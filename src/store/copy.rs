//! Copying a ledger from one place to another, with all that it says and the chain over it.

use std::path::{Path, PathBuf};

use super::engine::backend::{Backend, Tx, TxMode};
use super::engine::copy::copy;
use super::engine::rows::sound;
#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::sqlite::{Sqlite, new_file};
use super::{Access, LedgerError, Place, Verified};
use crate::bank::Unit;

impl Place {
    /// Copies the ledger as of one moment to a place where none may be, and verifies the copy.
    pub fn copy_to(&self, to: &Place) -> Result<Verified, LedgerError> {
        let mut from = self.backend()?;
        match to {
            Place::File(path) => to_file(&mut *from, path),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => read(&mut *from, |unit, fill| {
                let copied = Postgres::create(address, unit, fill)?;
                super::engine::Engine::new(copied).check_all(None)
            }),
            Place::Server(path) => Err(LedgerError::NoPlace {
                path: path.clone(),
                what: "a server has its ledger already".to_string(),
            }),
        }
    }

    fn backend(&self) -> Result<Box<dyn Backend>, LedgerError> {
        match self {
            Place::File(path) => Ok(Box::new(Sqlite::open(path, Access::Read)?)),
            #[cfg(feature = "postgres")]
            Place::Postgres(address) => Ok(Box::new(Postgres::open(address, Access::Read)?)),
            Place::Server(path) => Err(LedgerError::Foreign {
                ledger: PathBuf::from(path),
                what: "it is a server: name the ledger that it serves".to_string(),
            }),
        }
    }
}

/// Copies a ledger into a new file, and verifies that before it gets its name.
pub(super) fn to_file(from: &mut dyn Backend, path: &Path) -> Result<Verified, LedgerError> {
    let name = from.name();
    read(from, |unit, fill| new_file(path, unit, &name, fill))
}

/// Reads one state of a ledger: its unit, and what writes it down elsewhere.
fn read<T>(
    from: &mut dyn Backend,
    make: impl FnOnce(
        &Unit,
        &mut dyn FnMut(&mut dyn Tx) -> Result<(), LedgerError>,
    ) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let name = from.name();
    let mut tx = from.begin(TxMode::Read)?;
    let unit = sound(tx.unit()?).map_err(|_| LedgerError::Damaged {
        ledger: name.clone(),
        what: "what the ledger counts is wrong".to_string(),
    })?;
    let made = make(&unit, &mut |to| copy(&name, &mut *tx, to))?;
    tx.commit()?;
    Ok(made)
}
