//! The rules of the format, span by span, against what was recorded.

use std::collections::HashMap;

use serde_json::Value;

use super::event::NANOS;
use super::*;
use crate::show::samples::{FIRST, LESSON, SECOND, many, picture};

/// The events of a trace that may be as large as it likes.
fn events(picture: &Picture) -> Vec<Value> {
    let mut out = Vec::new();
    let drawn = trace(picture, usize::MAX, &mut out).expect("memory");
    assert_eq!(drawn, picture.operations.len());
    read(&out)
}

fn read(out: &[u8]) -> Vec<Value> {
    assert!(out.starts_with(TRACE_START.as_bytes()));
    let read: Value = serde_json::from_slice(out).expect("JSON");
    read["traceEvents"].as_array().expect("events").clone()
}

/// A moment of the trace in nanoseconds.
fn nanos(value: &Value) -> u64 {
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}{fraction:0<3}")
        .parse()
        .expect("a number with three places")
}

#[derive(Clone, Debug)]
struct Slice {
    name: String,
    from: u64,
    until: u64,
}

type Tracks = HashMap<(u64, u64), Vec<Slice>>;

fn track(event: &Value) -> (u64, u64) {
    let number = |name: &str| event[name].as_u64().expect("a number");
    (number("pid"), number("tid"))
}

/// The spans of each track, in the order in which a reader takes them: by their begin, the longer first.
fn slices(events: &[Value]) -> Tracks {
    let mut tracks: Tracks = HashMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let from = nanos(&event["ts"]);
        tracks.entry(track(event)).or_default().push(Slice {
            name: event["name"].as_str().expect("a name").into(),
            from,
            until: from + nanos(&event["dur"]),
        });
    }
    for slices in tracks.values_mut() {
        slices.sort_by_key(|slice| (slice.from, std::cmp::Reverse(slice.until)));
    }
    tracks
}

/// Whether every span lies within the one that is open when it begins.
#[track_caller]
fn check_nesting(tracks: &Tracks) {
    for (track, slices) in tracks {
        let mut open: Vec<&Slice> = Vec::new();
        for slice in slices {
            assert!(slice.from < slice.until, "{track:?} {slice:?} is empty");
            open.retain(|outer| outer.until > slice.from);
            if let Some(outer) = open.last() {
                assert!(
                    slice.until <= outer.until,
                    "{track:?} {slice:?} ends after {outer:?}"
                );
            }
            open.push(slice);
        }
    }
}

/// The innermost span of a track at a moment.
fn enclosing(tracks: &Tracks, track: (u64, u64), at: u64) -> &Slice {
    let slices = tracks.get(&track).expect("a track");
    let open = slices
        .iter()
        .filter(|slice| slice.from <= at && at < slice.until);
    open.min_by_key(|slice| slice.until - slice.from)
        .unwrap_or_else(|| panic!("no span at {at} of {track:?}"))
}

/// Every flow has one begin and one end, in this order, both in a span; each is returned with the spans.
fn flows(events: &[Value], tracks: &Tracks) -> Vec<(String, String, String)> {
    let mut ends: HashMap<u64, [Vec<&Value>; 2]> = HashMap::new();
    for event in events {
        let end = match event["ph"].as_str() {
            Some("s") => 0,
            Some("f") => 1,
            _ => continue,
        };
        let id = event["id"].as_u64().expect("an id");
        ends.entry(id).or_default()[end].push(event);
    }
    let mut found = Vec::new();
    for [begins, ends] in ends.values() {
        let ([begin], [end]) = (&begins[..], &ends[..]) else {
            panic!("a flow forks: {begins:?} {ends:?}");
        };
        assert_eq!(end["bp"], "e");
        assert_eq!(begin["name"], end["name"]);
        assert!(nanos(&begin["ts"]) <= nanos(&end["ts"]), "{begin} {end}");
        let span = |event: &Value| {
            enclosing(tracks, track(event), nanos(&event["ts"]))
                .name
                .clone()
        };
        let name = begin["name"].as_str().expect("a name").to_string();
        found.push((name, span(begin), span(end)));
    }
    found.sort();
    found
}

#[test]
fn every_process_is_a_track_of_spans_that_nest() {
    for picture in [picture(&[LESSON]), picture(&[FIRST, SECOND]), many(3_000)] {
        let events = events(&picture);
        let tracks = slices(&events);
        check_nesting(&tracks);
        for lane in &picture.lanes {
            let pid = u64::from(lane.pid);
            let slices = &tracks[&(pid, pid)];
            let operations = slices.iter().filter(|slice| slice.name.ends_with(" main"));
            assert_eq!(operations.count(), lane.operations.len());
        }
    }
}

#[test]
fn spans_lie_where_the_recording_has_them() {
    let picture = picture(&[FIRST, SECOND]);
    let tracks = slices(&events(&picture));
    let spans = |pid: u64| -> Vec<(String, u64, u64)> {
        let slices = tracks[&(pid, pid)].iter();
        slices
            .map(|slice| (slice.name.clone(), slice.from / NANOS, slice.until / NANOS))
            .collect()
    };
    let span = |name: &str, from: u64, until: u64| (name.to_string(), from, until);
    assert_eq!(
        spans(1001),
        [
            span("worker 1", 0, 360_000),
            span("withdraw 5.00 main", 10, 344_000),
            span("start", 10, 20_000),
            span("begin", 30_000, 44_000),
            span("work", 44_000, 330_000),
            span("post", 330_000, 344_000),
        ]
    );
    // The other parent began 300 ms later.
    assert_eq!(spans(2001)[0], span("worker 1", 300_000, 660_000));
    assert_eq!(spans(1000)[0], span("decide begin", 35_000, 42_000));
    assert_eq!(spans(1000)[1], span("decide begin", 235_000, 242_000));
}

#[test]
fn every_request_and_every_reply_has_one_flow() {
    let picture = picture(&[FIRST]);
    let events = events(&picture);
    let found = flows(&events, &slices(&events));
    let flow =
        |name: &str, from: &str, to: &str| (name.to_string(), from.to_string(), to.to_string());
    assert_eq!(
        found,
        [
            flow("reply", "decide begin", "begin"),
            flow("reply", "decide begin", "begin"),
            flow("reply", "decide begin", "begin"),
            flow("reply", "decide post", "post"),
            flow("reply", "decide void", "void"),
            flow("request", "begin", "decide begin"),
            flow("request", "begin", "decide begin"),
            flow("request", "begin", "decide begin"),
            flow("request", "post", "decide post"),
            flow("request", "void", "decide void"),
        ]
    );
}

#[test]
fn no_reply_arrives_before_it_was_sent() {
    let mut picture = picture(&[FIRST]);
    for request in &mut picture.requests {
        request.answered = request.returned;
    }
    let events = events(&picture);
    assert_eq!(flows(&events, &slices(&events)).len(), 10);
}

#[test]
fn counters_are_the_balances() {
    let picture = picture(&[FIRST]);
    let events = events(&picture);
    let mut counters: Vec<&Value> = events.iter().filter(|event| event["ph"] == "C").collect();
    counters.sort_by_key(|event| nanos(&event["ts"]));
    let told: Vec<String> = counters
        .iter()
        .map(|event| {
            format!(
                "{} {} {}",
                event["name"],
                nanos(&event["ts"]) / NANOS,
                event["args"]
            )
        })
        .collect();
    assert_eq!(
        told[..2],
        [
            r#""main" 40000 {"available":95.0,"held":5.0,"posted":100.0}"#,
            r#""main" 240000 {"available":90.0,"held":10.0,"posted":100.0}"#,
        ]
    );
    assert_eq!(told.len(), picture.accounts[0].changes.len());
}

#[test]
fn a_batch_is_one_span_and_no_two_overlap_on_a_track() {
    let mut picture = picture(&[FIRST]);
    // All that was ever asked is decided at once, and one more request arrives while that lasts.
    let count = picture.requests.len();
    for request in &mut picture.requests[..count - 1] {
        (request.received, request.decided, request.answered) = (50_000, 60_000, 70_000);
    }
    let last = &mut picture.requests[count - 1];
    (last.received, last.decided, last.answered) = (65_000, 75_000, 80_000);
    let events = events(&picture);
    let tracks = slices(&events);
    check_nesting(&tracks);
    let parents: Vec<(&(u64, u64), &Vec<Slice>)> =
        tracks.iter().filter(|((pid, _), _)| *pid == 1000).collect();
    assert_eq!(parents.len(), 2, "{parents:?}");
    assert!(
        tracks[&(1000, 1000)]
            .iter()
            .any(|slice| slice.name == "decide 4 requests")
    );
}

#[test]
fn a_trace_keeps_to_its_limit_and_says_so() {
    let picture = many(3_000);
    for most in [2_000, 20_000, 200_000] {
        let mut out = Vec::new();
        let drawn = trace(&picture, most, &mut out).expect("memory");
        assert!(out.len() <= most, "{} of {most}", out.len());
        assert!(drawn > 0 && drawn < 3_000, "{drawn}");
        let events = read(&out);
        let operations = events
            .iter()
            .filter(|event| event["name"] == "deposit 1.00 main");
        assert_eq!(operations.count(), drawn);
        check_nesting(&slices(&events));
        let end = String::from_utf8_lossy(&out);
        assert!(end.contains(&format!("\"operations\":\"{drawn} of 3000\"")));
    }
}
