//! Opening a ledger's file: what it must be, what lies beside it, and all that durability rests on.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{AtFlags, CWD, FileType, StatxAttributes, StatxFlags, statx};
use rustix::io::Errno;

use super::ledger_file::{Found, Identity, LedgerFile, identity};
use super::mark::{self, Mark};
use super::reading::{self, Reading};
use super::schema::{APPLICATION_ID, FORMAT, check_tables};
use super::{Access, creation, faults, recovery, rollback, side_files, upgrade};
use crate::store::LedgerError;
use crate::store::retry::lock_wait;

/// The bytes of a file's header that are looked at.
const HEADER: usize = 100;
/// How often a file is looked at anew because another process created or removed it meanwhile.
const LOOKS: usize = 20;
/// The pages of the log at which a commit copies it back into the file.
const LOG_PAGES: u32 = 4_000;

/// An open ledger.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) file: Arc<LedgerFile>,
    /// Which file its log is, where it may be written.
    pub(super) log: Option<Identity>,
    /// Its mark, where it may be written.
    pub(super) mark: Option<Mark>,
    /// How it is read, where it may not be written.
    pub(super) reading: Option<Reading>,
}

/// How a file looks before SQLite opens it.
enum FileState {
    Missing,
    Empty,
    Ours,
}

/// Opens a ledger's file, and creates it where that is wanted.
pub(super) fn open(path: &Path, access: Access<'_>) -> Result<Opened, LedgerError> {
    let path = resolve(path)?;
    for _ in 0..LOOKS {
        let ledger = path.clone();
        match (look(&path)?, access) {
            (FileState::Missing, Access::Existing | Access::Read) => {
                return Err(LedgerError::Missing { ledger });
            }
            (FileState::Missing, Access::Create(unit)) => creation::create(&path, unit)?,
            (FileState::Empty, Access::Existing | Access::Read) => {
                let what = "it is empty".to_string();
                return Err(LedgerError::Foreign { ledger, what });
            }
            (FileState::Empty, Access::Create(unit)) => creation::fill(&path, unit)?,
            (FileState::Ours, _) => return open_ours(path, access),
        }
    }
    Err(LedgerError::Database {
        ledger: path.display().to_string(),
        doing: "open",
        cause: "it comes and goes: see which program creates and removes it".to_string(),
    })
}

fn open_ours(path: PathBuf, access: Access<'_>) -> Result<Opened, LedgerError> {
    let failed = |cause| failed(&path, cause);
    let found = LedgerFile::open(&path).map_err(failed)?;
    let file = Arc::clone(&found.file);
    let header = check_header(&path, &file)?;
    let beside = side_files::check(&path)?;
    if !found.is_open {
        mark::check(&path, &file)?;
        if beside.journal.is_some() {
            rollback::check(&path, &file)?;
        }
    }
    if let Some(refused) = reading::may_not_write(&path, &file) {
        return match access {
            Access::Read => open_to_read(path, file, &header),
            _ => Err(failed(refused)),
        };
    }
    match open_to_write(&path, found, &header) {
        // A full disk has no room for what lies beside a ledger in use.
        Err(full @ LedgerError::Unwritable { .. }) if access == Access::Read => {
            match open_to_read(path, file, &header) {
                // Why a log cannot be copied back first is the disk, and no missing permission.
                Err(LedgerError::OtherLog { .. }) => Err(full),
                opened => opened,
            }
        }
        opened => opened,
    }
}

fn open_to_read(
    path: PathBuf,
    file: Arc<LedgerFile>,
    header: &Header,
) -> Result<Opened, LedgerError> {
    if header.is_earlier {
        upgrade::bring_to_format(&path)?;
    }
    let (connection, reading) = reading::open(&path, &file)?;
    check_tables(&connection, &path)?;
    Ok(Opened {
        path,
        connection,
        file,
        log: None,
        mark: None,
        reading: Some(reading),
    })
}

fn open_to_write(path: &Path, found: Found, header: &Header) -> Result<Opened, LedgerError> {
    let failed = |cause| failed(path, cause);
    let file = found.file;
    // Where this process has it open already, all this was done.
    let recovering = match found.is_open {
        true => None,
        false => recovery::begin(path, &file)?,
    };
    if header.is_earlier {
        upgrade::bring_to_format(path)?;
    }
    let connection = connect(path)?;
    if !header.has_log {
        // What is written now is one sector, and needs no journal that might be left here. It fails if
        // another process was faster.
        let _ = connection.execute_batch("PRAGMA journal_mode = MEMORY");
    }
    check_durable(&connection, path)?;
    check_tables(&connection, path)?;
    if !header.has_log {
        // The journal of the mode before is gone, and so it must stay.
        creation::sync_folder(path)?;
    }
    // What another user put there since the first look was not believed before this one.
    let beside = side_files::check(path)?;
    side_files::follow(path, &beside);
    let log = beside.log.as_ref().map(identity);
    if !found.is_open {
        recovery::check_place(path, &file)?;
    }
    if let Some(recovering) = recovering {
        recovering.fold_in(path, &connection)?;
    }
    let mark = Mark::new(path, &file).map_err(failed)?;
    mark.take_over().map_err(failed)?;
    Ok(Opened {
        path: path.to_owned(),
        connection,
        file,
        log,
        mark: Some(mark),
        reading: None,
    })
}

/// The file's own path, whatever links lead to it: all who open it must meet at the same side files.
fn resolve(path: &Path) -> Result<PathBuf, LedgerError> {
    let failed = |cause| failed(path, cause);
    match fs::canonicalize(path) {
        Ok(path) => Ok(path),
        // Where it leads, another would look for the side files once the ledger is there.
        Err(cause) if cause.kind() == ErrorKind::NotFound && path.is_symlink() => {
            Err(LedgerError::Foreign {
                ledger: path.to_owned(),
                what: "it is a link to nothing".to_string(),
            })
        }
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
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
fn look(path: &Path) -> Result<FileState, LedgerError> {
    let foreign = |what: &str| foreign(path, what);
    refuse_network(path)?;
    let about = match statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS) {
        Err(Errno::NOENT) => return Ok(FileState::Missing),
        about => about.map_err(|cause| failed(path, cause.into()))?,
    };
    match FileType::from_raw_mode(about.stx_mode.into()) {
        FileType::RegularFile => {}
        FileType::Directory => return Err(foreign("it is a directory")),
        _ => return Err(foreign("it is no regular file")),
    }
    if about.stx_nlink > 1 {
        return Err(foreign(
            "it has several names (hard links), which would not meet at one log",
        ));
    }
    // It was mounted over another file, as containers do with `-v file:file`.
    if about.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Err(foreign(
            "it is mounted by itself, so its log would lie elsewhere than beside the file: mount the folder that it is in",
        ));
    }
    Ok(match about.stx_size {
        0 => FileState::Empty,
        _ => FileState::Ours,
    })
}

/// What a ledger's header says, as far as the file itself goes: its log may have come further.
struct Header {
    /// Its mode is the one with a log.
    has_log: bool,
    /// It has an earlier format.
    is_earlier: bool,
}

/// Reads the header of a file that must be a ledger.
fn check_header(path: &Path, file: &LedgerFile) -> Result<Header, LedgerError> {
    let foreign = |what: &str| foreign(path, what);
    let mut header = [0; HEADER];
    match file.file().read_exact_at(&mut header, 0) {
        Err(cause) if cause.kind() == ErrorKind::UnexpectedEof => {
            return Err(foreign("it is too short"));
        }
        read => read.map_err(|cause| failed(path, cause))?,
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
    let is_earlier = (upgrade::FIRST..FORMAT).contains(&format);
    if format != FORMAT && !is_earlier {
        return Err(foreign(&format!(
            "it has format {format} and this program knows format {FORMAT}: use the program that wrote it"
        )));
    }
    Ok(Header {
        has_log: header[18..20] == [2, 2],
        is_earlier,
    })
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

fn connect(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        set_up(connection)
    };
    open().map_err(|error| faults::database(path, "open", &error))
}

/// Sets what all connections have.
pub(super) fn set_up(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_handler(Some(patient))?;
    // A parameter that is compared to a column of a partial index would have its statement compiled
    // anew whenever it is bound, in case another index suits the new value; here none ever does.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = {LOG_PAGES};"
    ))?;
    Ok(connection)
}

/// Checks what durability rests on, and puts it right where a copy or another program lost it: only with
/// a log is a commit durable when the log is.
fn check_durable(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let text = |sql| connection.query_row(sql, [], |row| row.get::<_, String>(0));
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let read = || {
        Ok((
            text("PRAGMA journal_mode = WAL")?,
            number("PRAGMA synchronous")?,
        ))
    };
    let (mode, level) = read().map_err(|error| faults::database(path, "open", &error))?;
    if mode == "wal" && level == 2 {
        return Ok(());
    }
    Err(LedgerError::Database {
        ledger: path.display().to_string(),
        doing: "open",
        cause: format!(
            "the write-ahead log is not possible here (the mode is `{mode}`, synchronous is {level})"
        ),
    })
}

/// How long each wait of a [`patient`] connection is at most.
const STEP: Duration = Duration::from_millis(1);
/// How long it waits in all, more or less.
const BUSY_LIMIT: Duration = Duration::from_secs(20);

/// Waits a little while another connection has the lock. Few wait here at a time, since the write queue
/// lets one through, so short steps cost nothing.
fn patient(times: i32) -> bool {
    let step = Duration::from_micros(50) * u32::try_from(times.clamp(1, 20)).unwrap_or(1);
    std::thread::sleep(step.min(STEP));
    STEP * u32::try_from(times).unwrap_or(u32::MAX) < lock_wait(BUSY_LIMIT)
}

fn foreign(path: &Path, what: &str) -> LedgerError {
    LedgerError::Foreign {
        ledger: path.to_owned(),
        what: what.to_string(),
    }
}

fn failed(path: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "open",
        cause,
    }
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
