//! A ledger in a file: runs on it, and one command at a time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{bank_par, create, median, peak, pooled, time, workload};

const LINES: usize = 1_000_000;
const WITH_IDS: usize = 200_000;
const COMMANDS: usize = 100;

/// Runs with two workers, with few and many accounts, and with a random id on every line.
pub(super) fn runs(folder: &Path) {
    println!(
        "durable operations per second, JSON Lines in and out, --ledger FILE --ops-per-worker 0 --jobs 2"
    );
    for accounts in [10, 10_000, 100_000] {
        let path = workload(folder, LINES, accounts);
        told(folder, &path, LINES, &format!("{accounts} accounts"));
    }
    let path = with_ids(folder);
    told(folder, &path, WITH_IDS, "random ids");
}

fn told(folder: &Path, path: &str, lines: usize, what: &str) {
    let times = (0..3).map(|_| time(on_new(folder, path))).collect();
    let rate = lines as f64 / median(times).as_secs_f64();
    let peak = peak(on_new(folder, path)) as f64 / 1024.0;
    println!("  {what:<16}{rate:>9.0}/s   {lines:>8} lines   peak {peak:>6.1} MB");
}

/// A run on a ledger that is new.
fn on_new(folder: &Path, path: &str) -> Command {
    let ledger = folder.join("ledger");
    let _ = fs::remove_dir_all(&ledger);
    fs::create_dir(&ledger).expect("a folder");
    let mut command = pooled("parallel", path);
    create(&ledger.join("bank.db"));
    command.arg("--ledger").arg(ledger.join("bank.db"));
    command
}

/// Lines with ids in no order, as those of a UUID are.
fn with_ids(folder: &Path) -> String {
    let path = folder.join("ids.jsonl");
    let mut text = String::new();
    let mut id: u128 = 1;
    for n in 0..WITH_IDS {
        // Any odd factor scatters them well enough.
        id = id.wrapping_mul(0xdb36_3577_34e3_4abb_0050_d076_1fcd_fc15);
        let account = n % 10_000;
        writeln!(
            text,
            r#"{{"op":"deposit","amount":"1.25","account":"a{account}","id":"{id:032x}"}}"#
        )
        .expect("memory");
    }
    fs::write(&path, text).expect("a file");
    path.to_str().expect("a plain path").to_string()
}

/// One command from start to exit, beside SQLite's own shell with the same durability.
pub(super) fn one_command(folder: &Path) {
    let ledger = folder.join("one.db");
    let table = folder.join("table.db");
    let sqlite = |sql: &str| {
        let mut command = Command::new("sqlite3");
        command
            .arg(&table)
            .arg(sql)
            .stdout(std::process::Stdio::null());
        command
    };
    println!(
        "one `deposit`, start to exit, beside `sqlite3 FILE \"insert ...\"` (WAL, synchronous=FULL)"
    );
    let created = sqlite(
        "PRAGMA journal_mode = WAL; CREATE TABLE entries (seq INTEGER PRIMARY KEY, amount INTEGER)",
    );
    let has_peer = { created }.status().is_ok_and(|status| status.success());
    let ms = |times: Vec<Duration>| median(times).as_secs_f64() * 1e3;
    let (mut own, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..COMMANDS {
        let mut deposit = bank_par(&["deposit", "1"]);
        deposit.arg("--ledger").arg(&ledger);
        own.push(time(deposit));
        if has_peer {
            let insert = "PRAGMA synchronous = FULL; INSERT INTO entries (amount) VALUES (100)";
            peer.push(time(sqlite(insert)));
        }
    }
    match has_peer {
        true => println!("  {:>6.2} ms   sqlite3 {:>6.2} ms", ms(own), ms(peer)),
        false => println!(
            "  {:>6.2} ms   (no `sqlite3` here to compare with)",
            ms(own)
        ),
    }
}
