//! Texts that occur again and again, each kept once and known by a number.

use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Stands where there is no text.
pub const NO_TEXT: u32 = u32::MAX;

/// The texts, in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct TextTable {
    bytes: String,
    /// Where each text ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl TextTable {
    /// The number of this text, which is given at its first occurrence.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let TextTable {
            bytes,
            ends,
            numbers,
            hasher,
        } = self;
        let hash = hasher.hash_one(text);
        if let Some(number) = numbers.find(hash, |number| at(bytes, ends, *number) == text) {
            return *number;
        }
        let number = ends.len() as u32;
        bytes.push_str(text);
        ends.push(bytes.len());
        numbers.insert_unique(hash, number, |number| {
            hasher.hash_one(at(bytes, ends, *number))
        });
        number
    }

    /// The text of a number.
    pub(super) fn text(&self, number: u32) -> Option<&str> {
        ((number as usize) < self.ends.len()).then(|| at(&self.bytes, &self.ends, number))
    }

    /// How many texts there are.
    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }
}

fn at<'a>(bytes: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &bytes[start..ends[number]]
}
