//! What a server says on stderr: never more than a line a second, whatever its clients do, and never at
//! the cost of anyone's time, whatever stderr is.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;
use std::{io, thread};

use crate::report::stderr_line;

/// The least time between two lines about clients.
const PAUSE: Duration = Duration::from_secs(1);
/// How many lines may wait for a stderr that takes nothing.
const MOST_WAITING: usize = 64;
/// How long they may take to leave when the server ends.
const LEAVING_PATIENCE: Duration = Duration::from_secs(1);

/// What was said, and what was not. A thread of its own writes, since stderr may be a pipe without a
/// reader, or a terminal that is stopped.
pub(super) struct ServerLog {
    lines: SyncSender<String>,
    written: Receiver<()>,
    said_at: Option<Duration>,
    unsaid: u64,
}

impl ServerLog {
    pub(super) fn start() -> io::Result<Self> {
        let (lines, waiting) = sync_channel::<String>(MOST_WAITING);
        let (tell, written) = sync_channel(1);
        let write = move || {
            waiting.into_iter().for_each(stderr_line);
            let _ = tell.send(());
        };
        thread::Builder::new()
            .name("log".to_string())
            .spawn(write)?;
        Ok(ServerLog {
            lines,
            written,
            said_at: None,
            unsaid: 0,
        })
    }

    /// One that writes nothing.
    #[cfg(test)]
    pub(super) fn silent() -> Self {
        let ((lines, _), (_, written)) = (sync_channel(0), sync_channel(0));
        ServerLog {
            lines,
            written,
            said_at: None,
            unsaid: 0,
        }
    }

    /// Says it, or counts it where too much was said lately.
    pub(super) fn say(&mut self, now: Duration, what: &str) {
        if self.may_speak(now) {
            self.catch_up(now);
            self.put(now, what.to_string());
        } else {
            self.unsaid += 1;
        }
    }

    /// Tells how much was not said, once that is possible.
    pub(super) fn catch_up(&mut self, now: Duration) {
        if self.unsaid > 0 && self.may_speak(now) {
            let unsaid = std::mem::take(&mut self.unsaid);
            let words = format!("{unsaid} more lines like the last one were left out");
            if !self.put(now, words) {
                self.unsaid += unsaid - 1;
            }
        }
    }

    /// Says the last words, and waits for a moment until all is written.
    pub(super) fn finish(self, last: Option<String>) {
        if let Some(last) = last {
            let _ = self.lines.try_send(last);
        }
        drop(self.lines);
        let _ = self.written.recv_timeout(LEAVING_PATIENCE);
    }

    /// Hands a line to the thread; counts it where too many wait.
    fn put(&mut self, now: Duration, line: String) -> bool {
        self.said_at = Some(now);
        let is_full = matches!(self.lines.try_send(line), Err(TrySendError::Full(_)));
        self.unsaid += u64::from(is_full);
        !is_full
    }

    fn may_speak(&self, now: Duration) -> bool {
        self.said_at
            .is_none_or(|at| now.saturating_sub(at) >= PAUSE)
    }
}
