use std::io::Read;

use serde_json::Value;

use super::*;
use crate::show::samples::{ADDITIONS, LESSON, WAITS, many, picture};

fn page(picture: &Picture) -> String {
    let mut out = Vec::new();
    write(picture, &mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).expect(before);
    rest.split_once(after).expect(after).0
}

fn data(page: &str) -> Value {
    let packed = between(page, "id=\"data\">", "</script>");
    let bytes = STANDARD.decode(packed).expect("base64");
    let mut text = String::new();
    let mut decoder = flate2::read::ZlibDecoder::new(&bytes[..]);
    decoder.read_to_string(&mut text).expect("deflated");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_page_is_whole_and_only_its_own_scripts_may_run() {
    let page = page(&picture(&[LESSON]));
    assert!(page.starts_with(START) && page.ends_with("</html>\n"));
    assert!(!page.contains("{{"), "a place was not filled in");
    let policy = between(&page, "Policy\" content=\"", "\"");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    let mut scripts = page
        .split("<script>")
        .skip(1)
        .map(|rest| rest.split_once("</script>").expect("an end").0);
    for script in [scripts.next(), scripts.next(), scripts.next()] {
        assert!(policy.contains(&hash(script.expect("a script"))));
    }
    assert_eq!(scripts.next(), None);
    assert!(policy.contains(&hash(between(&page, "<style>", "</style>"))));
    for outside in [
        "http-equiv=\"refresh\"",
        "src=",
        "<link",
        "url(http",
        "@import",
        " style=",
    ] {
        let own = page.replace(UPLOT, "");
        assert!(!own.contains(outside), "{outside}");
    }
    for script in [SCRIPT, LANES_SCRIPT, UPLOT] {
        assert!(!script.contains("innerHTML"));
    }
}

#[test]
fn the_data_are_the_recording() {
    let data = data(&page(&picture(&[LESSON])));
    assert_eq!(data["total"], 5);
    assert_eq!(
        data["lanes"]["pid"],
        serde_json::json!([4001, 4002, 4003, 4004, 4005])
    );
    assert_eq!(data["operations"]["amount"][0], "100.00");
    assert_eq!(data["ends"]["completed"], 5);
    let lost = data["accesses"]["lost_to"].as_array().expect("a column");
    assert_eq!(lost.iter().filter(|over| !over.is_null()).count(), 5);
    assert_eq!(data["histories"][0]["posted"][0], "1000.00");
}

#[test]
fn waits_and_additions_are_told() {
    let data = data(&page(&picture(&[WAITS, ADDITIONS])));
    assert_eq!(data["waits"]["operation"], serde_json::json!([1]));
    assert_eq!(
        data["waits"]["accounts"],
        serde_json::json!(["@world, main"])
    );
    let steps = data["accesses"]["step"].as_array().expect("a column");
    let count = |word: &str| steps.iter().filter(|step| **step == word).count();
    assert_eq!([count("write"), count("add")], [4, 4]);
}

#[test]
fn no_text_of_a_recording_is_markup() {
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>";
    let line = format!(
        "{{\"v\":1,\"type\":\"failed\",\"id\":\"{hostile}\",\"op\":\"deposit\",\"account\":\"main\",\"amount\":\"1.00\",\"reason\":\"command_failed\",\"detail\":\"{hostile}\",\"worker\":1,\"pid\":7,\"at_us\":9}}"
    );
    let page = page(&picture(&[&line]));
    assert!(!page.contains("alert("));
    assert_eq!(data(&page)["operations"]["id"][0], hostile);
}

#[test]
fn many_operations_are_summed_up() {
    let page = page(&many(20_000));
    let data = data(&page);
    assert_eq!(data["total"], 20_000);
    let shown = data["operations"]["number"].as_array().expect("a column");
    assert!(shown.len() <= 2_000, "{}", shown.len());
    let refused = data["operations"]["end"].as_array().expect("a column");
    assert_eq!(refused.iter().filter(|end| **end == 1).count(), 20);
    let bins = data["bins"]["under_way"].as_array().expect("a column");
    assert!((1_000..=2_001).contains(&bins.len()), "{}", bins.len());
    let ended = data["bins"]["ended"]["completed"]
        .as_array()
        .expect("a column");
    let ended: u64 = ended.iter().filter_map(Value::as_u64).sum();
    assert_eq!(ended, 19_980);
    let buckets = data["latencies"][0]["buckets"]
        .as_array()
        .expect("a column");
    let counted: u64 = buckets.iter().filter_map(Value::as_u64).sum();
    assert_eq!(counted, 20_000);
    let history = data["histories"][0]["posted"].as_array().expect("a column");
    assert!(history.len() <= 8_001, "{}", history.len());
    assert!(page.len() < 400_000, "{}", page.len());
}
