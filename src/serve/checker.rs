//! The thread that verifies: it takes long, so it has an opening of the ledger of its own.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::{io, thread};

use super::owner::find;
use crate::protocol::{Fault, Finding, Question};
use crate::store::{Access, Place};
use crate::wake::Waker;

/// The loop's end of the thread. It is left alone when the server ends, since it changes nothing.
pub(super) struct Checker {
    questions: Sender<(u32, Question)>,
    found: Receiver<(u32, Vec<Finding>)>,
}

impl Checker {
    pub(super) fn start(place: Place, waker: Waker) -> io::Result<Self> {
        let (questions, asked) = channel();
        let (tell, found) = channel();
        let work = move || {
            for (client, question) in asked {
                let checked = place
                    .open(Access::Existing)
                    .and_then(|mut ledger| find(ledger.as_mut(), &question));
                let findings =
                    checked.unwrap_or_else(|error| vec![Finding::Failed(Fault::from(&error))]);
                if tell.send((client, findings)).is_err() {
                    return;
                }
                waker.wake();
            }
        };
        thread::Builder::new()
            .name("checker".to_string())
            .spawn(work)?;
        Ok(Checker { questions, found })
    }

    /// Hands on a question; false if the thread is gone.
    pub(super) fn ask(&self, client: u32, question: Question) -> bool {
        self.questions.send((client, question)).is_ok()
    }

    /// The next answer that was found.
    pub(super) fn take(&self) -> Option<(u32, Vec<Finding>)> {
        self.found.try_recv().ok()
    }
}
