//! How workers die, and what of theirs still reaches the parent.

use super::*;

impl World {
    /// A worker dies.
    pub(super) fn misfortune(&mut self) {
        if self.chance.happens(self.scenario.evil.death) && !self.processes.is_empty() {
            let which = self.chance.below(self.processes.len());
            if let Some(worker) = self.processes.keys().nth(which).copied() {
                self.die(worker);
            }
        }
    }

    pub(super) fn die(&mut self, worker: u32) {
        self.note(|| format!("worker {worker} is killed"));
        if let Some(process) = self.processes.get_mut(&worker) {
            // Some end as if all were well.
            let exit = match self.chance.happens(self.scenario.evil.leave) {
                true => Exit::Status(0),
                false => Exit::Signal(KILLED),
            };
            process.worker.exit.get_or_insert(exit);
        }
        self.see_to_end(worker);
    }

    /// The end of a process ends its link, behind all that it had sent.
    pub(super) fn see_to_end(&mut self, worker: u32) {
        let Some(process) = self.processes.get_mut(&worker) else {
            return;
        };
        if process.worker.exit.is_none() || process.ended {
            return;
        }
        process.ended = true;
        let was_killed = matches!(process.worker.exit, Some(Exit::Signal(_)));
        let cut_off = was_killed && self.chance.happens(self.scenario.evil.cut_off);
        // It wrote all but the last, or a part of that.
        let has_last = process
            .to_parent
            .back()
            .is_some_and(|(at, _)| *at > self.now);
        if has_last && (cut_off || was_killed && self.chance.happens(300)) {
            let unsent = process.to_parent.pop_back();
            // A command is not started before that is told.
            if unsent.is_some_and(|(_, what)| starts_command(&what)) {
                let line = self.promises.line_of(process.worker.number);
                self.commands
                    .extend(line.map(|line| (line, CommandStep::Unpaid)));
            }
        }
        let end = match cut_off {
            true => Arrived::Broken("a message was cut off".to_string()),
            false => Arrived::Closed,
        };
        send(process, end, self.now, &mut self.chance);
    }
}
