//! Whatever ends, nothing of a command is left.

use std::process::Command;

use rustix::process::Signal;

use super::{MODES, Office, ends, only};
use crate::family::{FAMILY, Family};
use crate::ledger::at_once;
use crate::process::{ask_anew, until};

fn family(office: &Office, mode: &str, more: &str) -> Family {
    let words = format!("{mode} --op withdraw=4 {more} --output json");
    let mut command = office.ledger.command(&words);
    command.args(["--", "sh", "-c", FAMILY]);
    Family::start(command)
}

#[test]
fn nothing_is_left_whoever_is_killed() {
    for mode in MODES {
        let office = Office::with("10");
        let killed = family(&office, mode, "");
        killed.keeper.kill();
        let run = killed.end();
        assert_eq!(ends(&run), ([0, 0, 0, 1], 7), "{run:?}");
        let killed = family(&office, mode, "");
        killed.parent().kill();
        killed.end();
        assert_eq!(office.money(), ["10.00", "8.00", "2.00"], "{mode}");
        office.ledger.verify();
    }
}

/// Who is stopped when the parent dies must end the command all the same.
#[test]
fn nothing_is_left_of_what_was_stopped() {
    for mode in MODES {
        let office = Office::with("10");
        let stopped = family(&office, mode, "");
        for process in stopped.members.iter().chain([&stopped.keeper]) {
            process.signal(Signal::STOP);
            until("a process to stop", || process.stopped());
        }
        stopped.parent().kill();
        stopped.end();
        office.ledger.verify();
    }
}

#[test]
fn a_command_that_is_killed_takes_its_children_with_it() {
    for mode in MODES {
        let office = Office::with("10");
        let killed = family(&office, mode, "");
        killed.members[0].kill();
        let run = killed.end();
        assert_eq!(ends(&run), ([0, 0, 1, 0], 4), "{run:?}");
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    }
}

#[test]
fn a_terminal_that_goes_away_ends_the_commands() {
    for mode in MODES {
        let office = Office::with("10");
        let left = family(&office, mode, "");
        left.parent().signal(Signal::HUP);
        let run = left.end();
        assert_eq!(run.status.code(), None, "{run:?}");
        let failed = only(&run, "failed");
        let detail = failed["detail"].as_str().unwrap();
        assert_eq!(detail, "its command was ended, as the run was asked to end");
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    }
}

/// A family whose parent writes what it says to the file `said`.
fn telling(office: &Office, mode: &str) -> Command {
    let mut command = Command::new("sh");
    let said = office.path("said");
    // Whatever the parent was started to ignore, its workers hear it.
    let script = format!("trap '' INT; exec \"$0\" \"$@\" 2> {}", said.display());
    let words = "--op withdraw=4 --retries 9 --output json -- sh -c";
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_bank-par"), mode])
        .args(words.split(' ').chain([FAMILY]))
        .env("BANK_PAR_LEDGER", office.ledger.path());
    command
}

#[test]
fn the_first_signal_lets_commands_finish_and_the_second_ends_them() {
    for mode in MODES {
        let office = Office::with("10");
        let asked = Family::start(telling(&office, mode));
        asked.parent().signal(Signal::TERM);
        until("the parent to say that it has heard", || {
            let said = office.read("said");
            said.contains("a second signal ends them").then_some(())
        });
        assert!(asked.members.iter().all(|member| member.state().is_some()));
        ask_anew();
        asked.parent().signal(Signal::TERM);
        let run = asked.end();
        assert_eq!(run.status.code(), None, "{run:?}");
        assert_eq!(run.of("retried").len(), 0, "{run:?}");
        only(&run, "failed");
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    }
}

#[test]
#[ignore = "slow: waits for a deadline of seconds"]
fn a_deadline_ends_the_command_and_all_that_it_started() {
    at_once(MODES.len(), |place| {
        let mode = MODES[place];
        let office = Office::with("10");
        let late = family(&office, mode, "--timeout 8s");
        let run = late.end();
        assert_eq!(ends(&run), ([0, 0, 1, 0], 6), "{run:?}");
        let failed = only(&run, "failed");
        assert_eq!(
            (&failed["reason"], &failed["timed_out"]),
            (&"deadline".into(), &true.into())
        );
        assert_eq!(office.money(), ["10.00", "0.00", "10.00"]);
    });
}

#[test]
fn a_stopped_run_stops_its_commands_and_goes_on_with_them() {
    for mode in MODES {
        let office = Office::with("10");
        let stopped = family(&office, mode, "");
        stopped.parent().signal(Signal::TSTP);
        for process in stopped.members.iter().chain([&stopped.parent()]) {
            until("a process to stop", || process.stopped());
        }
        stopped.parent().signal(Signal::CONT);
        for process in &stopped.members {
            until("a process to go on", || {
                process.state().filter(|state| *state != 'T').map(drop)
            });
        }
        stopped.members[0].kill();
        assert_eq!(ends(&stopped.end()), ([0, 0, 1, 0], 4));
    }
}
