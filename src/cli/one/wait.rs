//! `--wait`: money that is not there yet is waited for.

use std::slice;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::Single;
use crate::bank::{Answer, Operation, Outcome, Rejection};
use crate::cli::Failure;
use crate::cli::ledger::wait_and_say;
use crate::cli::moment::duration;
use crate::report::stderr_line;
use crate::store::{AtStake, until_done};
use crate::supervisor::{Signals, end_by};

/// The pause before the ledger is looked at again, at first and after a long wait. Who has waited longer looks
/// more often, and so is likelier to come first.
const PAUSES: [Duration; 2] = [Duration::from_millis(400), Duration::from_millis(50)];
/// After so long a wait pauses are the shortest ones.
const LONG_WAIT: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(super) struct WaitArgs {
    /// Where the money is not there, or another process is at it under this id, wait so long for that
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
}

impl WaitArgs {
    /// Whether what was refused is asked for again.
    pub(super) fn is_given(&self) -> bool {
        self.wait.is_some()
    }

    /// A wait that begins now.
    pub(super) fn begin(&self) -> Result<Wait, Failure> {
        Ok(Wait {
            limit: self.wait.unwrap_or_default(),
            began: Instant::now(),
            is_told: false,
            signals: match self.wait {
                Some(_) => Some(Signals::listen().map_err(Failure::died)?),
                None => None,
            },
        })
    }
}

/// A wait, which has a deadline.
pub(super) struct Wait {
    limit: Duration,
    began: Instant,
    is_told: bool,
    /// Nothing is set aside while it waits, so that a signal ends it at once.
    signals: Option<Signals>,
}

impl Wait {
    /// Waits until an operation that was answered like this may be asked for again; returns false where no wait
    /// mends it, or the time is over.
    pub(super) fn again(
        &mut self,
        single: &mut Single,
        operation: &Operation,
        answer: &Answer,
    ) -> Result<bool, Failure> {
        let Outcome::Refused { rejection, .. } = answer.outcome else {
            return Ok(false);
        };
        let waits_for = match rejection {
            Rejection::InsufficientFunds => format!("`{}` to have the money", operation.account),
            Rejection::InProgress => "another process, which is at this id,".to_string(),
            _ => return Ok(false),
        };
        loop {
            let waited = self.began.elapsed();
            let left = self.limit.saturating_sub(waited);
            if left.is_zero() {
                return Ok(false);
            }
            if !std::mem::replace(&mut self.is_told, true) {
                let limit = humantime::format_duration(self.limit);
                stderr_line(format_args!("waiting for {waits_for} for up to {limit}"));
            }
            thread::sleep(pause_after(waited).min(left));
            self.heed_signals();
            let pause = |pause, words| {
                self.heed_signals();
                wait_and_say(pause, words)
            };
            if rejection == Rejection::InProgress || has_money(single, operation, pause)? {
                return Ok(true);
            }
        }
    }

    /// Ends the program by a signal that came, as if none were handled.
    pub(super) fn heed_signals(&mut self) {
        if let Some(signals) = &mut self.signals
            && let Some(signal) = signals.pending().first()
        {
            end_by(*signal);
        }
    }
}

/// Whether the account could pay now: a refusal is written down, and so it is looked at first.
fn has_money(
    single: &mut Single,
    operation: &Operation,
    pause: impl FnMut(Duration, Option<String>) -> bool,
) -> Result<bool, Failure> {
    let names = slice::from_ref(&operation.account);
    let look = || single.ledger.look_up(names);
    let standings = until_done(AtStake::OneAnswer, look, pause).map_err(Failure::ledger)?;
    let Some(standing) = standings.into_iter().flatten().next() else {
        return Ok(true);
    };
    let overdraft = standing
        .overdraft
        .map_or(0, |limit| i128::from(limit.minor()));
    let available = i128::from(standing.view.available.minor()) + overdraft;
    let amount = operation.amount();
    Ok(amount.is_none_or(|amount| available >= i128::from(amount.minor())))
}

fn pause_after(waited: Duration) -> Duration {
    let [first, last] = PAUSES;
    let long = LONG_WAIT.as_millis().max(1) as u32;
    let waited = waited.min(LONG_WAIT).as_millis() as u32;
    first - (first - last) * waited / long
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longer_looks_more_often() {
        let pauses = [0, 10, 30, 3_600].map(|seconds| pause_after(Duration::from_secs(seconds)));
        assert_eq!(pauses.map(|pause| pause.as_millis()), [400, 283, 50, 50]);
    }
}
