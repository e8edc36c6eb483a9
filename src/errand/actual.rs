//! What a command says it has really spent.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::bank::{Amount, AmountError};
use crate::link::Folder;

/// The most bytes that are read of what a command wrote: any amount has fewer.
const MAX_BYTES: u64 = 64;

/// The file that a command may write it to.
pub(super) struct Actual {
    path: PathBuf,
    /// The file's own, if it has one.
    _folder: Option<Folder>,
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// The command wrote nothing.
    AsSetAside,
    /// So much.
    Amount(Amount),
    /// Nothing at all.
    Nothing,
    /// What is there is no amount, and why.
    Unknown(String),
}

impl Actual {
    /// A file in a folder of its own.
    pub(super) fn new() -> io::Result<Self> {
        let folder = Folder::create()?;
        let path = folder.path().join("actual");
        Ok(Actual {
            path,
            _folder: Some(folder),
        })
    }

    /// The file of this name in a folder that only its user can enter.
    pub(super) fn within(folder: &Path, name: &str) -> Self {
        Actual {
            path: folder.join(name),
            _folder: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets what an earlier attempt wrote.
    pub(super) fn clear(&self) {
        // Mostly there is none.
        let _ = fs::remove_file(&self.path);
    }

    pub(super) fn spent(&self) -> Spent {
        let mut text = String::new();
        let read =
            File::open(&self.path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text));
        match read {
            Ok(_) => spent(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Spent::AsSetAside,
            Err(error) => Spent::Unknown(format!("cannot read what it has spent: {error}")),
        }
    }
}

fn spent(text: &str) -> Spent {
    match text.parse() {
        Ok(amount) => Spent::Amount(amount),
        Err(AmountError::Zero) => Spent::Nothing,
        Err(error) => Spent::Unknown(format!(
            "what it wrote to `$BANK_PAR_ACTUAL` is not what it has spent: `{}`: {error}",
            text.escape_default()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(minor: i64) -> Spent {
        Amount::new(minor).map_or(Spent::Nothing, Spent::Amount)
    }

    #[test]
    fn what_was_spent_is_an_amount_or_nothing() {
        assert_eq!(spent("3.20"), of(320));
        assert_eq!(spent("0"), Spent::Nothing);
        for text in ["", "-1", "3.201", "three", "3 20"] {
            assert!(matches!(spent(text), Spent::Unknown(_)), "{text}");
        }
        let actual = Actual::new().expect("a folder");
        assert_eq!(actual.spent(), Spent::AsSetAside);
        std::fs::write(actual.path(), "1.5\n").expect("written");
        assert_eq!(actual.spent(), of(150));
        actual.clear();
        assert_eq!(actual.spent(), Spent::AsSetAside);
        std::fs::write(actual.path(), [0xff]).expect("written");
        assert!(matches!(actual.spent(), Spent::Unknown(_)));
    }
}
