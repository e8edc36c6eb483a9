//! No acknowledged operation is lost when the power fails.
//!
//! The program is recorded as it works: every write to the ledger's folder, every sync, and what it
//! says on its stdout. From that the disks are rebuilt that a power loss at any sync may leave: with
//! what was not synced dropped, there, or dropped, torn and reordered by chance. On each of them, what
//! had been said by then must be there, nothing may be there twice, and the ledger must go on.
//!
//! `BANK_PAR_POWER=N` checks N disks by chance for each power loss instead of a few.

mod crash;
mod disk;
mod recording;

use std::path::Path;
use std::sync::OnceLock;

use tempfile::TempDir;

use crash::{Found, assert_whole, cut_everywhere};
use recording::{Recording, What};

use crate::cli::program;
use crate::promised::Promised;

const LEDGER: &str = "bank.db";

/// How many disks by chance are checked for each power loss.
fn by_chance(default: u64) -> u64 {
    let wanted = std::env::var("BANK_PAR_POWER").ok();
    wanted.map_or(default, |wanted| wanted.parse().expect("a number of disks"))
}

/// Holds a disk against what had been said before the power failed.
fn check(folder: &Path, said: &str) -> Result<(), String> {
    let mut promised = Promised::default();
    promised.hear(said);
    promised.check(&folder.join(LEDGER)).map(drop)
}

/// One-shot commands, from the creation of the file on.
fn one_shots() -> &'static Recording {
    static RECORDING: OnceLock<Recording> = OnceLock::new();
    RECORDING.get_or_init(|| {
        let mut commands: Vec<String> = [
            "open ops --overdraft 5",
            "deposit 100 --id first",
            "hold 3 --id posted",
            "post posted --amount 2",
            "hold 4 --id voided",
            "void voided",
            "hold 5 --id stays --to rent",
            "transfer 1 --id moved --to rent",
            "withdraw 1000 --id refused",
            "loan 7 --id lent --account ops",
        ]
        .map(String::from)
        .into();
        commands.extend((1..=30).map(|number| format!("deposit 0.{number:02} --id more-{number}")));
        record(&commands)
    })
}

fn record(commands: &[String]) -> Recording {
    let folder = TempDir::new().unwrap();
    let mut recording = Recording::default();
    for words in commands {
        let mut words: Vec<&str> = words.split(' ').collect();
        let ledger = folder.path().join(LEDGER);
        words.extend(["--output", "json", "--ledger", ledger.to_str().unwrap()]);
        let status = recording.add(folder.path(), &program(&words));
        assert!(matches!(status.code(), Some(0 | 1)), "{words:?}: {status}");
    }
    assert_whole(&recording, folder.path());
    recording
}

#[test]
fn one_shots_survive_a_power_loss() {
    let found = cut_everywhere(one_shots(), by_chance(12), check);
    tell("one-shot commands", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
    assert!(found.cuts > 50 && found.images > 200, "{found:?}");
}

#[test]
fn a_power_loss_during_creation_leaves_nothing_in_the_way() {
    let recording = record(&["deposit 1 --id first".to_string()]);
    let found = cut_everywhere(&recording, by_chance(100), check);
    tell("creation", &found);
    assert!(found.losses.is_empty(), "{:#?}", found.losses);
}

#[test]
fn planted_faults_are_found() {
    let right = one_shots();
    let log = |what: &What| matches!(what, What::SyncedFile { name, .. } if name.ends_with("-wal"));
    let faults = [
        ("no sync", right.without_syncs(|_| true)),
        ("no sync of the log", right.without_syncs(log)),
        ("said before the sync", right.said_early()),
    ];
    for (fault, recording) in faults {
        let found = cut_everywhere(&recording, by_chance(4), check);
        assert!(!found.losses.is_empty(), "{fault}: {found:?}");
    }
}

#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn tell(what: &str, found: &Found) {
    let Found {
        cuts,
        images,
        losses,
    } = found;
    println!(
        "{what}: {cuts} power losses, {images} disks, {} lost",
        losses.len()
    );
}
