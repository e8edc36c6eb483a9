//! A ledger in PostgreSQL, on a server of the bench's own, beside `pgbench` on the same server in the same run.

#[path = "../../src/store/postgres/tests/cluster.rs"]
#[expect(dead_code, reason = "tests want more of it")]
mod cluster;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bank_par::bank::{Asked, Kind, Name, Operation, Request};
use bank_par::store::{Access, Ledger, Place};
use cluster::{Cluster, programs};

use super::{bank_par, median, pooled, time};

/// Each line moves money between two of these.
const ACCOUNTS: usize = 10_000;
const LINES: usize = 1_000_000;
const WITH_IDS: usize = 300_000;
const SHARED: usize = 300_000;
const COMMANDS: usize = 40;
/// How long clients ask, one operation after another.
const ASKING: Duration = Duration::from_secs(8);

/// The same work by SQL: two updates and an insert for each transfer.
const ONE: &str = r"\set one random(1, 10000)
\set other random(1, 10000)
\set low least(:one, :other)
\set high greatest(:one, :other)
BEGIN\; UPDATE peer_accounts SET posted = posted - 125 WHERE id = :low\; UPDATE peer_accounts SET posted = posted + 125 WHERE id = :high\; INSERT INTO peer_entries (debit, credit, amount) VALUES (:low, :high, 125)\; COMMIT;
";
/// The same for 1,024 transfers in one statement.
const SET: &str = "WITH moved AS (INSERT INTO peer_entries (debit, credit, amount) SELECT 1 + floor(random() * 10000), 1 + floor(random() * 10000), 125 FROM generate_series(1, 1024) RETURNING *), sums AS (SELECT id, sum(amount) AS amount FROM (SELECT debit AS id, -amount AS amount FROM moved UNION ALL SELECT credit, amount FROM moved) sides GROUP BY id) UPDATE peer_accounts a SET posted = posted + s.amount FROM sums s WHERE a.id = s.id;
";
const PEER: &str = "CREATE TABLE peer_accounts (id bigint PRIMARY KEY, posted bigint NOT NULL); INSERT INTO peer_accounts SELECT n, 1000000 FROM generate_series(1, 10000) n; CREATE TABLE peer_entries (seq bigserial PRIMARY KEY, debit bigint NOT NULL, credit bigint NOT NULL, amount bigint NOT NULL)";

pub(super) fn figures(folder: &Path) {
    let cluster = match Cluster::start("alone", &["shared_buffers=128MB"]) {
        Ok(cluster) => cluster,
        Err(missing) => return println!("not measured: {missing}"),
    };
    println!(
        "a ledger in PostgreSQL over its socket, {ACCOUNTS} accounts; load of the machine {}",
        load()
    );
    peer(&cluster, folder);
    let address = cluster.new_ledger();
    fund(&address, folder);
    let path = transfers(folder, LINES, false);
    told("a million lines", LINES, time(on(&address, &path)));
    let path = transfers(folder, WITH_IDS, true);
    told("with random ids", WITH_IDS, time(on(&address, &path)));
    let path = transfers(folder, SHARED, false);
    let began = Instant::now();
    thread::scope(|scope| {
        let parent = || scope.spawn(|| time(on(&address, &path)));
        [parent(), parent()].map(|parent| parent.join().expect("ended"))
    });
    told("two parents at once", 2 * SHARED, began.elapsed());
    served(&address, folder);
    one_shot(&address);
    let mut verify = bank_par(&["verify", "--ledger"]);
    let entries = ACCOUNTS + LINES + WITH_IDS + 2 * SHARED;
    told(
        "`verify`, entries",
        entries,
        time({
            verify.arg(&address);
            verify
        }),
    );
    println!("  load of the machine {}", load());
}

fn told(what: &str, count: usize, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    println!(
        "  {what:<28}{:>9.0}/s   {count:>8} in {seconds:.1} s",
        count as f64 / seconds
    );
}

/// The load averages of the machine.
fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// What `pgbench` does with one and with many clients.
fn peer(cluster: &Cluster, folder: &Path) {
    cluster.order(&format!("ask a '{PEER}'"));
    for (what, script, clients, each) in [
        ("pgbench, 1 client", ONE, "1", 1.0),
        ("pgbench, 32 clients", ONE, "32", 1.0),
        ("pgbench, sets of 1,024", SET, "1", 1_024.0),
    ] {
        let file = folder.join("peer.sql");
        fs::write(&file, script).expect("a file");
        let mut bench = Command::new(programs().expect("its programs").join("pgbench"));
        bench
            .args([
                "--no-vacuum",
                "--time=8",
                "--jobs=2",
                "--client",
                clients,
                "--file",
            ])
            .arg(&file)
            .arg("--host")
            .arg(cluster.socket("a"))
            .args([
                "--port",
                &cluster.port.to_string(),
                "--username=bank",
                "postgres",
            ])
            .stderr(Stdio::null());
        let told = bench.output().expect("pgbench").stdout;
        let told = String::from_utf8_lossy(&told);
        let rate = told.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rate| rate.split(' ').next()?.parse::<f64>().ok());
        println!("  {what:<28}{:>9.0}/s", rate.expect("a figure") * each);
    }
}

/// A run of two workers that live as long as it.
fn on(address: &str, path: &str) -> Command {
    let mut command = pooled("pipe", path);
    command.args(["--ledger", address]);
    command
}

/// Makes the ledger, with money on each account.
fn fund(address: &str, folder: &Path) {
    let path = folder.join("fund.jsonl");
    let line = |n| format!("{{\"op\":\"deposit\",\"amount\":1000000,\"account\":\"a{n}\"}}\n");
    fs::write(&path, (0..ACCOUNTS).map(line).collect::<String>()).expect("a file");
    time(bank_par(&["init", "--ledger", address]));
    time(on(address, path.to_str().expect("a plain path")));
}

/// Lines that each move money between two accounts, with ids in no order, as those of a UUID are.
fn transfers(folder: &Path, lines: usize, has_ids: bool) -> String {
    let mut text = String::new();
    let mut id: u128 = u128::from(std::process::id()) | 1;
    for n in 0..lines {
        // Any odd factor scatters them well enough.
        id = id.wrapping_mul(0xdb36_3577_34e3_4abb_0050_d076_1fcd_fc15);
        let (from, to) = (n % ACCOUNTS, (7 * n + 1) % ACCOUNTS);
        let to = if to == from { (to + 1) % ACCOUNTS } else { to };
        write!(
            text,
            r#"{{"op":"transfer","amount":"1.25","account":"a{from}","to":"a{to}""#
        )
        .expect("memory");
        match has_ids {
            true => writeln!(text, r#","id":"{id:032x}"}}"#),
            false => writeln!(text, "}}"),
        }
        .expect("memory");
    }
    let path = folder.join(format!("transfers-{lines}-{has_ids}.jsonl"));
    fs::write(&path, text).expect("a file");
    path.to_str().expect("a plain path").to_string()
}

/// Clients of a server in front of the database, each of which asks once it was answered.
fn served(address: &str, folder: &Path) {
    let run = folder.join("run");
    let socket = run.join("bank");
    let mut serve = bank_par(&["serve", "--ledger", address, "--socket"]);
    let mut server = serve
        .arg(&socket)
        .stderr(Stdio::null())
        .spawn()
        .expect("a server");
    let place = Place::Server(socket);
    let connect = || -> Box<dyn Ledger> {
        let began = Instant::now();
        loop {
            match place.open(Access::Existing) {
                Ok(ledger) => return ledger,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "{error}"),
            }
        }
    };
    for clients in [1, 8, 128] {
        let connected: Vec<_> = (0..clients).map(|_| connect()).collect();
        let began = Instant::now();
        let count: usize = thread::scope(|scope| {
            let asking = connected
                .into_iter()
                .enumerate()
                .map(|(number, mut ledger)| {
                    scope.spawn(move || {
                        let mut count = 0;
                        while began.elapsed() < ASKING {
                            ask(&mut *ledger, number, count);
                            count += 1;
                        }
                        count
                    })
                });
            let asking: Vec<_> = asking.collect();
            asking
                .into_iter()
                .map(|client| client.join().expect("ended"))
                .sum()
        });
        told(
            &format!("`serve`, {clients} clients"),
            count,
            began.elapsed(),
        );
    }
    server.kill().expect("a server");
    server.wait().expect("a server");
}

/// Moves money between two accounts.
fn ask(ledger: &mut dyn Ledger, number: usize, count: usize) {
    let name = |n: usize| Name::user(&format!("a{}", n % ACCOUNTS)).expect("a name");
    let from = 61 * number + count;
    let amount = "1.25".parse().expect("an amount");
    let transfer = Operation::new(
        Kind::Transfer,
        None,
        name(from),
        Some(name(from + 1)),
        Some(amount),
    );
    let request = Request::Execute(transfer.expect("an operation"));
    let caller = Default::default();
    let answers = ledger.transact(&[Asked { caller, request }]);
    assert_eq!(answers.expect("an answer").iter().flatten().count(), 1);
}

/// One command from start to exit.
fn one_shot(address: &str) {
    let deposit = || {
        time(bank_par(&[
            "deposit",
            "1",
            "--account",
            "a1",
            "--ledger",
            address,
        ]))
    };
    let times = (0..COMMANDS).map(|_| deposit()).collect();
    println!(
        "  one `deposit`               {:>9.1} ms",
        median(times).as_secs_f64() * 1e3
    );
}
