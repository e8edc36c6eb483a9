//! What a command says it has spent.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken promise is told by a panic"
)]

use super::actual::{Spent, spent};
use crate::bank::Amount;

/// What is read is what was written, rounded up, and told where it is finer.
pub(crate) fn spent_text(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match spent(text.trim()) {
        Spent::Amount { amount, finer } => {
            let exact: Result<Amount, _> = text.trim().parse();
            assert!(exact.is_err() || (exact == Ok(amount) && finer.is_none()));
        }
        Spent::Nothing => assert!(
            !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) || text.contains(['e', 'E'])
        ),
        Spent::Unknown(why) => assert!(!why.chars().any(char::is_control)),
        Spent::AsSetAside => panic!("it wrote something"),
    }
}
