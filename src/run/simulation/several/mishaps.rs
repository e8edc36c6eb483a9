//! What goes wrong between the processes: kills, stops, clocks that jump, a ledger that is away, lost power.

use super::*;
use crate::simulation::{happening, leave_out};

/// When nothing goes wrong between the processes any more.
const MISHAPS_UNTIL: Duration = Duration::from_secs(900);

/// How often what goes wrong, in thousandths of the steps, and of the commits.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mishaps {
    /// A parent is killed.
    kill: usize,
    /// A host loses its power.
    host: usize,
    /// Where the rows are the power is lost.
    power: usize,
    /// The server through which others ask is killed.
    server: usize,
    /// A host stops for a while.
    stop: usize,
    /// A wall clock jumps.
    jump: usize,
    /// The ledger is away for a while.
    away: usize,
    /// A commit of a single command or of a run's beginning fails.
    pub(super) commit: usize,
    /// A single command asks.
    shell: usize,
}

impl Mishaps {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let mut one = |of_thousand: usize| match chance.below(3) {
            0 => of_thousand,
            _ => 0,
        };
        Mishaps {
            kill: one(8),
            host: one(3),
            power: one(3),
            server: one(4),
            stop: one(3),
            jump: one(10),
            away: one(3),
            commit: one(150),
            shell: one(40),
        }
    }

    fn all(&mut self) -> [(&'static str, &mut usize); 9] {
        [
            ("kill", &mut self.kill),
            ("host", &mut self.host),
            ("power", &mut self.power),
            ("server", &mut self.server),
            ("stop", &mut self.stop),
            ("jump", &mut self.jump),
            ("away", &mut self.away),
            ("commit", &mut self.commit),
            ("shell", &mut self.shell),
        ]
    }

    /// Those that happen, by their names.
    pub(super) fn parts(mut self) -> Vec<String> {
        happening(self.all())
    }

    pub(super) fn without(mut self, is_out: impl Fn(&str) -> bool) -> Self {
        leave_out(self.all(), is_out);
        self
    }
}

impl SharedWorld {
    /// Something may go wrong, but not for ever.
    pub(super) fn mishap(&mut self) -> Result<(), Broken> {
        if self.now > MISHAPS_UNTIL {
            return Ok(());
        }
        let often = self.mishaps;
        if self.chance.happens(often.kill) {
            let place = self.chance.below(self.programs.len());
            self.kill(place);
        }
        if self.chance.happens(often.host) {
            let host = self.chance.below(self.hosts.len());
            self.lose_host(host)?;
        }
        if self.chance.happens(often.power) {
            self.lose_power()?;
        }
        if self.chance.happens(often.server) {
            self.kill_server();
        }
        if self.chance.happens(often.stop) && self.kind != LeaseKind::Process {
            let host = self.chance.below(self.hosts.len());
            let until = self.now + self.chance.millis(90_000);
            self.hosts[host].stop(self.now, until);
            self.note(|| format!("host {host} is stopped"));
        }
        if self.chance.happens(often.jump) {
            let host = self.chance.below(self.hosts.len());
            self.hosts[host].jumped = self.chance.below(20_000_000_000) as i64 - 10_000_000_000;
            self.set_clocks();
        }
        if self.chance.happens(often.away) && self.locked_until.is_none() {
            self.locked_until = Some(self.now + self.chance.millis(70_000));
            self.rows.lock(true);
            self.note(|| "the ledger is away".to_string());
        }
        if self.chance.happens(often.shell) {
            self.ask_from_shell()?;
        }
        Ok(())
    }

    /// A parent is killed, unless nothing goes wrong with it any more.
    fn kill(&mut self, place: usize) {
        let may = |attempt: &ProgramAttempt| !attempt.is_last;
        if matches!(&self.programs[place].state, ProgramState::Runs(attempt) if may(attempt)) {
            self.end_process(place);
        }
    }

    /// A parent and its workers are gone. Their leases last until the last of them is, or until their time is over.
    fn end_process(&mut self, place: usize) {
        let again = self.now + self.chance.millis(100);
        let program = &mut self.programs[place];
        let state = match program.is_repeated {
            true => ProgramState::Waits(again),
            false => ProgramState::Done,
        };
        let ProgramState::Runs(attempt) = std::mem::replace(&mut program.state, state) else {
            return;
        };
        let ProgramAttempt { world, process, .. } = *attempt;
        let has_ended = world.ledger.has_ended();
        self.files.push(world.recorded.into_lines());
        let (is_served, run) = (program.is_served, program.run);
        self.note(|| format!("program {place} is killed"));
        if is_served {
            self.draw_fate();
            self.left.extend((!has_ended).then_some((process, run)));
            return self.end_left();
        }
        let lasts = match self.kind {
            LeaseKind::Process => self.chance.millis(200),
            LeaseKind::Time(lasts) => lasts,
        };
        self.lingering.push((self.now + lasts, process));
    }

    fn kill_server(&mut self) {
        let is_used = |program: &Program| match &program.state {
            ProgramState::Runs(attempt) => program.is_served && attempt.is_last,
            _ => false,
        };
        if self.programs.iter().any(is_used) {
            return;
        }
        if let Some(server) = self.server.take() {
            self.note(|| "the server is killed".to_string());
            match self.kind {
                LeaseKind::Process => server.end(),
                LeaseKind::Time(lasts) => {
                    let ledger = server.ledger.borrow_mut().take();
                    let kept = LedgerProcess {
                        ledger: Rc::new(RefCell::new(ledger)),
                        ..server
                    };
                    self.lingering.push((self.now + lasts, kept));
                }
            }
        }
    }

    /// Every process of a host is gone at once, and it starts anew.
    fn lose_host(&mut self, host: usize) -> Result<(), Broken> {
        let is_here = |program: &Program| program.host == host;
        let is_spared = |program: &Program| match &program.state {
            ProgramState::Runs(attempt) => attempt.is_last,
            _ => false,
        };
        let spared = |program: &Program| is_here(program) && is_spared(program);
        if self.programs.iter().any(spared) {
            return Ok(());
        }
        self.note(|| format!("host {host} loses its power"));
        for place in 0..self.programs.len() {
            if self.programs[place].host == host {
                self.end_process(place);
            }
        }
        if host == 0 {
            self.kill_server();
        }
        if self.kind == LeaseKind::Process {
            // The kernel that kept the locks is gone with its processes.
            self.lingering
                .drain(..)
                .for_each(|(_, process)| process.end());
            self.forget_unsynced()?;
        }
        let host = &mut self.hosts[host];
        (host.boot, host.booted_at) = (host.boot + 1, self.now);
        self.set_clocks();
        Ok(())
    }

    /// The rows lose their power: where they are in a file with all who use it, else alone.
    fn lose_power(&mut self) -> Result<(), Broken> {
        match self.kind {
            LeaseKind::Process => self.lose_host(0),
            LeaseKind::Time(_) => self.forget_unsynced(),
        }
    }

    fn forget_unsynced(&mut self) -> Result<(), Broken> {
        let chance = &mut self.chance;
        self.rows.lose_power(|| chance.happens(500));
        self.known.all_are_there(&self.rows)
    }
}
