//! Creating a ledger: the file is prepared without a name, made durable, and then given its name. So
//! there is a whole ledger at a path or none, wherever its creation ends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::Path;

use rusqlite::Connection;
use rustix::fs::{AtFlags, CWD, OFlags, RenameFlags};
use rustix::io::Errno;
use tempfile::TempPath;

use super::side_files::{self, JOURNAL, LOG, beside};
use super::{faults, schema};
use crate::bank::Unit;
use crate::store::LedgerError;

/// Creates the ledger at a path where nothing is, unless another process does so at the same time.
pub(super) fn create(path: &Path, unit: &Unit) -> Result<(), LedgerError> {
    if !is_free(path)? {
        return Ok(());
    }
    let failed = |cause| failed(path, cause);
    let prepared = Prepared::write(path, &content(path, unit)?).map_err(failed)?;
    match prepared.name(path) {
        // What is there now will be looked at.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        named => named.map_err(failed),
    }?;
    sync_folder(path)
}

/// Puts a ledger in the place of an empty file, whose mode, owner and group it gets. A process that wants the
/// same waits for the lock on that file and then finds the ledger.
pub(super) fn fill(path: &Path, unit: &Unit) -> Result<(), LedgerError> {
    if !is_free(path)? {
        return Ok(());
    }
    let failed = |cause| failed(path, cause);
    let empty = OpenOptions::new().write(true).open(path).map_err(failed)?;
    empty.lock().map_err(failed)?;
    let (known, there) = (
        empty.metadata().map_err(failed)?,
        fs::metadata(path).map_err(failed)?,
    );
    if there.ino() != known.ino() || there.dev() != known.dev() || there.len() != 0 {
        return Ok(());
    }
    let prepared = Prepared::write(path, &content(path, unit)?).map_err(failed)?;
    prepared.replace(path, &known).map_err(failed)?;
    sync_folder(path)
}

/// Whether a ledger may be created here: it may not where another process has done so since this one looked.
///
/// SQLite throws away a log that has no file, and entries may be in it that are nowhere else; and it
/// takes a journal back into any file. So where one lies here without its ledger, that is refused.
pub(super) fn is_free(path: &Path) -> Result<bool, LedgerError> {
    let about = |path: &Path| side_files::about(path).map_err(|cause| failed(path, cause));
    for ending in [LOG, JOURNAL] {
        let side = beside(path, ending);
        if about(&side)?.is_some_and(|about| about.len() > 0 || !about.is_file()) {
            // A ledger that was created meanwhile is there for as long as what lies beside it.
            if about(path)?.is_some_and(|about| about.len() > 0) {
                return Ok(false);
            }
            return Err(LedgerError::Foreign {
                ledger: path.to_owned(),
                what: format!(
                    "it is missing or empty, and `{}` may hold entries of the one that was there: put that one back, or move what is left of it away",
                    side.display()
                ),
            });
        }
    }
    Ok(true)
}

/// A whole ledger of this unit in which nothing was done yet, as bytes.
pub(super) fn content(path: &Path, unit: &Unit) -> Result<Vec<u8>, LedgerError> {
    let make = || {
        let mut connection = Connection::open_in_memory()?;
        schema::create_tables(&connection, unit)?;
        Ok(connection.serialize("main")?.to_vec())
    };
    let mut bytes = make().map_err(|error| faults::database(path, "create", &error))?;
    // "File format version numbers": with a log.
    bytes[18..20].fill(2);
    Ok(bytes)
}

/// A file that is whole and durable, and has no name yet, or a temporary one where the file system knows
/// no files without.
struct Prepared {
    file: File,
    temporary: Option<TempPath>,
}

impl Prepared {
    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut prepared = Prepared::new(folder(path))?;
        prepared.file.write_all(bytes)?;
        prepared.file.sync_all()?;
        Ok(prepared)
    }

    fn new(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let nameless = options
            .clone()
            .custom_flags(OFlags::TMPFILE.bits().cast_signed())
            .open(folder);
        let unknown = [Errno::OPNOTSUPP, Errno::ISDIR, Errno::INVAL].map(Errno::raw_os_error);
        match nameless {
            Err(error)
                if error
                    .raw_os_error()
                    .is_some_and(|error| unknown.contains(&error)) => {}
            file => {
                let temporary = None;
                return file.map(|file| Prepared { file, temporary });
            }
        }
        options.create_new(true);
        let named = tempfile::Builder::new()
            .prefix(".bank-par-")
            .make_in(folder, |path| options.open(path))?;
        let (file, temporary) = named.into_parts();
        Ok(Prepared {
            file,
            temporary: Some(temporary),
        })
    }

    /// Gives the file its name, which no other file may have.
    fn name(self, path: &Path) -> io::Result<()> {
        match self.temporary {
            Some(temporary) => Ok(temporary.persist_noclobber(path)?),
            None => link(&self.file, path),
        }
    }

    /// Gives the file the name of an empty one, and what tells who may do what with it.
    fn replace(self, path: &Path, empty: &fs::Metadata) -> io::Result<()> {
        self.file.set_permissions(empty.permissions())?;
        let own = self.file.metadata()?;
        if (own.uid(), own.gid()) != (empty.uid(), empty.gid()) {
            fchown(&self.file, Some(empty.uid()), Some(empty.gid()))?;
        }
        self.file.sync_all()?;
        let temporary = match self.temporary {
            Some(temporary) => temporary,
            None => named(&self.file, folder(path))?,
        };
        rustix::fs::renameat_with(CWD, &*temporary, CWD, path, RenameFlags::empty())?;
        let _ = temporary.keep();
        Ok(())
    }
}

/// Gives a file without a name a temporary one.
fn named(file: &File, folder: &Path) -> io::Result<TempPath> {
    let named = tempfile::Builder::new()
        .prefix(".bank-par-")
        .make_in(folder, |path| link(file, path))?;
    Ok(named.into_temp_path())
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let own = format!("/proc/self/fd/{}", file.as_raw_fd());
    let linked = rustix::fs::linkat(CWD, own, CWD, path, AtFlags::SYMLINK_FOLLOW);
    Ok(linked?)
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Makes the names of new files durable.
pub(super) fn sync_folder(path: &Path) -> Result<(), LedgerError> {
    let sync = File::open(folder(path)).and_then(|folder| folder.sync_all());
    sync.map_err(|cause| failed(path, cause))
}

fn failed(path: &Path, cause: io::Error) -> LedgerError {
    LedgerError::Io {
        ledger: path.display().to_string(),
        doing: "create",
        cause,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_log_without_its_ledger_is_refused_and_one_with_it_is_anothers() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bank.db");
        assert!(is_free(&path).expect("nothing is there"));
        fs::write(beside(&path, LOG), "").expect("a log");
        assert!(is_free(&path).expect("nothing is in it"));
        fs::write(beside(&path, LOG), "entries").expect("a log");
        for there in [None, Some("")] {
            if let Some(content) = there {
                fs::write(&path, content).expect("a file");
            }
            let refused = is_free(&path).expect_err("a log of what is gone");
            assert!(refused.to_string().contains("may hold entries"));
        }
        // Another process has created it since it was looked for.
        fs::write(&path, "a ledger").expect("a file");
        assert!(!is_free(&path).expect("it is looked at once more"));
        create(&path, &Unit::default()).expect("left as it is");
        assert_eq!(fs::read(&path).expect("a file"), b"a ledger");
    }

    #[test]
    fn an_empty_file_is_filled_and_keeps_its_mode() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bank.db");
        fs::write(&path, "").expect("a file");
        let mode = fs::Permissions::from_mode(0o640);
        fs::set_permissions(&path, mode).expect("allowed");
        fill(&path, &Unit::default()).expect("filled");
        let bytes = fs::read(&path).expect("a ledger");
        assert_eq!(bytes, content(&path, &Unit::default()).expect("made"));
        let about = fs::metadata(&path).expect("a ledger");
        assert_eq!(about.mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
