//! What tells a line of a named run from any other.

use sha2::{Digest, Sha256};

use super::lines::{InputLine, MAX_LINE};
use crate::bank::{Action, Operation};
use crate::store::LineDigests;

/// How much of a line that is too long counts. Its beginning is a little longer or shorter, depending
/// on how the input arrived.
const BEGINNING: usize = MAX_LINE - 4;

/// The digests of an input's lines, by the rule of its run.
#[derive(Debug)]
pub(super) enum Digests {
    /// Each line's is over all lines up to it.
    UpToLine([u8; 32]),
    /// Each line's is over what it asks for.
    OfLine,
}

impl Digests {
    pub(super) fn new(rule: LineDigests) -> Self {
        match rule {
            LineDigests::UpToLine => Digests::UpToLine([0; 32]),
            LineDigests::OfLine => Digests::OfLine,
        }
    }

    /// The digest of the next line, and the operation on it if it is one; 0 is none.
    pub(super) fn next(&mut self, line: &InputLine<'_>, operation: Option<&Operation>) -> u64 {
        match self {
            Digests::UpToLine(chain) => {
                *chain = link(chain, line, operation);
                start(chain)
            }
            Digests::OfLine => operation.map_or(0, of_operation),
        }
    }
}

/// A line adds its number, so that blank lines count too, its text, and what the flags put in where
/// the text is silent: the same words on other terms are another line.
fn link(chain: &[u8; 32], line: &InputLine<'_>, operation: Option<&Operation>) -> [u8; 32] {
    let text = if line.too_long {
        &line.text[..BEGINNING.min(line.text.len())]
    } else {
        line.text
    };
    let mut hash = Sha256::new()
        .chain_update(chain)
        .chain_update(line.number.to_le_bytes())
        .chain_update(text);
    if let Some(operation) = operation {
        // Neither a line nor a name has a line feed in it.
        for part in operation.parts() {
            let to = part.to().map_or("", |to| to.as_str());
            for text in ["\n", part.account.as_str(), "\n", to] {
                hash.update(text);
            }
        }
    }
    hash.finalize().into()
}

/// What is asked for, however it is written. No part has a line feed in it but what it
/// carries, which comes last.
fn of_operation(operation: &Operation) -> u64 {
    let amount = operation.amount().map(|amount| amount.minor().to_string());
    let parts = [
        operation.kind().word(),
        operation.account.as_str(),
        operation.to().map_or("", |to| to.as_str()),
        amount.as_deref().unwrap_or_default(),
        operation.id.as_ref().map_or("", |id| id.as_str()),
    ];
    let mut text = parts.join("\n");
    if let Action::Open {
        overdraft,
        allowance,
    } = &operation.action
    {
        text.push('\n');
        // What is said of an account has always a JSON.
        text += &serde_json::to_string(&(overdraft, allowance)).unwrap_or_default();
    }
    if let Some(kept) = operation.kept_text() {
        text.push('\n');
        text += kept;
    }
    let hash: [u8; 32] = Sha256::digest(text).into();
    start(&hash).max(1)
}

fn start(hash: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
