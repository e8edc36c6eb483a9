//! Runs of the program, with worker processes over their links, in memory or on a ledger that lasts.

use std::thread;
use std::time::Duration;

use super::{CompareError, Meter};
use crate::bank::{Balance, Operation};
use crate::comparison::{FigureSetting, Sample, Way};
use crate::driver::{Driver, RunPlan};
use crate::event::{Event, Summary};
use crate::latencies::{childrens_cpu, own_cpu};
use crate::report::{Detail, Reporter};
use crate::run::{AsArrived, Pacing};
use crate::server::RunLedger;
use crate::shared_memory::MemorySharing;
use crate::sharing::Transport;
use crate::status::{Ending, Status};
use crate::threads::sync::mpsc::Receiver;
use crate::wake::Alarm;
use crate::work::Pace;
use crate::worker::WorkerMode;
use crate::workload::Feed;

/// A run that has ended, and what it cost.
pub(super) struct MeasuredRun {
    pub(super) summary: Summary,
    /// The processor's time of this process, and of all that it started.
    pub(super) own_cpu: Duration,
    pub(super) childrens_cpu: Duration,
}

impl Meter<'_> {
    /// Runs the plan's operations again and again, in memory.
    pub(super) fn run_in_memory(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let (transport, conduct) = match setting.way {
            Way::Bank(transport) => (transport, WorkerMode::AskTheBank),
            Way::DataServer(method) => (Transport::Socket, WorkerMode::ShareData(method)),
            Way::SharedMemory(primitive) => {
                let sharing = MemorySharing {
                    primitive,
                    lock_order: true,
                    limit: None,
                    takes_turns: false,
                };
                (Transport::Socket, WorkerMode::ShareMemory(sharing))
            }
            way => return Err(ended(setting, format!("no mode: {}", way.name()))),
        };
        let plan = self.run_plan(setting, transport, conduct);
        self.run_measured(setting, plan, None, self.plan.operations.clone())
    }

    /// The plan of a run whose workers measure.
    pub(super) fn run_plan(
        &self,
        setting: FigureSetting,
        transport: Transport,
        conduct: WorkerMode,
    ) -> RunPlan {
        RunPlan {
            mode: setting.way.mode(),
            transport,
            conduct,
            jobs: setting.workers as usize,
            ops_per_worker: None,
            account: self.plan.account.clone(),
            balance: self.plan.balance,
            opened: Vec::new(),
            overdraft: self.plan.overdraft,
            strict: false,
            timeout: None,
            lease_limit: None,
            pace: Pace::NONE,
            pacing: Pacing::default(),
            commands: None,
            named: None,
            kill_before: None,
            operations: None,
            detail: Detail::Results,
            measured: Some(self.measured_with(setting.in_hand())),
        }
    }

    /// Runs it, and collects what its workers measured.
    pub(super) fn run_measured(
        &mut self,
        setting: FigureSetting,
        plan: RunPlan,
        ledger: Option<RunLedger>,
        operations: Vec<Operation>,
    ) -> Result<Sample, CompareError> {
        let run = self.run(setting, plan, ledger, operations)?;
        let workers = u32::try_from(run.summary.processes).unwrap_or(u32::MAX);
        let latencies = self.measured(workers)?;
        let (lost_updates, off_by) = lost(&run.summary);
        Ok(Sample {
            lost_updates,
            off_by,
            ..Sample::of(&latencies, run.own_cpu)
        })
    }

    /// Runs it to its end.
    pub(super) fn run(
        &mut self,
        setting: FigureSetting,
        plan: RunPlan,
        ledger: Option<RunLedger>,
        operations: Vec<Operation>,
    ) -> Result<MeasuredRun, CompareError> {
        let cpu_before = (own_cpu(), childrens_cpu());
        let (alarm, waker) = Alarm::new()?;
        let (reporter, events) = Reporter::collecting(waker.clone());
        // Each process takes long to start, and none is to be left over.
        let at_once = match plan.ops_per_worker {
            Some(_) => plan.jobs,
            None => usize::MAX,
        };
        let feed = Feed::repeating(operations, self.plan.each, at_once);
        let summary = thread::Builder::new().spawn(move || summary(&events))?;
        let (order, woken) = (Box::new(AsArrived), (alarm, waker));
        let driver = Driver::new(plan, ledger, order, feed, reporter, woken, self.signals)?;
        let Ending { status, signal, .. } = driver.run()?;
        let cpu_after = (own_cpu(), childrens_cpu());
        self.interrupted = self.interrupted.or(signal);
        if let Some(signal) = self.interrupted {
            return Err(CompareError::Interrupted(signal));
        }
        let is_whole = matches!(status, Status::Posted | Status::Refused | Status::Violation);
        match summary.join().ok().flatten() {
            Some(summary) if is_whole => Ok(MeasuredRun {
                summary,
                own_cpu: cpu_after.0.saturating_sub(cpu_before.0),
                childrens_cpu: cpu_after.1.saturating_sub(cpu_before.1),
            }),
            _ => Err(ended(setting, format!("status {}", status.code()))),
        }
    }
}

pub(super) fn ended(setting: FigureSetting, why: String) -> CompareError {
    let what = setting.to_string();
    CompareError::Ended { what, why }
}

/// Waits for the end of a run and keeps its summary; what else is told of it is let go at once, so that
/// memory stays small.
fn summary(events: &Receiver<Vec<Event>>) -> Option<Summary> {
    let mut last = None;
    while let Ok(block) = events.recv() {
        for event in block {
            if let Event::Summary(summary) = event {
                last = Some(*summary);
            }
        }
    }
    last
}

/// How many operations' updates were lost, and by how much money that makes users' balances wrong.
fn lost(summary: &Summary) -> (u64, Balance) {
    let accounts = summary.balances.iter();
    let accounts = accounts.filter(|account| !account.account.is_the_banks());
    let off_by = accounts.map(|account| {
        let expected = account.expected.unwrap_or(account.balance);
        let off_by = expected.minor().abs_diff(account.balance.minor());
        off_by.cast_signed()
    });
    let lost = summary.lost_updates.unwrap_or(0);
    (lost, Balance::new(off_by.sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Name, WORLD};
    use crate::event::AccountSummary;

    fn account(name: Name, balance: i64, expected: i64) -> AccountSummary {
        AccountSummary {
            account: name,
            balance: Balance::new(balance),
            available: Balance::new(balance),
            expected: Some(Balance::new(expected)),
            lost_updates: 0,
            overdrawn: false,
        }
    }

    #[test]
    fn operations_are_lost_and_balances_of_users_are_off() {
        let ops = Name::user("ops").expect("a name");
        let summary = Summary {
            balances: vec![
                // Both sides of a movement may be off, and one of them is the bank's.
                account(WORLD.clone(), -900, -1_000),
                account(Name::default(), 900, 1_000),
                account(ops, 60, 50),
            ],
            lost_updates: Some(4),
            ..Summary::default()
        };
        assert_eq!(lost(&summary), (4, Balance::new(110)));
        assert_eq!(lost(&Summary::default()), (0, Balance::default()));
    }
}
