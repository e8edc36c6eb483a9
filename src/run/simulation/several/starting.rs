//! How an attempt begins, as the program does it, and how it ends.

use std::collections::HashSet;

use super::*;
use crate::bank::{Id, Moment};
use crate::driver::named;
use crate::event::Micros;
use crate::run::simulation::ledger::{SharedRun, SimLedger};
use crate::run::simulation::scenario::{Evil, HOST_CLOCK, SeededRun, SharedBy};
use crate::run::{LineIds, Named};
use crate::store::{AtStake, Ledger, OpenedRun, RunName};
use crate::workload::{Change, Item, continued};

/// After so long it is tried again where it could not begin.
const AGAIN: Duration = Duration::from_millis(400);

/// Why an attempt does not begin.
enum NotBegun {
    Ledger(LedgerError),
    Input(Change),
}

impl From<LedgerError> for NotBegun {
    fn from(error: LedgerError) -> Self {
        NotBegun::Ledger(error)
    }
}

impl SharedWorld {
    /// The next attempt of a program begins, if it can.
    pub(super) fn start(&mut self, place: usize) -> Result<(), Broken> {
        let (host, is_served) = (self.programs[place].host, self.programs[place].is_served);
        let process = match (is_served, &self.server) {
            (false, _) => self.open(host),
            (true, Some(server)) => server.clone(),
            (true, None) => {
                let server = self.open(0);
                self.server = Some(server.clone());
                server
            }
        };
        let program = &self.programs[place];
        let is_last = program.is_last();
        match is_last {
            true => self.rows.next_commit(CommitFate::Done),
            false => self.draw_fate(),
        }
        let program = &self.programs[place];
        let begun = process.with(|ledger| Ok(begin(ledger, program)));
        let begun = begun.unwrap_or_else(|error| Err(error.into()));
        self.programs[place].attempts += 1;
        match begun {
            Ok((opened, named, items)) => {
                let began = self.world(place, process.clone(), opened, named, items);
                self.note(|| format!("program {place} begins run {}", opened.number));
                self.programs[place].run = opened.number;
                self.programs[place].lines.clear();
                self.programs[place].state = ProgramState::Runs(Box::new(ProgramAttempt {
                    world: began,
                    process,
                    began: self.now,
                    stood: self.hosts[host].stood,
                    is_last,
                }));
                Ok(())
            }
            Err(NotBegun::Input(change)) => Err(format!("its input is told to differ: {change}")),
            Err(NotBegun::Ledger(LedgerError::Damaged { what, .. })) => {
                Err(format!("it is damaged: {what}"))
            }
            Err(NotBegun::Ledger(error)) => {
                self.note(|| format!("program {place} does not begin: {error}"));
                if matches!(error, LedgerError::RunIsLive { .. }) {
                    self.programs[place].attempts -= 1;
                }
                match (is_served, error.is_final()) {
                    (false, _) => process.end(),
                    // A server that cannot go on ends.
                    (true, true) => {
                        process.end();
                        self.server = None;
                    }
                    (true, false) => {}
                }
                self.programs[place].state = ProgramState::Waits(self.now + AGAIN);
                Ok(())
            }
        }
    }

    /// The world of a parent that goes on with this.
    fn world(
        &mut self,
        place: usize,
        process: LedgerProcess,
        opened: OpenedRun,
        named: Option<Named>,
        items: Vec<Item>,
    ) -> World {
        self.parents += 1;
        let parent = self.parents;
        let program = &self.programs[place];
        let template = &program.template;
        let is_last = program.is_last();
        let mut settings = template.settings.clone();
        settings.caller.run = opened.number;
        settings.named = named;
        settings.clock_us = Micros(HOST_CLOCK.0 + Micros::from(self.now).0);
        if let Some(command) = &mut settings.command {
            let prefix = program.name.as_ref().map(RunName::to_string);
            command.id_prefix = prefix.unwrap_or_else(|| format!("parent-{parent}"));
        }
        if is_last {
            settings.pacing.halt = None;
        }
        let at_stake = match settings.command {
            Some(_) => AtStake::Work,
            None => AtStake::Nothing,
        };
        let now = i64::try_from(self.now.as_micros()).unwrap_or(i64::MAX);
        let scenario = SeededRun {
            settings,
            items,
            evil: if is_last {
                Evil::default()
            } else {
                template.evil
            },
            account: template.account.clone(),
            balance: template.balance,
            shares: None,
            ledger_takes: template.ledger_takes,
            input_fails: template.input_fails && !is_last,
            shared: Some(SharedBy {
                process: parent,
                started_at: Moment::new(BEGIN + now),
            }),
        };
        let run = SharedRun::new(process, opened.number, at_stake);
        let ledger = SimLedger::shared(&scenario, run);
        let chance = self.chance.fork();
        World::of(scenario, ledger, chance, self.trace.is_some())
    }

    /// A parent has ended by itself.
    pub(super) fn ended(&mut self, place: usize) -> Result<(), Broken> {
        let again = self.now + self.chance.millis(100);
        let program = &mut self.programs[place];
        let state = ProgramState::Waits(again);
        let ProgramState::Runs(attempt) = std::mem::replace(&mut program.state, state) else {
            return Ok(());
        };
        let ProgramAttempt {
            world,
            process,
            is_last,
            ..
        } = *attempt;
        world.judge()?;
        let is_whole = world.is_whole();
        if is_whole && (is_last || !program.is_repeated || world.scenario.evil.is_none()) {
            program.state = ProgramState::Done;
        }
        if !program.is_repeated {
            program.state = ProgramState::Done;
        }
        let (is_served, run) = (program.is_served, program.run);
        let has_ended = world.ledger.has_ended();
        self.files.push(world.recorded.into_lines());
        self.note(|| format!("program {place} ends, whole: {is_whole}"));
        match (is_served, has_ended) {
            (false, _) => process.end(),
            (true, true) => {}
            // One that gave up leaves its run to the server.
            (true, false) => self.left.push((process, run)),
        }
        Ok(())
    }
}

/// Begins or goes on with the run of a program, as the command line does.
fn begin(
    ledger: &mut dyn Ledger,
    program: &Program,
) -> Result<(OpenedRun, Option<Named>, Vec<Item>), NotBegun> {
    let items = program.template.items.clone();
    let opened = ledger.begin_run(program.name.as_ref())?;
    let Some(name) = &program.name else {
        return Ok((opened, None, items));
    };
    let begun = named::begun(ledger, opened.number)?;
    let lines: HashSet<u64> = begun.iter().filter_map(|hold| hold.line).collect();
    let command = program.template.settings.command.as_ref();
    if !command.is_some_and(|command| command.retry_in_doubt) {
        let doubts = begun.into_iter().filter(|hold| hold.in_doubt);
        let doubts: Vec<Id> = doubts.filter_map(|hold| hold.operation.id).collect();
        named::end_holds(ledger, doubts, program.posts_doubts)?;
    }
    let (done, ids): (_, LineIds) = named::done(ledger, &opened, name, false)?;
    let items = continued(items, done).map_err(NotBegun::Input)?;
    let named = Named {
        name: name.to_string(),
        begun: lines,
        ids,
        retry_refused: false,
        from_stdin: false,
        words: "again".to_string(),
    };
    Ok((opened, Some(named), items))
}
