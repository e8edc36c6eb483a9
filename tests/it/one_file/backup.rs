//! `backup`: a copy while others write.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use super::{Server, balance_at, folder, names};
use crate::cli::{Running, Written, run};
use crate::ledger::Ledger;

/// The chain's end that `verify` or `backup` printed.
fn end(said: &str) -> &str {
    said.lines().nth(1).unwrap()
}

#[test]
fn a_backup_is_the_same_ledger() {
    let ledger = Ledger::new();
    ledger.say("deposit 100 --id first");
    ledger.say("hold 5 --id stays");
    fs::set_permissions(ledger.path(), Permissions::from_mode(0o640)).unwrap();
    let copy = Ledger::new();
    let said = ledger.say(&format!("backup {}", copy.path()));
    assert!(said.starts_with("ok: "), "{said}");
    assert_eq!(end(&said), end(&copy.say("verify")));
    assert_eq!(end(&said), end(&ledger.say("verify")));
    assert_eq!(copy.money("main"), ["100.00", "5.00", "95.00"]);
    assert_eq!(
        (names(&ledger), names(&copy)),
        (vec!["bank.db".to_string()], vec!["bank.db".to_string()])
    );
    let mode = fs::metadata(copy.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    // It goes on like the one it was made of, and is put back like any file.
    copy.say("post stays");
    assert_eq!(
        copy.say("deposit 100 --id first"),
        ledger.say("deposit 100 --id first")
    );
    fs::rename(copy.path(), ledger.path()).unwrap();
    assert_eq!(ledger.money("main"), ["95.00", "0.00", "95.00"]);
    ledger.verify();
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_where_it_fails() {
    let ledger = Ledger::new();
    ledger.say("deposit 1");
    let path = |name: &str| folder(&ledger).join(name).to_str().unwrap().to_string();
    fs::write(path("precious"), "precious").unwrap();
    std::os::unix::fs::symlink("nowhere", path("link")).unwrap();
    let server = Server::of(&ledger);
    let before = names(&ledger);
    for (dest, why) in [
        ("precious", "something is there already"),
        ("link", "something is there already"),
        ("bank.db", "something is there already"),
        ("bank.db-wal", "files beside a ledger are called so"),
        ("missing/bank.db", "No such file or directory"),
    ] {
        for at in [ledger.path(), server.at.clone()] {
            let run = run(&["backup", &path(dest), "--ledger", &at]);
            assert_eq!(run.code(), 2, "{at}: {run:?}");
            let expected = format!("cannot put a copy at `{}`: {why}", path(dest));
            assert!(run.stderr.contains(&expected), "{run:?}");
        }
    }
    assert_eq!(names(&ledger), before);
    server.end(Signal::TERM);
    assert_eq!(fs::read_to_string(path("precious")).unwrap(), "precious");
    ledger.refuses(
        "backup -",
        2,
        "error: a copy of a ledger is a file, and `-` names none: give its name (`./-` for a file of that name)",
    );
    ledger.refuses(
        &format!("backup {} --ledger {}", path("copy"), path("none")),
        8,
        &format!(
            "error: there is no ledger `{}`: check the name; `bank-par open` or a deposit creates a new one",
            path("none")
        ),
    );
}

/// Copies are made of a ledger that a run writes to, of the file itself and through its server.
#[test]
fn a_backup_is_made_while_others_write() {
    let ledger = Ledger::new();
    ledger.say("open main");
    let server = Server::of(&ledger);
    let lines = "{\"op\":\"deposit\",\"amount\":1}\n".repeat(3_000);
    let lines = Written::new("lines.jsonl", lines);
    let words = format!("pipe {} --jobs 2 --ops-per-worker 40", lines.path());
    let writing = Running::start(ledger.command(&words));
    let copies: Vec<_> = (0..4)
        .map(|number| folder(&ledger).join(format!("copy-{number}")))
        .collect();
    for (number, copy) in copies.iter().enumerate() {
        let from = [server.at.clone(), ledger.path()];
        let words = [
            "backup",
            copy.to_str().unwrap(),
            "--ledger",
            &from[number % 2],
        ];
        run(&words).expect(0);
    }
    writing.finish().expect(0);
    server.end(Signal::TERM);
    for copy in &copies {
        let copied = run(&["verify", "--ledger", copy.to_str().unwrap()]).expect(0);
        let end = end(&copied.stdout).strip_prefix("end ").unwrap();
        ledger.say(&format!("verify --expect {end}"));
        assert!(balance_at(copy).starts_with("main\t"));
    }
}
