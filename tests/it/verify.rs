//! `verify`, from outside.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use crate::ledger::Ledger;

/// A ledger with entries, records and holds.
fn filled() -> Ledger {
    let ledger = Ledger::new();
    for words in [
        "deposit 100 --account a --id first",
        "transfer 30 --account a --to b",
        "hold 5 --account a --id part",
        "post part --amount 2",
        "hold 7 --account a --id open",
        "open c --overdraft 9",
    ] {
        ledger.say(words);
    }
    ledger
}

/// The end that `verify` prints, as a script cuts it.
fn end(ledger: &Ledger) -> String {
    let said = ledger.say("verify");
    let end = said.lines().find_map(|line| line.strip_prefix("end "));
    end.unwrap().to_string()
}

/// Changes a ledger behind the program's back.
fn change(ledger: &Ledger, sql: &str) {
    let connection = Connection::open(ledger.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn a_sound_ledger_is_counted_and_its_end_is_told() {
    let ledger = filled();
    let end = end(&ledger);
    assert!(end.starts_with("3.3."), "{end}");
    let ok = "ok: 3 entries, 3 other records, 5 accounts, 1 open hold";
    assert_eq!(ledger.say("verify"), format!("{ok}\nend {end}\n"));
    let object = json!({
        "v": 1, "type": "verified", "entries": 3, "records": 3, "accounts": 5, "holds": 1, "end": end,
    });
    assert_eq!(ledger.json("verify"), object);
}

#[test]
fn an_end_that_was_kept_is_held_against_the_ledger() {
    let (ledger, other) = (filled(), filled());
    let kept = end(&ledger);
    ledger.say("deposit 1 --account a");
    let expecting = format!("verify --expect {kept}");
    ledger.say(&expecting);
    let run = other.run(&expecting).expect(3);
    let start = "violation: this is another history than was expected";
    assert!(run.stdout.starts_with(start), "{}", run.stdout);
    let longer = format!("verify --expect {}", kept.replacen("3.3.", "9.9.", 1));
    let run = ledger.run(&longer).expect(3);
    let start = "violation: the tail was cut off";
    assert!(run.stdout.starts_with(start), "{}", run.stdout);
    assert_eq!(ledger.run("verify --expect 3.3").code(), 2);
}

#[test]
fn a_violation_is_named_and_leaves_no_end() {
    let ledger = filled();
    change(&ledger, "UPDATE entries SET amount = 9999 WHERE seq = 1");
    let run = ledger.run("verify").expect(3);
    let start = "violation: the entry 1 has the checksum 0x";
    assert!(run.stdout.starts_with(start), "{}", run.stdout);
    assert_eq!(run.stdout.lines().count(), 1);
    let run = ledger.run("verify --output json").expect(3);
    let [event] = run.events().try_into().unwrap();
    assert_eq!(event["end"], json!(null));
    assert!(
        event["violation"]
            .as_str()
            .unwrap()
            .starts_with("the entry 1")
    );
}

#[test]
fn pages_that_cannot_be_read_are_a_violation() {
    let ledger = filled();
    change(&ledger, "PRAGMA wal_checkpoint(TRUNCATE)");
    let connection = Connection::open(ledger.path()).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'records'";
    let root: i64 = connection.query_row(root, [], |row| row.get(0)).unwrap();
    let root = usize::try_from(root).unwrap();
    drop(connection);
    let mut bytes = fs::read(ledger.path()).unwrap();
    let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    bytes[(root - 1) * size..root * size].fill(0xff);
    fs::write(ledger.path(), bytes).unwrap();
    let run = ledger.run("verify").expect(3);
    let what = "violation: the file cannot be read: database disk image is malformed";
    assert!(run.stdout.starts_with(what), "{}", run.stdout);
}

#[test]
fn a_file_that_cannot_be_opened_names_a_way_out_and_not_itself() {
    let ledger = filled();
    let whole = fs::read(ledger.path()).unwrap();
    fs::write(ledger.path(), &whole[..8_192]).unwrap();
    let told = |words: &str| {
        let run = ledger.run(words);
        assert_eq!(run.code(), 8, "{run:?}");
        run.stderr
    };
    let words = told("verify");
    let way_out = "nothing more of it can be verified: keep this file, and go on with a backup";
    assert!(
        words.contains("is damaged: ")
            && words.contains(way_out)
            && !words.contains("bank-par verify"),
        "{words}"
    );
    assert!(told("balance").contains("bank-par verify"));
}

#[test]
fn nothing_is_written() {
    let ledger = filled();
    ledger.say("hold 1 --account a --id short --expires 1ms");
    let bytes = || fs::read(ledger.path()).unwrap();
    let before = bytes();
    // By now the hold's time is over, and nobody gave it back.
    let said = ledger.say("verify");
    assert!(said.contains("2 open holds"), "{said}");
    assert!(bytes() == before);
}

#[test]
fn what_is_no_ledger_is_not_created_and_not_verified() {
    let ledger = Ledger::new();
    assert_eq!(ledger.run("verify").code(), 8);
    assert!(!fs::exists(ledger.path()).unwrap());
    fs::write(ledger.path(), [7; 4_096]).unwrap();
    assert_eq!(ledger.run("verify").code(), 8);
    assert_eq!(ledger.run("verify --ledger memory").code(), 2);
}
