//! One command after another is killed at a drawn moment, and repeated until it comes to its end.

use super::moments::Moments;
use super::{Rig, was_killed};
use crate::ledger::at_once;
use crate::power::Draws;

/// So many operations are done on a ledger before a new one is begun.
const OPERATIONS: u64 = 6;

#[test]
fn one_shots_killed_at_any_moment_count_once() {
    let each = at_once(2, |number| {
        let mut rig = Rig::killing(12);
        let mut draws = Draws::new(100 + number as u64);
        let mut moments = Moments::new();
        while rig.kills_on() {
            rig.renew();
            to_their_ends(&mut rig, OPERATIONS, &mut draws, &mut moments);
        }
        rig.tell("one-shots at drawn moments");
        rig.kills
    });
    assert!(each.iter().all(|kills| *kills > 0));
}

/// Kills and repeats commands until so many operations are done.
pub(super) fn to_their_ends(rig: &mut Rig, count: u64, draws: &mut Draws, moments: &mut Moments) {
    to_its_end(rig, "open main --overdraft 1000", draws, moments);
    for number in 0..count {
        for words in drawn(number, draws) {
            to_its_end(rig, &words, draws, moments);
        }
    }
}

/// An operation of its own id, as the commands that it takes. The id of a hold that is voided begins so: its void
/// may have come to pass unsaid.
fn drawn(number: u64, draws: &mut Draws) -> Vec<String> {
    match draws.below(6) {
        0 => vec![format!("deposit 3 --id in-{number}")],
        1 => vec![format!("withdraw 1 --id out-{number}")],
        2 => vec![format!("transfer 1 --to rent --id over-{number}")],
        3 => vec![format!("loan 2 --id lent-{number}")],
        4 => vec![
            format!("hold 2 --id post-{number} --to rent"),
            format!("post post-{number} --amount 1"),
        ],
        _ => vec![
            format!("hold 2 --id void-{number}"),
            format!("void void-{number}"),
        ],
    }
}

fn to_its_end(rig: &mut Rig, words: &str, draws: &mut Draws, moments: &mut Moments) {
    let words: Vec<&str> = words.split(' ').collect();
    for round in 0.. {
        assert!(round < 1000, "{words:?} does not come to its end");
        let running = rig.start(&words);
        if rig.kills_on() {
            moments.wait(draws);
            running.kill();
        }
        let ended = rig.look(running);
        rig.kills += u64::from(was_killed(&ended));
        moments.learn(was_killed(&ended));
        if !was_killed(&ended) {
            assert_eq!(ended.code(), 0, "{ended:?}");
            return;
        }
    }
}
