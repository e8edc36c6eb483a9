//! The pages of what was found out: by `explore` and by `check`.

use std::fs;
use std::path::PathBuf;

use crate::browser::{ask, complaints, has_browser};
use crate::cli::{Written, run};

/// A page that a command writes, whose findings are wrong.
fn page(folder: &tempfile::TempDir, arguments: &[&str]) -> PathBuf {
    let path = folder.path().join("page.html");
    let plain = run(arguments).expect(3);
    let all = [arguments, &["--report", path.to_str().unwrap()]].concat();
    assert_eq!(run(&all).expect(3).stdout, plain.stdout);
    path
}

/// Two recorded answers of which one cannot be true.
fn contradicting() -> Written {
    Written::new(
        "told.jsonl",
        concat!(
            r#"{"v":1,"type":"completed","op":"deposit","account":"main","amount":"100.00","balance":"100.00","seq":1,"pid":7}"#,
            "\n",
            r#"{"v":1,"type":"completed","op":"withdraw","account":"main","amount":"30.00","balance":"80.00","seq":2,"pid":8}"#,
            "\n",
        ),
    )
}

#[test]
fn the_orders_are_seen_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&folder, &["explore", "--amount", "500"]);
    if !has_browser() {
        return;
    }
    let seen = ask(
        &page,
        390,
        r##"
        seen.bars = $$("svg rect").length;
        seen.wrong = $$("svg rect.wrong").length;
        seen.steps = $$("table.lanes td.step").length;
        seen.lost = $$("table.lanes td.wrong").map((cell) => cell.textContent);
        seen.wide = $$("main > section > *").filter((one) => one.getBoundingClientRect().right > 391).map((one) => one.outerHTML);
        "##,
    );
    let counts = ["bars", "wrong", "steps"].map(|name| &seen[name]);
    assert_eq!(counts, [5, 4, 8], "{seen}");
    assert_eq!(
        seen["lost"],
        serde_json::json!(["write $500.00, writes over what 4 wrote"])
    );
    assert_eq!(seen["wide"], serde_json::json!([]), "{seen}");
}

#[test]
fn a_contradiction_is_seen_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let told = contradicting();
    let page = page(&folder, &["check", told.path()]);
    if !has_browser() {
        return;
    }
    let seen = ask(
        &page,
        390,
        r##"
        seen.lanes = $$("table.lanes thead th").map((head) => head.textContent);
        seen.last = $$("table.lanes td.wrong").pop().textContent;
        "##,
    );
    assert_eq!(
        seen["lanes"],
        serde_json::json!(["line", "process 7", "process 8"])
    );
    let last = seen["last"].as_str();
    assert!(
        last.is_some_and(|text| text.ends_with("DOES NOT FIT")),
        "{seen}"
    );
}

#[test]
#[ignore = "slow: looks at pages in a browser"]
fn everyone_can_read_them() {
    let folder = tempfile::tempdir().unwrap();
    let told = contradicting();
    for arguments in [&["explore"][..], &["check", told.path()]] {
        let page = page(&folder, arguments);
        assert_eq!(complaints(&page), Vec::<String>::new(), "{arguments:?}");
    }
}

#[test]
fn no_other_file_is_replaced_and_nothing_is_found_before() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.html");
    fs::write(&kept, "mine").unwrap();
    let kept = kept.to_str().unwrap();
    let told = contradicting();
    for arguments in [
        &["explore", "--report", kept][..],
        &["check", told.path(), "--report", kept],
        &["check", told.path(), "--report", told.path()],
        &["explore", "--report", "-"],
    ] {
        let refused = run(arguments);
        assert_eq!(
            (refused.code(), refused.stdout.as_str()),
            (2, ""),
            "{refused:?}"
        );
    }
    assert_eq!(fs::read(kept).unwrap(), b"mine");
}
