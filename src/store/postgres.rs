//! Rows in a PostgreSQL database, for several hosts.
//!
//! Every transaction that writes locks the head first: that is the queue of those who want to write, it
//! numbers entries without gaps in the order of their commits, and it tells whether what is remembered of
//! the ledger is still right. What a batch touches is read by later statements: under READ COMMITTED each
//! of them sees what was committed before it began, and so all that was committed before the lock was had.
//! A statement that locks and reads at once would see what was there before it waited.

mod address;
mod apply;
mod check;
mod columns;
mod commit;
mod faults;
mod holder;
mod leases;
mod load;
mod pages;
mod schema;
mod session;
mod settings;
mod transaction;
#[cfg(any(test, fuzzing))]
pub(crate) mod untrusted;
mod values;

use std::path::{Path, PathBuf};

use tokio_postgres::SimpleQueryRow;

use super::copy::to_file;
use super::engine::backend::{Backend, Tx, TxMode};
use super::{Access, LedgerError, Verified};
use crate::bank::Unit;
pub use address::PostgresAddress;
use address::ServerAddress;
use faults::PgError;
use leases::RunLeases;
use schema::SchemaFound;
use session::PgSession;
use transaction::PgTransaction;

/// Begins a transaction that writes.
const BEGIN_WRITING: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Waits for the turn to write.
const LOCK_HEAD: &str = "SELECT batch FROM head WHERE one = 1 FOR UPDATE";
/// Gives the batch an id that no other has.
const NEW_BATCH: &str = "INSERT INTO batches (id, at) VALUES (gen_random_uuid(), clock_timestamp()) RETURNING id AS new";
/// Begins a transaction that reads one state, which must be the primary's.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT batch, pg_is_in_recovery() AS replica FROM head WHERE one = 1";
/// Forgets batches for which no process asks any more.
const FORGET_BATCHES: &str = "DELETE FROM batches WHERE id IN (SELECT id FROM batches WHERE at < clock_timestamp() - interval '1 day' ORDER BY at LIMIT 1000)";

/// The rows of a ledger in a schema of a database.
pub(super) struct Postgres {
    address: ServerAddress,
    /// What it is called in messages.
    name: String,
    session: PgSession,
    leases: RunLeases,
    /// The batch that the head named at the last transaction.
    seen: Option<String>,
    /// The last batch of this process, whose id is kept until the next.
    last_batch: Option<String>,
    /// Old batches were forgotten.
    is_tidy: bool,
}

/// A transaction that has begun.
struct BegunTx {
    /// The batch that the head names.
    head: String,
    /// The batch that this transaction writes; empty where it reads.
    batch: String,
}

impl Postgres {
    /// Opens the ledger at this address; makes one where that is wanted and nothing is there.
    pub(super) fn open(address: &PostgresAddress, access: Access<'_>) -> Result<Self, LedgerError> {
        let mut ledger = Postgres::connect(address)?;
        let is_there = match ledger.look()? {
            SchemaFound::Ledger(_) => return Ok(ledger),
            SchemaFound::Empty => true,
            SchemaFound::Nothing => false,
        };
        match access {
            Access::Create(unit) => {
                ledger.make(is_there, unit, &mut |_| Ok(()))?;
                Ok(ledger)
            }
            Access::Existing | Access::Read => Err(LedgerError::Missing {
                ledger: PathBuf::from(ledger.name),
            }),
        }
    }

    /// Makes a ledger of this unit where none is, of what `fill` puts into it: whole or not at all.
    pub(super) fn create(
        address: &PostgresAddress,
        unit: &Unit,
        fill: &mut dyn FnMut(&mut dyn Tx) -> Result<(), LedgerError>,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Postgres::connect(address)?;
        let is_there = match ledger.look()? {
            SchemaFound::Ledger(_) => {
                let what = "a ledger is there already".to_string();
                let path = PathBuf::from(ledger.name);
                return Err(LedgerError::NoPlace { path, what });
            }
            SchemaFound::Empty => true,
            SchemaFound::Nothing => false,
        };
        ledger.make(is_there, unit, fill)?;
        Ok(ledger)
    }

    fn connect(address: &PostgresAddress) -> Result<Self, LedgerError> {
        let address = address.resolve()?;
        let name = address.name.clone();
        let session = PgSession::connect(&address);
        let session = session.map_err(|error| faults::not_done(&name, "open", &error))?;
        Ok(Postgres {
            leases: RunLeases::new(address.clone()),
            address,
            name,
            session,
            seen: None,
            last_batch: None,
            is_tidy: false,
        })
    }

    /// Looks at what is there, brings a ledger of an earlier format to this one, and refuses what is no ledger that
    /// this program knows.
    fn look(&mut self) -> Result<SchemaFound, LedgerError> {
        let found = schema::look(&mut self.session, &self.address.schema);
        let found = found.map_err(|error| faults::not_done(&self.name, "open", &error))?;
        let schema = &self.address.schema;
        let what = match found {
            Some(SchemaFound::Ledger(format)) if (1..schema::FORMAT).contains(&format) => {
                let upgraded = schema::upgrade(&mut self.session);
                return match upgraded {
                    Ok(()) => Ok(SchemaFound::Ledger(schema::FORMAT)),
                    Err(error) => Err(faults::not_done(&self.name, "upgrade", &error)),
                };
            }
            Some(SchemaFound::Ledger(format)) if format != schema::FORMAT => format!(
                "it has the format {format}, and this program knows {}: use the program that made it",
                schema::FORMAT
            ),
            Some(found) => return Ok(found),
            None => format!("the schema `{schema}` holds other tables"),
        };
        let ledger = PathBuf::from(&self.name);
        Err(LedgerError::Foreign { ledger, what })
    }

    fn make(
        &mut self,
        is_there: bool,
        unit: &Unit,
        fill: &mut dyn FnMut(&mut dyn Tx) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let schema = self.address.schema.clone();
        let made = schema::create(&mut self.session, &schema, is_there, unit);
        let begun = made.and_then(|()| self.session.script(NEW_BATCH));
        let begun = begun.map_err(|error| {
            let _ = self.session.script("ROLLBACK");
            faults::not_done(&self.name, "create", &error)
        })?;
        let batch = text_of(&begun, "new").unwrap_or_default();
        let mut transaction = Box::new(PgTransaction::created(self, batch));
        fill(&mut *transaction)?;
        transaction.commit()
    }

    /// Connects anew where the connection is gone.
    fn connect_again(&mut self) -> Result<(), PgError> {
        if !self.session.is_usable() {
            self.session = PgSession::connect(&self.address)?;
        }
        Ok(())
    }

    /// Begins a transaction, over a new connection where the old one turns out to be gone.
    fn begin_anew(&mut self, mode: TxMode) -> Result<BegunTx, LedgerError> {
        let was_usable = self.session.is_usable();
        let mut begun = self.try_begin(mode);
        if was_usable && !self.session.is_usable() {
            begun = self.try_begin(mode);
        }
        let doing = match mode {
            TxMode::Read => "read",
            TxMode::Write => "write",
        };
        let rows = begun.map_err(|error| faults::not_done(&self.name, doing, &error))?;
        let text = |column| text_of(&rows, column);
        if text("replica").as_deref() == Some("t") {
            let _ = self.session.script("ROLLBACK");
            return Err(LedgerError::Unreachable {
                ledger: self.name.clone(),
                what: "is a replica, which may lack the latest entries".to_string(),
            });
        }
        let Some(head) = text("batch") else {
            let _ = self.session.script("ROLLBACK");
            return Err(self.damaged("the head of the ledger must be one row"));
        };
        let leased = rows
            .iter()
            .filter_map(|row| row.try_get("leased").ok().flatten());
        let leased: Vec<u32> = leased.filter_map(|run| run.parse().ok()).collect();
        if mode == TxMode::Write
            && let Some(run) = self.leases.lost(&leased)
        {
            let _ = self.session.script("ROLLBACK");
            return Err(LedgerError::LeaseLost {
                ledger: self.name.clone(),
                run,
            });
        }
        let batch = text("new").unwrap_or_default();
        Ok(BegunTx { head, batch })
    }

    fn try_begin(&mut self, mode: TxMode) -> Result<Vec<SimpleQueryRow>, PgError> {
        self.connect_again()?;
        let begun = match mode {
            TxMode::Read => self.session.script(BEGIN_READING),
            TxMode::Write => {
                let sql = self.begin_writing();
                self.session.script(&sql)
            }
        };
        if begun.is_err() && self.session.is_usable() {
            self.session.script("ROLLBACK")?;
        }
        begun
    }

    /// What a transaction that writes begins with, statement by statement: the lock, the batch's own id,
    /// and whether the runs of this process are still its own.
    fn begin_writing(&mut self) -> String {
        let mut sql = format!("{BEGIN_WRITING}; {LOCK_HEAD}; {NEW_BATCH}");
        if let Some(look) = self.leases.look() {
            sql += "; ";
            sql += &look;
        }
        if let Some(last) = &self.last_batch {
            sql += &format!("; DELETE FROM batches WHERE id = '{last}'");
        }
        if !std::mem::replace(&mut self.is_tidy, true) {
            sql += "; ";
            sql += FORGET_BATCHES;
        }
        sql
    }

    fn damaged(&self, what: &str) -> LedgerError {
        LedgerError::Damaged {
            ledger: self.name.clone(),
            what: what.to_string(),
        }
    }
}

impl Backend for Postgres {
    fn begin(&mut self, mode: TxMode) -> Result<Box<dyn Tx + '_>, LedgerError> {
        Ok(Box::new(PgTransaction::begin(self, mode)?))
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError> {
        to_file(self, path)
    }
}

/// The first text in a column of this name.
fn text_of(rows: &[SimpleQueryRow], column: &str) -> Option<String> {
    let mut found = rows
        .iter()
        .filter_map(|row| row.try_get(column).ok().flatten());
    found.next().map(str::to_string)
}

#[cfg(test)]
pub(super) mod tests;
