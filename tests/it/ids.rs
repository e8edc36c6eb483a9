//! Operations that carry an id of the caller's.

use crate::cli::{MODES, Running, assert_sound, json_feed, program};
use serde_json::{Value, json};

#[test]
fn an_id_is_decided_once() {
    let check = |first: &str, second: &str, code: i32, expected: Value| {
        for mode in MODES {
            let lines = format!("{first}\n{second}\n");
            let all = json_feed(mode, &["--jobs", "1"], &lines);
            assert_eq!(all.code(), code, "{mode}: {all:?}");
            let events = all.events();
            let what = |event: &Value| json!([event["type"], event["reason"], event["duplicate"]]);
            assert_eq!(
                json!([what(&events[0]), what(&events[1])]),
                expected,
                "{mode}"
            );
            assert_eq!(events[1]["id"], "x", "{mode}");
            // A stored outcome is told as it was.
            if events[1]["duplicate"] == true {
                for field in ["seq", "balance", "available", "amount"] {
                    assert_eq!(events[0][field], events[1][field], "{mode}");
                }
            }
            assert_sound(&all.summary());
        }
    };
    let deposit = r#"{"op":"deposit","amount":5,"id":"x"}"#;
    let completed = json!(["completed", null, null]);
    check(
        deposit,
        r#"{"id":"x","amount":"5.00","op":"deposit","account":"main"}"#,
        0,
        json!([completed, ["completed", null, true]]),
    );
    let conflict = json!(["refused", "id_conflict", null]);
    for other in [
        r#"{"op":"deposit","amount":6,"id":"x"}"#,
        r#"{"op":"loan","amount":5,"id":"x"}"#,
        r#"{"op":"deposit","amount":5,"id":"x","account":"ops"}"#,
        r#"{"op":"balance","id":"x"}"#,
    ] {
        check(deposit, other, 5, json!([completed, conflict]));
    }
    let much = r#"{"op":"withdraw","amount":5000,"id":"x"}"#;
    let refused = json!(["refused", "insufficient_funds", null]);
    check(
        much,
        much,
        1,
        json!([refused, ["refused", "insufficient_funds", true]]),
    );
    let view = r#"{"op":"balance","id":"x"}"#;
    check(view, view, 0, json!([completed, ["completed", null, true]]));
}

#[test]
fn a_refusal_is_remembered_although_there_is_money_now() {
    let lines = r#"{"op":"withdraw","amount":1001,"id":"x"}
{"op":"deposit","amount":500}
{"op":"withdraw","amount":1001,"id":"x"}
{"op":"withdraw","amount":1001,"id":"y"}
"#;
    for mode in MODES {
        let all = json_feed(mode, &["--jobs", "1"], lines).expect(1);
        let kinds: Vec<Value> = all
            .events()
            .iter()
            .map(|event| event["type"].clone())
            .collect();
        assert_eq!(
            kinds,
            ["refused", "completed", "refused", "completed", "summary"],
            "{mode}"
        );
        assert_eq!(all.summary()["duplicates"], 1, "{mode}");
    }
}

#[test]
fn an_id_that_is_still_under_way_is_refused() {
    for mode in MODES {
        // Whichever of the two claims the id works for hours, so the other finds it under way.
        let mut running = Running::start(program(&[
            mode,
            "-",
            "--time-scale",
            "10000",
            "--output",
            "json",
        ]));
        running.say(r#"{"op":"deposit","amount":5,"id":"x"}"#);
        running.say(r#"{"op":"deposit","amount":5,"id":"x"}"#);
        let told = std::iter::from_fn(|| Some(running.hear_event()));
        let refused = told
            .into_iter()
            .find(|event| event["type"] != "started" && event["type"] != "held")
            .unwrap();
        assert_eq!(
            (&refused["type"], &refused["reason"]),
            (&json!("refused"), &json!("in_progress")),
            "{mode}"
        );
        assert_eq!(refused["duplicate"], Value::Null, "{mode}");
        running.kill();
        running.finish();
    }
}
