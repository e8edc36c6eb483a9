//! Workers are started where there is something to do for them.

use crate::event::Event;
use crate::run::{Effect, Run};

impl Run {
    /// Starts a worker, if there is something to do for one more. It is told when it was started; then the
    /// next one may follow.
    pub(in crate::run) fn start_worker(&mut self) {
        let workers = &self.workers;
        if self.shutdown.is_stopped()
            || self.dispatch.paused
            || self.dispatch.may_start == 0
            || workers.spawn_limit_reached
            || workers.is_spawning()
            || workers.live() >= self.settings.jobs
            || self.has_spare_workers()
        {
            return;
        }
        // A line that is no operation has no process.
        if let Some(next) = self.next_operation() {
            self.dispatch.returned.push_front(next);
        }
        let expected = self.workers.starting() * self.settings.first_share();
        if self.dispatch.has_more_than(expected) {
            self.dispatch.may_start -= 1;
            let worker = self.workers.add(self.out.now);
            self.out.push(Effect::Spawn(worker));
        }
    }

    /// A worker's process exists.
    pub(in crate::run) fn spawned(&mut self, worker: u32, pid: u32) {
        self.workers.started += 1;
        if let Some(state) = self.workers.get_mut(worker) {
            state.pid = pid;
        }
    }

    /// The system gave no process: those that are there go on alone. Without any, the run cannot go on.
    pub(in crate::run) fn spawn_failed(&mut self, worker: u32, why: &str) {
        self.workers.remove(worker);
        if self.workers.is_empty() {
            return self.abort(why);
        }
        self.workers.spawn_limit_reached = true;
        let count = self.workers.len();
        let warning = format!("no further worker can be started ({why}); {count} go on");
        self.out.event(Event::Warned(warning));
    }
}
