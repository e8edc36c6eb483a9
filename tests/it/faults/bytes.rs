//! Messages that no worker sends, and callers that are no worker.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::{ALL, ASKING, in_each, start};
use crate::ledger::at_once;
use crate::process::{Ended, Process};

const OPS: [&str; 6] = [
    "--op",
    "withdraw=300",
    "--op",
    "deposit=20",
    "--op",
    "withdraw=5",
];

/// A message's kind, of those that are known to the parent: a block of requests.
const REQUESTS: u8 = 2;

/// A worker's message: a kind, its number, and what follows.
fn message(kind: u8, worker: Process, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &worker.number().to_le_bytes(), body].concat()
}

/// A message as a stream carries it.
fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_le_bytes()[..], message].concat()
}

/// A message as the queue carries it: the packet's and the message's length, then a run of bytes.
fn packet(message: &[u8]) -> Vec<u8> {
    let mut length = message.len();
    let mut body = Vec::new();
    while length > 127 {
        body.push(length as u8 | 128);
        length >>= 7;
    }
    body.push(length as u8);
    body.extend(message);
    let whole = 2 * size_of::<usize>() + body.len();
    [&whole.to_ne_bytes()[..], &body.len().to_ne_bytes(), &body].concat()
}

/// The worker's end of its link, as a file of ours.
fn end_of(mode: &str, worker: Process) -> fs::File {
    let sockets = worker.sockets();
    let socket = match mode {
        "pipe" => return worker.stdout(),
        "queue" => {
            let of_parent = worker.parent().expect("a parent").sockets();
            let shared = sockets
                .iter()
                .find(|(_, socket)| of_parent.iter().any(|(_, own)| own == socket));
            shared.expect("the queue's sending end").0
        }
        _ => sockets[0].0,
    };
    OwnedFd::into(worker.copy_of(socket))
}

/// Sends these bytes as if the first of three working workers had; then lets `after` happen to it.
fn send(
    mode: &'static str,
    bytes: fn(&str, Process) -> Vec<u8>,
    after: fn(Process),
) -> (Process, Ended) {
    let program = start(mode, ["--time-scale", "1.25"].iter().chain(&OPS));
    let worker = program.working(3)[0];
    end_of(mode, worker)
        .write_all(&bytes(mode, worker))
        .unwrap();
    after(worker);
    (worker, program.end())
}

/// Checks that nobody but the worker that seems to have sent it suffers from a message.
fn check(modes: &[&'static str], bytes: fn(&str, Process) -> Vec<u8>, after: fn(Process)) {
    std::thread::scope(|scope| {
        for mode in modes {
            scope.spawn(move || {
                let (worker, ended) = send(mode, bytes, after);
                ended.check(7, 2, 1);
                let failed = ended.of("failed")[0];
                assert_eq!(
                    (&failed["reason"], &failed["pid"]),
                    (&"protocol".into(), &worker.0.into()),
                    "{mode}"
                );
            });
        }
    });
}

fn carried(mode: &str, message: &[u8]) -> Vec<u8> {
    if mode == "queue" {
        packet(message)
    } else {
        framed(message)
    }
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_message_of_an_unknown_kind_ends_its_worker_alone() {
    check(
        &ALL,
        |mode, worker| carried(mode, &message(0xEE, worker, b"?")),
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_second_greeting_ends_its_worker_alone() {
    check(
        &ALL,
        |mode, worker| carried(mode, &message(1, worker, b"")),
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_message_that_cannot_be_decoded_ends_its_worker_alone() {
    check(
        &ALL,
        |mode, worker| carried(mode, &message(REQUESTS, worker, &[0xFF; 40])),
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_count_that_no_message_can_hold_allocates_nothing_and_ends_its_worker_alone() {
    // Operation 1, shared data, and of that 2^64 - 1 names.
    const COUNT: [u8; 11] = [1, 5, 253, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
    check(
        &ALL,
        |mode, worker| carried(mode, &message(REQUESTS, worker, &COUNT)),
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_request_about_the_operation_of_another_ends_its_worker_alone() {
    // A post of operation 1, whose upper half names no worker.
    check(
        &ALL,
        |mode, worker| carried(mode, &message(REQUESTS, worker, &[1, 2])),
        |_| {},
    );
}

/// What a worker asks about its operation, whose number is the worker's and, where workers get their
/// operations in the order of their start, the same number again.
fn about_its_own(mode: &str, worker: Process, ask: &[u8]) -> Vec<u8> {
    let number = u64::from(worker.number());
    let number = (number << 32 | number).to_le_bytes();
    carried(
        mode,
        &message(REQUESTS, worker, &[&[253][..], &number, ask].concat()),
    )
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_worker_cannot_give_its_operation_back() {
    check(
        &["pipe"],
        |mode, worker| about_its_own(mode, worker, &[3]),
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_worker_cannot_begin_its_operation_twice() {
    let bytes: fn(&str, Process) -> Vec<u8> = |mode, worker| {
        // No id, the account `main`, and the operations of `OPS` in their order.
        let action: &[u8] = match worker.number() {
            1 => &[0, 251, 0x60, 0xEA],
            2 => &[1, 251, 0xA0, 0x0F],
            _ => &[3, 251, 0xE8, 0x03],
        };
        about_its_own(mode, worker, &[&[1, 0, 4][..], b"main", action].concat())
    };
    check(&["pipe"], bytes, |_| {});
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn an_oversized_message_ends_its_worker_alone() {
    check(
        &["parallel", "pipe", "server-share"],
        |_, _| vec![0xFF; 4],
        |_| {},
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_message_that_is_cut_off_ends_its_worker_alone() {
    check(
        &["parallel", "pipe", "server-share"],
        |_, worker| framed(&message(REQUESTS, worker, &[0; 100]))[..50].to_vec(),
        Process::kill,
    );
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn messages_on_the_queue_that_name_no_worker_disturb_nobody() {
    // Too short for a sender, too long for a message, and from a worker that there never was.
    let nobodys: [fn(&str, Process) -> Vec<u8>; 3] = [
        |_, _| packet(&[1]),
        |_, worker| packet(&message(REQUESTS, worker, &[0; 70_000])),
        |_, _| packet(&[0xEE, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    at_once(nobodys.len(), |place| {
        let (_, ended) = send("queue", nobodys[place], |_| {});
        ended.check(0, 3, 0);
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn a_link_that_outlives_its_worker_holds_nobody_up() {
    in_each(&ALL, |mode| {
        let program = start(mode, ["--time-scale", "1.25"].iter().chain(&OPS));
        let worker = program.working(3)[0];
        let kept = end_of(mode, worker);
        worker.kill();
        program.end().check(7, 2, 1);
        drop(kept);
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn strangers_on_the_socket_disturb_nobody() {
    in_each(&["parallel", "server-share"], |mode| {
        let program = start(mode, ["--time-scale", "1.25"].iter().chain(&OPS));
        let worker = program.working(3)[0];
        let socket = program.private_folder().unwrap().join("server");
        let silent = UnixStream::connect(&socket).unwrap();
        let mut garbage = UnixStream::connect(&socket).unwrap();
        // It may be thrown out before it has said everything.
        let _ = garbage.write_all(&[0xFF; 1_000]);
        let mut pretender = UnixStream::connect(&socket).unwrap();
        let _ = pretender.write_all(&framed(&message(1, worker, b"")));
        for mut stranger in [silent, garbage, pretender] {
            let mut heard = Vec::new();
            // Thrown out with unread bytes, it may see a reset and no end.
            let _ = stranger.read_to_end(&mut heard);
            assert_eq!(heard, [0; 0], "a stranger is told nothing");
        }
        program.end().check(0, 3, 0);
    });
}

#[test]
#[ignore = "slow: workers are at work for seconds"]
fn no_other_user_can_reach_a_run() {
    in_each(&ASKING, |mode| {
        let program = start(mode, ["--time-scale", "1.25"].iter().chain(&OPS));
        program.working(3);
        let mode_of = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        match mode {
            "pipe" => assert_eq!(fs::read_dir(program.folder()).unwrap().count(), 0),
            _ => assert_eq!(mode_of(&program.private_folder().unwrap()), 0o700),
        }
        if mode == "parallel" {
            assert_eq!(
                mode_of(&program.private_folder().unwrap().join("server")),
                0o600
            );
        }
        program.end().check(0, 3, 0);
    });
}
