//! How much memory an input takes.

use super::*;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc::{self, Receiver, TryRecvError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::process::{Process, orphans, until};

/// The most memory that a run of so many of these lines takes, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(mode: &str, line: &str, expected: &str, lines: usize) -> u64 {
    let flags = ["--ops-per-worker", "0", "--jobs", "2", "--output", "json"];
    let mut running = Running::start(program(&[&[mode, "-"], &flags[..]].concat()));
    let mut stdin = running.stdin.take().unwrap();
    let pipe = stdin.as_fd().try_clone_to_owned().unwrap();
    let block = line.repeat(1_000);
    let (told, blocks) = mpsc::channel();
    let writing = thread::spawn(move || {
        for _ in 0..lines / 1_000 {
            stdin.write_all(block.as_bytes()).unwrap();
            let _ = told.send(());
        }
        stdin
    });
    assert!(running.hear().contains("\"run_started\""));
    // It holds as much as it ever may: all that it told so far is unread, and it takes no more.
    let program = Process(running.pid.cast_signed());
    wait_until_it_takes_no_more(program, pipe, &blocks);
    for _ in 0..lines {
        assert!(running.hear().contains(expected));
    }
    // It has done all of it and is not told yet that there is no more.
    let peak = running.peak_memory();
    drop(writing.join().unwrap());
    running.finish();
    peak
}

/// Waits until all is written to the program, or until its input is full and it waits with all its workers, at
/// so many looks in a row: one look may find all asleep while one wakes another.
#[cfg(target_os = "linux")]
fn wait_until_it_takes_no_more(program: Process, input: OwnedFd, written: &Receiver<()>) {
    const LOOKS: u32 = 20;
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let is_full = || poll(&mut [PollFd::new(&input, PollFlags::OUT)], Some(&at_once)) == Ok(0);
    let waits = || program.sleeps() && orphans(program).into_iter().all(Process::sleeps);
    let mut looks = 0;
    until("the program to take no more", || {
        let stands = written.try_iter().count() == 0 && is_full() && waits();
        looks = if stands { looks + 1 } else { 0 };
        let is_over = written.try_recv() == Err(TryRecvError::Disconnected);
        (is_over || looks == LOOKS).then_some(())
    });
}

#[cfg(target_os = "linux")]
fn check_memory(mode: &str, line: &str, expected: &str) {
    let [few, many] = [30_000, 120_000].map(|lines| peak_memory(mode, line, expected, lines));
    assert!(many < 64 * 1024, "{mode}: {many} KiB");
    assert!(many < few + 16 * 1024, "{mode}: {few} KiB, then {many} KiB");
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "slow: works through many lines"]
fn four_times_the_lines_take_no_more_memory() {
    let line = "{\"op\":\"deposit\",\"amount\":\"12.34\",\"account\":\"ops\"}\n";
    for mode in ["parallel", "queue", "pipe"] {
        check_memory(mode, line, "\"completed\"");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn four_times_the_invalid_lines_take_no_more_memory() {
    check_memory(
        "pipe",
        "{\"op\":\"nothing that a bank does\"}\n",
        "\"invalid\"",
    );
}
