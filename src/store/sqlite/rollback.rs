//! The journal of a write that another program did not finish. SQLite copies it into whatever file is at
//! this path, and cuts that to the length which the file had that the journal was made for.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::ledger_file::LedgerFile;
use super::recovery;
use super::side_files::{JOURNAL, beside};
use crate::store::LedgerError;
use crate::store::byte_lock::holder;

/// The byte of the ledger's file that a program has locked while it writes with a journal
/// (`RESERVED_BYTE`).
const WRITER: u64 = 0x4000_0001;
/// What a journal begins with that will be copied back ("The Rollback Journal").
const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const HEADER: usize = 28;
/// The parts of the file's first page that tell its mode and count its changes.
const COUNTS: [std::ops::Range<usize>; 3] = [18..20, 24..28, 92..100];

/// Refuses a journal that may belong to another file. One that no process finishes any more is believed only
/// if it changes nothing but the mode.
pub(super) fn check(ledger: &Path, file: &LedgerFile) -> Result<(), LedgerError> {
    let journal = beside(ledger, JOURNAL);
    let may_harm = || match journal_at(&journal)? {
        Some(journal) if holder(file.file(), WRITER, 1)?.is_none() => {
            Ok(!is_of_mode(&journal, file.file())?)
        }
        _ => Ok(false),
    };
    let failed = |cause| LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    };
    match recovery::stays(may_harm).map_err(failed)? {
        false => Ok(()),
        true => Err(LedgerError::OtherLog {
            ledger: ledger.to_owned(),
            log: journal,
            what: "is the journal of a write that another program did not finish, to this file or to one that was here before: if this file was put in that one's place, move the journal away; else copy both to a safe place and open the file with `sqlite3`, which takes that write back",
        }),
    }
}

/// The journal at this path, if it is one that will be copied back.
fn journal_at(path: &Path) -> io::Result<Option<File>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let journal = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        journal => journal?,
    };
    let mut start = [0; MAGIC.len()];
    match journal.read_exact_at(&mut start, 0) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| (start == MAGIC).then_some(journal)),
    }
}

/// Whether a journal holds the first page alone, as the file has it but for its mode, and the file's own
/// length.
fn is_of_mode(journal: &File, ledger: &File) -> io::Result<bool> {
    let mut header = [0; HEADER];
    journal.read_exact_at(&mut header, 0)?;
    let number = |bytes: &[u8]| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let [count, pages, sector, size] = [8, 16, 20, 24].map(|at| number(&header[at..]));
    let length = ledger.metadata()?.len();
    let whole = u64::from(sector) + 4 + u64::from(size) + 4;
    if count != 1
        || !(512..=65_536).contains(&size)
        || u64::from(pages) * u64::from(size) != length
        || journal.metadata()?.len() != whole
    {
        return Ok(false);
    }
    let mut record = vec![0; 4 + size as usize];
    journal.read_exact_at(&mut record, u64::from(sector))?;
    let mut page = vec![0; size as usize];
    ledger.read_exact_at(&mut page, 0)?;
    let (place, before) = record.split_at_mut(4);
    for part in COUNTS {
        before[part.clone()].fill(0);
        page[part].fill(0);
    }
    Ok(number(place) == 1 && before == page)
}
