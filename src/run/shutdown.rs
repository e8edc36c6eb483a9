//! Why and how a run ends before its work does: signals, outputs that break, a ledger that fails.

use signal_hook::consts::SIGHUP;

use super::escalation::{Escalation, Step};
use super::{Effect, Run};
use crate::event::Cause;

/// Why a run ends that a signal ended.
const SIGNALLED: &str = "a signal asked for the end";

/// The most operations that are named where a run waits for them.
const MAX_NAMED: usize = 4;

/// How far a run is on its way to an early end.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    escalation: Escalation,
    /// Why no more operations are handed out although there may be some.
    why: Option<String>,
    /// The run cannot even wait for its workers.
    aborted: bool,
}

impl Shutdown {
    /// Nothing more is handed out; the first reason counts.
    pub(super) fn stop(&mut self, why: &str) {
        self.why.get_or_insert_with(|| why.to_string());
    }

    pub(super) fn abort(&mut self, why: &str) {
        self.stop(why);
        self.aborted = true;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.why.is_some()
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.aborted
    }

    pub(super) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The signal that the run will end by.
    pub(super) fn ends_by(&self) -> Option<i32> {
        self.escalation.ends_by()
    }

    fn signal(&mut self, signal: i32) -> Step {
        let (escalation, step) = self.escalation.signal(signal);
        self.escalation = escalation;
        step
    }
}

impl Run {
    /// A signal that ends programs came.
    pub(super) fn signal(&mut self, signal: i32) {
        let step = self.shutdown.signal(signal);
        let has_command = self.settings.command.is_some();
        if step != Step::Finish {
            self.out.push(Effect::StopLedgerRetries);
        }
        match step {
            // What is not handed out any more would be waited for in vain.
            Step::Finish if self.requests.have_given_order() => {
                self.leave_order(SIGNALLED, Cause::Died);
            }
            Step::Finish => {
                self.shutdown.stop(SIGNALLED);
                self.acknowledge();
                self.end_waits_in_vain();
            }
            Step::Kill if !has_command => self.out.push(Effect::KillAll),
            Step::Kill => {}
            Step::End(first) => self.out.push(Effect::EndNow(first)),
        }
        if has_command {
            self.end_commands(step, signal);
        }
    }

    /// Says at once that nothing more begins, and what is waited for.
    pub(super) fn acknowledge(&mut self) {
        let under_way = self.workers.all().filter_map(|state| {
            let first = state.queue.front()?;
            Some(format!("{} by {state}", first.operation.kind()))
        });
        let under_way: Vec<String> = under_way.collect();
        let what = match self.settings.command {
            Some(_) => "command is started",
            None => "operation is begun",
        };
        let waits = match under_way.len() {
            0 => "none is under way".to_string(),
            count => {
                let named = under_way[..count.min(MAX_NAMED)].join(", ");
                let more = match count.saturating_sub(MAX_NAMED) {
                    0 => String::new(),
                    more => format!(", and {more} more"),
                };
                format!("waiting for {count} under way: {named}{more}; a second signal ends them")
            }
        };
        self.out
            .push(Effect::Say(format!("no further {what}; {waits}")));
    }

    /// No command is started again; at the second signal, and where the terminal is gone, those that run
    /// are asked to end, and their workers see to it and tell.
    fn end_commands(&mut self, step: Step, signal: i32) {
        match step {
            Step::Finish if signal != SIGHUP => {
                // One that has not begun is told when it has.
                let runs = self
                    .workers
                    .all()
                    .filter(|state| state.queue.runs_command());
                let runs = runs.map(|state| state.worker).collect();
                self.out.push(Effect::StartNoMoreCommands(runs));
            }
            Step::Finish | Step::Kill => self.out.push(Effect::EndCommands),
            Step::End(_) => {}
        }
    }
}
