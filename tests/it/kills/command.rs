//! One operation with a command: its run begins with what it sets aside and ends with what becomes of
//! that, and a kill at any call leaves nothing that a repeat cannot end.

use std::process::Command;

use super::points::under_strace;
use crate::cli::Running;
use crate::ledger::{Ledger, at_once};
use crate::power::has_strace;
use crate::process::until;
use crate::serve::Served;

/// The most calls of one name that the command and its processes can make.
const MOST_CALLS: u64 = 200;

/// How often this command syncs.
fn syncs(ledger: &Ledger, words: &str) -> usize {
    let command = ledger.command(words);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-q", "-e", "signal=none"]);
    strace.args(["-e", "trace=fsync,fdatasync"]);
    strace.arg(command.get_program()).args(command.get_args());
    strace.env("BANK_PAR_LEDGER", ledger.path());
    let run = Running::start(strace).finish();
    run.stderr.matches("sync(").count()
}

#[test]
fn a_command_costs_one_commit_more_than_none() {
    if !has_strace() {
        return;
    }
    let ledger = Ledger::new();
    ledger.say("deposit 100");
    let bare = syncs(&ledger, "withdraw 1");
    assert!(bare > 0);
    assert_eq!(syncs(&ledger, "withdraw 1 -- true"), bare + 1);
    // Nothing is posted, and the run ends all the same.
    assert_eq!(syncs(&ledger, "withdraw 1 -- false"), bare + 1);
    assert_eq!(syncs(&ledger, "hold 1 --id held -- true"), bare + 1);
    // What is refused begins no run that would have to be ended.
    assert_eq!(syncs(&ledger, "withdraw 1000 -- true"), bare);
    ledger.verify();
}

/// Kills the command, its guard or the program at its first, second, ... call of this name, until none
/// of them comes to that call. Each time a repeat posts what was asked for. Tells how many were asked for.
fn kill_at_each(ledger: &Ledger, place: &str, call: &str) -> u64 {
    for number in 1..=MOST_CALLS {
        let words = format!("deposit 1 --id {call}-{number} --in-doubt retry -- true");
        let mut killed = under_strace(call, number, &ledger.command(&words));
        killed.env("BANK_PAR_LEDGER", place);
        let run = Running::start(killed).finish();
        // A server may not have seen yet that its client is gone: then a repeat may succeed.
        let again = until("the killed command to be seen", || {
            let mut again = ledger.command(&words);
            again.env("BANK_PAR_LEDGER", place);
            Some(Running::start(again).finish()).filter(|run| run.code() != 75)
        });
        assert_eq!(again.code(), 0, "{call} {number}: {again:?}");
        if run.status.success() {
            return number;
        }
    }
    panic!("`{call}` is called more than {MOST_CALLS} times");
}

#[test]
#[ignore = "slow: kills at hundreds of calls"]
fn a_command_killed_at_any_call_counts_once() {
    if !has_strace() {
        return;
    }
    const CALLS: [&str; 8] = [
        "pwrite64",
        "fsync",
        "write",
        "fcntl",
        "ftruncate",
        "clone",
        "clone3",
        "execve",
    ];
    let asked = at_once(2, |number| {
        let ledger = Ledger::created();
        let calls = CALLS.iter().skip(number).step_by(2);
        let place = ledger.path();
        let asked: u64 = calls.map(|call| kill_at_each(&ledger, &place, call)).sum();
        has_all(&ledger, asked);
        asked
    });
    assert!(asked.iter().all(|asked| *asked > 10), "{asked:?}");
}

#[test]
#[ignore = "slow: kills at hundreds of calls"]
fn a_command_on_a_served_ledger_killed_at_any_call_counts_once() {
    if !has_strace() {
        return;
    }
    const CALLS: [&str; 6] = ["sendto", "recvfrom", "write", "clone", "clone3", "execve"];
    let served = Served::start();
    let place = served.address();
    let calls = CALLS.iter();
    let asked: u64 = calls
        .map(|call| kill_at_each(&served.ledger, &place, call))
        .sum();
    has_all(&served.ledger, asked);
    assert!(asked > 10, "{asked}");
}

/// All that was asked for was deposited, and nothing else.
fn has_all(ledger: &Ledger, asked: u64) {
    let all = format!("{asked}.00");
    assert_eq!(ledger.money("main"), [&all, "0.00", &all]);
    ledger.verify();
}
