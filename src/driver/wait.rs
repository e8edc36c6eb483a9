//! Waiting for what happens next, and telling the run of it.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGTSTP};

use super::{ALARM, Driver, SIGNALS};
use crate::exit::Exit;
use crate::link::Arrival;
use crate::poll::{PollKey, PollSet};
use crate::report::{Broken, without_the_lines};
use crate::run::Input;
use crate::supervisor::stop_self;
use crate::wake::TICK;

impl Driver<'_> {
    /// How long to wait if nothing happens.
    pub(super) fn timeout(&mut self) -> Duration {
        let now = self.clock.now();
        match self.run.wake_at(now).saturating_sub(now) {
            Duration::ZERO => Duration::ZERO,
            // One millisecond more, since `poll` rounds down and would come back too early.
            timeout => TICK.min(timeout + Duration::from_millis(1)),
        }
    }

    pub(super) fn wait(&mut self, timeout: Duration) -> io::Result<Vec<PollKey>> {
        let mut set = PollSet::default();
        set.read(ALARM, self.alarm.as_fd());
        set.read(SIGNALS, self.signals.as_fd());
        self.links.poll(&mut set);
        let ready = set.wait(timeout)?;
        if ready.contains(&ALARM) {
            self.alarm.reset();
        }
        self.now = self.clock.now();
        self.run.stood_still(self.clock.stood());
        Ok(ready)
    }

    /// Tells the run what happened while it was waited.
    pub(super) fn handle_ready(&mut self, ready: &[PollKey]) {
        self.handle_signals();
        match self.reporter.broken() {
            None => {}
            Some(Broken::Closed) => {
                self.handle(Input::OutputBroken("stdout was closed".to_string()));
            }
            Some(Broken::Failed(why)) => self.handle(Input::OutputBroken(why)),
        }
        let mut arrivals = Vec::new();
        self.links.receive(ready, &mut arrivals);
        self.arrived(arrivals);
    }

    pub(super) fn handle_signals(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                SIGCHLD => self.reap(),
                SIGTSTP => {
                    self.supervisor.stop_all();
                    // The ledger is never locked by a process that is stopped.
                    self.store.between_batches(|| without_the_lines(stop_self));
                    self.supervisor.continue_all();
                }
                _ => self.handle(Input::Signal(signal)),
            }
        }
        // SIGCHLD may have been blocked by the process that started this one.
        if self.now.saturating_sub(self.reaped_at) >= TICK {
            self.reap();
            if self.plan.ends_commands() {
                // A worker that was stopped would not end its command.
                self.supervisor.continue_workers();
            }
        }
    }

    fn reap(&mut self) {
        self.reaped_at = self.now;
        for (worker, exit) in self.supervisor.reap() {
            self.store.worker_gone(worker, exit == Exit::Status(0));
            self.handle(Input::Exited { worker, exit });
            let mut arrivals = Vec::new();
            self.links.exited(worker, &mut arrivals);
            self.arrived(arrivals);
        }
    }

    fn arrived(&mut self, arrivals: Vec<Arrival>) {
        if !arrivals.is_empty() {
            self.handle(Input::Arrived(arrivals));
        }
    }
}
