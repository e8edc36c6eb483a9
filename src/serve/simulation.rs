//! Clients, a link and a server in one thread, from one seed.
//!
//! What the clients ask goes through the program's own client and server: how they encode, their versions and limits,
//! and what they do about an answer that was lost. The link passes bytes on in pieces of any size, stalls, and is cut at
//! any byte, with or without what was on its way; the server is killed, and its commits fail in every way. No operation
//! is ever done twice, each is done whose client can ask for it again, and what a client was told is true.

mod asker;
mod faults;
mod link;

use crate::bank::{Amount, Asked, Id, Kind, Name, Operation, Request, RequestContext};
use crate::simulation::chance::Chance;
use crate::simulation::{Lived, WorldKind, lived, shrink};
use crate::store::{Entry, EntryQuery, Flaw, HostClock, MAX_PAGE, SharedRows};
use crate::wake::TICK;
use asker::Asker;
use faults::Faults;
use link::Link;

/// Clients, a link and a server.
const SERVED: WorldKind = WorldKind {
    tests: "serve::simulation::each_operation_is_done_once",
    seeds: 150,
    live: |seed, without, traced| simulate(seed, without, traced, None),
    parts: |seed| SeededClients::of(seed).parts(),
};
/// More steps than any of them takes.
const MOST_STEPS: usize = 20_000;
/// What the account starts with.
const START: i64 = 1_000_000;

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

/// What a seed decides before anything happens.
struct SeededClients {
    chance: Chance,
    faults: Faults,
    askers: Vec<Asker>,
}

impl SeededClients {
    fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let faults = Faults::draw(&mut chance);
        let count = chance.between(1, 3);
        let askers = (0..count).map(|place| Asker::draw(place, &mut chance));
        SeededClients {
            askers: askers.collect(),
            faults,
            chance,
        }
    }

    /// The parts of it that can be left out: kinds of faults, and operations.
    fn parts(mut self) -> Vec<String> {
        let faults = self.faults.parts();
        let operations = self.askers.iter().flat_map(Asker::parts);
        faults.into_iter().chain(operations).collect()
    }

    fn without(mut self, parts: &[String]) -> Self {
        self.faults.leave_out(parts);
        for asker in &mut self.askers {
            asker.leave_out(parts);
        }
        self
    }
}

fn operation(kind: Kind, id: Option<String>, minor: i64) -> Operation {
    let id = id.map(|id| Id::new(&id).expect("an id"));
    let operation = Operation::new(kind, id, Name::default(), None, Amount::new(minor));
    operation.expect("it is whole")
}

/// What is wrong with what this seed makes without these parts, if anything is, and what happened.
fn simulate(seed: u64, without: &[String], traced: bool, planted: Option<Planted>) -> Lived {
    let SeededClients {
        chance,
        faults,
        askers,
    } = SeededClients::of(seed).without(without);
    let mut turns = chance;
    let rows = SharedRows::new();
    let link = Link::new(turns.fork(), faults, rows.clone(), planted, traced);
    let lived = lived(|| live(askers, turns, &link, &rows, planted));
    let trace = link.network().trace.take();
    (lived, trace.unwrap_or_default())
}

fn live(
    mut askers: Vec<Asker>,
    mut turns: Chance,
    link: &Link,
    rows: &SharedRows,
    planted: Option<Planted>,
) -> Result<(), String> {
    let mut ledger = rows.open_on(0, &HostClock::new());
    let request = Request::Execute(operation(Kind::Deposit, None, START));
    let caller = RequestContext::default();
    let opened = ledger.transact(&[Asked { caller, request }]);
    opened.map_err(|error| error.to_string())?;
    drop(ledger);
    if let Some(Planted::Backend(flaw)) = planted {
        rows.plant(Some(flaw));
    }
    for step in 0..MOST_STEPS {
        if askers.iter().all(Asker::is_done) {
            return judge(askers, link, rows);
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
            network.now += turns.millis(20);
            turns.below(askers.len())
        };
        askers[place].step(link)?;
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

#[test]
fn each_operation_is_done_once_over_any_link_for_even_seeds() {
    SERVED.check_all(0);
}

#[test]
fn each_operation_is_done_once_over_any_link_for_odd_seeds() {
    SERVED.check_all(1);
}

#[test]
fn a_link_is_replayed_exactly_and_without_the_parts_that_are_left_out() {
    for seed in 0..20 {
        let traced = || simulate(seed, &[], true, None);
        assert_eq!(traced(), traced(), "seed {seed}");
        let parts = SeededClients::of(seed).parts();
        let (faults, operations): (Vec<String>, _) =
            parts.into_iter().partition(|part| !part.contains('.'));
        let (lived, trace) = simulate(seed, &faults, true, None);
        assert_eq!(lived, Ok(()), "seed {seed}");
        let is_fault = |line: &&String| {
            let words = [" is cut", "stands still", "is killed", "fails"];
            words.iter().any(|word| line.contains(word))
        };
        assert_eq!(trace.iter().find(is_fault), None, "seed {seed}");
        assert!(trace.iter().any(|line| line.contains("asks")));
        let (lived, trace) = simulate(seed, &operations, true, None);
        assert_eq!((lived, trace.is_empty()), (Ok(()), true), "seed {seed}");
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
    let finds = |planted, seed| simulate(seed, &[], false, Some(planted)).0.is_err();
    let first = |planted| (0..400).find(|seed| finds(planted, *seed));
    let found = planted.map(|planted| (planted, first(planted)));
    let missed = found.iter().filter(|(_, seed)| seed.is_none());
    assert_eq!(missed.count(), 0, "{found:?}");
    // Where one is found, what it is not found by is left out.
    let (planted, seed) = found[0];
    let (seed, planted) = (seed.expect("found"), Some(planted));
    let parts = SeededClients::of(seed).parts();
    let fails = |without: &[String]| simulate(seed, without, false, planted).0.is_err();
    let without = shrink(parts.clone(), fails);
    let left: Vec<&String> = parts
        .iter()
        .filter(|part| !without.contains(part))
        .collect();
    assert!(fails(&without) && left.len() < parts.len(), "{left:?}");
}
