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
    let failed = |cause| LedgerError::Io {
        ledger: ledger.display().to_string(),
        doing: "open",
        cause,
    };
    match recovery::stays(|| may_harm(&journal, file.file())).map_err(failed)? {
        false => Ok(()),
        true => Err(LedgerError::OtherLog {
            ledger: ledger.to_owned(),
            log: journal,
            what: "is the journal of a write that another program did not finish, to this file or to one that was here before: if this file was put in that one's place, move the journal away; else copy both to a safe place and open the file with `sqlite3`, which takes that write back",
        }),
    }
}

/// Whether the journal at this path will be copied back, no process writes with it, and it changes more than the mode.
fn may_harm(journal: &Path, ledger: &File) -> io::Result<bool> {
    match journal_at(journal)? {
        Some(journal) if holder(ledger, WRITER, 1)?.is_none() => Ok(!is_of_mode(&journal, ledger)?),
        _ => Ok(false),
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::byte_lock::{LockKind, try_lock, unlock};

    const PAGE: usize = 512;
    const SECTOR: usize = 512;

    /// The journal of a change of mode: one page, as the file of two pages has it.
    fn journal(page: &[u8]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).expect("small").to_be_bytes();
        let mut bytes = MAGIC.to_vec();
        for field in [1, 7, 2, SECTOR, PAGE].map(number) {
            bytes.extend(field);
        }
        bytes.resize(SECTOR, 0);
        bytes.extend(number(1));
        bytes.extend(page);
        bytes.extend(number(9));
        bytes
    }

    #[test]
    fn a_journal_is_harmless_if_it_changes_the_mode_alone_or_another_process_writes_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, path) = (folder.path().join("bank.db"), folder.path().join("journal"));
        let mut pages = vec![5; 2 * PAGE];
        fs::write(&ledger, &pages).expect("written");
        let open = || File::options().read(true).write(true).open(&ledger);
        let (file, other) = (open().expect("opened"), open().expect("opened"));
        let harms = |journal: &[u8]| {
            fs::write(&path, journal).expect("written");
            may_harm(&path, &file).expect("looked at")
        };
        pages[18..20].fill(1);
        let of_mode = journal(&pages[..PAGE]);
        assert!(!harms(&of_mode));
        assert!(!harms(&[]) && !harms(&[0; 600]), "no journal");
        // Another count of pages in it, size of the file, size of a page, length, number of the page, and content.
        let changed = [
            (11, 2),
            (19, 3),
            (26, 4),
            (27, 1),
            (SECTOR + 3, 2),
            (SECTOR + 4, 6),
        ];
        for (at, byte) in changed {
            let mut other = of_mode.clone();
            other[at] = byte;
            assert!(harms(&other), "byte {at}");
        }
        assert!(harms(&[&of_mode[..], &[0]].concat()), "longer");
        // A process that writes with it finishes it.
        assert!(try_lock(&other, WRITER, LockKind::Exclusive).expect("asked"));
        assert!(!harms(&journal(&[0; PAGE])));
        unlock(&other, WRITER).expect("unlocked");
        assert!(harms(&journal(&[0; PAGE])));
    }
}
