//! How the operations of a run are handed out, in the words of GNU parallel.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::moment::duration;
use crate::run::{HaltCount, HaltLimit, HaltRule, Pacing};

#[derive(Args)]
pub(super) struct PacingArgs {
    /// End when so many operations have failed, such as `now,fail=1`, `soon,fail=3` or `soon,fail=10%`, or have
    /// succeeded (`success=N`) or ended (`done=N`): with `soon` those under way go on to their end, with `now`
    /// they are ended
    #[arg(long, value_name = "WHEN,WHAT=N", value_parser = halt)]
    halt: Option<HaltRule>,
    /// Tell what became of the operations in the order of the input, not as they end
    #[arg(long, short)]
    keep_order: bool,
    /// Wait so long after each operation before the next is begun
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    delay: Option<Duration>,
    /// Begin at most so many operations, one after another, such as `60/minute`
    #[arg(long, value_name = "N/UNIT", value_parser = rate)]
    max_rate: Option<Duration>,
}

impl PacingArgs {
    pub(super) fn pacing(&self) -> Pacing {
        let (delay, pause) = (self.delay, self.max_rate);
        Pacing {
            spacing: delay.max(pause).unwrap_or_default(),
            halt: self.halt,
            keep_order: self.keep_order,
        }
    }
}

fn halt(text: &str) -> anyhow::Result<HaltRule> {
    let why = "it is `now` or `soon`, and after how many operations that `fail`, that are a `success` or that are \
               `done`, such as `now,fail=1`, `soon,fail=10%` or `now,success=1`";
    let (when, what) = text.split_once(',').context(why)?;
    let at_once = match when {
        "now" => true,
        "soon" => false,
        _ => bail!(why),
    };
    let (what, limit) = what.split_once('=').context(why)?;
    let counts = match what {
        "fail" => HaltCount::Failures,
        "success" => HaltCount::Successes,
        "done" => HaltCount::Ends,
        _ => bail!(why),
    };
    let limit = match limit.strip_suffix('%') {
        Some(_) if counts == HaltCount::Ends => {
            bail!(
                "all that have ended are `done`, so a share of them says nothing: `done` takes a number"
            )
        }
        Some(percent) => {
            let percent = percent.parse().ok().filter(|one| (1..=100).contains(one));
            HaltLimit::Percent(percent.context(why)?)
        }
        None => {
            let count = limit.parse().ok().filter(|count| *count > 0);
            HaltLimit::Count(count.context(why)?)
        }
    };
    Ok(HaltRule {
        at_once,
        counts,
        limit,
    })
}

/// The time from one operation to the next.
fn rate(text: &str) -> anyhow::Result<Duration> {
    let why = "a rate is a number of operations in a unit of time: `10/second`, `60/minute` or `500/hour`";
    let (count, unit) = text.split_once('/').context(why)?;
    let seconds = match unit {
        "s" | "sec" | "second" => 1,
        "m" | "min" | "minute" => 60,
        "h" | "hour" => 3_600,
        _ => bail!(why),
    };
    let count: u32 = count.parse().context(why)?;
    if count == 0 {
        bail!(why);
    }
    // Rounded up, so that there are never more.
    let nanos = (seconds * 1_000_000_000_u64).div_ceil(u64::from(count));
    Ok(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_time_between_operations() {
        for (text, millis) in [("60/minute", 1_000), ("10/s", 100), ("500/hour", 7_200)] {
            assert_eq!(rate(text).expect(text), Duration::from_millis(millis));
        }
        for wrong in ["0/minute", "60", "60/fortnight", "-1/s", "1.5/s", "/s"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_halt_says_when_and_after_what() {
        for (text, at_once, counts, limit) in [
            ("now,fail=1", true, HaltCount::Failures, HaltLimit::Count(1)),
            (
                "soon,fail=10%",
                false,
                HaltCount::Failures,
                HaltLimit::Percent(10),
            ),
            (
                "now,success=1",
                true,
                HaltCount::Successes,
                HaltLimit::Count(1),
            ),
            (
                "soon,success=5%",
                false,
                HaltCount::Successes,
                HaltLimit::Percent(5),
            ),
            ("soon,done=7", false, HaltCount::Ends, HaltLimit::Count(7)),
        ] {
            let rule = HaltRule {
                at_once,
                counts,
                limit,
            };
            assert_eq!(halt(text).expect(text), rule);
        }
        for wrong in [
            "now",
            "later,fail=1",
            "soon,fail=0",
            "now,fail=101%",
            "now,done=10%",
            "now,failed=1",
        ] {
            assert!(halt(wrong).is_err(), "{wrong}");
        }
    }
}
