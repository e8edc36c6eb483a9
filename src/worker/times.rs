//! When a worker sent its requests and had their answers, told to the parent where every step is told.

use std::collections::VecDeque;
use std::time::Duration;

use crate::protocol::{Outbox, ProtocolError, Reply, ReplyBody, ShareReply, Timing};
use crate::wake::host_clock;

/// The requests whose answers are due, and when each was sent.
#[derive(Default)]
pub(super) struct SentTimes {
    sent: VecDeque<(u64, u64)>,
}

impl SentTimes {
    /// A request about this operation is about to be sent.
    pub(super) fn sent(&mut self, number: u64) {
        self.sent.push_back((number, micros(host_clock())));
    }

    /// What was sent last has no answer.
    pub(super) fn forget_last(&mut self) {
        self.sent.pop_back();
    }

    /// Answers have come: the times of what they answer are put with what is sent next.
    pub(super) fn returned(
        &mut self,
        replies: &[Reply],
        outbox: &mut Outbox,
    ) -> Result<(), ProtocolError> {
        let returned_us = micros(host_clock());
        // News about a wait is no answer yet.
        let is_answer =
            |reply: &&Reply| !matches!(reply.body, ReplyBody::Shared(ShareReply::Waiting));
        for reply in replies.iter().filter(is_answer) {
            let is_it = |(number, _): &(u64, u64)| *number == reply.number;
            let place = self.sent.iter().position(is_it);
            if let Some((number, sent_us)) = place.and_then(|place| self.sent.remove(place)) {
                outbox.timing(&Timing {
                    number,
                    sent_us,
                    returned_us,
                })?;
            }
        }
        Ok(())
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
