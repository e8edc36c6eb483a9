use proptest::prelude::*;

use super::*;
use crate::show::samples::{FIRST, LESSON, SECOND, WAITS, picture};
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
    assert_eq!(
        lost,
        Some(expected.len() as u64),
        "as the run itself counted"
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
