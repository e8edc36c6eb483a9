//! The remedy without shared memory: one owner decides, everyone else sends messages.

use super::operation::RaceOperation;
use crate::bank::Packed;
use crate::threads::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// One operation on its way to the owner.
struct BalanceRequest {
    /// Which thread asks, from 0.
    thread: usize,
    /// Its operation.
    operation: RaceOperation,
}

/// The owner's end: the balance is a plain variable of the thread that serves here.
pub(super) struct BalanceOwner {
    requests: Receiver<BalanceRequest>,
    replies: Vec<SyncSender<bool>>,
}

/// One thread's end.
pub(super) struct Sender {
    thread: usize,
    requests: SyncSender<BalanceRequest>,
    replies: Receiver<bool>,
}

/// The owner's end and one for each thread.
pub(super) fn open(threads: usize) -> (BalanceOwner, Vec<Sender>) {
    // A thread waits for each reply, so this many places are never all taken and no thread waits to send.
    let (requests_in, requests) = sync_channel(threads);
    let (replies_in, senders) = (0..threads)
        .map(|thread| {
            let (reply_in, replies) = sync_channel(1);
            let requests = requests_in.clone();
            let sender = Sender {
                thread,
                requests,
                replies,
            };
            (reply_in, sender)
        })
        .unzip();
    let owner = BalanceOwner {
        requests,
        replies: replies_in,
    };
    (owner, senders)
}

impl BalanceOwner {
    /// Decides every request in the order of arrival, until the last thread is gone.
    pub(super) fn serve(self, start: Packed) -> Packed {
        let mut word = start;
        for request in self.requests {
            let decided = match request.operation.is_view() {
                true => Some(word),
                false => request.operation.decide(word),
            };
            word = decided.unwrap_or(word);
            if let Some(reply) = self.replies.get(request.thread) {
                // A thread that is gone waits for no answer.
                let _ = reply.send(decided.is_some());
            }
        }
        word
    }
}

impl Sender {
    /// Asks the owner and waits for its word; an owner that is gone accepts nothing.
    pub(super) fn apply(&self, operation: RaceOperation) -> bool {
        let thread = self.thread;
        let sent = self.requests.send(BalanceRequest { thread, operation });
        sent.is_ok() && self.replies.recv().unwrap_or(false)
    }
}
