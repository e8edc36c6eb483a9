//! Many processes on one ledger file: none fails, and the sums are exact.
//!
//! `BANK_PAR_WRITERS=N` has each of the eight shells run N commands instead of a few.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::cli::{Run, Running, Written, program};
use crate::ledger::{Ledger, at_once};
use crate::promised::Promised;

const SHELLS: usize = 8;

/// How many commands each shell runs.
fn commands() -> u64 {
    let wanted = std::env::var("BANK_PAR_WRITERS").ok();
    wanted.map_or(25, |wanted| wanted.parse().expect("a number of commands"))
}

/// What one shell runs: half of its commands are deposits, half transfers to its own account.
const SHELL: &str = r#"
for number in $(seq COMMANDS); do
    if [ $((number % 2)) = 1 ]
    then bank-par deposit 0.03 --id "SHELL-$number" --output json
    else bank-par transfer 0.01 --to "shell-SHELL" --id "SHELL-$number" --output json
    fi || exit
done
"#;

fn shell(number: usize) -> String {
    let script = SHELL.replace("COMMANDS", &commands().to_string());
    script.replace("SHELL", &number.to_string())
}

/// Checks that every command of every shell was done, once.
fn check_all(ledger: &Ledger, runs: &[Run]) {
    let mut promised = Promised::default();
    for run in runs {
        assert_eq!((run.code(), run.stderr.as_str()), (0, ""), "{}", run.stdout);
        promised.hear(&run.stdout);
    }
    let (each, shells) = (commands(), SHELLS as u64);
    assert_eq!(promised.posted(), each * shells);
    let (deposits, transfers) = (each.div_ceil(2), each / 2);
    let cents = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
    let main = cents((3 * deposits - transfers) * shells);
    assert_eq!(ledger.money("main"), [&main, "0.00", &main]);
    for number in 0..SHELLS {
        let own = cents(transfers);
        assert_eq!(
            ledger.money(&format!("shell-{number}")),
            [&own, "0.00", &own]
        );
    }
    let world = format!("-{}", cents(3 * deposits * shells));
    assert_eq!(ledger.money("@world"), [&world, "0.00", &world]);
    promised.check(ledger.path().as_ref()).unwrap();
}

#[test]
fn shells_write_to_one_file() {
    let ledger = Ledger::created();
    // What is moved out was put in before, whoever comes first.
    ledger.say("open main --overdraft 100");
    let runs = at_once(SHELLS, |number| ledger.script(&shell(number)));
    check_all(&ledger, &runs);
}

#[test]
fn shells_write_through_a_server() {
    let ledger = Ledger::created();
    ledger.say("open main --overdraft 100");
    let path = ledger.path();
    let socket = format!("{path}-private/socket");
    let mut server = Running::start(program(&["serve", "--ledger", &path, "--socket", &socket]));
    // It says so when clients can connect.
    assert!(server.hear().contains(&socket));
    let through = format!("export BANK_PAR_LEDGER='unix:{socket}'\n");
    let runs = at_once(SHELLS, |number| {
        ledger.script(&(through.clone() + &shell(number)))
    });
    // The file is open to others all the while.
    check_all(&ledger, &runs);
    terminate(&server);
    let ended = server.finish();
    assert_eq!(
        ended.status.signal(),
        Some(Signal::TERM.as_raw()),
        "{ended:?}"
    );
}

fn terminate(running: &Running) {
    let pid = Pid::from_raw(running.pid.cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

/// Commands one after another beside runs that write back to back: 800 of them in the long form.
#[test]
fn one_shots_get_through_beside_a_run() {
    let ledger = Ledger::created();
    let count = commands() * 1_000;
    let line = "{\"op\":\"deposit\",\"amount\":\"0.01\"}\n";
    let input = Written::new("lines.jsonl", line.repeat(count as usize));
    let begun = busy_run(&ledger, &input, 0);
    let (done, ended) = (AtomicU64::new(0), AtomicBool::new(false));
    let busy = || {
        // The others end with this one, also where it fails.
        let _end = Raised(&ended);
        let mut runs = 0;
        let mut running = begun;
        loop {
            running.finish().expect(0);
            runs += 1;
            if done.load(Relaxed) >= commands() * 8 / 5 {
                return runs * count;
            }
            running = busy_run(&ledger, &input, runs);
        }
    };
    let (lines, slowest) = thread::scope(|scope| {
        let busy = scope.spawn(busy);
        let slowest = at_once(2, |shell| beside(&ledger, shell, &done, &ended));
        (busy.join().unwrap(), slowest.into_iter().max().unwrap())
    });
    let done = done.into_inner();
    tell(lines, done, slowest);
    let cents = lines + done;
    let sum = format!("{}.{:02}", cents / 100, cents % 100);
    assert_eq!(ledger.money("main"), [&sum, "0.00", &sum]);
    ledger.say("verify");
}

/// Says that it is over when it is dropped.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Starts a run, which is under way when this returns.
fn busy_run(ledger: &Ledger, input: &Written, number: u64) -> Running {
    let path = input.path();
    let words = format!("parallel {path} --run busy-{number} --ops-per-worker 0 --jobs 2");
    let mut running = Running::start(ledger.command(&(words + " --output json")));
    assert!(running.hear().contains("run_started"));
    assert!(running.hear().contains("completed"));
    running
}

/// One-shot commands until the runs have ended: how long the slowest took.
fn beside(ledger: &Ledger, shell: usize, done: &AtomicU64, ended: &AtomicBool) -> Duration {
    let mut slowest = Duration::ZERO;
    for number in 0.. {
        if ended.load(Relaxed) {
            break;
        }
        let began = Instant::now();
        ledger.say(&format!("deposit 0.01 --id {shell}-{number}"));
        slowest = slowest.max(began.elapsed());
        done.fetch_add(1, Relaxed);
    }
    slowest
}

#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn tell(lines: u64, done: u64, slowest: Duration) {
    println!("{done} commands beside {lines} lines, the slowest in {slowest:?}");
}

#[test]
fn processes_race_to_create_the_file() {
    for _ in 0..12 {
        let ledger = Ledger::new();
        let racer = |number| {
            let words = format!("deposit 0.01 --id {number} --output json");
            gated(&ledger.command(&words))
        };
        let mut racers: Vec<Running> = (0..SHELLS).map(racer).collect();
        racers.iter_mut().for_each(|racer| drop(racer.stdin.take()));
        let mut promised = Promised::default();
        for racer in racers {
            promised.hear(&racer.finish().expect(0).stdout);
        }
        assert_eq!(promised.posted(), SHELLS as u64);
        let kept = promised.check(ledger.path().as_ref()).unwrap();
        assert_eq!(kept.entries, SHELLS as u64);
    }
}

/// Starts a command that waits until its stdin is closed.
fn gated(command: &Command) -> Running {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"read -r _; exec "$@""#, "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    Running::start(shell)
}
