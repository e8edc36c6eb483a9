//! Random ids and seeds.

use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};

use crate::bank::Id;

/// The random bytes in such an id: enough that no two are ever the same.
const BYTES: usize = 12;

/// A new id that begins so, and is all ASCII.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn random(prefix: &str) -> io::Result<Id> {
    let bytes: [u8; BYTES] = random_bytes()?;
    let mut text = format!("{prefix}-");
    for byte in bytes {
        write!(text, "{byte:02x}").map_err(io::Error::other)?;
    }
    Id::new(&text).map_err(io::Error::other)
}

/// A new seed that is short enough to be typed.
///
/// # Errors
///
/// The system has no randomness to give.
pub fn random_seed() -> io::Result<u64> {
    let [high, middle, low] = random_bytes()?;
    Ok(u32::from_be_bytes([0, high, middle, low]).into())
}

fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_id_is_new() {
        let [one, other] = [random("hold"), random("hold")].map(|id| id.expect("an id"));
        assert_ne!(one, other);
        let digits = one.as_str().strip_prefix("hold-").expect("a prefix");
        assert_eq!(digits.len(), 2 * BYTES);
        assert!(digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    }
}
