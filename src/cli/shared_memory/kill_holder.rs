//! The same run once with each lock, each time with one worker killed that holds it.

use super::{KillPoint, SharedMemoryArgs};
use crate::cli::CliResult;
use crate::cli::modes::{collect, print};
use crate::driver::RunPlan;
use crate::event::{Cause, Event, HolderKilled, Mode, Reason, Summary};
use crate::shared_memory::Primitive;
use crate::sharing::{Sharing, SharingChoice, SharingMethod};
use crate::status::{Ending, Status};
use crate::worker::WorkerMode;

/// The locks.
const LOCKS: [Primitive; 6] = [
    Primitive::Spin,
    Primitive::Mutex,
    Primitive::MutexPerAccount,
    Primitive::Semaphore,
    Primitive::Robust,
    Primitive::FileLock,
];

/// Runs the workload once with each lock, and at last with the lease that a server process gives.
pub(super) fn compare(args: &SharedMemoryArgs, when: KillPoint) -> CliResult {
    let mut runs = Vec::new();
    for primitive in LOCKS {
        let plan = args.plan(primitive)?;
        runs.push((Some(primitive), plan));
    }
    // A server process writes both cells at once.
    if when == KillPoint::Write {
        let plan = args.plan(Primitive::Mutex)?;
        let plan = RunPlan {
            mode: Mode::ServerShare,
            conduct: WorkerMode::ShareData(SharingMethod::of(Sharing::Lock)),
            ..plan
        };
        runs.push((None, plan));
    }
    let mut ended = Ending::default();
    let mut rows = Vec::new();
    for (primitive, plan) in runs {
        let sync = primitive.map_or("lock", Primitive::word);
        let stays = primitive.is_some_and(Primitive::stays_locked);
        let mode = plan.mode.clone();
        let (ending, events) = collect(plan, &args.mode)?;
        ended.signal = ending.signal;
        let Some(row) = row(mode, sync, when, &events) else {
            ended.status = ended.status.worse(ending.status);
            break;
        };
        // Only the robust lock promises that what its dead holder had half-written is repaired.
        let is_right = row.wrong_accounts == 0;
        let promises_money = when == KillPoint::Write || primitive == Some(Primitive::Robust);
        let promises = row.stays_locked == stays && (is_right || !promises_money);
        if !promises {
            ended.status = ended.status.worse(Status::Violation);
        }
        rows.push(Event::HolderKilled(Box::new(row)));
        if ending.signal.is_some() {
            break;
        }
    }
    let status = print(&args.mode, rows)?;
    ended.status = ended.status.worse(status);
    Ok(ended)
}

/// What one run shows, if it came to its end and killed a worker.
fn row(mode: Mode, sync: &'static str, when: KillPoint, events: &[Event]) -> Option<HolderKilled> {
    let of = |cause: Cause| {
        let failed = events.iter().filter(move |event| match event {
            Event::Failed(operation) => operation.reason == Some(Reason::Faulty(cause)),
            _ => false,
        });
        failed.count() as u64
    };
    let summary: &Summary = events.iter().find_map(|event| match event {
        Event::Summary(summary) => Some(&**summary),
        _ => None,
    })?;
    let (gave_up, died) = (of(Cause::Deadline), of(Cause::Died));
    if died == 0 && summary.moved.0 == 0 {
        return None;
    }
    Some(HolderKilled {
        mode,
        sync: sync.into(),
        before: when.word().into(),
        completed: summary.completed,
        gave_up,
        counts: died == 0,
        wrong_accounts: summary.wrong_accounts.unwrap_or_default(),
        stays_locked: gave_up > 0,
        elapsed_us: summary.elapsed_us,
    })
}
