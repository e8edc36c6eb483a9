//! How long ago a moment was, or how soon it comes.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

/// A moment as a person tells it; other words are as they are.
pub(in crate::report) fn relative(text: &str, now: SystemTime) -> Cow<'_, str> {
    let is_moment = text.len() == 27 && text.ends_with('Z');
    let moment = is_moment.then(|| humantime::parse_rfc3339(text).ok());
    let Some(moment) = moment.flatten() else {
        return text.into();
    };
    match (now.duration_since(moment), moment.duration_since(now)) {
        (_, Ok(until)) if until < A_MONTH => format!("in {}", unit_of(until)).into(),
        (Ok(since), _) if since < Duration::from_secs(1) => "now".into(),
        (Ok(since), _) if since < A_MONTH => format!("{} ago", unit_of(since)).into(),
        _ => text.get(..10).unwrap_or(text).into(),
    }
}

/// Beyond, a person is told the day.
const A_MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A duration in the largest unit of which there is one.
fn unit_of(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_a_person_does() {
        let now = humantime::parse_rfc3339("2026-11-23T13:00:00.000001Z").expect("a moment");
        for (moment, told) in [
            ("2026-11-23T12:59:59.500001Z", "now"),
            ("2026-11-23T12:59:18.000001Z", "42 s ago"),
            ("2026-11-23T12:57:30.000001Z", "2 min ago"),
            ("2026-11-23T16:30:00.000001Z", "in 3 h"),
            ("2026-11-21T12:00:00.000001Z", "2 d ago"),
            ("2026-10-01T12:00:00.000001Z", "2026-10-01"),
            ("2027-10-01T12:00:00.000001Z", "2027-10-01"),
            ("never", "never"),
            ("2026-10-01T12:00:00.00000xZ", "2026-10-01T12:00:00.00000xZ"),
        ] {
            assert_eq!(relative(moment, now), told, "{moment}");
        }
    }
}
