//! The architecture rules, read from the source. They are worded as absences: what a part must not mention.

mod described;
mod modules;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file is one thought; a longer one holds two.
const MOST_LINES: usize = 400;

/// A function fits a screen.
const MOST_LINES_OF_A_FUNCTION: usize = 60;

/// Functions that are a table, one line or two for each case, which is read down and not through.
const TABLES: [&str; 1] = ["src/report/checked/words.rs: why"];

/// A file of the project: its path from the project's folder, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines of code, numbered from 1, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines().map(without_comment))
    }

    /// Whether it is the module of this path, or one below it.
    fn is_in(&self, module: &str) -> bool {
        let rest = self.path.strip_prefix(module);
        rest.is_some_and(|rest| rest.starts_with(['.', '/']))
    }
}

/// The line up to a comment. What looks like one within a text is cut too; no rule needs it.
fn without_comment(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(below: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&folder().join(below), &mut sources);
    assert!(!sources.is_empty(), "no sources in `{below}`");
    sources
}

fn collect(path: &Path, sources: &mut Vec<Source>) {
    let entries = fs::read_dir(path).unwrap();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(source(&path));
        }
    }
}

fn source(path: &PathBuf) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let path = path
        .strip_prefix(folder())
        .unwrap()
        .to_str()
        .unwrap()
        .to_string();
    Source { path, text }
}

/// Checks that the code of `src` mentions none of these words, except in these modules.
#[track_caller]
fn check(words: &[&str], except: &[&str]) {
    let sources = sources("src");
    let bound = sources
        .iter()
        .filter(|source| !except.iter().any(|module| source.is_in(module)));
    let found = mentions(bound, words);
    assert!(
        found.is_empty(),
        "found outside {except:?}:\n{}",
        found.join("\n")
    );
    // A module that is exempt from a rule for nothing is a rule that is out of date.
    for module in except {
        let exempt = sources.iter().filter(|source| source.is_in(module));
        assert!(
            !mentions(exempt, words).is_empty(),
            "`{module}` mentions none of {words:?} any more"
        );
    }
}

/// Where the words are mentioned.
fn mentions<'a>(sources: impl Iterator<Item = &'a Source>, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.code() {
            if words.iter().any(|word| has_word(line, word)) {
                found.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

/// Whether the line has the word, and not only as a part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let open_end = word.ends_with(part_of_word);
        let longer = open_end && after.is_some_and(part_of_word);
        !before.is_some_and(part_of_word) && !longer
    })
}

/// Whether all of it is for tests.
fn is_test(source: &Source) -> bool {
    [
        "/tests",
        "/simulation",
        "/samples.",
        "/expected.",
        "/untrusted",
    ]
    .iter()
    .any(|module| source.path.contains(module))
}

#[test]
fn words_are_whole_words() {
    assert!(has_word("a println!(x)", "println!"));
    assert!(!has_word("eprintln!(x)", "println!"));
    assert!(
        has_word("x as f64;", "f64") && !has_word("from_f64(x)", "f64") && !has_word("f640", "f64")
    );
    assert_eq!(without_comment("let x = 1; // f64"), "let x = 1; ");
}

#[test]
fn the_bank_and_the_steps_are_pure() {
    let impure = [
        "io", "fs", "net", "process", "thread", "time", "env", "sync",
    ];
    let modules = ["src/bank", "src/sharing", "src/explore"];
    let pure: Vec<Source> = sources("src")
        .into_iter()
        .filter(|source| modules.iter().any(|module| source.is_in(module)))
        // What a process counts is settled there once, before anything is read or written.
        .filter(|source| source.path != "src/bank/unit.rs")
        .collect();
    assert!(pure.len() > 15);
    let mut words: Vec<String> = impure
        .iter()
        .map(|module| format!("std::{module}"))
        .collect();
    words.extend(["std::{", "rand", "Instant", "SystemTime"].map(String::from));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(mentions(pure.iter(), &words), [""; 0]);
}

#[test]
fn the_run_pictures_and_the_check_are_pure() {
    let words = [
        "io",
        "fs",
        "net",
        "process",
        "thread",
        "time::Instant",
        "time::SystemTime",
    ];
    let mut words = words.map(|word| format!("std::{word}")).to_vec();
    words.extend(["std::{", "Instant", "SystemTime", "rand"].map(String::from));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let sources = sources("src");
    for (module, least) in [
        ("src/run", 10),
        ("src/show", 5),
        ("src/check", 10),
        ("src/worker/operation", 1),
    ] {
        let of_module = || sources.iter().filter(|source| source.is_in(module));
        assert!(of_module().count() > least);
        assert_eq!(mentions(of_module(), &words), [""; 0]);
    }
}

#[test]
fn only_the_report_prints() {
    let words = [
        "print!",
        "println!",
        "eprint!",
        "eprintln!",
        "stdout()",
        "stderr()",
        "io::Stdout",
        "io::Stderr",
    ];
    // The stdout of a worker of `pipe` is the wire, and so is that of a child that measures pipes.
    check(&words, &["src/report", "src/link/pipe", "src/compare/raw"]);
}

#[test]
fn only_the_protocol_knows_the_encoding() {
    check(&["bincode"], &["src/protocol"]);
}

#[test]
fn only_a_backends_own_folder_knows_its_sql() {
    let words = [
        "rusqlite",
        "SELECT",
        "INSERT INTO",
        "UPDATE",
        "DELETE FROM",
        "PRAGMA",
    ];
    check(&words, &["src/store/sqlite", "src/store/postgres"]);
}

#[test]
fn no_module_knows_the_command_line() {
    check(
        &["crate::cli", "super::cli", "clap"],
        &["src/cli", "src/untrusted"],
    );
    let main = fs::read_to_string(folder().join("src/bin/bank-par.rs")).unwrap();
    assert!(main.contains("cli::main()"));
}

#[test]
fn only_a_store_and_a_race_change_a_balance() {
    // The rules decide; a store keeps what they decided; the lesson shares the same rules' data. The check
    // asks what the rules answer to a repeat.
    check(
        &["LedgerState", "IdempotencyKeys"],
        &["src/bank", "src/store", "src/check"],
    );
}

#[test]
fn floats_are_for_time_alone() {
    check(&["f64", "f32"], &["src/work", "src/cli/moment"]);
}

#[test]
fn nothing_is_unsafe_or_unfinished() {
    check(&["todo!", "unimplemented!", "dbg!", "static mut"], &[]);
    // Memory that processes share cannot be had otherwise.
    check(&["unsafe", "unsafe_code"], &["src/shared_memory/mapping"]);
}

#[test]
fn a_file_is_one_thought() {
    for source in sources("src").into_iter().chain(sources("tests")) {
        let lines = source.text.lines().count();
        assert!(
            lines <= MOST_LINES,
            "`{}` has {lines} lines, more than {MOST_LINES}",
            source.path
        );
        assert!(
            !source.path.ends_with("/mod.rs"),
            "`{}`: a module stands beside its folder",
            source.path
        );
    }
}

/// The functions of a file, and how many lines each has: from its name to the brace that stands as far
/// to the right as it began.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some((before, rest)) = code.split_once("fn ") else {
            continue;
        };
        let is_item = before.split(' ').all(|word| {
            word.is_empty()
                || word.starts_with("pub")
                || ["const", "unsafe", "in", "extern"].contains(&word)
        });
        if !is_item {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let body = lines[place..].iter().position(|line| *line == end);
        let mut signature = lines[place..].iter();
        let is_declared = signature
            .find(|line| line.ends_with(['{', ';', '}']))
            .is_none_or(|line| !line.ends_with('{'));
        let name = rest.split(['(', '<']).next().unwrap();
        let count = body.filter(|_| !is_declared).map_or(1, |body| body + 1);
        functions.push((name, count));
    }
    functions
}

#[test]
fn a_function_fits_a_screen() {
    let mut tables = TABLES.to_vec();
    for source in sources("src").iter().filter(|source| !is_test(source)) {
        let code = source.text.split("\nmod tests {").next().unwrap();
        for (name, lines) in functions(code) {
            let name = format!("{}: {name}", source.path);
            if lines > MOST_LINES_OF_A_FUNCTION {
                let known = tables.iter().position(|table| *table == name);
                assert!(
                    known.is_some(),
                    "`{name}` has {lines} lines: split it by thought"
                );
                tables.swap_remove(known.unwrap());
            }
        }
    }
    assert!(tables.is_empty(), "no table any more: {tables:?}");
}

/// The types of a file: what stands behind `struct`, `enum`, `trait` or `type` on a line of its own, up to
/// the tests at its end.
fn types(source: &Source) -> Vec<&str> {
    let code = source.text.split("\nmod tests {").next().unwrap();
    let lines = code.lines().filter(|line| !line.starts_with("    type "));
    lines.filter_map(type_name).collect()
}

/// The name of the type that this line begins.
fn type_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().peekable();
    words.next_if(|word| word.starts_with("pub"));
    while words.peek()?.ends_with(')') || words.peek()?.starts_with("crate::") {
        words.next();
    }
    if !["struct", "enum", "trait", "type"].contains(&words.next()?) {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&name[..end.unwrap_or(name.len())])
}

#[test]
fn no_two_types_share_a_name() {
    let line = "    pub(in crate::cli) struct Plan<'a> {";
    assert_eq!(type_name(line), Some("Plan"));
    assert_eq!(type_name("pub type Plan= u8;"), Some("Plan"));
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let sources = sources("src");
    for source in sources.iter().filter(|source| !is_test(source)) {
        for name in types(source) {
            places.entry(name).or_default().push(&source.path);
        }
    }
    assert!(places.len() > 300);
    places.retain(|_, places| places.len() > 1);
    assert!(places.is_empty(), "{places:#?}");
}

#[test]
fn the_interface_has_every_exit_status() {
    let interface = fs::read_to_string(folder().join("docs/interface.md")).unwrap();
    let status = fs::read_to_string(folder().join("src/status.rs")).unwrap();
    let rows = interface.lines().filter_map(|line| {
        line.strip_prefix("| ")?
            .split_once(" |")?
            .0
            .parse::<u8>()
            .ok()
    });
    let mut documented: Vec<u8> = rows.collect();
    let codes = status
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Status::")?.split_once(" => "));
    let mut codes: Vec<u8> = codes
        .map(|(_, code)| code.trim_end_matches(',').parse().unwrap())
        .collect();
    codes.sort_unstable();
    documented.sort_unstable();
    assert!(codes.contains(&0) && codes.contains(&10));
    assert_eq!(documented, codes);
}
