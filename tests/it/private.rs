//! The private folders of runs among the temporary files.

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::cli::{Running, program};

/// A batch system's folder for a job, or that of a build.
#[test]
fn a_folder_for_temporary_files_may_have_a_long_path_or_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("x".repeat(100));
    fs::create_dir(&deep).unwrap();
    let missing = folder.path().join("missing");
    for (mode, place) in ["parallel", "server-share", "queue", "pipe"]
        .into_iter()
        .flat_map(|mode| [(mode, &deep), (mode, &missing)])
    {
        let mut command = program(&[mode, "--op", "deposit", "--time-scale", "0"]);
        command.env("TMPDIR", place).env_remove("XDG_RUNTIME_DIR");
        let run = Running::start(command).finish();
        assert_eq!((run.code(), run.stderr.as_str()), (0, ""), "{mode}");
    }
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
}

/// A user's own folder may be called as those of this program once were, or are.
#[test]
fn nothing_but_what_killed_runs_left_is_removed_from_the_temporary_files() {
    let place = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = program(&["parallel", "--op", "deposit", "--time-scale", "0"]);
        command.env("TMPDIR", place.path());
        command.env_remove("XDG_RUNTIME_DIR");
        assert_eq!(Running::start(command).finish().code(), 0);
    };
    let mut command = program(&["parallel", "-"]);
    command.env("TMPDIR", place.path());
    command.env_remove("XDG_RUNTIME_DIR");
    let living = Running::start(command);
    let user = rustix::process::geteuid().as_raw();
    let home = place.path().join(format!("bank-par-{user}"));
    while !home.exists() {
        thread::yield_now();
    }
    let clone = place.path().join("bank-par-clone");
    let inside = home.join("run-Abcdefghijkl");
    for kept in [&clone, &inside] {
        fs::create_dir_all(kept.join(".git")).unwrap();
        fs::write(kept.join("bank.db"), "dear").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(86_400);
        let folder = File::open(kept).unwrap();
        folder.set_modified(long_ago).unwrap();
    }
    let killed = home.join("run-0123456789ab");
    fs::create_dir_all(killed.join("work")).unwrap();
    fs::write(killed.join("work/actual"), "").unwrap();
    run();
    for kept in [&clone, &inside] {
        assert_eq!(fs::read_to_string(kept.join("bank.db")).unwrap(), "dear");
        assert!(kept.join(".git").exists());
    }
    assert!(!killed.exists());
    assert_eq!(living.finish().code(), 0);
    assert!(home.exists() && clone.exists());
}
