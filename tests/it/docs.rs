//! The commands in the README and the documents, each run as it stands there, with the output that
//! stands there.
//!
//! A block of the language `console` is a session: a line after `$ ` is a command, lines after `> ` go on
//! with it, and what follows is its output, stdout and stderr together. In an output a line `...` stands
//! for any lines and `[..]` for any text in a line. All blocks of one document are one session of bash in
//! one folder. Blocks of the language `sh` are read by a person; what a person is to type with a known
//! output belongs into a `console` block.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::cli::Running;

/// Ends the output of each command; no command prints it.
const MARK: char = '\u{1e}';

/// A command of a document.
struct Step {
    /// Where it stands.
    line: usize,
    command: String,
    expected: String,
}

/// The commands of a document, in their order.
fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if !inside {
        } else if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                line: number + 1,
                command: command.to_string(),
                expected: String::new(),
            });
        } else if let Some(step) = steps.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) => write!(step.command, "\n{more}").unwrap(),
                None => writeln!(step.expected, "{line}").unwrap(),
            }
        }
    }
    steps
}

/// Runs all commands of a document and compares what they print.
///
/// The documents show races, and who of two writes first is a matter of time: where the machine stands
/// still for longer than lies between the two, a race ends otherwise than it does elsewhere. So a document
/// whose output is not the expected one is tried anew, from its first command. One that is wrong is wrong
/// each time.
fn check(document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let steps = steps(&std::fs::read_to_string(path).unwrap());
    let mut found = Vec::new();
    for _ in 0..3 {
        match differs(document, &steps) {
            None => return,
            Some(difference) => found.push(difference),
        }
    }
    panic!("{}", found.join("\n"));
}

/// Runs the commands of a document in one session, and tells the first output that is not the expected
/// one.
fn differs(document: &str, steps: &[Step]) -> Option<String> {
    let mut script = String::from("exec 2>&1\n");
    for step in steps {
        writeln!(script, "{}\nprintf '{MARK}'", step.command).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_bank-par")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", format!("{}:{path}", program.display()))
        .env_remove("BANK_PAR_LEDGER");
    let run = Running::start(command).finish();
    let outputs: Vec<&str> = run.stdout.split_terminator(MARK).collect();
    assert_eq!(outputs.len(), steps.len(), "{document}: {run:?}");
    let mut both = steps.iter().zip(outputs);
    let (step, output) = both.find(|(step, output)| !matches(&step.expected, output))?;
    let place = format!("{document}:{}: `{}`", step.line, step.command);
    let expected = &step.expected;
    Some(format!("{place} printed\n{output}\nand not\n{expected}"))
}

/// Whether an output is the expected one, with its `...` and `[..]`.
fn matches(expected: &str, output: &str) -> bool {
    let expected: Vec<&str> = expected.lines().collect();
    let output: Vec<&str> = output.lines().collect();
    lines_match(&expected, &output)
}

fn lines_match(expected: &[&str], output: &[&str]) -> bool {
    match expected.split_first() {
        None => output.is_empty(),
        Some((&"...", rest)) => (0..=output.len()).any(|from| lines_match(rest, &output[from..])),
        Some((first, rest)) => output
            .split_first()
            .is_some_and(|(line, others)| line_matches(first, line) && lines_match(rest, others)),
    }
}

fn line_matches(expected: &str, line: &str) -> bool {
    match expected.split_once("[..]") {
        None => expected == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| line_matches(rest, &line[at..]))
        }),
    }
}

#[test]
#[ignore = "slow: takes as long as the commands of the page"]
fn the_readme_prints_what_it_says() {
    check("README.md");
}

#[test]
#[ignore = "slow: takes as long as the commands of the page"]
fn the_manual_prints_what_it_says() {
    check("docs/manual.md");
}

#[test]
#[ignore = "slow: takes as long as the commands of the page"]
fn the_lesson_prints_what_it_says() {
    check("docs/lesson.md");
}

#[test]
fn the_lesson_fits_a_projector() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lesson.md");
    let lesson = std::fs::read_to_string(path).unwrap();
    let wide = lesson.lines().find(|line| line.chars().count() > 80);
    assert_eq!(wide, None);
}

#[test]
fn the_recipes_print_what_they_say() {
    check("docs/recipes.md");
}

#[test]
fn an_output_is_compared_line_by_line() {
    let cases = [
        ("a\nb\n", "a\nb\n", true),
        ("a\n", "a\nb\n", false),
        ("...\nb\n", "a\na\nb\n", true),
        ("...\nb\n...\n", "b\n", true),
        ("...\nc\n...\n", "a\nb\n", false),
        ("at [..] s\n", "at 4.003 s\n", true),
        ("at [..] s\n", "at 4.003 ms\n", false),
        ("", "a\n", false),
    ];
    for (expected, output, right) in cases {
        assert_eq!(matches(expected, output), right, "{expected:?} {output:?}");
    }
}
