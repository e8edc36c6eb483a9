//! The signals that a run hears, and the outputs that break.

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGTSTP};

use super::Run;
use super::crew::Member;
use crate::event::Fact;
use crate::report::Broken;
use crate::supervisor::{Step, end_by, stop_self};
use crate::wake::TICK;

impl Run {
    pub(super) fn heed_signals(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                SIGCHLD => self.reap(),
                SIGTSTP => {
                    self.supervisor.stop_all();
                    // Nobody may find the ledger locked by a process that is stopped.
                    self.server.between_batches(stop_self);
                    self.supervisor.continue_all();
                }
                _ => self.escalate(signal),
            }
        }
        // Whoever started this program may have blocked SIGCHLD.
        if self.now.saturating_sub(self.reaped_at) >= TICK {
            self.reap();
        }
        match self.reporter.broken() {
            None => {}
            Some(Broken::Closed) => self.stop("stdout was closed"),
            Some(Broken::Failed(why)) => self.stop(&why),
        }
    }

    fn escalate(&mut self, signal: i32) {
        let (escalation, step) = self.escalation.signal(signal);
        self.escalation = escalation;
        if step != Step::Finish {
            self.server.hurry();
        }
        match step {
            Step::Finish => self.stop("a signal asked for the end"),
            Step::Kill if self.office.is_none() => self.supervisor.kill_all(),
            Step::Kill => {}
            Step::End(first) => {
                self.supervisor.end_all();
                end_by(first);
            }
        }
        if self.office.is_some() {
            self.end_commands(step, signal);
        }
    }

    /// No command is started again; at the second signal, and where the terminal is gone, those that run
    /// are asked to end, and their workers see to it and tell.
    fn end_commands(&mut self, step: Step, signal: i32) {
        match step {
            Step::Finish if signal != SIGHUP => {
                // One that has not begun is told when it has.
                let has_begun = |worker| {
                    let member = self.members.get(&worker);
                    member.is_some_and(Member::may_fail)
                };
                self.supervisor.say_enough(has_begun);
                let said = "no further command is started; those that run may finish, and a second signal ends them";
                self.note(Fact::Warned(said.to_string()));
            }
            Step::Finish | Step::Kill => self.supervisor.end_commands(),
            Step::End(_) => {}
        }
    }
}
