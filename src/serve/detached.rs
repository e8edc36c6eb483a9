//! A server that outlives the process that started it: in a session of its own, its streams away, what it says in
//! a file beside its socket.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::ServeError;

/// What each line of a log begins with, by which it is known as one.
const MARK: &[u8] = b"bank-par: ";

/// The log of a server that listens on this socket.
pub fn log_beside(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".log");
    PathBuf::from(name)
}

/// Leaves the session and the terminal of the process that started this one, which only one that leads no
/// process group can do.
pub fn leave_session() -> io::Result<()> {
    rustix::process::setsid()?;
    Ok(())
}

/// Lets go of stdout, and has what is said on stderr go to this file from now on. Something that is
/// there and no log is not touched.
pub fn send_words_to(file: &Path) -> Result<(), ServeError> {
    let refused = |why: String| ServeError::Log {
        file: file.to_path_buf(),
        why,
    };
    let failed = |error: io::Error| refused(error.to_string());
    let log = open(file).map_err(failed)?;
    is_log(&log).map_err(failed)?.map_err(|why| {
        refused(format!(
            "{why}, and it was not touched: move it away, or use another `--socket`"
        ))
    })?;
    rustix::stdio::dup2_stderr(&log).map_err(|errno| failed(errno.into()))
}

/// Has what is written to stdout go nowhere.
pub fn let_go_of_stdout() -> io::Result<()> {
    let nothing = OpenOptions::new().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&nothing)?)
}

fn open(file: &Path) -> io::Result<File> {
    // Neither a link nor a pipe without a reader may lead it elsewhere or keep it waiting.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(file)
}

/// Why it is no log to go on with, if it is none.
fn is_log(mut log: &File) -> io::Result<Result<(), &'static str>> {
    let about = log.metadata()?;
    if !about.is_file() {
        return Ok(Err("it is no regular file"));
    }
    if about.nlink() > 1 {
        return Ok(Err("it has several names"));
    }
    let mut beginning = Vec::new();
    log.by_ref()
        .take(MARK.len() as u64)
        .read_to_end(&mut beginning)?;
    Ok(match beginning.is_empty() || beginning == MARK {
        true => Ok(()),
        false => Err("it is another program's"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[track_caller]
    fn check(file: &Path, expected: Result<(), &'static str>) {
        assert_eq!(
            is_log(&open(file).expect("opened")).expect("read"),
            expected
        );
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = log_beside(&folder.path().join("bank"));
        assert!(log.ends_with("bank.log"));
        check(&log, Ok(()));
        fs::write(&log, "bank-par: a client was sent away\n").expect("written");
        check(&log, Ok(()));
        let foreign = folder.path().join("notes");
        fs::write(&foreign, "mine").expect("written");
        check(&foreign, Err("it is another program's"));
        assert_eq!(fs::read(&foreign).expect("read"), b"mine");
        let twice = folder.path().join("twice");
        fs::hard_link(&log, &twice).expect("linked");
        check(&twice, Err("it has several names"));
        let link = folder.path().join("link");
        symlink(&foreign, &link).expect("linked");
        assert!(open(&link).is_err());
    }
}
