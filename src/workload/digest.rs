//! What tells a line of a named run from any other: a digest chained over all lines up to it.

use sha2::{Digest, Sha256};

use super::lines::{Line, MAX_LINE};
use crate::bank::Operation;

/// How much of a line that is too long counts. Its beginning is a little longer or shorter, depending
/// on how the input arrived.
const BEGINNING: usize = MAX_LINE - 4;

/// The digest of the lines so far.
///
/// A line adds its number, so that blank lines count too, its text, and what the flags put in where
/// the text is silent: the same words on other terms are another line.
#[derive(Debug, Default)]
pub(super) struct Chain([u8; 32]);

impl Chain {
    /// Adds a line, and the operation on it if it is one. Returns the digest of all lines up to here.
    pub(super) fn add(&mut self, line: &Line<'_>, operation: Option<&Operation>) -> u64 {
        let text = if line.too_long {
            &line.text[..BEGINNING.min(line.text.len())]
        } else {
            line.text
        };
        let mut hash = Sha256::new()
            .chain_update(self.0)
            .chain_update(line.number.to_le_bytes())
            .chain_update(text);
        if let Some(operation) = operation {
            // Neither a line nor a name has a line feed in it.
            let to = operation.to().map_or("", |to| to.as_str());
            for part in ["\n", operation.account.as_str(), "\n", to] {
                hash.update(part);
            }
        }
        self.0 = hash.finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}
