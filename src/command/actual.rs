//! What a command says it has really spent.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags};

use crate::bank::{Amount, Rounded};
use crate::link::Folder;

/// The most bytes that are read of what a command wrote: any amount has fewer.
const MAX_BYTES: u64 = 64;

/// The file that a command may write it to, in a folder of its own.
///
/// The folder is made before the command and its moment is kept, so that a file that was never written is
/// told from one that was removed.
pub(super) struct Actual {
    folder: PathBuf,
    path: PathBuf,
    made: Option<Made>,
    /// The folder around it, if that is its own as well.
    _around: Option<Folder>,
}

/// A folder as it was made: empty, and of a moment that no later change of it can have.
struct Made {
    folder: File,
    modified: SystemTime,
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
    /// A file of one operation alone.
    pub(super) fn new() -> io::Result<Self> {
        let around = Folder::create()?;
        let actual = Actual::within(around.path(), "work");
        Ok(Actual {
            _around: Some(around),
            ..actual
        })
    }

    /// A file of this name in a folder that only its user can enter.
    pub(super) fn within(folder: &Path, name: &str) -> Self {
        let folder = folder.join(name);
        Actual {
            path: folder.join("actual"),
            folder,
            made: None,
            _around: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder anew for an attempt.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        self.clear();
        let mut options = DirBuilder::new();
        options.mode(0o700);
        match options.create(&self.folder) {
            // The folder around it was removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                options.recursive(true).create(&self.folder)?;
            }
            made => made?,
        }
        let folder = File::open(&self.folder)?;
        // A clock that is read in coarse steps could give a later change the moment of the making.
        folder.set_modified(SystemTime::now() - Duration::from_secs(1))?;
        let modified = folder.metadata()?.modified()?;
        self.made = Some(Made { folder, modified });
        Ok(())
    }

    /// Removes the folder.
    pub(super) fn clear(&mut self) {
        self.made = None;
        // At first there is none.
        let _ = fs::remove_dir_all(&self.folder);
    }

    pub(super) fn spent(&self) -> Spent {
        match self.read() {
            Ok(Some(text)) => spent(text.trim()),
            Ok(None) => Spent::AsSetAside,
            Err(error) => Spent::Unknown(format!(
                "cannot read what it has spent from `$BANK_PAR_ACTUAL`: {error}"
            )),
        }
    }

    /// What the command wrote; `None` if it wrote nothing.
    fn read(&self) -> io::Result<Option<String>> {
        match read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.is_untouched() {
                true => Ok(None),
                false => Err(io::Error::other("it was removed while the command ran")),
            },
            text => text.map(Some),
        }
    }

    /// Whether nothing was ever in the folder, which is still there.
    fn is_untouched(&self) -> bool {
        let (Some(made), Ok(found)) = (&self.made, fs::symlink_metadata(&self.folder)) else {
            return false;
        };
        let is_made = made
            .folder
            .metadata()
            .is_ok_and(|made| (made.dev(), made.ino()) == (found.dev(), found.ino()));
        is_made && found.modified().is_ok_and(|now| now == made.modified)
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

pub(super) fn spent(text: &str) -> Spent {
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
    }

    #[test]
    fn a_file_that_was_not_written_to_is_told_from_one_that_is_gone() {
        let mut actual = Actual::new().expect("a folder");
        let path = actual.path().to_path_buf();
        let mut said = |act: &dyn Fn(&Path)| {
            actual.prepare().expect("a file");
            act(&path);
            actual.spent()
        };
        let write = |text: &'static str| move |path: &Path| fs::write(path, text).expect("written");
        assert_eq!(said(&|_| ()), Spent::AsSetAside);
        assert_eq!(said(&write("1.5\n")), of(150));
        assert!(matches!(said(&write("")), Spent::Unknown(_)));
        let renamed = said(&|path| {
            let new = path.with_extension("new");
            fs::write(&new, "2.5").expect("written");
            fs::rename(new, path).expect("renamed");
        });
        assert_eq!(renamed, of(250));
        // In the same moment in which the folder was made.
        let removed = said(&|path| {
            fs::write(path, "3.5").expect("written");
            fs::remove_file(path).expect("removed");
        });
        assert!(matches!(removed, Spent::Unknown(_)));
        for around in 1..=2 {
            let cleaned = said(&|path| {
                let folder = path.ancestors().nth(around).expect("a folder");
                fs::remove_dir_all(folder).expect("removed");
            });
            assert!(matches!(cleaned, Spent::Unknown(_)));
        }
        assert_eq!(said(&|_| ()), Spent::AsSetAside, "it is made again");
        for bytes in [&[0xff][..], &[b'0'; 65]] {
            let spent = said(&|path| fs::write(path, bytes).expect("written"));
            assert!(matches!(spent, Spent::Unknown(_)));
        }
        // Opening waits for no writer.
        let fifo = said(&|path| {
            let made = std::process::Command::new("mkfifo").arg(path).status();
            assert!(made.is_ok_and(|made| made.success()));
        });
        assert!(matches!(fifo, Spent::Unknown(_)));
        let link = said(&|path| {
            std::os::unix::fs::symlink("/dev/tty", path).expect("a link");
        });
        assert!(matches!(link, Spent::Unknown(_)));
    }
}
