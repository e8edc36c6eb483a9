use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::show::samples::{ADDITIONS, FIRST, LESSON, SECOND, WAITS, picture};
use crate::show::{CellStep, Picture, Stroke};

fn strokes(picture: &Picture, place: usize) -> Vec<(Stroke, u64)> {
    let strokes = picture.operations[place].strokes().into_iter();
    strokes
        .map(|(stroke, from, until)| (stroke, until - from))
        .collect()
}

#[test]
fn every_process_has_a_lane_and_every_operation_its_strokes() {
    let picture = picture(&[FIRST]);
    let lanes: Vec<(u32, u32)> = picture
        .lanes
        .iter()
        .map(|lane| (lane.worker, lane.pid))
        .collect();
    assert_eq!(lanes, [(1, 1001), (2, 1002), (3, 1003)]);
    let ends: Vec<OperationEnd> = picture
        .operations
        .iter()
        .map(|operation| operation.end)
        .collect();
    assert_eq!(
        ends,
        [
            OperationEnd::Completed,
            OperationEnd::Failed,
            OperationEnd::Refused
        ]
    );
    assert_eq!(
        strokes(&picture, 0),
        [
            (Stroke::Start, 19_990),
            (Stroke::Begin, 24_000),
            (Stroke::Work, 286_000),
            (Stroke::Settle, 10_000),
        ]
    );
    assert_eq!(
        strokes(&picture, 2),
        [(Stroke::Start, 19_990), (Stroke::Execute, 20_000)]
    );
    assert_eq!(picture.lanes[0].exited, Some(360_000));
    assert!(picture.notes.is_empty(), "{:?}", picture.notes);
}

#[test]
fn a_balance_changes_when_it_was_decided() {
    let picture = picture(&[FIRST, SECOND]);
    assert_eq!(picture.accounts.len(), 1, "one ledger, one account");
    let changes = picture.accounts[0].changes.iter();
    let changes: Vec<(u64, i64, i64)> = changes
        .map(|change| (change.at, change.posted, change.available))
        .collect();
    // Parallel holds and ends of two parents, in the order in which they were decided.
    assert_eq!(
        changes,
        [
            (40_000, 10_000, 9_500),
            (240_000, 10_000, 9_000),
            (340_000, 9_500, 9_000),
            (340_000, 9_500, 8_500),
            (540_000, 9_500, 9_000),
            (540_000, 9_500, 8_500),
            (640_000, 9_000, 8_500),
            (840_000, 8_500, 8_500),
        ]
    );
}

#[test]
fn several_parents_lie_beside_each_other() {
    let picture = picture(&[SECOND, FIRST]);
    let runs: Vec<(u32, u64)> = picture.runs.iter().map(|run| (run.pid, run.from)).collect();
    assert_eq!(runs, [(2000, 300_000), (1000, 0)]);
    let order: Vec<(usize, u64)> = picture
        .operations
        .iter()
        .map(|operation| (operation.run, operation.number))
        .collect();
    assert_eq!(order, [(1, 1), (1, 2), (0, 1), (1, 3), (0, 2)]);
    for (place, lane) in picture.lanes.iter().enumerate() {
        for operation in &lane.operations {
            assert_eq!(picture.operations[*operation].lane, place);
        }
    }
}

#[test]
fn lost_updates_are_found_and_whose() {
    let picture = picture(&[LESSON]);
    let mut lost = Vec::new();
    for access in &picture.accesses {
        if let CellStep::Write {
            lost_to: Some(over),
            ..
        } = access.step
        {
            let number = |place: usize| picture.operations[place].number;
            let account = picture.accounts[access.account].name.as_str();
            lost.push((account, number(access.operation), number(over)));
        }
    }
    let expected = [
        ("main", 4, 2),
        ("main", 2, 1),
        ("@world", 2, 1),
        ("main", 1, 3),
        ("@world", 1, 3),
    ];
    assert_eq!(lost, expected);
    let lost = picture.runs[0]
        .totals
        .as_ref()
        .and_then(|totals| totals.lost_updates);
    let operations: HashSet<u64> = expected.iter().map(|(_, lost, _)| *lost).collect();
    assert_eq!(
        lost,
        Some(operations.len() as u64),
        "as the run itself counted: an operation that two accounts lack is one"
    );
}

/// An operation without work has one line, its result, and its steps stand before that.
#[test]
fn steps_that_are_told_before_their_operation_are_drawn() {
    let result = |line: &&str| !line.contains("\"type\": \"started\"");
    for (text, holder) in [(LESSON, None), (WAITS, Some(1))] {
        let whole = picture(&[text]);
        let without_work: Vec<&str> = text.lines().filter(result).collect();
        let picture = picture(&[&without_work.join("\n")]);
        assert_eq!(picture.accesses.len(), whole.accesses.len());
        assert_eq!(picture.requests.len(), whole.requests.len());
        assert_eq!(picture.waits.len(), whole.waits.len());
        let number = |place: usize| picture.operations[place].number;
        let found = picture.waits.first().and_then(|wait| wait.holder);
        assert_eq!(found.map(number), holder);
    }
}

#[test]
fn a_recording_without_steps_has_fewer_strokes_and_says_so() {
    let without = FIRST.lines().filter(|line| {
        let steps = ["spawned", "connected", "exited", "request"];
        !steps
            .iter()
            .any(|step| line.contains(&format!("\"type\": \"{step}\"")))
    });
    let without: Vec<&str> = without.collect();
    let picture = picture(&[&without.join("\n")]);
    assert_eq!(
        strokes(&picture, 0),
        [(Stroke::Begin, 39_990), (Stroke::Work, 300_000)]
    );
    assert_eq!(strokes(&picture, 2), [(Stroke::Execute, 39_990)]);
    assert_eq!(picture.notes.len(), 1);
    assert!(
        picture.notes[0].contains("--detail steps"),
        "{:?}",
        picture.notes
    );
}

#[test]
fn what_a_killed_run_leaves_is_drawn_as_far_as_it_goes() {
    let until_held: Vec<&str> = FIRST.lines().take(7).collect();
    let torn = format!("{}\n{{\"v\":1,\"type\":\"comp", until_held.join("\n"));
    let picture = picture(&[&torn, SECOND]);
    let unfinished = &picture.operations[0];
    assert_eq!(unfinished.end, OperationEnd::Unfinished);
    assert_eq!(unfinished.ended, picture.runs[0].until);
    assert!(unfinished.ended > unfinished.begun);
    assert_eq!(picture.operations.len(), until_started(&torn) + 2);
    let notes = picture.notes.join("; ");
    assert!(notes.contains("1 line is no whole event"), "{notes}");
    assert!(notes.contains("one run has no summary"), "{notes}");
}

#[test]
fn a_worker_that_dies_before_it_writes_has_worked_until_then() {
    let text = r#"{"v":1,"type":"run_started","mode":"server-share","sync":"cas","pid":1,"clock_us":1}
{"v":1,"type":"started","op":"withdraw","account":"main","amount":"1.00","operation":1,"worker":1,"pid":2,"at_us":1000}
{"v":1,"type":"read","operation":1,"worker":1,"pid":2,"account":"main","balance":"10.00","version":0,"at_us":2000}
{"v":1,"type":"failed","op":"withdraw","account":"main","amount":"1.00","reason":"deadline","operation":1,"worker":1,"pid":2,"at_us":300000,"elapsed_us":299000}"#;
    let expected = [(Stroke::Begin, 1_000), (Stroke::Work, 298_000)];
    assert_eq!(strokes(&picture(&[text]), 0), expected);
}

#[test]
fn in_shared_memory_no_request_is_under_way_where_a_worker_works() {
    let works = |text: &str| {
        let strokes = strokes(&picture(&[text]), 1);
        strokes.into_iter().max_by_key(|(_, length)| *length)
    };
    assert_eq!(works(ADDITIONS), Some((Stroke::Work, 22_018)));
    let without_steps = ADDITIONS.lines().filter(|line| {
        let ends = ["run_started", "started", "completed", "summary"];
        ends.iter()
            .any(|end| line.contains(&format!("\"type\":\"{end}\"")))
    });
    let without_steps: Vec<&str> = without_steps.collect();
    assert_eq!(
        works(&without_steps.join("\n")),
        Some((Stroke::Work, 22_197))
    );
}

/// Runs that write to one file at once are seen where the one that goes on has a worker of the same number,
/// or has lines after the end of the other. One that was killed before the next began is drawn.
#[test]
fn runs_that_write_to_one_file_at_once_are_not_drawn() {
    let first: Vec<&str> = FIRST.lines().collect();
    let second: Vec<&str> = SECOND.lines().collect();
    let read = |lines: &[&str]| {
        let mut recording = Recording::default();
        recording.begin_source("two.jsonl");
        let read = lines
            .iter()
            .try_for_each(|line| recording.line(line.as_bytes()));
        read.map(|()| recording.picture().runs.len())
    };
    let mixed = Err(RecordingError::Mixed("two.jsonl".into()));
    assert_eq!(read(&[&first[..7], &second[..]].concat()), Ok(2), "killed");
    assert_eq!(
        read(&[&first[..], &second[..]].concat()),
        Ok(2),
        "one after the other"
    );
    let (begun, rest) = first.split_at(7);
    assert_eq!(
        read(&[begun, &second[..], rest].concat()),
        mixed,
        "after its end"
    );
    let (head, tail) = second.split_at(3);
    assert_eq!(
        read(&[begun, head, rest, tail].concat()),
        mixed,
        "in between"
    );
    let again = read(&[&first[..7], &second[..], &first[..]].concat());
    assert_eq!(again, Ok(3), "a later one has the file for itself");
}

#[test]
fn races_of_threads_are_kept_and_no_line_is_drawn_of_their_balance() {
    let text = concat!(
        r#"{"v":1,"type":"run_started","mode":"sync","sync":"none","pid":9,"clock_us":1,"account":"main","balance":"1000.00"}"#,
        "\n",
        r#"{"v":1,"type":"raced","remedy":"none","threads":4,"operations":40,"refused":0,"expected":"5000.00","actual":"3000.00","lost_updates":20,"elapsed_us":60,"ns_per_operation":1515}"#,
    );
    let picture = picture(&[text]);
    let lost: Vec<u64> = picture.runs[0]
        .races
        .iter()
        .map(|race| race.lost_updates)
        .collect();
    assert_eq!(lost, [20]);
    assert!(
        picture
            .accounts
            .iter()
            .all(|account| account.changes.is_empty())
    );
    assert!(picture.notes.is_empty(), "{:?}", picture.notes);
}

fn until_started(text: &str) -> usize {
    text.matches("\"type\": \"started\"").count()
}

#[test]
fn only_recordings_are_read() {
    let mut recording = Recording::default();
    recording.begin_source("notes.txt");
    let refused = recording.line(b"buy milk").expect_err("no recording");
    assert_eq!(
        refused.to_string(),
        "`notes.txt` is no recording of events: name a file that `--events` wrote"
    );
    recording.begin_source("new.jsonl");
    let refused = recording
        .line(br#"{"v":2,"type":"completed"}"#)
        .expect_err("a later version");
    assert!(
        refused.to_string().contains("use a newer `bank-par`"),
        "{refused}"
    );
}

#[test]
fn text_of_others_is_kept_short() {
    assert_eq!(shortened(&"ä".repeat(400)).chars().count(), 400);
    assert_eq!(
        shortened(&"ä".repeat(401)),
        format!("{}...", "ä".repeat(400))
    );
}

proptest! {
    /// Whatever numbers stand in a recording, it is drawn.
    #[test]
    fn no_number_is_too_much(
        places in proptest::collection::vec((any::<prop::sample::Index>(), any::<u64>(), 0..64u32), 1..20),
        source in 0..3usize,
    ) {
        let mut text = [LESSON, FIRST, SECOND][source].to_string();
        for (place, number, shift) in places {
            let numbers: Vec<usize> = text.match_indices("_us\": ").map(|(at, start)| at + start.len())
                .chain(["version\": ", "operation\": ", "worker\": ", "pid\": ", "decided\": ", "seq\": "]
                    .into_iter()
                    .flat_map(|start| text.match_indices(start).map(|(at, start)| at + start.len()).collect::<Vec<_>>()))
                .collect();
            let start = *place.get(&numbers);
            let length = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            text.replace_range(start..start + length, &(number >> shift).to_string());
        }
        let mut recording = Recording::default();
        for line in text.lines() {
            // A number that its field cannot have is no whole event.
            let _ = recording.line(line.as_bytes());
        }
        crate::report::draw_all(&recording.picture());
    }
}
