//! No number that is given on the command line or in an input ends the program but by a status that is
//! documented for it.

use std::thread;

use crate::cli::Running;
use crate::ledger::Ledger;

const VALUES: [&str; 17] = [
    "",
    "0",
    "1",
    "-1",
    "2147483648",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999.99",
    "0.00000000000000000001",
    "1e400",
    "NaN",
    "text",
    "1ns",
    "18446744073709551615s",
    "584942417355y",
];

/// Commands in which `N` stands for a number, on a ledger with money. Those with a command run `true`.
const COMMANDS: [&str; 29] = [
    "deposit N",
    "withdraw N",
    "transfer N --to rent",
    "loan N",
    "hold N",
    "hold 0.01 --expires=N",
    "open other --overdraft=N",
    "post x --amount=N",
    "history --limit=N",
    "history --after=N",
    "history --since=N",
    "history --until=N",
    "withdraw 0.01 --timeout=N -- true",
    "withdraw 0.01 --retries=N -- true",
    "withdraw 0.01 --retries=1 --backoff=N -- true",
    "withdraw 0.01 --refused-code=N -- true",
    "parallel --time-scale 0 --op withdraw=N",
    "parallel --time-scale 0 --op withdraw=0.01 --jobs=N",
    "parallel --time-scale 0 --op withdraw=0.01 --ops-per-worker=N",
    "parallel --op balance --ledger memory --time-scale=N",
    "parallel --op withdraw=0.01 --timeout=N -- true",
    "queue --op withdraw=0.01 --retries=N -- true",
    "pipe --op withdraw=0.01 --retries=1 --backoff=N -- true",
    "parallel --op withdraw=0.01 --declined-code=N -- true",
    "parallel --op balance --ledger memory --balance=N",
    "parallel --op balance --ledger memory --overdraft=N",
    "parallel --op deposit --ledger memory --time-scale 0 --amount=N",
    "sync --op deposit --lock mutex --rounds 1 --threads=N",
    "sync --op deposit --lock mutex --threads 1 --rounds=N --balance x",
];

/// How many of the commands one thread tries.
const AT_A_TIME: usize = 8;

#[test]
fn no_number_breaks_the_program() {
    let ledger = Ledger::new();
    ledger.say("deposit 1000000");
    thread::scope(|scope| {
        for commands in COMMANDS.chunks(AT_A_TIME) {
            let ledger = &ledger;
            scope.spawn(move || {
                for command in commands {
                    VALUES
                        .iter()
                        .for_each(|value| try_it(ledger, command, value));
                }
            });
        }
    });
    ledger.verify();
}

fn try_it(ledger: &Ledger, command: &str, value: &str) {
    let mut program = ledger.command("");
    program.args(command.split(' ').map(|word| word.replace('N', value)));
    let run = Running::start(program).finish();
    // What a signal or a panic ended has no status, or 101.
    let code = run.status.code().unwrap_or(101);
    assert!(
        (0..=10).contains(&code) || (75..=78).contains(&code),
        "{command}, {value}: {run:?}"
    );
    assert!(
        !run.stderr.contains("panicked"),
        "{command}, {value}: {run:?}"
    );
}

#[test]
fn a_deadline_of_ages_is_for_ever() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    for way in ["withdraw 1", "parallel --op withdraw=1"] {
        for flag in ["--timeout", "--retries 1 --backoff"] {
            let words = format!("{way} {flag} 18446744073709551615s -- true");
            ledger.run(&words).expect(0);
        }
    }
    assert_eq!(ledger.money("main"), ["6.00", "0.00", "6.00"]);
}
