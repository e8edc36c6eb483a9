//! What a ledger's schema holds, and how it is known as ours.
//!
//! Plain tables: no sequence, no trigger, no function. The names are free of the schema's, which is what
//! the connection looks in.

use tokio_postgres::types::Type;

use super::columns::{ACCOUNTS, RowSet};
use super::faults::PgError;
use super::session::PgSession;
use super::{BEGIN_WRITING, LOCK_HEAD, text_of};
use crate::bank::Unit;
use crate::store::engine::rows::{Content, Head, KeptRow, Stored, own_accounts};

/// Grows when an older program would misread or harm the ledger.
pub(super) const FORMAT: i64 = 2;

/// What brings a ledger of each earlier format to the next one. An earlier program that has it open is not
/// disturbed.
const UPGRADES: [&str; 1] = ["ALTER TABLE leases ADD COLUMN holder text"];

/// The columns mean what those of a ledger's file do, and stand in their order. `batch` in the head is the id of
/// the last batch that wrote: what another process remembers of the ledger is right as long as that is the
/// same. `batches` has those of late, so that a batch whose commit was not answered can be asked for.
const TABLES: [&str; 16] = [
    // Which programs may use it.
    "CREATE TABLE format (one bigint PRIMARY KEY, bank_par bigint NOT NULL)",
    "CREATE TABLE ledger (one bigint PRIMARY KEY, scale bigint NOT NULL, unit text NOT NULL, checksum bigint NOT NULL)",
    // One row. Each transaction that writes locks it first: it is the write queue.
    "CREATE TABLE head (one bigint PRIMARY KEY, batch uuid NOT NULL, seq bigint NOT NULL, record bigint NOT NULL, at bigint NOT NULL, hash bytea NOT NULL, prev bytea, checksum bigint NOT NULL) WITH (fillfactor = 10)",
    "CREATE TABLE batches (id uuid PRIMARY KEY, at timestamptz NOT NULL)",
    "CREATE INDEX batch_times ON batches (at)",
    "CREATE TABLE accounts (account bigint PRIMARY KEY, name text COLLATE \"C\" NOT NULL UNIQUE, posted bigint NOT NULL, held bigint NOT NULL, floor bigint NOT NULL, opened bigint, checksum bigint NOT NULL, allowance text, refilled bigint) WITH (fillfactor = 50)",
    "CREATE TABLE entries (seq bigint PRIMARY KEY, at bigint NOT NULL, op bigint NOT NULL, debit bigint NOT NULL, credit bigint NOT NULL, amount bigint NOT NULL, posted bigint NOT NULL, available bigint NOT NULL, id text COLLATE \"C\", run bigint, line bigint, digest bigint, hold bigint, excess bigint, checksum bigint NOT NULL, detail text)",
    "CREATE TABLE records (record bigint PRIMARY KEY, seq bigint NOT NULL, at bigint NOT NULL, kind bigint NOT NULL, op bigint, account text NOT NULL, other text, amount bigint, posted bigint, available bigint, rejection bigint, overdraft bigint, id text COLLATE \"C\", run bigint, line bigint, digest bigint, hold bigint, number bigint, expires bigint, doubt bigint, boot bigint, ticks bigint, note text, checksum bigint NOT NULL, detail text)",
    "CREATE TABLE holds (hold bigint PRIMARY KEY, at bigint NOT NULL, op bigint NOT NULL, account text NOT NULL, other text, amount bigint, id text, run bigint, number bigint, expires bigint, doubt bigint, line_run bigint, line bigint, digest bigint, boot bigint, ticks bigint, checksum bigint NOT NULL, detail text)",
    "CREATE TABLE runs (run bigint PRIMARY KEY, name text COLLATE \"C\" UNIQUE, seq bigint NOT NULL, record bigint NOT NULL, live bigint NOT NULL, rule bigint)",
    // Which process works on a run, and until when that is sure. `epoch` is never the same again, and `holder` tells
    // others where the process is.
    "CREATE TABLE leases (run bigint PRIMARY KEY, epoch uuid NOT NULL, expires timestamptz NOT NULL, holder text)",
    "CREATE INDEX live_runs ON runs (run) WHERE live = 1",
    "CREATE INDEX entry_ids ON entries (id, seq) WHERE id IS NOT NULL",
    "CREATE INDEX record_ids ON records (id, record) WHERE id IS NOT NULL",
    "CREATE INDEX expiries ON holds (expires, hold) WHERE expires IS NOT NULL",
    "CREATE INDEX boot_expiries ON holds (boot, ticks, hold) WHERE ticks IS NOT NULL",
];

/// What stands under the schema's name.
pub(super) enum SchemaFound {
    /// No schema.
    Nothing,
    /// A schema without any table.
    Empty,
    /// A ledger of this format.
    Ledger(i64),
}

/// Looks without touching anything; nothing is found where there are tables that are not ours.
pub(super) fn look(session: &mut PgSession, schema: &str) -> Result<Option<SchemaFound>, PgError> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = $1), EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1), EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = $1 AND table_name = 'format' AND column_name = 'bank_par')";
    let found = session.query_once(SQL, &[(&schema, Type::TEXT)])?;
    let Some(row) = found.first() else {
        return Ok(Some(SchemaFound::Nothing));
    };
    let [is_there, has_tables, is_ours]: [bool; 3] =
        [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?];
    match (is_there, has_tables, is_ours) {
        (_, _, true) => {}
        (_, true, false) => return Ok(None),
        (true, false, false) => return Ok(Some(SchemaFound::Empty)),
        (false, false, false) => return Ok(Some(SchemaFound::Nothing)),
    }
    let format = session.query_once("SELECT bank_par FROM format WHERE one = 1", &[])?;
    match format.first() {
        Some(row) => Ok(Some(SchemaFound::Ledger(row.try_get(0)?))),
        None => Ok(None),
    }
}

/// Brings a ledger to this format, unless another process has just done so.
pub(super) fn upgrade(session: &mut PgSession) -> Result<(), PgError> {
    let upgraded = try_upgrade(session);
    if upgraded.is_err() && session.is_usable() {
        session.script("ROLLBACK")?;
    }
    upgraded
}

fn try_upgrade(session: &mut PgSession) -> Result<(), PgError> {
    let begin = format!(
        "{BEGIN_WRITING}; {LOCK_HEAD}; SELECT bank_par AS format FROM format WHERE one = 1"
    );
    let found = session.script(&begin)?;
    let found = text_of(&found, "format").and_then(|format| format.parse().ok());
    // Formats are counted from 1.
    let done = found.map_or(UPGRADES.len(), |format: usize| format.saturating_sub(1));
    let mut sql = String::new();
    for step in UPGRADES.iter().skip(done) {
        sql += &format!("{step}; ");
    }
    sql += &format!("UPDATE format SET bank_par = {FORMAT}; COMMIT");
    session.script(&sql).map(drop)
}

/// Begins a transaction that makes a ledger in which nothing was done yet.
pub(super) fn create(
    session: &mut PgSession,
    schema: &str,
    is_there: bool,
    unit: &Unit,
) -> Result<(), PgError> {
    let mut sql = format!("{BEGIN_WRITING};");
    if !is_there {
        sql += &format!("CREATE SCHEMA {};", quoted(schema));
    }
    sql += &TABLES.join(";");
    sql += &format!(";INSERT INTO format VALUES (1, {FORMAT})");
    session.script(&sql)?;
    let mut content = Content::default();
    let (decimals, checksum) = (i64::from(unit.decimals()), unit.checksum(&mut content));
    let sql = "INSERT INTO ledger VALUES (1, $1, $2, $3)";
    session.query(sql, &[&decimals, &unit.name(), &checksum])?;
    let head = Head::first(unit);
    let sql = "INSERT INTO head (one, batch, seq, record, at, hash, checksum) VALUES (1, gen_random_uuid(), 0, 0, 0, $1, $2)";
    let checksum = head.checksum(&mut content);
    session.query(sql, &[&head.hash.as_slice(), &checksum])?;
    let own = own_accounts().map(|row| Stored::sealed(row, &mut content));
    let mut accounts = RowSet::of(&ACCOUNTS);
    own.iter().for_each(|row| accounts.add_account(row));
    let sql = format!(
        "INSERT INTO accounts ({}) SELECT * FROM {}",
        ACCOUNTS.names(),
        ACCOUNTS.unnest(1)
    );
    let parameters: Vec<_> = accounts.parameters().collect();
    session.query(&sql, &parameters).map(drop)
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
