//! A workload that a script runs, again and again until its run has come to its end.

use std::collections::BTreeSet;

use super::*;
use crate::bank::Id;
use crate::run::simulation::scenario::{SeededRun, line_of};
use crate::store::RunName;
use crate::workload::Item;

/// After so many attempts nothing goes wrong with it any more.
const ATTEMPTS: u32 = 4;

/// A workload and its script.
pub(super) struct Program {
    pub(super) name: Option<RunName>,
    pub(super) host: usize,
    /// It asks through a server.
    pub(super) is_served: bool,
    /// What is in doubt is posted by the script, where it is not run again; else it is given back.
    pub(super) posts_doubts: bool,
    /// It is run until its run is done; else once.
    pub(super) is_repeated: bool,
    pub(super) template: SeededRun,
    /// It has the workload of the first program.
    is_second: bool,
    pub(super) state: ProgramState,
    pub(super) attempts: u32,
    /// The number of its run in the ledger.
    pub(super) run: u32,
    /// The lines that its last attempt told to be posted.
    pub(super) lines: BTreeSet<u64>,
}

pub(super) enum ProgramState {
    /// Its next attempt begins then.
    Waits(Duration),
    Runs(Box<ProgramAttempt>),
    Done,
}

/// A parent at work.
pub(super) struct ProgramAttempt {
    pub(super) world: World,
    pub(super) process: LedgerProcess,
    pub(super) began: Duration,
    /// How long its host had stood still by then.
    pub(super) stood: Duration,
    /// Nothing goes wrong with it.
    pub(super) is_last: bool,
}

impl Program {
    pub(super) fn draw_all(hosts: usize, chance: &mut Chance) -> Vec<Program> {
        let mut programs: Vec<Program> = Vec::new();
        for place in 0..chance.between(1, 4) {
            let name = |place: usize| format!("run-{place}").parse::<RunName>().ok();
            let mut template = draw(chance);
            let mut posts_doubts = chance.happens(500);
            let (mut run, mut is_repeated, mut is_second) = (None, false, false);
            let first = programs.first().filter(|first| first.is_repeated);
            match (chance.below(4), first) {
                // A second parent of the same workload, and of the same run if that has a name.
                (0, Some(first)) => {
                    template = SeededRun {
                        items: first.template.items.clone(),
                        settings: first.template.settings.clone(),
                        ..template
                    };
                    (run, is_repeated, is_second) = (first.name.clone(), true, true);
                    posts_doubts = first.posts_doubts;
                }
                (1, _) => {}
                (2, _) => {
                    give_ids(&mut template.items, place);
                    is_repeated = true;
                }
                _ => (run, is_repeated) = (name(place), true),
            }
            let is_served = chance.happens(300);
            programs.push(Program {
                name: run,
                // The server is on the first host, and so are its clients.
                host: if is_served { 0 } else { chance.below(hosts) },
                is_served,
                posts_doubts,
                is_repeated,
                template,
                is_second,
                state: ProgramState::Waits(chance.millis(300)),
                attempts: 0,
                run: 0,
                lines: BTreeSet::new(),
            });
        }
        programs
    }

    /// The parts of it that can be left out.
    pub(super) fn parts(&mut self, place: usize) -> Vec<String> {
        let parts = self.template.parts().into_iter();
        let is_own = |part: &String| !self.is_second || part.parse::<u64>().is_err();
        let parts = parts.filter(is_own);
        parts.map(|part| format!("{place}.{part}")).collect()
    }

    pub(super) fn without(mut self, place: usize, parts: &[String]) -> Self {
        let prefix = format!("{place}.");
        let own = parts.iter().filter_map(|part| part.strip_prefix(&prefix));
        // A line is left out of both workloads that are the same.
        let first = parts.iter().filter_map(|part| part.strip_prefix("0."));
        let lines = first.filter(|part| self.is_second && part.parse::<u64>().is_ok());
        let own: Vec<String> = own.chain(lines).map(String::from).collect();
        self.template = self.template.without(&own);
        self
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, ProgramState::Done)
    }

    /// Whether its next attempt is one with which nothing goes wrong.
    pub(super) fn is_last(&self) -> bool {
        self.attempts >= ATTEMPTS
    }

    /// When it can do something next, on a host that stands still for so long in all.
    pub(super) fn next_at(&self, stood: Duration) -> Option<Duration> {
        match &self.state {
            ProgramState::Waits(at) => Some(*at),
            ProgramState::Runs(attempt) => {
                Some(attempt.began + (stood - attempt.stood) + attempt.world.next_at())
            }
            ProgramState::Done => None,
        }
    }

    /// What the command of a line is known by, where it must not be run again after one whose end was not seen.
    pub(super) fn command_key(&self, line: u64) -> Option<String> {
        let command = self.template.settings.command.as_ref()?;
        let is_strict = self.name.is_none() || self.posts_doubts;
        if command.retry_in_doubt || !is_strict {
            return None;
        }
        let mut items = self.template.items.iter();
        let item = items.find(|item| line_of(item) == line)?;
        let Item::Operation { operation, .. } = item else {
            return None;
        };
        let by_id = operation.id.as_ref().map(|id| id.as_str().to_string());
        let name = self.name.as_ref();
        by_id.or_else(|| name.map(|name| format!("{name}, line {line}")))
    }
}

/// Each line that was told to be posted is posted once, and no other is.
pub(super) fn all_was_told(programs: &[Program], rows: &SharedRows) -> Result<(), Broken> {
    for program in programs.iter().filter(|program| program.name.is_some()) {
        let entries = rows.posted_by(program.run).into_iter();
        let posted: BTreeSet<u64> = entries.filter_map(|entry| entry.line).collect();
        let same = programs.iter().filter(|other| other.name == program.name);
        let told: BTreeSet<u64> = same.flat_map(|other| other.lines.iter().copied()).collect();
        hold!(
            posted == told,
            "of run {} the lines {posted:?} are posted, and {told:?} were told to be",
            program.run
        );
    }
    Ok(())
}

/// A run that the bank decides, and of which nothing was done before.
fn draw(chance: &mut Chance) -> SeededRun {
    loop {
        let mut run = SeededRun::of(chance);
        if run.shares.is_some() {
            continue;
        }
        run.items.retain(|item| !matches!(item, Item::Done { .. }));
        // What a worker asks without having done it is paid without its command.
        run.evil.rogue = 0;
        run.settings.named = None;
        run.settings.ledger = Some("simulated".to_string());
        run.ledger_takes = [3, 30, 30, 3_000][chance.below(4)];
        return run;
    }
}

/// Gives every operation that moves money an id, by which it is the same in each attempt.
fn give_ids(items: &mut [Item], place: usize) {
    for item in items {
        let line = line_of(item);
        if let Item::Operation { operation, .. } = item
            && operation.moves_money()
        {
            operation.id = Id::new(&format!("workload-{place}-{line}")).ok();
        }
    }
}
