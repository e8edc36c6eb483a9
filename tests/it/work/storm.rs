//! Commands that fail, hang and die at random, while those who run them are killed.
//!
//! `BANK_PAR_STORMS=N` has so many storms, instead of a few.

use std::collections::{BTreeMap, HashMap};
use std::process::Stdio;

use serde_json::Value;

use super::{MODES, Office};
use crate::cli::{Running, events};
use crate::ledger::at_once;
use crate::power::Draws;
use crate::process::{Process, orphans, until};

fn storms(default: u64) -> u64 {
    let wanted = std::env::var("BANK_PAR_STORMS").ok();
    wanted.map_or(default, |wanted| {
        wanted.parse().expect("a number of storms")
    })
}

/// Does something at random, told by its id and attempt, so that it is another thing every time.
const STORM: &str = r#"
echo "$BANK_PAR_ID $BANK_PAR_ATTEMPT start" >> log
case $(( ($(od -An -N2 -tu2 /dev/urandom)) % 24 )) in
0) exit 1;;
1) exit 75;;
2) kill -9 $$;;
3) sleep 999 & setsid sleep 999 & wait;;
4) kill -9 $PPID; sleep 0.1;;
5) echo 0.20 > "$BANK_PAR_ACTUAL";;
6) sleep 0.02;;
esac
echo "$BANK_PAR_ID $BANK_PAR_ATTEMPT end" >> log
"#;

#[test]
#[ignore = "slow: storms last seconds"]
fn forty_jobs_in_a_storm_never_exceed_their_cap() {
    for storm in 0..storms(4) {
        let office = Office::with("5");
        office.write(
            "in.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":\"0.37\"}\n".repeat(40),
        );
        let mode = MODES[(storm % 3) as usize];
        let run = office.run(&format!("{mode} in.jsonl --jobs 40 --timeout 300ms"), STORM);
        let count = |kind: &str| run.summary()[kind].as_u64().unwrap();
        let ends = ["completed", "refused", "failed", "in_doubt"].map(count);
        assert_eq!(ends.iter().sum::<u64>(), 40, "{run:?}");
        let [posted, held, _] = office.money();
        let aside: u64 = run.of("in_doubt").len() as u64 * 37;
        assert_eq!(cents(&held), aside, "{run:?}");
        let spent: u64 = run
            .of("completed")
            .iter()
            .map(|done| cents(text(done, "amount")))
            .sum();
        assert_eq!(cents(&posted), 500 - spent);
        assert!(spent + aside <= 500, "{run:?}");
        check_cap(&office);
    }
}

#[test]
fn forty_shells_in_a_storm_never_exceed_their_cap() {
    for _ in 0..storms(2) {
        let office = Office::with("5");
        at_once(40, |number| {
            let words = format!("withdraw 0.37 --id s{number} --timeout 300ms");
            let mut one = office.ledger.command(&words);
            one.args(["--", "sh", "-c", STORM])
                .current_dir(office.path("."));
            let running = Running::start(one);
            if number % 8 == 0 {
                let begun = || office.read("log").contains(&format!("s{number} 1 start"));
                let process = Process(running.pid.try_into().unwrap());
                until("the command to begin, or its parent to end", || {
                    (begun() || process.state().is_none()).then_some(())
                });
                running.kill();
            }
            running.finish();
        });
        let connection = rusqlite::Connection::open(office.ledger.path()).unwrap();
        let count = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        // A process that begins to write ends what runs have left that are gone.
        until("what the killed had begun to be ended", || {
            office.ledger.say("open other");
            let left = count("SELECT count(*) FROM holds WHERE doubt IS NOT 1");
            (left == 0).then_some(())
        });
        check_cap(&office);
        let posted = count("SELECT count(*) FROM entries WHERE id IS NOT NULL");
        let in_doubt = count("SELECT count(*) FROM holds WHERE doubt = 1");
        // Kinds 1, 3 and 8: given back, refused, and nothing was spent.
        let ended = count("SELECT count(DISTINCT id) FROM records WHERE kind IN (1, 3, 8)");
        assert_eq!(
            (
                posted + in_doubt + ended,
                count("SELECT count(*) FROM holds")
            ),
            (40, in_doubt)
        );
    }
}

/// At no point of its history has the account less than nothing, with all that was set aside.
fn check_cap(office: &Office) {
    office.ledger.verify();
    let connection = rusqlite::Connection::open(office.ledger.path()).unwrap();
    for table in ["entries", "records"] {
        let sql = format!("SELECT min(available) FROM {table}");
        let least: Option<i64> = connection.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert!(least.is_none_or(|least| least >= 0), "{table}: {least:?}");
    }
}

#[test]
#[ignore = "slow: storms last seconds"]
fn every_payout_happens_once_however_often_its_run_is_killed() {
    const LINES: usize = 120;
    for storm in 0..storms(3) {
        let office = Office::with("1000");
        office.write(
            "in.jsonl",
            &"{\"op\":\"withdraw\",\"amount\":1}\n".repeat(LINES),
        );
        let mode = MODES[(storm % 3) as usize];
        let words = format!(
            "{mode} in.jsonl --run november --jobs 10 --timeout 1s --in-doubt retry --retry-refused"
        );
        let mut draws = Draws::new(storm);
        let mut kills = 0;
        loop {
            // Nobody reads what they say while they are waited for.
            let start = || Running::start_onto(office.command(&words, STORM), Stdio::null());
            let (running, second) = (start(), start());
            let done = || office.read("log").lines().count();
            let so_far = done();
            let wanted = so_far + draws.below(70) as usize;
            let parents = [&running, &second].map(|r| Process(r.pid.try_into().unwrap()));
            let is_over = || parents.iter().all(|parent| parent.state().is_none());
            until("some commands to run", || {
                (done() >= wanted || is_over()).then_some(())
            });
            let kill = kills < 8 && !is_over();
            if kill {
                kills += 1;
                parents
                    .iter()
                    .filter(|parent| parent.state().is_some())
                    .for_each(|p| p.kill());
            }
            let runs = [running.finish(), second.finish()];
            parents.iter().for_each(|parent| {
                until("the workers to be gone", || {
                    orphans(*parent).is_empty().then_some(())
                });
            });
            if runs.iter().any(|run| run.status.code() == Some(0)) {
                break;
            }
        }
        check(&office, LINES);
    }
}

/// Each line is posted once, and the log says what the ledger does.
fn check(office: &Office, lines: usize) {
    let entries = events(&office.ledger.say("history --output json"));
    let mut by_line = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry["line"].is_u64()) {
        *by_line.entry(entry["line"].as_u64().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(by_line.len(), lines);
    assert!(by_line.values().all(|count| *count == 1), "{by_line:?}");
    let log = office.read("log");
    let mut ran: HashMap<&str, [usize; 2]> = HashMap::new();
    for line in log.lines() {
        let mut words = line.split(' ');
        let [starts, ends] = ran.entry(words.next().unwrap()).or_default();
        match words.nth(1).unwrap() {
            "start" => *starts += 1,
            _ => *ends += 1,
        }
    }
    assert_eq!(ran.len(), lines);
    let begun = begun(&office.ledger.path());
    for (id, [starts, ends]) in ran {
        // Whatever was posted, a command has come to its end for; and none was started that was not
        // begun anew: after its money was given back, or out of doubt.
        assert!(ends >= 1, "{id}: {log}");
        assert!(
            starts as i64 <= begun[id],
            "{id}: {starts} starts, {} begun",
            begun[id]
        );
    }
    assert_eq!(office.ledger.say("balance --holds"), "");
    office.ledger.verify();
}

/// How often each id was held or taken over, as the records say (kinds 0 and 7).
fn begun(path: &str) -> HashMap<String, i64> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut query = connection
        .prepare(
            "SELECT id, count(*) FROM records WHERE kind IN (0, 7) AND id IS NOT NULL GROUP BY id",
        )
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap()
}

fn cents(amount: &str) -> u64 {
    amount.replace('.', "").parse().unwrap()
}
