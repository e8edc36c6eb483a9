//! The head, read from the bytes of its page.

use crate::store::engine::rows::Hash;

/// The chain's hashes before and after the commit that wrote a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Not every file has it.
    pub(super) before: Option<Hash>,
    pub(super) after: Hash,
}

/// The kind of a page of rows.
const LEAF: u8 = 0x0d;
/// The columns of the head's table that are looked for, from 0.
const HASH: usize = 4;
const PREVIOUS: usize = 6;

impl Chain {
    /// The head on a page; `None` if no such row is there, and it alone.
    pub(super) fn of_page(page: &[u8]) -> Option<Self> {
        let short = |at: usize| {
            let bytes = page.get(at..at + 2)?;
            Some(usize::from(u16::from_be_bytes([bytes[0], bytes[1]])))
        };
        if *page.first()? != LEAF || short(3)? != 1 {
            return None;
        }
        let mut cell = page.get(short(8)?..)?;
        let length = usize::try_from(varint(&mut cell)?).ok()?;
        let _row = varint(&mut cell)?;
        // A row alone lies at the very end.
        (cell.len() == length).then_some(())?;
        let columns = columns(cell)?;
        let hash = |column: usize| columns.get(column).copied()?.try_into().ok();
        Some(Chain {
            before: hash(PREVIOUS),
            after: hash(HASH)?,
        })
    }
}

/// The columns of a row, as bytes.
fn columns(row: &[u8]) -> Option<Vec<&[u8]>> {
    let mut kinds = row;
    let header = usize::try_from(varint(&mut kinds)?).ok()?;
    let own = row.len() - kinds.len();
    let mut kinds = kinds.get(..header.checked_sub(own)?)?;
    let mut rest = row.get(header..)?;
    let mut columns = Vec::new();
    while !kinds.is_empty() {
        let length = match varint(&mut kinds)? {
            0 | 8 | 9 => 0,
            whole @ 1..=4 => whole,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            text => (text - 12) / 2,
        };
        let (column, more) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        columns.push(column);
        rest = more;
    }
    Some(columns)
}

/// SQLite's numbers of variable length: seven bits a byte, the highest first, and all eight of a ninth.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            return Some(number << 8 | u64::from(*byte));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length_are_read_to_their_end() {
        let read = |bytes: &[u8]| {
            let mut rest = bytes;
            varint(&mut rest).map(|number| (number, rest.len()))
        };
        assert_eq!(read(&[5, 9]), Some((5, 1)));
        assert_eq!(read(&[0x81, 0, 9]), Some((128, 1)));
        assert_eq!(read(&[0xff; 10]), Some((u64::MAX, 1)));
        assert_eq!(read(&[0x81]), None);
    }

    #[test]
    fn the_head_is_a_row_alone_at_the_very_end_of_its_page() {
        let page = |after: usize| {
            // Constants of no length, and two columns of 32 bytes.
            let mut row = vec![8, 8, 8, 8, 8, 76, 8, 76];
            row.extend([[1; 32], [2; 32]].concat());
            let cell = [&[row.len() as u8, 1], &row[..]].concat();
            let mut page = vec![0; 512];
            let at = page.len() - cell.len() - after;
            page[at..at + cell.len()].copy_from_slice(&cell);
            (page[0], page[4]) = (LEAF, 1);
            page[8..10].copy_from_slice(&(at as u16).to_be_bytes());
            page
        };
        let head = Chain {
            before: Some([2; 32]),
            after: [1; 32],
        };
        assert_eq!(Chain::of_page(&page(0)), Some(head));
        assert_eq!(Chain::of_page(&page(1)), None);
    }
}
