//! The end of a command that was started was not seen.

use bank_par::store::LeaseShare;
use rustix::process::Signal;
use serde_json::json;

use super::{MODES, Office, ends, only};
use crate::cli::{Run, Running};
use crate::process::{Process, until};

/// Tells its process, waits until it may end, and says that it did.
const PATIENT: &str =
    "echo $BANK_PAR_ATTEMPT $$ >> log; until [ -e go ]; do sleep 0.01; done; echo end >> log";

/// A run of one line, whose command is running.
struct Patient {
    running: Running,
    command: Process,
    worker: Process,
}

impl Office {
    fn with_a_line(line: &str) -> Self {
        let office = Office::with("10");
        office.write("in.jsonl", line);
        office
    }

    fn patient(&self, mode: &str, more: &str) -> Patient {
        let before = self.read("log").lines().count();
        let running = self.start(&november(mode, more), PATIENT);
        let command = until("the command to run", || {
            let log = self.read("log");
            let line = log.lines().nth(before)?;
            Some(Process(line.split_once(' ')?.1.parse().unwrap()))
        });
        Patient {
            running,
            command,
            worker: command.parent().unwrap(),
        }
    }

    fn go_on(&self, mode: &str, more: &str, script: &str) -> Run {
        self.run(&november(mode, more), script)
    }

    /// The ids of what is in doubt, with run and line.
    fn doubts(&self) -> Vec<[String; 3]> {
        let holds = self.ledger.say("balance --holds");
        let cells = |line: &str| line.split('\t').map(String::from).collect::<Vec<_>>();
        let holds = holds.lines().map(cells);
        holds
            .filter(|cells| cells[6] == "in doubt")
            .map(|cells| [0, 7, 8].map(|cell| cells[cell].clone()))
            .collect()
    }
}

impl Patient {
    fn parent(&self) -> Process {
        Process(self.running.pid.try_into().unwrap())
    }

    /// Lets the command end while its worker stands still, so that nobody has seen it.
    fn end_unseen(&self, office: &Office) {
        self.worker.signal(Signal::STOP);
        until("the worker to stop", || self.worker.stopped());
        office.write("go", "");
        self.command.ended();
        std::fs::remove_file(office.path("go")).unwrap();
    }
}

fn november(mode: &str, more: &str) -> String {
    format!("{mode} in.jsonl --run november {more}")
}

const LINE: &str = "{\"op\":\"withdraw\",\"amount\":4}\n";

#[test]
fn a_killed_worker_leaves_its_operation_in_doubt() {
    for mode in MODES {
        let office = Office::with_a_line(LINE);
        let patient = office.patient(mode, "");
        patient.worker.kill();
        let run = patient.running.finish();
        assert_eq!(ends(&run), ([0, 0, 0, 1], 7), "{run:?}");
        let doubt = only(&run, "in_doubt");
        assert_eq!(
            (&doubt["id"], &doubt["reason"], &doubt["attempts"]),
            (&json!("november:1"), &json!("worker_died"), &json!(1))
        );
        patient.command.ended();
        assert_eq!(office.money(), ["10.00", "4.00", "6.00"]);
        assert_eq!(office.doubts(), [["november:1", "november", "1"]]);
        office.ledger.verify();
    }
}

#[test]
fn an_end_that_was_not_seen_is_in_doubt() {
    for (mode, parent_dies) in [
        ("parallel", true),
        ("parallel", false),
        ("queue", true),
        ("queue", false),
        ("pipe", true),
        ("pipe", false),
    ] {
        let office = Office::with_a_line(LINE);
        let patient = office.patient(mode, "");
        patient.end_unseen(&office);
        if parent_dies {
            patient.parent().kill();
            // A group of which nobody is left to let it go on is woken by the kernel.
            patient.worker.ended();
        } else {
            patient.worker.kill();
        }
        patient.running.finish();
        assert_eq!(office.read("log").lines().last(), Some("end"));
        let stopped = office.go_on(mode, "", "echo ran >> log");
        assert_eq!(stopped.code(), 8, "{stopped:?}");
        for part in [
            "1 of its operations was not seen: `november:1`",
            "post ID",
            "--in-doubt retry",
        ] {
            assert!(stopped.stderr.contains(part), "{stopped:?}");
        }
        let retried = office.go_on(
            mode,
            "--in-doubt retry",
            "echo again $BANK_PAR_ID $BANK_PAR_ATTEMPT >> log",
        );
        assert_eq!(ends(&retried), ([1, 0, 0, 0], 0), "{retried:?}");
        assert_eq!(
            office.read("log").lines().last(),
            Some("again november:1 2")
        );
        let done = office.go_on(mode, "", "echo never >> log");
        assert_eq!(ends(&done), ([1, 0, 0, 0], 0), "{done:?}");
        assert_eq!(only(&done, "completed")["duplicate"], true);
        assert_eq!(office.read("log").lines().count(), 3);
        assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
        office.ledger.verify();
    }
}

#[test]
#[ignore = "slow: a run that is going on is waited for before it is refused"]
fn a_run_lives_for_as_long_as_one_of_its_processes_does() {
    let office = Office::with_a_line(LINE);
    let patient = office.patient("parallel", "");
    let share = LeaseShare::from(office.path("bank.db/1").into_os_string());
    let share = share.take().unwrap();
    patient.parent().kill();
    patient.running.finish();
    patient.worker.ended();
    let early = office.go_on("parallel", "--in-doubt retry", "echo ran >> log");
    assert_eq!(early.code(), 8, "{early:?}");
    assert!(
        early.stderr.contains("going on in another process"),
        "{early:?}"
    );
    assert_eq!(office.doubts(), [[""; 3]; 0]);
    drop(share);
    // Another test may be starting a process, which has a share too until it runs its program.
    until("the run to be over", || {
        (office.doubts() == [["november:1", "november", "1"]]).then_some(())
    });
    let retried = office.go_on("parallel", "--in-doubt retry", "echo ran >> log");
    assert_eq!(ends(&retried), ([1, 0, 0, 0], 0), "{retried:?}");
}

#[test]
fn a_post_that_the_parent_did_not_come_to_is_in_doubt() {
    for mode in MODES {
        let office = Office::with_a_line(LINE);
        let patient = office.patient(mode, "");
        let parent = patient.parent();
        parent.signal(Signal::STOP);
        until("the parent to stop", || parent.stopped());
        office.write("go", "");
        patient.command.ended();
        until("the worker to have said all", || {
            patient.worker.waits().then_some(())
        });
        parent.kill();
        patient.running.finish();
        patient.worker.ended();
        assert_eq!(office.doubts(), [["november:1", "november", "1"]], "{mode}");
        let posted = office.go_on(mode, "--in-doubt post", "echo never >> log");
        assert_eq!(ends(&posted), ([1, 0, 0, 0], 0), "{posted:?}");
        assert_eq!(
            posted.stderr,
            "bank-par: operations in doubt that were posted: 1\n"
        );
        assert_eq!(office.read("log").lines().last(), Some("end"));
        assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
        office.ledger.verify();
    }
}

/// A line in doubt, whose run is over.
fn doubtful() -> Office {
    let office = Office::with_a_line(LINE);
    let patient = office.patient("parallel", "");
    patient.worker.kill();
    patient.running.finish();
    office
}

#[test]
fn what_did_nothing_is_given_back_and_run_like_any_other() {
    let office = doubtful();
    let run = office.go_on("pipe", "--in-doubt void", "echo $BANK_PAR_ATTEMPT >> log");
    assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
    assert_eq!(only(&run, "completed").get("duplicate"), None);
    assert_eq!(office.read("log").lines().last(), Some("1"));
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
    office.ledger.verify();
}

#[test]
fn what_somebody_settled_by_hand_is_settled_for_the_run() {
    let office = doubtful();
    office.ledger.say("post november:1 --amount 3");
    for words in [
        "parallel in.jsonl --run november",
        "queue in.jsonl --run november",
    ] {
        let run = office.ledger.run(&format!("{words} --output json"));
        // The input is found in the ledger's folder with a command only.
        assert_eq!(run.code(), 2, "{run:?}");
        let run = office.run(words, "echo never >> log");
        assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
        let done = only(&run, "completed");
        assert_eq!(
            (&done["duplicate"], &done["amount"]),
            (&json!(true), &json!("3.00"))
        );
    }
    assert_eq!(office.read("log").lines().count(), 1);
    let entry = office.ledger.say("history --output json");
    assert!(
        entry.contains("\"id\":\"november:1\"") && entry.contains("\"line\":1"),
        "{entry}"
    );
    assert_eq!(office.money(), ["7.00", "0.00", "7.00"]);
    office.ledger.verify();

    let office = doubtful();
    office.ledger.say("void november:1");
    let run = office.go_on("parallel", "", "echo ran >> log");
    assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
    assert_eq!(office.read("log").lines().last(), Some("ran"));
    office.ledger.verify();
}

#[test]
fn a_run_may_go_on_without_a_command_and_knows_what_is_in_doubt() {
    let office = doubtful();
    let path = office.path("in.jsonl");
    let plain = format!("parallel {} --run november", path.to_str().unwrap());
    let stopped = office.ledger.run(&plain);
    assert_eq!(stopped.code(), 8, "{stopped:?}");
    let refused = office.ledger.run(&format!("{plain} --in-doubt retry"));
    assert_eq!(refused.code(), 2, "{refused:?}");
    assert_eq!(office.money(), ["10.00", "4.00", "6.00"]);
    let posted = office.ledger.run(&format!("{plain} --in-doubt post"));
    assert_eq!(posted.code(), 0, "{posted:?}");
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
    // What was posted without a command stays done with one.
    office.write("in.jsonl", &LINE.repeat(2));
    assert_eq!(office.ledger.run(&plain).code(), 0);
    let run = office.go_on("pipe", "", "echo never >> log");
    assert_eq!(ends(&run), ([2, 0, 0, 0], 0), "{run:?}");
    assert_eq!(office.read("log").lines().count(), 1);
    assert_eq!(office.money(), ["2.00", "0.00", "2.00"]);
    office.ledger.verify();
}

#[test]
fn a_line_in_doubt_may_be_run_again_by_its_id_alone() {
    let office = doubtful();
    let mut again = office
        .ledger
        .command("withdraw 4 --id november:1 --in-doubt retry");
    again.args(["--", "sh", "-c", "echo $BANK_PAR_ATTEMPT"]);
    let again = Running::start(again).finish().expect(0);
    assert_eq!(again.stdout, "2\n");
    let run = office.go_on("parallel", "", "echo never >> log");
    assert_eq!(ends(&run), ([1, 0, 0, 0], 0), "{run:?}");
    let path = office.path("in.jsonl");
    let plain = office
        .ledger
        .run(&format!("pipe {} --run november", path.to_str().unwrap()));
    assert_eq!(plain.code(), 0, "{plain:?}");
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
    office.ledger.verify();
}

#[test]
fn an_operation_without_a_run_is_run_again_by_its_id() {
    let office = Office::with_a_line("{\"op\":\"withdraw\",\"amount\":4,\"id\":\"a\"}\n");
    let running = office.start("parallel in.jsonl", PATIENT);
    let command = until("the command to run", || {
        Some(Process(
            office.read("log").split_once(' ')?.1.trim().parse().ok()?,
        ))
    });
    command.parent().unwrap().kill();
    running.finish();
    let refused = office.run("parallel in.jsonl", "echo never >> log");
    assert_eq!(ends(&refused), ([0, 1, 0, 0], 1), "{refused:?}");
    assert_eq!(only(&refused, "refused")["reason"], "in_doubt");
    let again = office.run("parallel in.jsonl --in-doubt retry", "echo again >> log");
    assert_eq!(ends(&again), ([1, 0, 0, 0], 0), "{again:?}");
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
    office.ledger.verify();
}

#[test]
fn a_line_that_is_run_again_elsewhere_is_not_run_here() {
    let office = doubtful();
    let mut again = office
        .ledger
        .command("withdraw 4 --id november:1 --in-doubt retry");
    again
        .args([
            "--",
            "sh",
            "-c",
            "echo again >> log; until [ -e go ]; do sleep 0.01; done",
        ])
        .current_dir(office.path("."));
    let again = Running::start(again);
    until("the command to run again", || {
        office.read("log").ends_with("again\n").then_some(())
    });
    let path = office.path("in.jsonl");
    let words = format!("parallel {} --run november --output json", path.display());
    for more in ["", " -- true"] {
        let words = format!("{words}{more}");
        let meanwhile = office.ledger.run(&words);
        assert_eq!(ends(&meanwhile), ([0, 1, 0, 0], 1), "{meanwhile:?}");
        assert_eq!(only(&meanwhile, "refused")["reason"], "in_progress");
    }
    office.write("go", "");
    again.finish().expect(0);
    let after = office.ledger.run(&words);
    assert_eq!(ends(&after), ([1, 0, 0, 0], 0), "{after:?}");
    assert_eq!(office.money(), ["6.00", "0.00", "6.00"]);
    office.ledger.verify();
}

#[test]
fn what_cannot_be_read_at_once_is_in_doubt_and_waited_for_by_nobody() {
    for mode in MODES {
        let office = Office::with_a_line(LINE);
        let run = office.go_on(mode, "", "mkfifo $BANK_PAR_ACTUAL");
        assert_eq!(ends(&run), ([0, 0, 0, 1], 8), "{run:?}");
        assert_eq!(only(&run, "in_doubt")["reason"], "unreadable_actual");
    }
}
