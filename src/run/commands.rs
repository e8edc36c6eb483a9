//! What workers report of the commands that are their operations' work.

use super::Run;
use crate::bank::{Amount, Balance, Id, Kind};
use crate::event::{Cause, Event, Fault, OperationEvent};
use crate::protocol::Report;
use crate::status::Status;
use crate::work::{CommandReport, Termination};

impl Run {
    /// Takes note of what a worker reports of its operation's command.
    pub(super) fn reported(&mut self, worker: u32, reports: Vec<Report>) {
        for Report { number, event } in reports {
            let Some(state) = self.workers.get_mut(worker) else {
                return;
            };
            state.made_progress(self.out.now);
            let is_heard = state.queue.reported(number).is_some_and(|assigned| {
                let ran = assigned.ran.get_or_insert_default();
                ran.record(event)
            });
            if !is_heard {
                return self.blame(worker, "told of a command that it does not run");
            }
            self.tell_retry(worker);
        }
    }

    /// Tells of an attempt that failed where another follows.
    fn tell_retry(&mut self, worker: u32) {
        let Some(state) = self.workers.get(worker) else {
            return;
        };
        let Some(first) = state.queue.front() else {
            return;
        };
        let ended = first.ran.as_ref().and_then(|ran| ran.ended.as_ref());
        if let Some(pause) = ended.and_then(|ended| ended.again) {
            let fault = self.command_fault(first.ran.as_deref());
            self.out.event(Event::Retried(OperationEvent {
                pause_us: Some(pause.into()),
                ..state.event_of(first).faulted(fault)
            }));
        }
    }

    /// What is wrong with a command that failed, or of which it is unknown what it has spent.
    pub(super) fn command_fault(&self, ran: Option<&CommandReport>) -> Fault {
        let command = self.settings.command.as_ref();
        let timeout = command.and_then(|command| command.timeout);
        let timeout = timeout.unwrap_or_default();
        let ended = ran.and_then(|ran| ran.ended.as_ref());
        let termination = ended.and_then(|ended| ended.termination);
        let trouble = ended.and_then(|ended| ended.trouble.as_deref());
        let exit = ended.and_then(|ended| ended.exit);
        let (cause, what) = match (termination, trouble, exit) {
            (Some(Termination::TimeOver), ..) => {
                let what = format!("its command took longer than {timeout:?} and was ended");
                (Cause::Deadline, what)
            }
            (_, Some(trouble), Some(_)) => (Cause::Unreadable, trouble.to_string()),
            (_, Some(trouble), None) => (Cause::Command, trouble.to_string()),
            (Some(Termination::Asked), ..) => {
                let what = "its command was ended, as the run was asked to end";
                (Cause::Command, what.to_string())
            }
            (None, None, Some(exit)) => (Cause::Command, format!("its command {exit}")),
            (None, None, None) => (Cause::Command, "its command did not run".to_string()),
        };
        let words = ran.and_then(CommandReport::last_line);
        let detail = match words {
            Some(words) => format!("{what}: {words}"),
            None => what,
        };
        Fault { cause, detail }
    }

    /// Warns that more was spent than was set aside: also where that was long ago.
    pub(super) fn tell_overspent(&mut self, excess: Amount, event: OperationEvent) {
        self.tally.met(Status::Refused);
        let id = event.id.as_ref().map_or("", Id::as_str);
        let warning = match event.op.is_some_and(Kind::comes_in) {
            true => format!("the command of `{id}` brought in {excess} more than was asked for"),
            false => format!("the command of `{id}` spent {excess} more than was set aside"),
        };
        self.out.event(Event::Warned(warning));
        let excess = Some(Balance::from(excess));
        self.out
            .event(Event::Overspent(OperationEvent { excess, ..event }));
    }
}
