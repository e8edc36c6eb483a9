//! What a command says it has really spent.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::bank::{Amount, AmountError};
use crate::link::Folder;

/// The most bytes that are read of what a command wrote: any amount has fewer.
const MAX_BYTES: u64 = 64;

/// The file that a command may write it to.
pub(super) struct Actual {
    path: PathBuf,
    _folder: Folder,
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The command wrote nothing.
    AsSetAside,
    /// So much.
    Amount(Amount),
    /// Nothing at all.
    Nothing,
    /// What is there is no amount.
    Unknown,
}

impl Actual {
    pub(super) fn new() -> io::Result<Self> {
        let folder = Folder::create()?;
        let path = folder.path().join("actual");
        Ok(Actual {
            path,
            _folder: folder,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn spent(&self) -> Spent {
        let mut text = String::new();
        let read =
            File::open(&self.path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => spent(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Spent::AsSetAside,
            Err(_) => Spent::Unknown,
        }
    }
}

fn spent(text: &str) -> Spent {
    match text.parse() {
        Ok(amount) => Spent::Amount(amount),
        Err(AmountError::Zero) => Spent::Nothing,
        Err(_) => Spent::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_is_an_amount_or_nothing() {
        assert_eq!(
            spent("3.20"),
            Amount::new(320).map_or(Spent::Unknown, Spent::Amount)
        );
        assert_eq!(spent("0"), Spent::Nothing);
        for text in ["", "-1", "3.201", "three", "3 20"] {
            assert_eq!(spent(text), Spent::Unknown, "{text}");
        }
        let actual = Actual::new().expect("a folder");
        assert_eq!(actual.spent(), Spent::AsSetAside);
        std::fs::write(actual.path(), "1.5\n").expect("written");
        assert_eq!(
            actual.spent(),
            Amount::new(150).map_or(Spent::Unknown, Spent::Amount)
        );
    }
}
