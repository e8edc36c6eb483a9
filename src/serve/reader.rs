//! A thread that answers questions which change nothing, with an opening of the ledger of its own: it
//! waits neither for batches nor for who has the ledger locked.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ServeError;
use super::owner::find;
use crate::protocol::{Fault, Query, Response};
use crate::store::{Access, LedgerError, Place};
use crate::wake::Waker;

/// What was found for a client's question, and why the ledger can no longer be used.
pub(super) type Found = (u32, Query, Vec<Response>, Option<LedgerError>);

/// How long a thread is waited for that reads on while the server ends.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(1);

/// The loop's end of the thread.
pub(super) struct Reader {
    questions: Sender<(u32, Query)>,
    found: Receiver<Found>,
    thread: JoinHandle<()>,
}

impl Reader {
    /// Starts the thread of this name.
    pub(super) fn start(name: &str, place: &Place, waker: Waker) -> Result<Self, ServeError> {
        let mut ledger = place.open(Access::Existing)?;
        let (questions, asked) = channel();
        let (tell, found) = channel();
        let work = move || {
            for (client, question) in asked {
                let mut dead = None;
                let findings = find(ledger.as_mut(), &question).unwrap_or_else(|error| {
                    let fault = Fault::from(&error);
                    dead = error.is_final().then_some(error);
                    vec![Response::Failed(fault)]
                });
                if tell.send((client, question, findings, dead)).is_err() {
                    return;
                }
                waker.wake();
            }
        };
        let thread = thread::Builder::new().name(name.to_string()).spawn(work)?;
        Ok(Reader {
            questions,
            found,
            thread,
        })
    }

    /// Hands on a question; false if the thread is gone.
    pub(super) fn ask(&self, client: u32, question: Query) -> bool {
        self.questions.send((client, question)).is_ok()
    }

    /// The next answer that was found.
    pub(super) fn take(&self) -> Option<Found> {
        self.found.try_recv().ok()
    }
    /// Lets the thread close the ledger: its log stays beside the file until all have. One that checks a
    /// long history is not waited for.
    pub(super) fn end(self) {
        drop(self.questions);
        let since = Instant::now();
        while !self.thread.is_finished() && since.elapsed() < PATIENCE {
            thread::sleep(STEP);
        }
    }
}
