//! Rehearsals: real runs on copies, with a script that keeps its promise and one that does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli::{Run, Running, program};
use crate::ledger::Ledger;
use crate::process::{Process, orphans, until};

/// Pays each time that it is run.
const PAYS: &str = r#"echo "$BANK_PAR_ID $BANK_PAR_AMOUNT" >> "$BANK_PAR_REHEARSAL""#;

/// Pays once for each id, as a provider does that knows ids again.
const PAYS_ONCE: &str = r#"grep -q "^$BANK_PAR_ID " "$BANK_PAR_REHEARSAL" 2> /dev/null ||
echo "$BANK_PAR_ID $BANK_PAR_AMOUNT" >> "$BANK_PAR_REHEARSAL""#;

/// A seed with which commands fail after they have paid, and no process is killed.
const FAILING: &str = "3";

/// A ledger, a workload of twelve payments, and a folder for what a rehearsal makes.
struct Stage {
    ledger: Ledger,
    workload: String,
}

impl Stage {
    fn new() -> Self {
        let ledger = Ledger::new();
        ledger.say("deposit 1000");
        let workload = ledger.file(
            "pay.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":2}\n".repeat(12),
        );
        fs::create_dir(Path::new(&workload).with_file_name("copies")).unwrap();
        Stage { ledger, workload }
    }

    fn copies(&self) -> String {
        let copies = Path::new(&self.workload).with_file_name("copies");
        copies.to_str().unwrap().to_string()
    }

    /// A rehearsal of this script.
    fn command(&self, flags: &str, script: &str) -> Command {
        let mut command = program(&["rehearse", &self.workload, "--dir", &self.copies()]);
        command
            .args(["--ledger", &self.ledger.path()])
            .args(flags.split_whitespace())
            .args(["--", "sh", "-c", script])
            .current_dir(Path::new(&self.workload).parent().unwrap());
        command
    }

    /// Rehearses; the ledger must be what it was, and nothing be left.
    fn rehearse(&self, flags: &str, script: &str) -> Run {
        let before = (fs::read(self.ledger.path()).unwrap(), self.files());
        let run = Running::start(self.command(flags, script)).finish();
        assert!(before == (fs::read(self.ledger.path()).unwrap(), self.files()));
        assert_eq!(fs::read_dir(self.copies()).unwrap().count(), 0, "{run:?}");
        run
    }

    fn files(&self) -> Vec<String> {
        let folder = Path::new(&self.workload).parent().unwrap();
        let names = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = names
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// The ids of what was found, of these words, where this was one of the steps.
fn found(run: &Run, what: &str, step: &str) -> Vec<String> {
    let rounds = run.of("rehearsed_round");
    let findings = rounds
        .iter()
        .flat_map(|round| round["findings"].as_array().unwrap());
    let findings = findings.filter(|finding| {
        assert_eq!(finding["what"], what, "{run:?}");
        finding["steps"].to_string().contains(step)
    });
    findings
        .map(|finding| finding["id"].as_str().unwrap().to_string())
        .collect()
}

#[test]
fn a_script_that_knows_ids_again_keeps_its_promise() {
    let stage = Stage::new();
    let run = stage.rehearse(
        "--run-command --in-doubt retry --seed 1 --rounds 3 -o json",
        PAYS_ONCE,
    );
    assert_eq!(run.code(), 0, "{run:?}");
    let rounds = run.of("rehearsed_round");
    assert_eq!(rounds.len(), 3);
    for round in rounds {
        let ends = (&round["posted"], &round["in_doubt"], &round["findings"]);
        assert_eq!(
            ends,
            (&12.into(), &Value::Array(vec![]), &Value::Array(vec![]))
        );
    }
    let end = &run.of("rehearsed")[0];
    assert_eq!(end["verdict"], "kept");
    assert!(end["faults"].as_u64() > Some(0), "{end}");
}

#[test]
fn a_script_that_pays_twice_is_found_and_found_again() {
    let stage = Stage::new();
    let flags = format!("--run-command --seed {FAILING} --rounds 1 -o json");
    let run = stage.rehearse(&flags, PAYS);
    assert_eq!(run.code(), 3, "{run:?}");
    // When a command is killed that runs, it may have paid or not; what has paid and fails then is the same.
    let twice = |run: &Run| found(run, "paid_repeatedly", "told as a failure");
    assert!(!twice(&run).is_empty());
    assert_eq!(twice(&stage.rehearse(&flags, PAYS)), twice(&run));
    assert_eq!(run.of("rehearsed")[0]["verdict"], "broken");
    let text = stage.rehearse(&format!("--run-command --seed {FAILING} --rounds 1"), PAYS);
    assert!(text.stdout.contains("`: it was paid 2 times\n"), "{text:?}");
    assert!(text.stdout.contains("`--seed 3 --rounds 1`\n"), "{text:?}");
}

#[test]
fn a_command_is_run_only_if_that_is_asked_for_and_it_can_know() {
    let stage = Stage::new();
    let really = "touch paid; : BANK_PAR_REHEARSAL";
    let run = stage.rehearse(&format!("--seed {FAILING} --rounds 1 -o json"), really);
    // What a stand-in did twice, a command may have paid twice.
    assert_eq!(run.code(), 9, "{run:?}");
    assert!(!found(&run, "may_be_paid_repeatedly", "").is_empty());
    assert!(run.stderr.contains("a stand-in takes the place of `sh`"));
    let run = stage.rehearse("--run-command", "touch paid");
    assert_eq!((run.code(), run.stdout.as_str()), (2, ""));
    assert!(run.stderr.contains("does not mention `BANK_PAR_REHEARSAL`"));
    let script = "exit 0";
    let flags = "--run-command --only-test-accounts --seed 1 --rounds 1";
    assert!(matches!(stage.rehearse(flags, script).code(), 0 | 9));
}

#[test]
fn the_workload_and_what_is_told_of_payments_must_be_right() {
    let stage = Stage::new();
    let run = stage.rehearse(
        "--run-command --seed 3 --rounds 1",
        r#"echo paid >> "$BANK_PAR_REHEARSAL""#,
    );
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(
        run.stderr.contains("the line `paid` in the file"),
        "{run:?}"
    );
    fs::write(&stage.workload, "{\"op\":\"withdra\",\"amount\":2}\n").unwrap();
    let run = stage.rehearse("--seed 3", "true");
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr.contains("Line 1 is invalid"), "{run:?}");
}

#[test]
fn a_workload_needs_no_ledger_of_its_own() {
    let lines = "{\"op\":\"withdraw\",\"amount\":700,\"id\":\"a b\"}\n{\"op\":\"withdraw\",\"amount\":700}\n";
    let words = "rehearse - --seed 10 --rounds 1 --jobs 1 -o json -- true";
    let words: Vec<&str> = words.split(' ').collect();
    let run = crate::cli::feed(&words, lines);
    assert!(matches!(run.code(), 0 | 9), "{run:?}");
    assert!(run.of("rehearsed_round")[0]["posted"].as_u64() <= Some(1));
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing_behind() {
    let stage = Stage::new();
    let script = r#"echo $$ >> began; : "$BANK_PAR_REHEARSAL"; sleep 1000"#;
    let began = Path::new(&stage.workload).with_file_name("began");
    let running = Running::start(stage.command("--run-command --seed 1", script));
    let rehearsal = Process(running.pid.try_into().unwrap());
    let command = until("a command to begin", || {
        let pids = fs::read_to_string(&began).ok()?;
        Some(Process(pids.lines().next()?.parse().ok()?))
    });
    kill_process(Pid::from_raw(rehearsal.0).unwrap(), Signal::INT).unwrap();
    let run = running.finish();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&run.status),
        Some(2),
        "{run:?}"
    );
    assert_eq!(command.state(), None);
    assert!(orphans(rehearsal).is_empty());
    assert_eq!(fs::read_dir(stage.copies()).unwrap().count(), 0);
}
