//! The program as a command of a shell: completions, manual pages, short flags, one form of errors.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cli::{Run, Running, run};
use crate::ledger::Ledger;

/// Runs a tool of the system over these words.
fn tool(name: &str, arguments: &[&str]) -> Run {
    let mut command = Command::new(name);
    command.args(arguments).env("LC_ALL", "C.UTF-8");
    Running::start(command).finish()
}

#[test]
fn completions_are_what_bash_reads_and_complete_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("completions");
    let completions = run(&["completions", "bash"]).expect(0).stdout;
    fs::write(&script, &completions).unwrap();
    let script = script.to_str().unwrap();
    tool("bash", &["-n", script]).expect(0);
    for (typed, completed) in [
        ("server", "server-share"),
        ("server-share --sy", "--sync"),
        ("server-share --sync l", "lock"),
        ("compare --only li", "links"),
    ] {
        let asks = format!(
            "source {script}; words=($(complete -p bank-par)); COMP_WORDS=(bank-par {typed}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
             ${{words[-2]}} bank-par ${{COMP_WORDS[-1]}} ${{COMP_WORDS[-2]}}; echo ${{COMPREPLY[@]}}"
        );
        let answered = tool("bash", &["--norc", "-c", &asks]).expect(0);
        assert_eq!(answered.stdout.trim_end(), completed, "{typed}");
    }
}

#[test]
fn every_command_has_a_page_that_man_shows() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man/man1");
    let place = place.to_str().unwrap();
    let told = run(&["man", "--dir", place]).expect(0).stdout;
    // Once more, over its own pages.
    assert_eq!(run(&["man", "--dir", place]).expect(0).stdout, told);
    let mut pages: Vec<String> = fs::read_dir(place)
        .unwrap()
        .map(|page| page.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_eq!(told, format!("{} pages in {place}\n", pages.len()));
    for page in [
        "bank-par.1",
        "bank-par-deposit.1",
        "bank-par-server-share.1",
    ] {
        assert!(pages.iter().any(|one| one == page), "{page}: {pages:?}");
    }
    for page in pages {
        let path = Path::new(place).join(&page);
        let path = path.to_str().unwrap();
        // It is set and not shown; what is wrong with it is told.
        tool("groff", &["-ww", "-man", "-z", path]).expect(0);
        let page = fs::read_to_string(path).unwrap();
        for heading in ["NAME", "SYNOPSIS", "EXAMPLES", "DESCRIPTION"] {
            assert!(page.contains(&format!(".SH {heading}\n")), "{page}");
        }
    }
}

#[test]
fn a_page_is_written_over_no_other_file() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("bank-par-deposit.1");
    fs::write(&foreign, "mine").unwrap();
    let refused = run(&["man", "--dir", folder.path().to_str().unwrap()]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr.contains("was left as it is"), "{refused:?}");
    assert_eq!(fs::read_to_string(foreign).unwrap(), "mine");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn every_error_has_one_form() {
    for arguments in [
        &["depost", "5"][..],
        &["deposit", "5", "--accont", "x"],
        &["deposit", "x"],
        &["deposit", "5", "--ledger", "memory"],
        &["balance", "--ledger", "/no/such/ledger"],
        &["parallel", "/no/such/file"],
        &["check", "/no/such/file"],
        &["replay", "no-token"],
        &["man", "no-command"],
    ] {
        let failed = run(arguments);
        let said = failed.stderr.lines().next().unwrap_or_default();
        assert!(said.starts_with("bank-par: error: "), "{failed:?}");
        assert!(!failed.stderr.contains('\u{1b}'), "{failed:?}");
    }
}

#[test]
fn colour_comes_where_it_is_asked_for_and_a_ledger_stands_on_either_side() {
    let ledger = Ledger::new();
    let path = ledger.path();
    let posted = run(&["--ledger", &path, "deposit", "5", "-o", "json"]).expect(0);
    assert_eq!(posted.of("completed").len(), 1);
    let failed = run(&["--color", "always", "deposit", "x"]);
    assert!(failed.stderr.contains('\u{1b}'), "{failed:?}");
    let failed = run(&["balance", "--ledger", "memory", "--color=always"]);
    assert!(
        failed
            .stderr
            .starts_with("bank-par: \u{1b}[1m\u{1b}[31merror:\u{1b}[0m "),
        "{failed:?}"
    );
}
