//! Windows hold against a plain model, which steps through the days of a calendar; texts are read as written.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const HOUR: i64 = 3_600_000_000;

fn at(text: &str) -> Moment {
    let time: Timestamp = text.parse().expect("a time");
    Moment::new(time.as_microsecond())
}

#[track_caller]
fn check(zone: &str, period: Period, seen: &str, start: &str, next: &str) {
    let zone = Zone::new(zone).expect("a zone");
    let window = zone.window(period, at(seen)).expect("a window");
    assert_eq!(window, (at(start), at(next)), "{zone} {period} {seen}");
}

#[test]
fn days_have_23_and_25_hours_where_clocks_are_set() {
    let check = |seen, start, next| check("Europe/Berlin", Period::Day, seen, start, next);
    check(
        "2026-03-29T00:30:00Z",
        "2026-03-28T23:00:00Z",
        "2026-03-29T22:00:00Z",
    );
    check(
        "2026-10-25T22:59:59Z",
        "2026-10-24T22:00:00Z",
        "2026-10-25T23:00:00Z",
    );
    check(
        "2026-11-26T08:00:00Z",
        "2026-11-25T23:00:00Z",
        "2026-11-26T23:00:00Z",
    );
    let window = |day: &str| {
        let zone = Zone::new("Europe/Berlin").expect("a zone");
        let (start, next) = zone.window(Period::Day, at(day)).expect("a window");
        (next.micros() - start.micros()) / HOUR
    };
    assert_eq!(window("2026-03-29T12:00:00Z"), 23);
    assert_eq!(window("2026-10-25T12:00:00Z"), 25);
}

#[test]
fn weeks_begin_on_monday_and_months_end_as_they_do() {
    check(
        "UTC",
        Period::Week,
        "2026-11-26T08:00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-11-30T00:00:00Z",
    );
    check(
        "UTC",
        Period::Week,
        "2026-11-23T00:00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-11-30T00:00:00Z",
    );
    check(
        "UTC",
        Period::Week,
        "2026-11-22T23:59:59Z",
        "2026-11-16T00:00:00Z",
        "2026-11-23T00:00:00Z",
    );
    check(
        "UTC",
        Period::Month,
        "2028-02-29T12:00:00Z",
        "2028-02-01T00:00:00Z",
        "2028-03-01T00:00:00Z",
    );
    check(
        "UTC",
        Period::Month,
        "2100-02-28T12:00:00Z",
        "2100-02-01T00:00:00Z",
        "2100-03-01T00:00:00Z",
    );
    check(
        "UTC",
        Period::Month,
        "2026-12-31T23:59:59Z",
        "2026-12-01T00:00:00Z",
        "2027-01-01T00:00:00Z",
    );
    check(
        "UTC",
        Period::Day,
        "2028-02-29T12:00:00Z",
        "2028-02-29T00:00:00Z",
        "2028-03-01T00:00:00Z",
    );
}

#[test]
fn odd_zones_have_windows_too() {
    // Midnight is skipped: the day begins at one.
    check(
        "America/Santiago",
        Period::Day,
        "2026-09-06T12:00:00Z",
        "2026-09-06T04:00:00Z",
        "2026-09-07T03:00:00Z",
    );
    // A whole day is skipped.
    check(
        "Pacific/Apia",
        Period::Day,
        "2011-12-30T09:00:00Z",
        "2011-12-29T10:00:00Z",
        "2011-12-30T10:00:00Z",
    );
    // A clock was set back from 00:01 to 23:01, so the day before came again for a while.
    check(
        "America/St_Johns",
        Period::Day,
        "2010-11-07T02:45:00Z",
        "2010-11-07T02:30:00Z",
        "2010-11-08T03:30:00Z",
    );
    // Hours begin at a quarter past.
    check(
        "Asia/Kathmandu",
        Period::Hour,
        "2026-03-01T10:20:00Z",
        "2026-03-01T10:15:00Z",
        "2026-03-01T11:15:00Z",
    );
    // Half an hour is skipped, so the hour is two windows.
    check(
        "Australia/Lord_Howe",
        Period::Hour,
        "2026-10-03T15:40:00Z",
        "2026-10-03T15:30:00Z",
        "2026-10-03T16:00:00Z",
    );
    check(
        "Asia/Kolkata",
        Period::Hour,
        "2026-11-26T08:00:00Z",
        "2026-11-26T07:30:00Z",
        "2026-11-26T08:30:00Z",
    );
    // A window begins with its first moment, also where a clock is set just then.
    check(
        "Australia/Lord_Howe",
        Period::Hour,
        "2026-10-03T15:30:00Z",
        "2026-10-03T15:30:00Z",
        "2026-10-03T16:00:00Z",
    );
    assert_ne!(Zone::new("Asia/Kolkata"), Zone::new("UTC"));
    assert_eq!(Zone::new("utc"), Ok(Zone::default()));
}

#[test]
fn an_allowance_is_so_little_that_a_million_of_them_find_room() {
    let check = |minor| Allowance::check(Amount::new(minor).expect("positive")).is_ok();
    assert_eq!(
        [MOST, MOST + 1, 1, i64::MAX].map(check),
        [true, false, true, false]
    );
    assert!(MOST.checked_mul(900_000).is_some());
}

#[test]
fn beyond_the_calendar_there_is_one_window_for_ever() {
    let allowance = allowance("5/day");
    for micros in [i64::MIN, i64::MAX] {
        let (start, next) = allowance.window(Moment::new(micros));
        assert_eq!((start.micros(), next.micros()), (i64::MIN, i64::MAX));
    }
}

fn allowance(text: &str) -> Allowance {
    let (amount, period) = text.split_once('/').expect("two parts");
    Allowance {
        amount: amount.parse().expect("an amount"),
        period: period.parse().expect("a period"),
        rollover: false,
        warn: None,
        zone: Zone::default(),
    }
}

#[test]
fn an_allowance_is_read_as_it_is_written() {
    for text in ["5.00/day", "0.01/hour", "1000.00/week", "20.50/month"] {
        assert_eq!(allowance(text).to_string(), text);
    }
    for word in ["", "days", "Day", "year"] {
        assert_eq!(
            word.parse::<Period>(),
            Err(AllowanceError::Period),
            "{word}"
        );
    }
    for (text, percent) in [("80%", Some(80)), ("1", Some(1)), ("100%", Some(100))] {
        assert_eq!(text.parse().ok().map(Percent::get), percent);
    }
    for text in ["0%", "101", "-1", "80 %", "", "%"] {
        assert_eq!(
            text.parse::<Percent>(),
            Err(AllowanceError::Percent),
            "{text}"
        );
    }
    for name in ["Berlin", "", "Europe/Nowhere", "../etc/passwd"] {
        assert_eq!(Zone::new(name), Err(AllowanceError::Zone), "{name}");
    }
    let zone = Zone::new("europe/berlin").expect("a zone");
    assert_eq!(zone.name(), "Europe/Berlin");
}

#[test]
fn a_refill_has_the_id_of_its_window() {
    let account = Name::user("openai").expect("a name");
    let start = at("2026-11-25T23:00:00Z");
    let id = |seq| {
        refill_id(&account, start, seq)
            .expect("an id")
            .as_str()
            .to_string()
    };
    assert_eq!(id(None), "allowance:openai:2026-11-25T23:00:00Z");
    assert_eq!(id(Some(7)), "allowance:openai:2026-11-25T23:00:00Z:7");
    let longest = Name::user(&"x".repeat(64)).expect("a name");
    assert!(refill_id(&longest, start, Some(u64::MAX)).is_some());
}

/// What a moment's window is called by a calendar: the date of its period's first day, or the hour.
fn called(zone: &TimeZone, period: Period, moment: Moment) -> (i16, i8, i8, i8) {
    let time = Timestamp::from_microsecond(moment.micros()).expect("a time");
    let local = zone.to_datetime(time);
    let mut date = local.date();
    match period {
        Period::Hour => return (date.year(), date.month(), date.day(), local.hour()),
        Period::Day => {}
        Period::Week => {
            while date.weekday() != jiff::civil::Weekday::Monday {
                date = date.yesterday().expect("a day");
            }
        }
        Period::Month => date = date.first_of_month(),
    }
    (date.year(), date.month(), date.day(), 0)
}

proptest! {
    #[test]
    fn each_moment_is_in_one_window_and_the_calendar_calls_it_so(
        zone in select(&["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"][..]),
        period in select(&Period::ALL[..]),
        seconds in 0i64..4_000_000_000, part in 0i64..1_000_000, share in 0i64..1_000,
    ) {
        let (zone, rules) = (Zone::new(zone).expect("a zone"), TimeZone::get(zone).expect("a zone"));
        let moment = Moment::new(seconds * 1_000_000 + part);
        let (start, next) = zone.window(period, moment).expect("a window");
        prop_assert!(start <= moment && moment < next);
        prop_assert_eq!(zone.window(period, start), Some((start, next)));
        prop_assert_eq!(zone.window(period, next).map(|window| window.0), Some(next));
        let last = Moment::new(next.micros() - 1);
        prop_assert_eq!(zone.window(period, last), Some((start, next)));
        let length = next.micros() - start.micros();
        let within = Moment::new(start.micros() + length / 1_000 * share);
        let name = called(&rules, period, start);
        prop_assert_eq!(called(&rules, period, moment), name);
        prop_assert_eq!(called(&rules, period, within), name);
        // The hour in which a clock is set back comes twice.
        prop_assert!(period == Period::Hour || called(&rules, period, next) != name);
    }
}
