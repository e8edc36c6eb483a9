//! What the page on how it is built says of the code.

use std::fs;

use super::{folder, has_word, sources};

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

/// Every test that the promises and the planted errors name is there.
#[test]
fn every_promise_has_its_tests() {
    let page = |name| fs::read_to_string(folder().join("docs").join(name)).unwrap();
    let page = page("promises.md") + &page("planted-errors.md");
    let sources: Vec<_> = sources("src").into_iter().chain(sources("tests")).collect();
    let named = page.split('`').skip(1).step_by(2);
    let named: Vec<&str> = named.filter(|code| code.contains("::")).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let path: Vec<&str> = name.split("::").collect();
        let (test, modules) = path.split_last().unwrap();
        let file = format!("/{}.rs", modules.join("/"));
        let declared = format!("fn {test}(");
        let is_there = sources.iter().any(|source| {
            let lines: Vec<&str> = source.text.lines().map(str::trim_start).collect();
            // What is tried over each backend is named in a list.
            let listed = format!("pub(super) {declared}");
            let is_test = |pair: &[&str]| {
                pair[1].starts_with(&declared) && pair[0].ends_with(']')
                    || pair[1].starts_with(&listed)
            };
            source.path.ends_with(&file) && lines.windows(2).any(is_test)
        });
        assert!(is_there, "there is no test `{name}`");
    }
}

/// No test is left out by `cargo test` but those that are slow and say why: `cargo slow` runs them.
#[test]
fn tests_that_are_left_out_are_slow() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        for (number, line) in (1..).zip(source.text.lines()) {
            let why = line.trim_start().strip_prefix("#[ignore");
            let is_slow = why.is_none_or(|why| why.starts_with(" = \"slow: "));
            assert!(is_slow, "{}:{number}: `{line}`", source.path);
        }
    }
}
