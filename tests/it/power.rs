//! No acknowledged operation is lost when the power fails.

mod crash;
mod disk;
mod recording;

use std::path::Path;
use std::process::Command;

use crash::{assert_whole, cut_everywhere};
use recording::{Recording, What};

fn sqlite_recording() -> Recording {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let mut recording = Recording::default();
    let pragmas = "pragma synchronous=full; pragma wal_autocheckpoint=20;";
    for base in 0..4 {
        let mut sql = format!(
            "{pragmas} pragma journal_mode=wal; create table if not exists t(id integer primary key, x);"
        );
        for n in base * 20..base * 20 + 20 {
            sql += &format!("insert into t values({n}, hex(randomblob(900))); select 'ok {n}';");
        }
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "sqlite3"]).arg(&file).arg(sql);
        assert!(recording.add(folder.path(), &command).success());
    }
    assert_whole(&recording, folder.path());
    recording
}

fn sqlite_check(folder: &Path, said: &str) -> Result<(), String> {
    let acknowledged: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("ok "))
        .collect();
    let mut command = Command::new("sqlite3");
    let out = command.arg(folder.join("a.db")).arg("pragma integrity_check; create table if not exists t(id); select id from t order by id;").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let mut there = text.lines();
    if there.next() != Some("ok") {
        return Err(format!("{text} {}", String::from_utf8_lossy(&out.stderr)));
    }
    let there: Vec<&str> = there.collect();
    let prefix = there.iter().zip(0..).all(|(id, n)| id.parse() == Ok(n));
    if there.len() < acknowledged.len() || !prefix {
        return Err(format!("{} of {} there", there.len(), acknowledged.len()));
    }
    Ok(())
}

#[test]
fn planted_faults_are_found() {
    let recording = sqlite_recording();
    let found = cut_everywhere(&recording, 6, sqlite_check);
    assert!(found.losses.is_empty(), "{found:?}");
    assert!(found.cuts > 100 && found.images > 400, "{found:?}");
    let log = |what: &What| matches!(what, What::SyncedFile { name, .. } if name.ends_with("-wal"));
    let faults = [
        ("no sync", recording.without_syncs(|_| true)),
        ("no sync of the log", recording.without_syncs(log)),
        ("said before the sync", recording.said_early()),
    ];
    for (fault, recording) in faults {
        let found = cut_everywhere(&recording, 6, sqlite_check);
        assert!(!found.losses.is_empty(), "{fault}: {found:?}");
    }
}
