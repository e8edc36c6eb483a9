//! Workers that die after the command that was their operation's work.

use super::*;

/// A worker dies whose command ended with this status, and the end of its operation was not asked for.
fn dies_after(status: i32) -> (Bench, Vec<String>) {
    let mut bench = held_for_command();
    let ended = AttemptEnd {
        exit: Some(Exit::Status(status)),
        ..AttemptEnd::default()
    };
    let report = |event| Report {
        number: 1 << 32 | 1,
        event,
    };
    let reports = vec![
        report(CommandEvent::Starting { attempt: 1 }),
        report(CommandEvent::Ended(ended)),
    ];
    bench.arrived(1, Arrived::Reports(reports));
    let words = bench.dies();
    (bench, words)
}

#[test]
fn the_end_of_its_command_counts_although_a_worker_died_after_it() {
    let ends = [(0, "Doubt"), (1, "Void"), (75, "Decline")];
    for (status, end) in ends {
        assert_eq!(dies_after(status).1, [format!("abandon: {end}")]);
    }
    let (mut bench, _) = dies_after(75);
    let refused = Outcome::Refused {
        rejection: Rejection::Declined,
        view: None,
    };
    let declined = Abandoned::Declined(refused.into());
    bench.answered(Outgoing::Abandoned(1 << 32 | 1, declined));
    let [_, _, warned, refused] = bench.told.as_slice() else {
        panic!("{:?}", bench.told);
    };
    assert!(warned.ends_with("its command had declined"), "{warned}");
    assert!(refused.starts_with("Refused"), "{refused}");
}
