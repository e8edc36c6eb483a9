//! What a command says it has really spent.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::bank::{Amount, Rounded};
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
    Amount {
        /// How much, rounded up.
        amount: Amount,
        /// What the command wrote, where that is finer.
        finer: Option<String>,
    },
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

    /// A file beside it that tells that the command was started.
    pub(super) fn started(&self) -> PathBuf {
        self.path.with_extension("started")
    }

    /// Forgets what is left of an earlier attempt.
    pub(super) fn clear(&self) {
        // Mostly there is nothing.
        let _ = fs::remove_file(&self.path);
    }

    pub(super) fn spent(&self) -> Spent {
        match read(&self.path) {
            Ok(text) => spent(text.trim()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Spent::AsSetAside,
            Err(error) => Spent::Unknown(format!(
                "cannot read what it has spent from `$BANK_PAR_ACTUAL`: {error}"
            )),
        }
    }
}

/// Reads a small file, and nothing that would have to be waited for.
fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("it is longer than any amount"));
    }
    Ok(text)
}

fn spent(text: &str) -> Spent {
    match Amount::rounded_up(text) {
        Ok(Rounded {
            amount: Some(amount),
            is_exact,
        }) => Spent::Amount {
            amount,
            finer: (!is_exact).then(|| text.to_string()),
        },
        Ok(Rounded { amount: None, .. }) => Spent::Nothing,
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
        let finer = None;
        Amount::new(minor).map_or(Spent::Nothing, |amount| Spent::Amount { amount, finer })
    }

    #[test]
    fn what_was_spent_is_an_amount_or_nothing() {
        assert_eq!(spent("3.20"), of(320));
        assert_eq!(spent("0"), Spent::Nothing);
        let finer = Spent::Amount {
            amount: Amount::new(321).expect("positive"),
            finer: Some("3.2001".to_string()),
        };
        assert_eq!(spent("3.2001"), finer);
        assert_eq!(spent("3.2e0"), of(320));
        for text in ["", "-1", "3e999", "three", "3 20"] {
            assert!(matches!(spent(text), Spent::Unknown(_)), "{text}");
        }
        let actual = Actual::new().expect("a folder");
        assert_eq!(actual.spent(), Spent::AsSetAside);
        std::fs::write(actual.path(), "1.5\n").expect("written");
        assert_eq!(actual.spent(), of(150));
        actual.clear();
        assert_eq!(actual.spent(), Spent::AsSetAside);
        for bytes in [&[0xff][..], &[b'0'; 65]] {
            std::fs::write(actual.path(), bytes).expect("written");
            assert!(matches!(actual.spent(), Spent::Unknown(_)));
        }
        // Nobody waits for somebody to write.
        actual.clear();
        let made = std::process::Command::new("mkfifo")
            .arg(actual.path())
            .status();
        assert!(made.is_ok_and(|made| made.success()));
        assert!(matches!(actual.spent(), Spent::Unknown(_)));
        actual.clear();
        std::os::unix::fs::symlink("/dev/tty", actual.path()).expect("a link");
        assert!(matches!(actual.spent(), Spent::Unknown(_)));
    }
}
