use super::*;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use crate::store::Place;
use tempfile::TempDir;

const EVENT: &str = "{\"v\":1,\"type\":\"completed\"}\n";

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn to(path: &Path) -> Destination {
    Destination::from(path.as_os_str())
}

/// Refused before it is opened and when it is, with nothing changed.
#[track_caller]
fn refused(path: &Path, protected: &ProtectedFiles, why: &str) {
    let before = fs::read(path).ok();
    let destination = to(path);
    let checked = destination.check(protected).expect_err(why).to_string();
    assert!(checked.contains(why), "{checked}");
    let opened = destination.open(protected).err().expect(why).to_string();
    assert_eq!(opened, checked);
    assert_eq!(fs::read(path).ok(), before);
}

#[test]
fn a_ledger_and_what_lies_beside_it_are_refused_under_every_name() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let ledger = path("bank.db");
    fs::write(&ledger, EVENT).expect("room");
    fs::write(path("bank.db-wal"), EVENT).expect("room");
    symlink(&ledger, path("link")).expect("a link");
    symlink("link", path("link-to-link")).expect("a link");
    fs::hard_link(&ledger, path("second-name")).expect("a link");
    fs::hard_link(path("bank.db-wal"), path("second-log")).expect("a link");
    fs::create_dir(path("inner")).expect("room");
    for named in ["bank.db", "link", "second-name", "inner/../bank.db"] {
        let protected = ProtectedFiles::default().ledger(&Place::File(path(named)));
        for name in [
            "bank.db",
            "link",
            "link-to-link",
            "second-name",
            "inner/../bank.db",
        ] {
            refused(&path(name), &protected, "the ledger `");
        }
    }
    for named in ["bank.db", "link-to-link"] {
        let protected = ProtectedFiles::default().ledger(&Place::File(path(named)));
        for name in [
            "bank.db-wal",
            "second-log",
            "bank.db-shm",
            "bank.db-journal",
        ] {
            refused(&path(name), &protected, "a file beside the ledger `");
        }
    }
    let protected = ProtectedFiles::default().ledger(&Place::File(path("new.db")));
    refused(&path("new.db"), &protected, "the ledger `");
    refused(
        &path("inner/../new.db-wal"),
        &protected,
        "beside the ledger `",
    );
    symlink("target.db", path("to-come")).expect("a link");
    let protected = ProtectedFiles::default().ledger(&Place::File(path("to-come")));
    refused(&path("target.db"), &protected, "the ledger `");
    refused(&path("target.db-shm"), &protected, "beside the ledger `");
}

#[test]
fn the_files_beside_any_database_are_refused() {
    let folder = folder();
    fs::write(folder.path().join("other.db"), "").expect("room");
    let nothing = ProtectedFiles::default();
    for end in ["-wal", "-shm", "-journal"] {
        let path = folder.path().join(format!("other.db{end}"));
        refused(&path, &nothing, "a file beside `");
        let lonely = folder.path().join(format!("lonely{end}"));
        assert!(to(&lonely).open(&nothing).is_ok());
    }
}

#[test]
fn an_input_is_refused_and_what_is_no_recording_too() {
    let folder = folder();
    let input = folder.path().join("ops.jsonl");
    fs::write(&input, EVENT).expect("room");
    refused(
        &input,
        &ProtectedFiles::default().input(&input),
        "the input `",
    );
    for content in [
        "{\"op\":\"withdraw\",\"amount\":\"1\"}\n",
        "SQLite format 3\0",
        "x",
    ] {
        fs::write(&input, content).expect("room");
        refused(
            &input,
            &ProtectedFiles::default(),
            "is no recording of events",
        );
    }
}

#[test]
fn what_can_hold_no_recording_is_refused() {
    let folder = folder();
    let nothing = ProtectedFiles::default();
    refused(folder.path(), &nothing, "is a directory");
    let socket = folder.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    refused(&socket, &nothing, "is a socket");
    let link = folder.path().join("link");
    symlink("nowhere", &link).expect("a link");
    refused(&link, &nothing, "is a link to a file that does not exist");
    let missing = folder.path().join("missing/events.jsonl");
    let error = to(&missing).open(&nothing).err().expect("no folder");
    assert!(error.to_string().starts_with("cannot open `/"), "{error}");
    assert!(to(Path::new("/dev/null")).open(&nothing).is_ok());
}

#[test]
fn a_recording_is_appended_to() {
    let folder = folder();
    let path = folder.path().join("events.jsonl");
    for times in 1..=3 {
        let opened = to(&path)
            .open(&ProtectedFiles::default())
            .expect("a recording");
        let mut opened = opened.expect("a file");
        assert!(opened.is_shared);
        opened.file.write_all(EVENT.as_bytes()).expect("room");
        assert_eq!(
            fs::read_to_string(&path).expect("text"),
            EVENT.repeat(times)
        );
    }
}

#[test]
fn a_fifo_has_a_reader_or_is_refused() {
    let folder = folder();
    let path = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|made| made.success()));
    let nothing = ProtectedFiles::default();
    let error = to(&path).open(&nothing).err().expect("no reader");
    assert!(
        error.to_string().contains("start its reader first"),
        "{error}"
    );
    let reading = thread::spawn({
        let path = path.clone();
        move || {
            let mut text = String::new();
            let mut fifo = File::open(path)?;
            fifo.read_to_string(&mut text).map(|_| text)
        }
    });
    let opened = to(&path).open(&nothing).expect("a reader comes");
    let mut opened = opened.expect("a file");
    opened.file.write_all(EVENT.as_bytes()).expect("room");
    drop(opened);
    assert_eq!(reading.join().expect("no panic").expect("text"), EVENT);
}

#[test]
fn a_descriptor_is_one_that_was_given_and_takes_what_is_written() {
    use std::os::fd::AsRawFd;
    let folder = folder();
    let path = folder.path().join("events.jsonl");
    let nothing = ProtectedFiles::default();
    let named = |file: &File| Destination::from(OsStr::new(&format!("fd:{}", file.as_raw_fd())));
    let mut given = File::create(&path).expect("room");
    given.write_all(b"before\n").expect("room");
    let opened = named(&given).open(&nothing).expect("a descriptor");
    opened
        .expect("a file")
        .file
        .write_all(EVENT.as_bytes())
        .expect("room");
    // It goes on where others have ended, and they go on behind it.
    given.write_all(b"after\n").expect("room");
    let text = fs::read_to_string(&path).expect("text");
    assert_eq!(text, format!("before\n{EVENT}after\n"));
    let protected = ProtectedFiles::default().ledger(&Place::File(path.clone()));
    let error = named(&given).check(&protected).expect_err("a ledger");
    assert!(error.to_string().contains("is the ledger `"), "{error}");
    let read_only = File::open(&path).expect("a file");
    for destination in [
        named(&read_only),
        Destination::from(OsStr::new("fd:1000000")),
    ] {
        let error = destination
            .check(&nothing)
            .expect_err("nothing to write to");
        assert!(
            error.to_string().contains("is not open for writing"),
            "{error}"
        );
    }
}

#[test]
fn standard_output_has_several_names() {
    for name in ["-", "fd:1", "/dev/stdout", "/dev/fd/1"] {
        let destination = Destination::from(OsStr::new(name));
        assert!(matches!(destination, Destination::Stdout), "{name}");
    }
}
