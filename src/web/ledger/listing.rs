//! What a command of this program lists: read within limits of size and time.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;

use crate::child::spawn;
use crate::poll::wait_readable;
use crate::web::live_run::{said_by, with_events};

/// The most bytes that are read of a list.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Objects, one a line.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) rows: Vec<Value>,
    /// There are more than were read.
    pub(super) has_more: bool,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(super) enum ListError {
    #[error("{0}")]
    Said(String),
    #[error(
        "the ledger has not answered in time: another process may have it locked, or its server is stopped or far away"
    )]
    Late,
    #[error("the ledger cannot be read: {0}")]
    System(#[from] io::Error),
}

/// A process that has ended when this is dropped.
struct Reader(Child);

impl Drop for Reader {
    fn drop(&mut self) {
        // One that has ended needs neither.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lists what a command of these words does of the ledger at this address, up to so many rows.
pub(super) fn list(
    words: &[String],
    most: usize,
    ledger: &OsStr,
    until: Instant,
) -> Result<Listing, ListError> {
    let mut reader = Reader(spawn(&mut with_events(words, Some(ledger))?)?);
    let said = said_by(&mut reader.0);
    let mut listing = Listing {
        rows: Vec::new(),
        has_more: false,
    };
    if let Some(mut stdout) = reader.0.stdout.take() {
        listing = read(&mut stdout, most, until)?;
    }
    // A list that is cut off is one, however its command takes that.
    if listing.has_more {
        return Ok(listing);
    }
    let process =
        pidfd_open(Pid::from_child(&reader.0), PidfdFlags::empty()).map_err(io::Error::from)?;
    while !wait_readable(process.as_fd(), left(until)?)? {}
    if reader.0.wait()?.success() {
        return Ok(listing);
    }
    let said = said.and_then(|said| said.join().ok()).unwrap_or_default();
    let said = said.trim();
    let said = said.strip_prefix("bank-par: error: ").unwrap_or(said);
    Err(ListError::Said(said.to_string()))
}

fn read(stdout: &mut ChildStdout, most: usize, until: Instant) -> Result<Listing, ListError> {
    let (mut rows, mut bytes, mut begun) = (Vec::new(), 0, Vec::new());
    let mut block = vec![0; 64 * 1024];
    loop {
        if !wait_readable(stdout.as_fd(), left(until)?)? {
            continue;
        }
        let read = match stdout.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        bytes += read;
        begun.extend_from_slice(&block[..read]);
        let whole = begun.iter().rposition(|byte| *byte == b'\n');
        for line in begun
            .drain(..whole.map_or(0, |end| end + 1))
            .as_slice()
            .split(|byte| *byte == b'\n')
        {
            rows.extend(serde_json::from_slice(line).ok());
        }
        let has_more = rows.len() > most || bytes > MAX_BYTES;
        if has_more || read == 0 {
            rows.truncate(most);
            return Ok(Listing { rows, has_more });
        }
    }
}

fn left(until: Instant) -> Result<Duration, ListError> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(ListError::Late),
        false => Ok(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(script: &str, patience: Duration) -> Result<Listing, ListError> {
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", script])
            .stdout(std::process::Stdio::piped());
        let mut reader = Reader(command.spawn().expect("a process"));
        let mut stdout = reader.0.stdout.take().expect("a pipe");
        read(&mut stdout, 3, Instant::now() + patience)
    }

    #[test]
    fn a_list_is_read_up_to_its_limit_and_what_is_no_object_is_left_out() {
        let long = Duration::from_secs(60);
        let whole = read_from("echo '{\"a\":1}'; echo no; echo '{\"a\":2}'", long).expect("a list");
        assert_eq!((whole.rows.len(), whole.has_more), (2, false));
        let endless = read_from("while echo '{}'; do :; done", long).expect("a list");
        assert_eq!((endless.rows.len(), endless.has_more), (3, true));
    }

    #[test]
    fn a_command_that_says_nothing_is_not_waited_for() {
        let late = read_from("exec sleep 99", Duration::from_millis(1));
        assert!(matches!(late, Err(ListError::Late)));
    }
}
