//! What the page on how it is built says of the code.

use std::fs;

use super::{folder, has_word};

/// Every function that the page names stands in the file that it names.
#[test]
fn every_function_that_is_described_is_there() {
    let page = fs::read_to_string(folder().join("docs/building.md")).unwrap();
    let named: Vec<(&str, &str)> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once(".rs:"))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for (file, function) in named {
        let path = folder().join(format!("src/{file}.rs"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let declared = format!("fn {function}");
        assert!(
            text.lines().any(|line| has_word(line, &declared)),
            "`src/{file}.rs` has no function `{function}`"
        );
    }
}
