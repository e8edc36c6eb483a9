//! Clients, a link and a server in one thread, from one seed.
//!
//! What the clients ask goes through the program's own client and server: how they encode, their versions and limits,
//! and what they do about an answer that was lost. The link passes bytes on in pieces of any size, stalls, and is cut at
//! any byte, with or without what was on its way; the server is killed, and its commits fail in every way. No operation
//! is ever done twice, each is done whose client can ask for it again, and what a client was told is true.

mod asker;
mod link;

use std::env;
use std::panic::catch_unwind;
use std::time::Duration;

use crate::bank::{Amount, Asked, Id, Kind, Name, Operation, Request, RequestContext};
use crate::rng::Rng;
use crate::store::{CommitFate, Entry, EntryQuery, Flaw, HostClock, MAX_PAGE, SharedRows};
use crate::wake::TICK;
use asker::Asker;
use link::{Faults, Link};

/// More steps than any of them takes.
const MOST_STEPS: usize = 20_000;
/// How many seeds are tried unless more are asked for.
const SEEDS: u64 = 150;
/// What the account starts with.
const START: i64 = 1_000_000;

/// What a seed decides.
struct Lot(Rng);

/// An error of the link or of a backend that breaks what clients rely upon: planted, to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Planted {
    /// What a client sends arrives twice.
    RequestsTwice,
    /// A client is sent what was meant for another, or an earlier answer again.
    AnswersOfOthers,
    /// The backend has this error.
    Backend(Flaw),
}

impl Lot {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.below(limit.max(1))
    }

    /// True in so many of a thousand cases.
    fn happens(&mut self, of_thousand: u64) -> bool {
        self.below(1_000) < of_thousand
    }

    fn millis(&mut self, most: u64) -> Duration {
        Duration::from_millis(self.below(most + 1))
    }

    /// What goes wrong with a commit.
    fn fate(&mut self) -> CommitFate {
        const FATES: [CommitFate; 3] = [CommitFate::NotDone, CommitFate::Lost, CommitFate::Untold];
        FATES[self.below(FATES.len() as u64) as usize]
    }
}

fn operation(kind: Kind, id: Option<String>, minor: i64) -> Operation {
    let id = id.map(|id| Id::new(&id).expect("an id"));
    let operation = Operation::new(kind, id, Name::default(), None, Amount::new(minor));
    operation.expect("it is whole")
}

/// What is wrong with what this seed makes, if anything is; else how long it took.
fn simulate(seed: u64, planted: Option<Planted>) -> Result<Duration, String> {
    let lived = catch_unwind(|| live(seed, planted));
    lived.unwrap_or_else(|_| Err("it panicked".to_string()))
}

fn live(seed: u64, planted: Option<Planted>) -> Result<Duration, String> {
    let mut lot = Lot(Rng::of(seed, b"link"));
    let rows = SharedRows::new();
    let mut ledger = rows.open_on(0, &HostClock::new());
    let request = Request::Execute(operation(Kind::Deposit, None, START));
    let caller = RequestContext::default();
    let opened = ledger.transact(&[Asked { caller, request }]);
    opened.map_err(|error| error.to_string())?;
    drop(ledger);
    if let Some(Planted::Backend(flaw)) = planted {
        rows.plant(Some(flaw));
    }
    let mut often = |of_thousand| match lot.below(3) {
        0 => 0,
        _ => of_thousand,
    };
    let faults = Faults {
        cut: often(15),
        stall: often(4),
        kill: often(8),
        commit: often(20),
    };
    let count = 1 + lot.below(3);
    let mut askers: Vec<Asker> = (0..count)
        .map(|place| Asker::draw(place, &mut lot))
        .collect();
    let link = Link::new(lot, faults, rows.clone(), planted);
    for step in 0..MOST_STEPS {
        if askers.iter().all(Asker::is_done) {
            judge(askers, &link, &rows)?;
            return Ok(link.network().now);
        }
        let place = {
            let network = &mut *link.network();
            if let Some(broken) = &network.broken {
                return Err(format!("the server broke: {broken}"));
            }
            if step > MOST_STEPS / 2 {
                // Nothing goes wrong for ever.
                network.faults = Faults::default();
            }
            let pause = network.lot.millis(20);
            network.now += pause;
            network.lot.below(count) as usize
        };
        askers[place].step(&link)?;
    }
    Err(format!("it does not end: {askers:?}"))
}

/// Holds what was told against what is there.
fn judge(mut askers: Vec<Asker>, link: &Link, rows: &SharedRows) -> Result<(), String> {
    for asker in &mut askers {
        asker.leave();
    }
    for _ in 0..MOST_STEPS {
        let mut network = link.network();
        network.faults = Faults::default();
        network.now += TICK;
        network.go_on();
        if network.is_quiet() {
            break;
        }
    }
    if !link.network().is_quiet() {
        return Err("the server keeps a client that is gone".to_string());
    }
    rows.check()?;
    let mut ledger = rows.open_on(u32::MAX, &HostClock::new());
    let verified = ledger.verify(None).map_err(|error| error.to_string())?;
    if let Some(violation) = verified.violation {
        return Err(violation);
    }
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map_or(0, |entry| entry.seq);
        let query = EntryQuery {
            after,
            limit: MAX_PAGE,
            ..EntryQuery::default()
        };
        let page = ledger.entries(&query).map_err(|error| error.to_string())?;
        entries.extend(page.entries);
        if page.is_last {
            break;
        }
    }
    askers.iter().try_for_each(|asker| asker.judge(&entries))
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

#[test]
fn each_operation_is_done_once_over_any_link() {
    let seeds = number("BANK_PAR_SEEDS").unwrap_or(SEEDS);
    let first = number("BANK_PAR_ROUND").unwrap_or(0) * seeds;
    let one = number("BANK_PAR_SEED").map(|seed| seed..seed + 1);
    for seed in one.unwrap_or(first..first + seeds) {
        if let Err(why) = simulate(seed, None) {
            panic!("BANK_PAR_SEED={seed}: {why}");
        }
    }
}

#[test]
fn a_link_is_replayed_exactly() {
    for seed in 0..20 {
        assert_eq!(simulate(seed, None), simulate(seed, None), "seed {seed}");
    }
}

#[test]
fn errors_of_a_link_are_found() {
    let planted = [
        Planted::RequestsTwice,
        Planted::AnswersOfOthers,
        Planted::Backend(Flaw::UnknownIsDone),
        Planted::Backend(Flaw::UntoldIsNotDone),
        Planted::Backend(Flaw::NotDoneCounts),
        Planted::Backend(Flaw::IdsMissed),
    ];
    let first = |planted| (0..400).find(|seed| simulate(*seed, Some(planted)).is_err());
    let found = planted.map(|planted| (planted, first(planted)));
    let missed = found.iter().filter(|(_, seed)| seed.is_none());
    assert_eq!(missed.count(), 0, "{found:?}");
}
