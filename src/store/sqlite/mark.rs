//! The mark of a ledger that is written to: which file it is and where it lies, in bytes of its header that
//! SQLite leaves free.
//!
//! While a ledger is in use its log may hold entries that the file does not. A copy of the file alone lacks
//! them, and so does the file itself at another path, since the log stays where it is; and nothing in either
//! would say so. But the one is another file than the mark names, and the other is at another place.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, StatxFlags, statx};
use sha2::{Digest, Sha256};

use super::creation;
use super::ledger_file::LedgerFile;
use super::recovery;
use super::side_files::{self, LOG, beside};
use crate::store::LedgerError;

/// "Reserved for expansion" in SQLite's description of the header, and not looked at.
const PLACE: u64 = 72;
const LENGTH: usize = 20;
const NONE: [u8; LENGTH] = [0; LENGTH];

/// The mark of one ledger, which is taken away when nothing is in the log any more. To be dropped after
/// the connection, and before the file.
pub(super) struct Mark {
    file: Arc<LedgerFile>,
    log: PathBuf,
    own: [u8; LENGTH],
}

impl Mark {
    pub(super) fn new(ledger: &Path, file: &Arc<LedgerFile>) -> io::Result<Self> {
        Ok(Mark {
            file: Arc::clone(file),
            log: beside(ledger, LOG),
            own: own(ledger, file)?,
        })
    }

    /// Marks the file. To be called in each write transaction, since what a connection remembers of the
    /// header comes to the file with the log.
    pub(super) fn set(&self) -> io::Result<()> {
        match found(&self.file)? == self.own {
            true => Ok(()),
            false => self.file.file().write_all_at(&self.own, PLACE),
        }
    }

    /// Makes a mark that another file had this one's own.
    pub(super) fn take_over(&self) -> io::Result<()> {
        match found(&self.file)? == NONE {
            true => Ok(()),
            false => self.set(),
        }
    }

    /// Takes the mark away once the file holds everything. A mark that stays says less than it could, and
    /// the next user takes it away.
    fn clear(&self) -> io::Result<()> {
        let is_whole = side_files::about(&self.log)?.is_none() && !recovery::is_used(&self.file)?;
        match is_whole && self.file.may_write() && found(&self.file)? != NONE {
            true => self.file.file().write_all_at(&NONE, PLACE),
            false => Ok(()),
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

/// Refuses a copy of a ledger in use that came without its log.
pub(super) fn check(ledger: &Path, file: &LedgerFile) -> Result<(), LedgerError> {
    let log = beside(ledger, LOG);
    let lacks = || {
        let mark = found(file)?;
        Ok(mark != NONE && mark != own(ledger, file)? && side_files::about(&log)?.is_none())
    };
    let failed = |cause| LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    };
    match recovery::stays(lacks).map_err(failed)? {
        false => Ok(()),
        true => Err(LedgerError::OtherLog {
            ledger: ledger.to_owned(),
            log,
            what: "is missing: this file was copied or moved while the ledger was in use, and lacks what only the log beside it held. If it was moved, move it back to where that log is. If it was copied, make the copy again with `bank-par backup`, or when no process uses the ledger. If this file is all there is, create that log as an empty file to go on without those entries",
        }),
    }
}

/// Takes the mark out of a file that holds everything.
pub(super) fn remove(file: &std::fs::File) -> io::Result<()> {
    file.write_all_at(&NONE, PLACE)
}

fn found(file: &LedgerFile) -> io::Result<[u8; LENGTH]> {
    let mut mark = NONE;
    file.file().read_exact_at(&mut mark, PLACE)?;
    Ok(mark)
}

/// A hash of a file's number and the moment at which it was made, which no copy has, and of its folder's number
/// and its name there, which it has at no other path.
fn own(ledger: &Path, file: &LedgerFile) -> io::Result<[u8; LENGTH]> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let about = statx(file.file(), "", AtFlags::EMPTY_PATH, wanted)?;
    let mut hash = Sha256::new();
    hash.update(about.stx_ino.to_be_bytes());
    if StatxFlags::from_bits_retain(about.stx_mask).contains(StatxFlags::BTIME) {
        hash.update(about.stx_btime.tv_sec.to_be_bytes());
        hash.update(about.stx_btime.tv_nsec.to_be_bytes());
    }
    let folder = fs::metadata(creation::folder(ledger))?;
    hash.update(folder.ino().to_be_bytes());
    hash.update(ledger.file_name().unwrap_or_default().as_bytes());
    let mut mark = NONE;
    mark.copy_from_slice(&hash.finalize()[..LENGTH]);
    Ok(mark)
}
