//! The power fails while the real program works on a disk that loses what was not synced.

use std::path::PathBuf;

use tempfile::TempDir;

use super::moments::Moments;
use super::{Inputs, Rig, one_shots, run_to_its_end, servers};
use crate::cli::{Running, program};
use crate::ledger::at_once;
use crate::power::{Draws, LEDGER, Mounted, Syncs, Unsynced, can_mount, image_folder};

/// A disk that loses its power again and again.
///
/// This process must not look at the files that it serves itself: killed while it waits for its own answer, it would
/// never end. So it looks at a copy of what is left on the disk.
pub(super) struct Outages {
    disk: Mounted,
    draws: Draws,
    copy: TempDir,
}

impl Outages {
    /// Has the next ledger stand on such a disk.
    fn begin(rig: &mut Rig, seed: u64) {
        rig.renew();
        rig.disk = Some(Outages {
            disk: Mounted::over(rig.path().parent().unwrap(), Syncs::Kept).unwrap(),
            draws: Draws::new(seed),
            copy: image_folder(),
        });
    }

    /// Loses all that was not synced, or some of it. Returns where a copy of what is left of the ledger lies.
    pub(super) fn lose_power(&mut self) -> PathBuf {
        let seed = self.draws.below(u64::MAX);
        let unsynced = match self.draws.below(4) {
            0 => Unsynced::Dropped,
            _ => Unsynced::Scattered(seed),
        };
        self.disk.lose_power(unsynced, self.copy.path());
        self.copy.path().join(LEDGER)
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn what_is_acknowledged_on_a_disk_that_loses_its_power_is_there_once() {
    if !can_mount() {
        return;
    }
    let inputs = Inputs::new();
    let rigs = at_once(2, |number| {
        let mut rig = Rig::killing(8);
        let mut draws = Draws::new(300 + number as u64);
        let mut moments = [const { Moments::new() }; 3];
        while rig.kills_on() {
            Outages::begin(&mut rig, draws.below(u64::MAX));
            let kind = draws.below(3) as usize;
            let moments = &mut moments[kind];
            match kind {
                0 => run_to_its_end(&mut rig, inputs.draw(&mut draws), &mut draws, moments),
                1 => one_shots::to_their_ends(&mut rig, 4, &mut draws, moments),
                _ => servers::serve_to_the_end(
                    &mut rig,
                    inputs.draw(&mut draws),
                    &mut draws,
                    moments,
                ),
            }
        }
        rig.tell("on a mounted disk");
        (rig.kills, rig.looks)
    });
    assert!(rigs.iter().all(|(kills, _)| *kills > 0));
    let losses: u64 = rigs.iter().map(|(_, losses)| losses).sum();
    println!("a mounted disk: {losses} power losses, {losses} disks");
}

#[test]
#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn a_disk_that_fakes_its_syncs_is_found_out() {
    if !can_mount() {
        return;
    }
    for (syncs, is_kept) in [(Syncs::Kept, true), (Syncs::Faked, false)] {
        let mut rig = Rig::new();
        let disk = Mounted::over(rig.path().parent().unwrap(), syncs).unwrap();
        let words = [
            "deposit", "1", "--id", "first", "--output", "json", "--ledger",
        ];
        let ledger = rig.ledger.path();
        let run = Running::start(program(&[&words[..], &[&ledger]].concat())).finish();
        rig.promised.hear(&run.expect(0).stdout);
        let copy = image_folder();
        disk.lose_power(Unsynced::Dropped, copy.path());
        let kept = rig.promised.check(&copy.path().join(LEDGER));
        assert_eq!(kept.is_ok(), is_kept, "{syncs:?}: {kept:?}");
    }
    println!("planted, a disk that fakes its syncs: 1 tried, 1 found");
}
