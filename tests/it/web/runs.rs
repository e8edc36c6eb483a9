//! The runs of the page: real processes, which end with it.

use std::io::Write;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Page, body, choice, status};
use crate::process::{Process, all_in, until};

const TWO: &str =
    r#"{"op":"withdraw","amount":"300","count":1},{"op":"deposit","amount":"50","count":1}"#;
const LONG: &str = r#","time_scale":"99""#;

/// Waits until no process works in this folder.
pub(super) fn nothing_left(folder: &Path) {
    until("the end of all processes", || {
        all_in(folder).is_empty().then_some(())
    });
}

fn pid(event: &Value) -> Process {
    Process(event["pid"].as_i64().unwrap().try_into().unwrap())
}

#[test]
fn every_screen_runs_and_its_balance_is_right() {
    let page = Page::open();
    for mode in ["parallel", "server-share", "queue", "pipe", "shared-memory"] {
        let (told, missed, end) = page.events(page.begin(mode, TWO, "")).rest();
        assert_eq!((missed, &end["status"]), (0, &json!(0)), "{mode} {end}");
        let summary = told
            .iter()
            .find(|event| event["type"] == "summary")
            .unwrap();
        let main = crate::cli::account(summary, "main");
        assert_eq!(main["balance"], "750.00", "{mode}");
    }
    let race = r#","threads":2,"rounds":10,"sync":"mutex""#;
    let (told, _, end) = page.events(page.begin("sync", TWO, race)).rest();
    assert!(told.iter().any(|event| event["type"] == "raced") && end["status"] == 0);
}

#[test]
fn what_the_command_refuses_is_told_in_its_words() {
    let page = Page::open();
    let (told, _, end) = page
        .events(page.begin("server-share", TWO, r#","sync":"hope""#))
        .rest();
    assert!(told.is_empty() && end["status"] == 2, "{end}");
    assert!(end["words"].as_str().unwrap().contains("hope"), "{end}");
}

#[test]
fn a_worker_that_is_killed_shows_and_no_other_process_can_be() {
    let page = Page::open();
    let run = page.begin("parallel", TWO, LONG);
    let mut events = page.events(run);
    let parent = pid(&events.wait_for("run_started"));
    let worker = pid(&events.wait_for("started"));
    assert_eq!(worker.parent(), Some(parent));
    let kill = |pid: u32| page.post(&format!("/runs/{run}/kill"), &format!("{{\"pid\":{pid}}}"));
    for other in [
        1,
        page.server.pid,
        std::process::id(),
        u32::try_from(parent.0).unwrap(),
    ] {
        assert_eq!(status(&kill(other)), 409);
    }
    assert!(worker.state().is_some() && parent.state().is_some());
    assert_eq!(status(&kill(worker.0.try_into().unwrap())), 200);
    let failed = events.wait_for("failed");
    assert_eq!(failed["pid"], worker.0);
    assert_eq!(status(&page.post(&format!("/runs/{run}/stop"), "{}")), 200);
    let (_, _, end) = {
        // The first asks, the next ends what is under way. Two that a busy machine delivers together are one.
        for _ in 0..3 {
            crate::process::ask_anew();
            page.post(&format!("/runs/{run}/stop"), "{}");
        }
        events.rest()
    };
    assert_eq!(end["signal"], 15, "{end}");
    assert_eq!(status(&kill(worker.0.try_into().unwrap())), 409);
}

#[test]
fn ctrl_c_and_even_a_kill_leave_nothing_behind() {
    for signal in [Signal::INT, Signal::KILL] {
        let page = Page::open();
        let runs = ["parallel", "shared-memory"].map(|mode| page.begin(mode, TWO, LONG));
        for run in runs {
            page.events(run).wait_for("started");
        }
        assert!(all_in(page.folder()).len() >= 5);
        page.signal(signal);
        nothing_left(page.folder());
    }
}

#[test]
fn only_so_many_runs_are_under_way() {
    let page = Page::open();
    let wanted = choice("pipe", TWO, LONG);
    let answers: Vec<u16> = (0..5)
        .map(|_| status(&page.post("/runs", &wanted)))
        .collect();
    assert_eq!(answers, [201, 201, 201, 201, 429]);
    // A page that is opened anew finds them.
    assert_eq!(
        body(&page.get("/runs"))["runs"].as_array().unwrap().len(),
        4
    );
}

#[test]
fn a_page_that_reads_nothing_holds_no_run_up() {
    let page = Page::open();
    let run = page.begin(
        "pipe",
        r#"{"op":"deposit","count":20000}"#,
        r#","time_scale":"0""#,
    );
    let mut slow = page.connect();
    let request = page.head("GET", &format!("/runs/{run}/events"), "");
    slow.write_all(request.as_bytes()).unwrap();
    let (told, missed, end) = page.events(run).rest();
    assert_eq!(end["status"], 0, "{end}");
    let summary = told.last().unwrap();
    assert_eq!(summary["completed"], 20_000);
    // A page that comes late gets the last events, and is told how many it missed.
    let (late, missed_late, _) = page.events(run).rest();
    assert_eq!(late.len() as u64 + missed_late, told.len() as u64 + missed);
    assert!(missed_late > 0 && late.last() == Some(summary));
}
