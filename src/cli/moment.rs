//! Moments and durations as people write them.

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow, bail};

use crate::bank::Moment;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a moment in UTC, such as `2026-11-23`, `2026-11-23 10:00` or `2026-11-23T10:00:00.5Z`; `now`; the
/// beginning of `today` or `yesterday` in UTC; or a time before now, such as `2h`.
pub(super) fn moment(text: &str) -> anyhow::Result<Moment> {
    moment_seen_from(text, SystemTime::now())
}

fn moment_seen_from(text: &str, now: SystemTime) -> anyhow::Result<Moment> {
    let time = match text {
        "now" => now,
        "today" => day_of(now),
        "yesterday" => day_of(now.checked_sub(DAY).unwrap_or(SystemTime::UNIX_EPOCH)),
        _ if text.as_bytes().get(4) == Some(&b'-') => date(text)?,
        _ => ago(text, now)?,
    };
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let micros = i64::try_from(since.unwrap_or_default().as_micros());
    micros
        .map(Moment::new)
        .context("a moment lies before the year 10000")
}

/// The beginning of a moment's day in UTC.
fn day_of(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    let seconds = since.unwrap_or_default().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds - seconds % DAY.as_secs())
}

fn date(text: &str) -> anyhow::Result<SystemTime> {
    let local = text
        .strip_suffix('Z')
        .or_else(|| text.strip_suffix("+00:00"));
    let local = local.unwrap_or(text);
    let missing = match local.len() {
        10 => " 00:00:00",
        16 => ":00",
        _ => "",
    };
    humantime::parse_rfc3339_weak(&format!("{local}{missing}"))
        .map_err(|cause| wrong(&cause.to_string()))
}

fn ago(text: &str, now: SystemTime) -> anyhow::Result<SystemTime> {
    let ago: Duration =
        humantime::parse_duration(text).map_err(|cause| wrong(&cause.to_string()))?;
    Ok(now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH))
}

fn wrong(cause: &str) -> anyhow::Error {
    anyhow!(
        "a moment is a UTC time such as `2026-11-23`, `2026-11-23 10:00` or `2026-11-23T10:00:00Z`, `today`, `yesterday`, `now`, or a time ago such as `2h`: {cause}"
    )
}

/// The longest duration that is told from any longer one, so that a few of them can be added up: a
/// hundred years, which is for ever.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// A duration with a unit, or a plain number of seconds.
pub(super) fn duration(text: &str) -> anyhow::Result<Duration> {
    let duration = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds.is_sign_positive() => {
            Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST)
        }
        _ => humantime::parse_duration(text).context(
            "a timeout is a number of seconds or has a unit, such as `90`, `90s` or `500ms`",
        )?,
    };
    if duration.is_zero() {
        bail!("a timeout is more than nothing");
    }
    Ok(duration.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: i64) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        let moment = moment_seen_from(text, now).expect(text);
        assert_eq!(moment.micros(), seconds * 1_000_000, "{text}");
    }

    #[test]
    fn a_day_a_time_of_day_and_a_time_ago() {
        check("1970-01-02", 86_400);
        check("1970-01-02Z", 86_400);
        check("1970-01-02 01:30", 86_400 + 5_400);
        check("1970-01-02T01:30Z", 86_400 + 5_400);
        check("1970-01-02T01:30:07Z", 86_400 + 5_407);
        check("1970-01-02 01:30:07+00:00", 86_400 + 5_407);
        check("now", 1_000_000);
        check("today", 11 * 86_400);
        check("yesterday", 10 * 86_400);
        check("0s", 1_000_000);
        check("2h 30m", 1_000_000 - 9_000);
        check("50years", 0);
        let exact = moment("1970-01-02T00:00:00.000001Z").expect("a moment");
        assert_eq!(exact.micros(), 86_400_000_001);
    }

    #[test]
    fn what_is_no_moment_is_told_how_to_be_one() {
        for text in [
            "",
            "tomorrow",
            "10",
            "2026-13-01",
            "2026-02-30",
            "2026-11-23 25:00",
            "1969-01-01",
            "2026-11-23T10:00:00+01:00",
            "2026-1-1",
            "ää-11-23",
            "2026-ü",
            "-2h",
        ] {
            let error = moment(text).expect_err(text).to_string();
            assert!(
                error.starts_with("a moment is a UTC time such as"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_duration_of_ages_is_for_ever_and_can_be_added_to() {
        for (text, expected) in [
            ("90", Duration::from_secs(90)),
            ("0.5", Duration::from_millis(500)),
            ("2h", Duration::from_secs(7_200)),
            ("18446744073709551615s", LONGEST),
            ("18446744073709551615", LONGEST),
            ("1e19", LONGEST),
            ("1e300", LONGEST),
        ] {
            assert_eq!(duration(text).expect(text), expected, "{text}");
        }
        for text in [
            "",
            "0",
            "-1",
            "NaN",
            "inf",
            "1e400",
            "18446744073709551616s",
            "1y2x",
            "0s",
        ] {
            let error = duration(text).expect_err(text).to_string();
            assert!(error.starts_with("a timeout is"), "{text}: {error}");
        }
    }
}
