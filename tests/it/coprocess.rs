//! The programs of the page on other languages, each run as it stands there.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::Running;

/// The block of this language on the page.
fn program(language: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coprocess.md");
    let page = std::fs::read_to_string(page).unwrap();
    let begin = format!("```{language}\n");
    let block = page.split(&begin).nth(1).unwrap();
    block.split("```").next().unwrap().to_string()
}

/// Runs a block with this interpreter, if that is installed.
fn check(language: &str, interpreter: &str, flag: &str) {
    let version = Command::new(interpreter)
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        let _ = writeln!(
            std::io::stderr(),
            "`{interpreter}` is not installed: its program was not run"
        );
        return;
    }
    let folder = Path::new(env!("CARGO_BIN_EXE_bank-par")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(interpreter);
    command
        .args([flag, &program(language)])
        .env("PATH", format!("{}:{path}", folder.display()));
    let run = Running::start(command).finish();
    assert_eq!(
        (run.code(), run.stdout.as_str()),
        (0, "98.50\ninsufficient_funds\n"),
        "{run:?}"
    );
}

#[test]
fn python_keeps_a_bank_beside_it() {
    check("python", "python3", "-c");
}

#[test]
fn node_keeps_a_bank_beside_it() {
    check("js", "node", "-e");
}

#[test]
fn a_shell_keeps_a_bank_beside_it() {
    check("bash", "bash", "-c");
}
