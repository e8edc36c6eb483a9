use super::*;
use crate::show::samples::{FIRST, LESSON, SECOND, many, picture};

fn style(width: usize, ascii: bool) -> TimelineStyle {
    TimelineStyle {
        width,
        ascii,
        is_for_terminal: false,
    }
}

fn drawn(recordings: &[&str], width: usize, ascii: bool) -> String {
    timeline(&picture(recordings), style(width, ascii))
}

#[test]
fn the_lesson_is_seen() {
    let expected = "\
server-share --sync none, process 4000, 4.003 s (0.jsonl)
operation             0         1 s        2 s        3 s
 1 withdraw $100.00   r━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━L|            $900.00
";
    let text = drawn(&[LESSON], 80, false);
    assert!(text.starts_with(expected), "{text}");
    for line in [
        " 4 loan     $100.00   r━━━━━━━━━━L|                                 $1100.00",
        "main         $1100.00            ╭────────────────────╮",
        "              $900.00                                 ╰──────────── $900.00",
        "   1.5 ms   1 withdraw reads main $1000.00, @world -$1000.00",
        "   1.002 s   4 loan     writes main $1100.00, @loans -$100.00; LOST on main: 2",
        "                        deposit writes over it without having seen it",
        "3 updates of main were lost",
        "2 updates of @world were lost",
    ] {
        assert!(text.contains(&format!("{line}\n")), "{line}\n{text}");
    }
}

#[test]
fn work_has_other_strokes_than_what_is_under_way() {
    let text = drawn(&[FIRST], 80, true);
    for line in [
        " 1 withdraw $5.00     .--h=====================-p|                  $95.00",
        " 3 withdraw $90.00                                  ..-x.|          refused",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(
        text.contains(". process starts or rests; - a request is under way; = works;"),
        "{text}"
    );
}

#[test]
fn several_parents_have_their_lanes_below_their_names() {
    let text = drawn(&[FIRST, SECOND], 120, false);
    let place = |words: &str| {
        text.find(words)
            .unwrap_or_else(|| panic!("{words}: {text}"))
    };
    assert!(
        place("run 1: parallel, on bank.db, process 1000") < place("run 2: parallel, on bank.db")
    );
    assert!(text.contains("failed: command_failed"), "{text}");
}

#[test]
fn what_was_half_written_is_told_with_the_process_that_completed_it() {
    let text = r#"{"v":1,"type":"run_started","mode":"shared-memory","sync":"robust","pid":1,"clock_us":1,"account":"main","balance":"1000.00"}
{"v":1,"type":"started","op":"withdraw","account":"main","amount":"100.00","operation":2,"worker":2,"pid":12,"at_us":100}
{"v":1,"type":"wrote","operation":2,"worker":2,"pid":12,"account":"main","balance":"900.00","version":1,"at_us":3000}
{"v":1,"type":"exited","worker":2,"pid":12,"signal":9,"at_us":3100}
{"v":1,"type":"repaired","operation":2,"worker":2,"pid":12,"repaired_by":1,"at_us":3200}
{"v":1,"type":"completed","op":"withdraw","account":"main","amount":"100.00","balance":"900.00","available":"900.00","operation":2,"worker":2,"pid":12,"at_us":3300,"elapsed_us":3200}"#;
    let text = drawn(&[text], 80, true);
    let told = " 3.2 ms   2 withdraw died half-written, and worker 1 completed its writes";
    assert!(text.contains(told), "{text}");
    let lane = text.lines().find(|line| line.starts_with(" 2 withdraw"));
    assert!(lane.is_some_and(|lane| lane.ends_with("$900.00")), "{text}");
}

#[test]
fn races_of_threads_are_told_and_not_drawn() {
    let race = |remedy, actual, lost| {
        format!(
            r#"{{"v":1,"type":"raced","remedy":"{remedy}","threads":4,"operations":4000,"refused":0,"expected":"5000.00","actual":"{actual}.00","lost_updates":{lost},"elapsed_us":60,"ns_per_operation":15}}"#
        )
    };
    let start = r#"{"v":1,"type":"run_started","mode":"sync","sync":"none","pid":9,"clock_us":1,"account":"main","balance":"1000.00"}"#;
    let lines = [
        start.to_string(),
        race("none", 3_000, 1_020),
        race("mutex", 5_000, 0),
    ];
    assert_eq!(
        drawn(&[&lines.join("\n")], 80, true),
        "sync --lock none, process 9 (0.jsonl)\n\
         none: 1,020 updates of 4,000 lost; the balance ended with $3000.00, and must be\n\
         $5000.00\n\
         mutex: no update of 4,000 lost; the balance ended with $5000.00, as it must\n"
    );
}

#[test]
fn it_fits_any_width_and_needs_no_more_than_ascii() {
    for recordings in [&[LESSON][..], &[FIRST], &[FIRST, SECOND]] {
        for width in [40, 60, 80, 119, 120, 200] {
            let text = drawn(recordings, width, true);
            assert!(text.is_ascii(), "{text}");
            for text in [text, drawn(recordings, width, false)] {
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(width), "{width}:\n{text}");
                assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
            }
        }
    }
}

#[test]
fn of_many_operations_the_first_are_drawn() {
    let text = timeline(&many(100), style(80, true));
    assert!(
        text.contains("note: the first 40 operations are drawn, and 60 are not"),
        "{text}"
    );
    assert!(text.lines().count() < 30, "{text}");
    let (before, _) = text.split_once("0    ").expect("an axis");
    assert!(
        before.ends_with(
            "the first 40 of 100 operations; balances are as of then\n                      "
        ),
        "{text}"
    );
    assert!(!timeline(&many(40), style(80, true)).contains("the first"));
}

#[test]
fn runs_that_share_no_ledger_have_a_balance_each() {
    let text = drawn(&[LESSON, LESSON], 80, true);
    let rows = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    assert_eq!(
        [rows("main (run 1)"), rows("main (run 2)"), rows("@")],
        [1, 1, 0],
        "{text}"
    );
    let shared = drawn(&[FIRST, SECOND], 80, true);
    let balances = shared.lines().filter(|line| line.starts_with("main"));
    assert_eq!(balances.count(), 1, "{shared}");
}

#[test]
fn a_span_has_a_text_of_its_size() {
    for (micros, expected) in [
        (0, "0 us"),
        (999, "999 us"),
        (1_250, "1.2 ms"),
        (4_002_301, "4.002 s"),
    ] {
        assert_eq!(Span(micros).to_string(), expected);
    }
}
