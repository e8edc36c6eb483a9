//! The file: its tables, how it is created, and how it is known as ours.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::turnstile::{Turnstile, beside};
use super::{Access, faults, unsure, upgrade};
use crate::store::LedgerError;

/// `bpar`: where SQLite keeps an application's mark in a file's header.
const APPLICATION_ID: u32 = 0x6270_6172;
/// Grows when an older program would misread or harm the file.
pub(super) const FORMAT: u32 = 3;

/// Everything that a ledger's file holds. The text itself is kept in the file and compared when it is
/// opened, so that a file with other tables is none of ours. Columns and indexes that came with a later
/// format stand behind the others, as SQLite appends them to a file that is brought to it.
///
/// Operations are numbered 0 withdraw, 1 deposit, 2 transfer, 3 loan, 4 balance. Money is in minor
/// units, times are microseconds since 1970 began. `checksum` is the beginning of the row's SHA-256.
/// `boot` and `ticks` are a machine's boot and the microseconds since then.
pub(super) const TABLES: [&str; 11] = [
    // One row: how far the ledger has come, and the hash over all entries and records. Each commit
    // writes it, and `prev` is the hash before that commit.
    "CREATE TABLE head (one INTEGER PRIMARY KEY, seq INTEGER NOT NULL, record INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL, checksum INTEGER NOT NULL, prev BLOB) STRICT",
    // `opened` is 1 where a request opened the account, and not money that came in.
    "CREATE TABLE accounts (account INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, posted INTEGER NOT NULL, held INTEGER NOT NULL, floor INTEGER NOT NULL, checksum INTEGER NOT NULL, opened INTEGER) STRICT",
    // What was posted. `excess` is how much more that was than was set aside. Nothing here ever changes.
    "CREATE TABLE entries (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, op INTEGER NOT NULL, debit INTEGER NOT NULL, credit INTEGER NOT NULL, amount INTEGER NOT NULL, posted INTEGER NOT NULL, available INTEGER NOT NULL, id TEXT, run INTEGER, line INTEGER, digest INTEGER, hold INTEGER, checksum INTEGER NOT NULL, excess INTEGER) STRICT",
    // What else was decided and must not be forgotten; `seq` is the last entry before it. Nothing here
    // ever changes. Kinds: 0 held, 1 voided, 2 expired, 3 refused, 4 viewed, 5 opened, 6 in doubt,
    // 7 taken over, 8 given back because nothing was spent, 9 kept for a second step, 10 a line that was
    // given up, with its reason in `note`. `doubt` is 0 where a hold will be in doubt if its run is gone.
    // `boot` and `ticks` tell when a hold expires; where one has expired, when that was decided, and
    // `expires` the wall clock at that moment.
    "CREATE TABLE records (record INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind INTEGER NOT NULL, op INTEGER, account TEXT NOT NULL, other TEXT, amount INTEGER, posted INTEGER, available INTEGER, rejection INTEGER, overdraft INTEGER, id TEXT, run INTEGER, line INTEGER, digest INTEGER, hold INTEGER, number INTEGER, expires INTEGER, doubt INTEGER, checksum INTEGER NOT NULL, boot INTEGER, ticks INTEGER, note TEXT) STRICT",
    // What is set aside now; `doubt` is 1 where nobody saw the end of its work. `line_run`, `line` and
    // `digest` tell the line of a named run that it was begun for. It expires at `ticks` of `boot`, or at
    // `expires` once the machine was started anew.
    "CREATE TABLE holds (hold INTEGER PRIMARY KEY, at INTEGER NOT NULL, op INTEGER NOT NULL, account TEXT NOT NULL, other TEXT, amount INTEGER, id TEXT, run INTEGER, number INTEGER, expires INTEGER, doubt INTEGER, line_run INTEGER, line INTEGER, digest INTEGER, checksum INTEGER NOT NULL, boot INTEGER, ticks INTEGER) STRICT",
    // Each run, and where the ledger stood when it began. `rule` tells what the digest of a line is over:
    // nothing or 1 all lines up to it, 2 the line alone.
    "CREATE TABLE runs (run INTEGER PRIMARY KEY, name TEXT UNIQUE, seq INTEGER NOT NULL, record INTEGER NOT NULL, live INTEGER NOT NULL, rule INTEGER) STRICT",
    "CREATE INDEX live_runs ON runs (run) WHERE live = 1",
    "CREATE INDEX entry_ids ON entries (id) WHERE id IS NOT NULL",
    "CREATE INDEX record_ids ON records (id) WHERE id IS NOT NULL",
    "CREATE INDEX expiries ON holds (expires) WHERE expires IS NOT NULL",
    "CREATE INDEX boot_expiries ON holds (boot, ticks) WHERE ticks IS NOT NULL",
];

/// The bytes of a file's header that are looked at.
const HEADER: usize = 100;

/// How a file looks before SQLite opens it.
enum Looks {
    Missing,
    Empty,
    Ours,
    /// An earlier format, at least as far as the file itself says: its log may have come further.
    Earlier,
}

/// Opens a ledger's file, and creates it where that is wanted.
pub(super) fn open(
    path: &Path,
    access: Access,
) -> Result<(PathBuf, Connection, Turnstile), LedgerError> {
    let path = resolve(path)?;
    if access == Access::Again {
        let connection = connect(&path)?;
        check_tables(&connection, &path)?;
        let turnstile = Turnstile::beside(&path)?;
        return Ok((path, connection, turnstile));
    }
    let looks = look(&path)?;
    refuse_network(&path)?;
    // An empty file with a turnstile beside it is just being created.
    if !matches!(looks, Looks::Empty) || !beside(&path, "-turn").exists() {
        must_be_there(&path, &looks, access)?;
    }
    let turnstile = Turnstile::beside(&path)?;
    if matches!(looks, Looks::Earlier) {
        upgrade::bring_to_format(&path)?;
    }
    if matches!(looks, Looks::Ours | Looks::Earlier) {
        let connection = connect(&path)?;
        if check_tables(&connection, &path)? {
            unsure::settle(&path, &connection)?;
            return Ok((path, connection, turnstile));
        }
    }
    // Whoever comes first creates it, the others wait here.
    let turn = turnstile.enter();
    let looks = look(&path)?;
    must_be_there(&path, &looks, access)?;
    let connection = match looks {
        Looks::Ours | Looks::Earlier => connect(&path)?,
        Looks::Missing | Looks::Empty => {
            refuse_lost(&path)?;
            begin_file(&path)?
        }
    };
    create_tables(&connection).map_err(|error| faults::database(&path, "create", &error))?;
    check_tables(&connection, &path)?;
    unsure::settle(&path, &connection)?;
    sync_folder(&path)?;
    drop(turn);
    Ok((path, connection, turnstile))
}

/// The file's own path, whatever links lead to it: all who open it must meet at the same side files.
fn resolve(path: &Path) -> Result<PathBuf, LedgerError> {
    let failed = |cause| LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "open",
        cause,
    };
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        // Where it leads, another would look for the side files once the ledger is there.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            Err(LedgerError::Foreign {
                ledger: path.to_owned(),
                what: "it is a link to nothing".to_string(),
            })
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or_else(|| failed(cause))?;
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            Ok(fs::canonicalize(folder).map_err(failed)?.join(name))
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// Looks at a file without touching it.
fn look(path: &Path) -> Result<Looks, LedgerError> {
    let failed = |cause| LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "open",
        cause,
    };
    let foreign = |what: &str| LedgerError::Foreign {
        ledger: path.to_owned(),
        what: what.to_string(),
    };
    let about = match fs::metadata(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Looks::Missing),
        about => about.map_err(failed)?,
    };
    if about.is_dir() {
        return Err(foreign("it is a directory"));
    }
    if !about.is_file() {
        return Err(foreign("it is no regular file"));
    }
    if about.nlink() > 1 {
        return Err(foreign(
            "it has several names (hard links), which would not meet at one lock",
        ));
    }
    if about.len() == 0 {
        return Ok(Looks::Empty);
    }
    let mut header = [0; HEADER];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(foreign("it is too short"));
        }
        read => read.map_err(failed)?,
    }
    // The power failed while it was created. SQLite's journal beside it, which was durable before,
    // takes back what is there of the first page.
    if header == [0; HEADER] && beside(path, "-journal").exists() {
        return Ok(Looks::Empty);
    }
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes)
    };
    // Offsets from "The Database Header" of SQLite's file format.
    let (format, application) = (number(60), number(68));
    if !header.starts_with(b"SQLite format 3\0") || application != APPLICATION_ID {
        return Err(foreign("another program wrote it"));
    }
    if format == upgrade::FROM {
        return Ok(Looks::Earlier);
    }
    if format != FORMAT {
        return Err(foreign(&format!(
            "it has format {format} and this program knows format {FORMAT}: use the program that wrote it"
        )));
    }
    Ok(Looks::Ours)
}

/// Where nothing may be created, something must be there.
fn must_be_there(path: &Path, looks: &Looks, access: Access) -> Result<(), LedgerError> {
    let ledger = path.to_owned();
    match looks {
        Looks::Missing if access == Access::Existing => Err(LedgerError::Missing { ledger }),
        Looks::Empty if access == Access::Existing => Err(LedgerError::Foreign {
            ledger,
            what: "it is empty".to_string(),
        }),
        _ => Ok(()),
    }
}

/// SQLite throws away a log that has no file, and entries may be in it that are nowhere else.
fn refuse_lost(path: &Path) -> Result<(), LedgerError> {
    let log = beside(path, "-wal");
    match fs::metadata(&log) {
        Ok(about) if about.len() > 0 => Err(LedgerError::Foreign {
            ledger: path.to_owned(),
            what: format!(
                "it is missing or empty, and `{}` may hold entries of the one that was there: put that one back, or move its log away",
                log.display()
            ),
        }),
        _ => Ok(()),
    }
}

/// What tells a file from any other that comes to its place.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = fs::metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

/// A file system that other machines reach too keeps locks that cannot be trusted.
fn refuse_network(path: &Path) -> Result<(), LedgerError> {
    #[cfg(target_os = "linux")]
    {
        let folder = path.parent().unwrap_or(Path::new("/"));
        let kind = rustix::fs::statfs(folder).map(|about| network_name(about.f_type as u64));
        if let Ok(Some(kind)) = kind {
            return Err(LedgerError::Network {
                ledger: path.to_owned(),
                kind: kind.to_string(),
            });
        }
    }
    Ok(())
}

/// The name of a network file system by its magic number (`statfs(2)`).
#[cfg(target_os = "linux")]
fn network_name(magic: u64) -> Option<&'static str> {
    Some(match magic & 0xffff_ffff {
        0x6969 => "nfs",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "smb",
        0x0102_1997 => "9p",
        0x00c3_6400 => "ceph",
        0x5346_414f | 0x6b41_4653 => "afs",
        0x7375_7245 => "coda",
        0x0bd0_0bd0 => "lustre",
        0x4750_4653 => "gpfs",
        0x564c => "ncp",
        _ => return None,
    })
}

/// Marks an empty file as ours before anything else, so that an unfinished one is known.
fn begin_file(path: &Path) -> Result<Connection, LedgerError> {
    let create = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path);
    create.map_err(|cause| LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "create",
        cause,
    })?;
    let connection = connect(path)?;
    let mark = || {
        connection.execute_batch(&format!(
            "BEGIN EXCLUSIVE; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT}; COMMIT;"
        ))?;
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| {
            row.get::<_, String>(0)
        })
    };
    match mark() {
        Ok(mode) if mode == "wal" => Ok(connection),
        Ok(mode) => Err(LedgerError::Database {
            ledger: path.display().to_string(),
            doing: "create",
            cause: format!("the write-ahead log is not possible here (the mode is `{mode}`)"),
        }),
        Err(error) => Err(faults::database(path, "create", &error)),
    }
}

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.busy_handler(Some(patient))?;
        // A one-shot command would pay five syncs for it; commits checkpoint when it is worth it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // A parameter that is compared to a column of a partial index would have its statement compiled
        // anew whenever it is bound, in case another index suits the new value; here none ever does.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
        )?;
        Ok(connection)
    };
    open().map_err(|error| faults::database(path, "open", &error))
}

/// How long each wait of a [`patient`] connection is at most.
const STEP: Duration = Duration::from_millis(1);
/// How often it waits: some 20 s in all.
const STEPS: i32 = 20_000;

/// Waits a little while another connection has the lock. Few wait here at a time, since the turnstile
/// lets one through, so short steps cost nothing.
fn patient(times: i32) -> bool {
    let step = Duration::from_micros(50) * u32::try_from(times.clamp(1, 20)).unwrap_or(1);
    std::thread::sleep(step.min(STEP));
    times < STEPS
}

fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let count = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    let create = |count: i64| {
        if count == 0 {
            TABLES
                .iter()
                .try_for_each(|table| connection.execute_batch(table))?;
            super::rows::first_rows(connection)?;
        }
        connection.execute_batch("COMMIT")
    };
    count.and_then(create).inspect_err(|_| {
        let _ = connection.execute_batch("ROLLBACK");
    })
}

/// The texts of all tables and indexes, in the order in which they were made.
pub(super) fn table_texts(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")?;
    let texts = query.query_map([], |row| row.get(0))?;
    texts.collect()
}

/// Whether the tables are there. A file whose tables are not exactly ours is refused: what is said of
/// rows would not hold.
fn check_tables(connection: &Connection, path: &Path) -> Result<bool, LedgerError> {
    let texts = table_texts(connection).map_err(|error| faults::database(path, "open", &error))?;
    if !texts.is_empty() && texts != TABLES {
        return Err(faults::damaged(
            path,
            "its tables are not those of a ledger",
        ));
    }
    Ok(!texts.is_empty())
}

/// Makes the names of new files durable.
fn sync_folder(path: &Path) -> Result<(), LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let sync = File::open(folder).and_then(|folder| folder.sync_all());
    sync.map_err(|cause| LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "create",
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn network_file_systems_are_known() {
        // Magic numbers from `statfs(2)`: nfs, cifs (also as a sign-extended number), ext4, tmpfs.
        assert_eq!(network_name(0x6969), Some("nfs"));
        assert_eq!(network_name(0xff53_4d42), Some("smb"));
        assert_eq!(network_name(0xffff_ffff_ff53_4d42), Some("smb"));
        assert_eq!(network_name(0xef53), None);
        assert_eq!(network_name(0x0102_1994), None);
    }
}
