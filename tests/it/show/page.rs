//! The report, as a browser shows it.

use std::fs;

use serde_json::Value;

use super::{Documents, recording};
use crate::browser::{Browser, ask, complaints, has_browser};
use crate::cli::run;

/// The report of some recordings.
fn report(documents: &Documents, recordings: &[String]) -> std::path::PathBuf {
    let path = documents.name("report.html");
    let mut arguments = vec!["show", "--report", &path];
    arguments.extend(recordings.iter().map(String::as_str));
    run(&arguments).expect(0);
    documents.path("report.html")
}

#[test]
fn a_browser_shows_it_without_a_complaint() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let page = report(
        &documents,
        &[recording("first.jsonl"), recording("second.jsonl")],
    );
    let mut browser = Browser::start(1000, 900);
    for light in ["light", "dark"] {
        browser.be_in(light);
        browser.open_file(&page);
        assert_eq!(browser.eval("document.documentElement.dataset.lanes"), "5");
    }
    browser.assert_content();
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn everyone_can_read_it() {
    let documents = Documents::new();
    let page = report(&documents, &[recording("lesson.jsonl")]);
    assert_eq!(complaints(&page), Vec::<String>::new());
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn lanes_zoom_and_answer_to_keys() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let page = report(&documents, &[recording("lesson.jsonl")]);
    let seen = ask(
        &page,
        1000,
        r##"
        seen.lanes = $$("#plot .lane").length;
        seen.operations = $$("#plot .operation").length;
        seen.works = $$("#plot .work").length;
        seen.lost = $$("#plot .access.lost").length;
        seen.whole = text("#window");
        document.querySelector("#zoom-in").click();
        seen.zoomed = text("#window");
        press("+");
        seen.keyed = text("#window");
        press("ArrowRight");
        seen.moved = text("#window");
        press("Home");
        seen.back = text("#window");
        press("ArrowDown");
        press("ArrowDown");
        seen.chosen = text("#chosen");
        seen.marked = $$("#plot .operation.chosen").length;
        seen.told = $$("#accesses .lost").map((row) => row.textContent);
        "##,
    );
    let counts = [
        &seen["lanes"],
        &seen["operations"],
        &seen["works"],
        &seen["lost"],
    ];
    assert_eq!(counts, [5, 5, 4, 3], "{seen}");
    let windows = ["whole", "zoomed", "keyed", "moved"].map(|name| seen[name].as_str().unwrap());
    assert_eq!(seen["back"], windows[0]);
    for (place, window) in windows.iter().enumerate() {
        assert!(!windows[place + 1..].contains(window), "{seen}");
    }
    assert!(
        seen["chosen"]
            .as_str()
            .unwrap()
            .starts_with("Operation 2 · deposit $100.00 main · worker 2"),
        "{seen}"
    );
    assert_eq!(seen["marked"], 1);
    assert_eq!(seen["told"][0], "LOST: 2 deposit writes over it unseen");
    assert_eq!(seen["told"].as_array().unwrap().len(), 5);
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn waits_and_additions_are_seen() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let recordings = ["waits.jsonl", "additions.jsonl"].map(recording);
    let page = report(&documents, &recordings);
    let seen = ask(
        &page,
        1000,
        r##"
        seen.waits = $$("#accesses tbody tr").map((row) => row.textContent).filter((row) => row.includes("waits"));
        seen.letters = $$("#plot .access text").map((letter) => letter.textContent).join("");
        seen.text = text("#shared-text");
        "##,
    );
    let waits = seen["waits"].as_array().unwrap();
    assert_eq!(waits.len(), 1, "{seen}");
    let wait = waits[0].as_str().unwrap();
    assert!(
        wait.contains("2 depositwaits: ") && wait.contains("has the lock"),
        "{wait}"
    );
    // Both sides of a movement have one letter where there is no room for two.
    assert_eq!(seen["letters"], "rwrwaa");
    assert!(
        seen["text"]
            .as_str()
            .unwrap()
            .ends_with("1 wait for locks."),
        "{seen}"
    );
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn the_table_is_searched_and_sorted() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let page = report(&documents, &[recording("lesson.jsonl")]);
    let seen = ask(
        &page,
        1000,
        r##"
        const first = () => text("#table tbody tr td:nth-child(2)");
        const sort = (name) => document.querySelector(`#table [data-sort="${name}"]`).click();
        const search = (words) => {
          document.querySelector("#search").value = words;
          document.querySelector("#search").dispatchEvent(new Event("input"));
        };
        seen.all = $$("#table tbody tr").length;
        sort("elapsed");
        seen.shortest = first();
        sort("elapsed");
        seen.longest = first();
        seen.told = document.querySelector("#table [aria-sort]").getAttribute("aria-sort");
        search("transfer");
        seen.found = [$$("#table tbody tr").length, first(), text("#found")];
        search("no such thing");
        seen.nothing = [$$("#table tbody tr").length, text("#found")];
        search("");
        document.querySelector("#end").value = "refused";
        document.querySelector("#end").dispatchEvent(new Event("change"));
        seen.refused = $$("#table tbody tr").length;
        document.querySelector("#end").value = "";
        document.querySelector("#end").dispatchEvent(new Event("change"));
        document.querySelector("#table .row-button").click();
        seen.shown = text("#chosen").startsWith(`Operation ${text("#table .row-button")} `);
        "##,
    );
    assert_eq!(seen["all"], 5);
    assert_eq!(
        [&seen["shortest"], &seen["longest"]],
        ["balance", "transfer"]
    );
    assert_eq!(seen["told"], "descending");
    assert_eq!(
        seen["found"],
        serde_json::json!([1, "transfer", "1 operation found"])
    );
    assert_eq!(
        seen["nothing"],
        serde_json::json!([0, "0 operations found"])
    );
    assert_eq!(
        [&seen["refused"], &seen["shown"]],
        [&Value::from(0), &Value::from(true)]
    );
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn hostile_text_stays_text() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let hostile = "</script><script>window.hostile=1</script><img src=x onerror=window.hostile=2>";
    let line = format!(
        "{{\"v\":1,\"type\":\"failed\",\"id\":\"{hostile}\",\"op\":\"deposit\",\"account\":\"main\",\"amount\":\"1.00\",\"reason\":\"command_failed\",\"detail\":\"{hostile}\",\"worker\":1,\"pid\":7,\"at_us\":9}}\n"
    );
    let events = documents.name("<b>events<b>.jsonl");
    fs::write(&events, line).unwrap();
    let page = report(&documents, &[events]);
    let seen = ask(
        &page,
        1000,
        r##"
        press("ArrowDown");
        seen.hostile = window.hostile ?? null;
        seen.elements = $$("img, b").length;
        seen.cells = $$("#table tbody td").map((cell) => cell.textContent);
        seen.chosen = text("#chosen");
        seen.title = text("#plot title");
        "##,
    );
    assert_eq!(seen["hostile"], Value::Null, "{seen}");
    assert_eq!(seen["elements"], 0);
    assert!(
        seen["cells"].as_array().unwrap().contains(&hostile.into()),
        "{seen}"
    );
    for place in ["chosen", "title"] {
        assert!(seen[place].as_str().unwrap().contains(hostile), "{seen}");
    }
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn it_fits_a_phone() {
    if !has_browser() {
        return;
    }
    let documents = Documents::new();
    let page = report(&documents, &[recording("lesson.jsonl")]);
    let seen = ask(
        &page,
        390,
        r##"
        seen.wide = $$("main > section > *").filter((one) => one.getBoundingClientRect().right > 391).map((one) => one.id);
        seen.lanes = $$("#plot .lane").length;
        "##,
    );
    assert_eq!(seen["wide"], serde_json::json!([]), "{seen}");
    assert_eq!(seen["lanes"], 5);
}
