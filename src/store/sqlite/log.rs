//! SQLite's log beside a ledger, read before SQLite opens it: what it holds, and whether it belongs to
//! the file.
//!
//! SQLite believes any log that lies beside a file. One that belongs to an earlier or later state of the
//! file, because a copy was put back or moved away, would be mixed with it. But each commit of a ledger
//! writes the head, with the hash over all before the commit and the one after it. So a log fits if the
//! file stands where one of its commits began or ended.
//!
//! The formats are those of "The Write-Ahead Log" and "B-tree Pages" in SQLite's description of its
//! files.

mod head;

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use head::Chain;

/// The bytes of the log's own header, and of the one before each page.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// The page on which the head is: its table is the first.
const HEAD_PAGE: u32 = 2;
/// What a page may measure.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 512..=65_536;

/// What a log says about the file beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogMatch {
    /// It holds no commit.
    Empty,
    /// It goes on from where the file stands.
    Yes,
    /// It belongs to another history.
    No,
}

/// Reads the log at this path and compares it with the ledger's file.
pub(super) fn compare(log: &Path, ledger: &File) -> io::Result<LogMatch> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(LogMatch::Empty),
        file => file?,
    };
    let Some(mut log) = Log::begin(BufReader::with_capacity(1 << 18, file))? else {
        return Ok(LogMatch::Empty);
    };
    let mut page = vec![0; log.page.len()];
    let at = u64::from(HEAD_PAGE - 1) * page.len() as u64;
    // A page that was torn when the power failed is in the log as a whole.
    let stands = match ledger.read_exact_at(&mut page, at) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
        read => read.map(|()| Chain::of_page(&page))?,
    };
    let (mut fits, mut commits, mut heads) = (false, false, false);
    let mut last = None;
    while let Some(frame) = log.next()? {
        if frame.page == HEAD_PAGE {
            last = Chain::of_page(&log.page);
        }
        if frame.is_commit {
            commits = true;
            if let (Some(stands), Some(chain)) = (stands, last.take()) {
                let begins = chain.before.is_none_or(|before| before == stands.after);
                fits |= chain.after == stands.after || (!heads && begins);
                heads = true;
            }
        }
    }
    // A log without a head has no entry, and does not tell for which file another program made it. Only
    // an earlier format has such logs of its own.
    let is_earlier = stands.is_none_or(|stands| stands.before.is_none());
    Ok(match (commits, fits || (!heads && is_earlier)) {
        (false, _) => LogMatch::Empty,
        (true, true) => LogMatch::Yes,
        (true, false) => LogMatch::No,
    })
}

/// A page in the log.
struct LogFrame {
    page: u32,
    is_commit: bool,
}

/// A log that is read frame by frame, up to the first that is not whole.
struct Log<R> {
    bytes: R,
    /// Each word is read with its first byte as the highest.
    is_big_endian: bool,
    salts: [u8; 8],
    sums: (u32, u32),
    /// The page of the last frame.
    page: Vec<u8>,
}

impl<R: Read> Log<R> {
    /// Nothing if there is no whole header.
    fn begin(mut bytes: R) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        if !fill(&mut bytes, &mut header)? {
            return Ok(None);
        }
        let (magic, size) = (number(&header, 0), number(&header, 8));
        if magic & !1 != 0x377f_0682 || !PAGE_SIZES.contains(&size) || !size.is_power_of_two() {
            return Ok(None);
        }
        let mut log = Log {
            bytes,
            is_big_endian: magic & 1 == 1,
            salts: std::array::from_fn(|place| header[16 + place]),
            sums: (0, 0),
            page: vec![0; size as usize],
        };
        log.add(&header[..24]);
        Ok((log.sums == (number(&header, 24), number(&header, 28))).then_some(log))
    }

    fn next(&mut self) -> io::Result<Option<LogFrame>> {
        let mut header = [0; FRAME_HEADER];
        let mut page = std::mem::take(&mut self.page);
        let whole = fill(&mut self.bytes, &mut header)? && fill(&mut self.bytes, &mut page)?;
        self.add(&header[..8]);
        self.add(&page);
        self.page = page;
        let right = self.sums == (number(&header, 16), number(&header, 20));
        Ok(
            (whole && right && header[8..16] == self.salts).then(|| LogFrame {
                page: number(&header, 0),
                is_commit: number(&header, 4) != 0,
            }),
        )
    }

    /// The checksum over all frames so far.
    fn add(&mut self, bytes: &[u8]) {
        let word = |word: &[u8]| {
            let word = [word[0], word[1], word[2], word[3]];
            match self.is_big_endian {
                true => u32::from_be_bytes(word),
                false => u32::from_le_bytes(word),
            }
        };
        let (mut first, mut second) = self.sums;
        for pair in bytes.chunks_exact(8) {
            first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
            second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        }
        self.sums = (first, second);
    }
}

/// Fills the buffer; false if there are not so many bytes.
fn fill(bytes: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match bytes.read_exact(buffer) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| true),
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
