//! A copy of a ledger as of one moment, while others go on writing to it.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tempfile::NamedTempFile;

use super::creation::{content, is_free, sync_folder};
use super::side_files::{self, JOURNAL, LOG, SHARED};
use super::{Access, Sqlite, faults, mark};
use crate::bank::Unit;
use crate::store::engine::Engine;
use crate::store::engine::backend::{Backend as _, Tx, TxMode};
use crate::store::{LedgerError, Verified};

impl Sqlite {
    /// Copies the ledger to a path where nothing is. The copy gets its name once it is durable and was
    /// verified; what that found is returned.
    pub(super) fn copy_to(&self, path: &Path) -> Result<Verified, LedgerError> {
        let path = new_place(path)?;
        let failed = |cause| failed(&path, cause);
        let unnamed = unnamed(&path)?;
        copy_pages(&self.connection, unnamed.path())
            .map_err(|error| faults::database(&path, "write", &error))?;
        let mode = fs::metadata(&self.path).map_err(failed)?.mode() & 0o777;
        finish(unnamed.as_file(), mode).map_err(failed)?;
        let copy = Sqlite::open(unnamed.path(), Access::Existing)?;
        publish(unnamed, copy, &self.path.display().to_string(), &path)
    }
}

/// Makes a file of this unit at a path where nothing is, of what `fill` puts into it for the ledger of this
/// name. It gets its name once it is durable and was verified; what that found is returned.
pub(in crate::store) fn new_file(
    path: &Path,
    unit: &Unit,
    ledger: &str,
    fill: &mut dyn FnMut(&mut dyn Tx) -> Result<(), LedgerError>,
) -> Result<Verified, LedgerError> {
    let path = new_place(path)?;
    let unnamed = unnamed(&path)?;
    let content = content(&path, unit)?;
    fs::write(unnamed.path(), content).map_err(|cause| failed(&path, cause))?;
    let mut copy = Sqlite::open(unnamed.path(), Access::Existing)?;
    let mut tx = copy.begin(TxMode::Write)?;
    fill(&mut *tx)?;
    tx.commit()?;
    publish(unnamed, copy, ledger, &path)
}

/// A file beside this one that has no name yet that matters.
fn unnamed(path: &Path) -> Result<NamedTempFile, LedgerError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let unnamed = tempfile::Builder::new()
        .prefix(".bank-par-")
        .tempfile_in(folder);
    unnamed.map_err(|cause| failed(path, cause))
}

/// Verifies a copy of a ledger and gives it its name.
fn publish(
    unnamed: NamedTempFile,
    copy: Sqlite,
    ledger: &str,
    path: &Path,
) -> Result<Verified, LedgerError> {
    let verified = Engine::new(copy).check_all(None)?;
    if let Some(violation) = &verified.violation {
        return Err(LedgerError::Damaged {
            ledger: ledger.to_string(),
            what: violation.clone(),
        });
    }
    name(unnamed, path)?;
    sync_folder(path)?;
    Ok(verified)
}

/// The path of a copy: nothing may be there, and nothing beside it that would be taken for its own.
fn new_place(path: &Path) -> Result<PathBuf, LedgerError> {
    let refused = |what: &str| LedgerError::NoPlace {
        path: path.to_owned(),
        what: what.to_string(),
    };
    let name = path
        .file_name()
        .ok_or_else(|| refused("it names no file"))?;
    let text = name.to_string_lossy();
    if [LOG, SHARED, JOURNAL]
        .iter()
        .any(|ending| text.ends_with(ending))
    {
        return Err(refused("files beside a ledger are called so"));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let folder = fs::canonicalize(folder).map_err(|error| refused(&error.to_string()))?;
    let path = folder.join(name);
    let about = side_files::about(&path).map_err(|cause| failed(&path, cause))?;
    if about.is_some() || !is_free(&path)? {
        return Err(refused("something is there already"));
    }
    Ok(path)
}

/// Copies all pages in one step, which sees one moment of the ledger and keeps no writer waiting.
fn copy_pages(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    // It has no name yet, and is made durable as a whole.
    copy.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let backup = Backup::new(from, &mut copy)?;
    while backup.step(-1)? != StepResult::Done {
        std::thread::sleep(side_files::PAUSE);
    }
    drop(backup);
    copy.close().map_err(|(_, error)| error)
}

/// Has a copy's header say that it has a log, and makes the copy durable.
fn finish(copy: &File, mode: u32) -> io::Result<()> {
    copy.write_all_at(&[2, 2], 18)?;
    mark::remove(copy)?;
    copy.set_permissions(Permissions::from_mode(mode))?;
    copy.sync_all()
}

/// Gives the copy its name, which nothing may have got meanwhile.
fn name(copy: NamedTempFile, path: &Path) -> Result<(), LedgerError> {
    match copy.into_temp_path().persist_noclobber(path) {
        Ok(()) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(LedgerError::NoPlace {
                path: path.to_owned(),
                what: "something is there already".to_string(),
            })
        }
        Err(error) => Err(failed(path, error.error)),
    }
}

fn failed(path: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "create",
        cause,
    }
}
