//! A server is killed while runs ask it, and started again.

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use super::moments::Moments;
use super::{Inputs, Rig, kill, was_killed};
use crate::cli::{Running, program};
use crate::ledger::at_once;
use crate::power::Draws;
use crate::promised::Promised;

/// So many runs ask at once.
const CLIENTS: u64 = 2;

#[test]
fn a_killed_server_loses_nothing() {
    let inputs = Inputs::new();
    let each = at_once(2, |number| {
        let mut rig = Rig::killing(6);
        let mut draws = Draws::new(200 + number as u64);
        let moments = Moments::new();
        while rig.kills_on() {
            rig.renew();
            let input = inputs.draw(&mut draws);
            serve_to_the_end(&mut rig, input, &mut draws, &moments);
        }
        rig.tell("servers");
        rig.kills
    });
    assert!(each.iter().all(|kills| *kills > 0));
}

/// Kills servers until all clients are at their ends.
pub(super) fn serve_to_the_end(
    rig: &mut Rig,
    (lines, input): (u64, &str),
    draws: &mut Draws,
    moments: &Moments,
) {
    let path = rig.ledger.path();
    rig.open();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("private/socket");
    let serve = [
        "serve",
        "--ledger",
        &path,
        "--socket",
        socket.to_str().unwrap(),
    ];
    // Held while there is no server.
    let down = Mutex::new(());
    let (tell, told) = channel();
    std::thread::scope(|scope| {
        let mut held = Some(down.lock().unwrap());
        for client in 0..CLIENTS {
            let (socket, down, tell) = (&socket, &down, tell.clone());
            scope.spawn(move || ask_to_the_end(client, input, lines, socket, down, &tell));
        }
        drop(tell);
        loop {
            let mut server = Running::start(program(&serve));
            // It says so when clients can connect.
            assert!(!server.hear().is_empty());
            drop(held.take());
            // So the clients come on from one kill to the next; after the last they come to their ends.
            let heard = match rig.kills_on() {
                true => draws.below(lines) as usize,
                false => usize::MAX,
            };
            let asked = told.iter().take(heard);
            let count = asked.map(|line| rig.promised.hear(&line)).count();
            moments.wait(draws);
            kill(server.pid.cast_signed());
            held = Some(down.lock().unwrap());
            let server = server.finish();
            assert!(was_killed(&server), "{server:?}");
            rig.kills += 1;
            told.try_iter().for_each(|line| rig.promised.hear(&line));
            rig.check();
            if count < heard {
                break;
            }
        }
        drop(held);
    });
}

/// A run on the served ledger, which is repeated until it is at its end.
fn ask_to_the_end(
    client: u64,
    input: &str,
    lines: u64,
    socket: &Path,
    down: &Mutex<()>,
    tell: &Sender<String>,
) {
    let at = format!("unix:{}", socket.display());
    let name = format!("client-{client}");
    let words = [
        "parallel", input, "--run", &name, "--jobs", "2", "--output", "json", "--ledger", &at,
    ];
    let mut promised = Promised::default();
    for round in 0.. {
        assert!(round < 1000, "{name} does not come to its end");
        drop(down.lock().unwrap());
        let mut running = Running::start(program(&words));
        loop {
            match running.hear().as_str() {
                "" => break,
                line => {
                    let line = format!("{line}\n");
                    promised.hear(&line);
                    tell.send(line).unwrap();
                }
            }
        }
        let ended = running.finish();
        if ended.code() == 0 && promised.lines() == lines {
            return;
        }
        // What was posted and not answered before its server was killed is refused as done (1), until it is repeated.
        assert!(matches!(ended.code(), 0 | 1 | 7 | 8), "{ended:?}");
    }
}
