//! A recording that is read twice.

use super::*;

#[test]
fn a_file_that_is_named_twice_is_refused() {
    let recordings = Recordings::new();
    let (file, link) = (recordings.path("a"), recordings.path("b"));
    fs::write(&file, deposit("1.00", "1.00", 1)).unwrap();
    fs::hard_link(&file, &link).unwrap();
    for second in [&file, &link] {
        let run = run(&["check", &file, second]);
        assert_eq!(run.code(), 2, "{run:?}");
        let said = format!("`{second}` is named twice");
        assert!(run.stderr.contains(&said), "{run:?}");
    }
}

#[test]
fn a_run_that_is_read_twice_counts_once() {
    let (ledger, recordings) = (Ledger::new(), Recordings::new());
    ledger.say("deposit 100");
    let events = recordings.path("events");
    let (lines, ledger) = (mixed(), ledger.path());
    feed(
        &[
            "parallel",
            "-",
            "--ledger",
            &ledger,
            "--events",
            &events,
            "--time-scale",
            "0.0001",
        ],
        lines,
    );
    let once = recordings.check(&["events"], 0);
    let text = fs::read_to_string(&events).unwrap();
    let twice = [
        (vec!["check", &events, "-"], text.clone()),
        (vec!["check", "-"], format!("{text}{text}")),
    ];
    for (arguments, text) in twice {
        let run = feed(&arguments, text);
        let said = format!("; {0} answers told twice, counted once\n", once["answers"]);
        assert!(run.code() == 0 && run.stdout.ends_with(&said), "{run:?}");
        let counted = format!("ok: {} answers", once["answers"]);
        assert!(run.stdout.contains(&counted), "{run:?}");
    }
    // What is told otherwise the second time is no repetition.
    let other = text.replacen("\"balance\":\"1", "\"balance\":\"9", 3);
    assert_eq!(feed(&["check", &events, "-"], other).code(), 3);
}
