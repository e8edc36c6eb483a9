//! Why and how a run ends before its work does: signals, outputs that break, a ledger that fails.

use signal_hook::consts::SIGHUP;

use super::escalation::{Escalation, Step};
use super::{Effect, Run};
use crate::event::Cause;

/// Why a run ends that a signal ended.
const SIGNALLED: &str = "a signal asked for the end";

/// The most operations that a message names.
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
            Step::End(first) => {
                self.tell_left_in_doubt();
                self.out.push(Effect::EndNow(first));
            }
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
                let named = first_of(&under_way);
                format!("waiting for {count} under way: {named}; a second signal ends them")
            }
        };
        self.out
            .push(Effect::Say(format!("no further {what}; {waits}")));
    }

    /// Says which operations may be in doubt since the run ends without seeing the ends of their commands,
    /// and what is to be done about them: nothing tells it later.
    fn tell_left_in_doubt(&mut self) {
        let states = self.workers.all();
        let running = states.filter(|state| state.queue.runs_command());
        let running = running.filter_map(|state| Some(&state.queue.front()?.operation));
        let lost = self.lost_operations.values();
        let lost = lost.filter(|lost| lost.is_held).map(|lost| &lost.operation);
        let ids = running.chain(lost).filter_map(|one| one.id.as_ref());
        let ids: Vec<String> = ids.map(|id| format!("`{}`", id.as_str())).collect();
        if ids.is_empty() {
            return;
        }
        let what_to_do = match &self.settings.ledger {
            Some(_) => {
                "look at what they did, then end each with `bank-par post ID` or `bank-par void ID` (`bank-par balance --holds` lists them)"
            }
            None => "look at what they did, since a ledger in memory keeps nothing of them",
        };
        self.out.push(Effect::Say(format!(
            "warning: the ends of these commands were not seen, so their operations may be in doubt: {}; {what_to_do}",
            first_of(&ids),
        )));
        let advice = self.way_to_go_on(true).map(Effect::Say);
        self.out.effects.extend(advice);
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

/// The first of them, and how many more there are.
fn first_of(all: &[String]) -> String {
    let named = all[..all.len().min(MAX_NAMED)].join(", ");
    match all.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named}, and {more} more"),
    }
}
