//! `sync`: the race of threads.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};

use super::ledger::{MemoryArgs, UnitArgs};
use super::workload::{WorkloadArgs, each_item};
use super::{CliResult, Failure, OutputArgs, choice, protected};
use crate::event::{Event, InvalidLine, Mode, RunStarted};
use crate::poll::wait_readable;
use crate::race::{MAX_UPDATES, RacePlan, SyncMethod, race};
use crate::report::{Broken, Outputs, Reporter};
use crate::sharing::SharingChoice;
use crate::status::{Ending, Status};
use crate::supervisor::{Signals, end_by, stop_self};
use crate::wake::{Alarm, TICK, Waker, host_clock, wall_clock};
use crate::workload::{Feed, Item};

#[derive(Args)]
pub(super) struct SyncArgs {
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    unit: UnitArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How many threads race
    #[arg(long, default_value_t = 4, value_name = "N")]
    threads: u32,
    /// How often every thread runs all operations
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    rounds: u32,
    /// Run only this one
    #[arg(long, value_parser = choice(&SyncMethod::ALL), value_name = "NAME")]
    lock: Option<SyncMethod>,
    #[command(flatten)]
    output: OutputArgs,
}

/// `bank-par sync`
pub(super) fn sync(args: SyncArgs) -> CliResult {
    let why = "its threads race for one balance in memory, which is the lesson";
    args.ledger.check(Mode::Sync.word(), why)?;
    args.unit.settle()?;
    let (mut alarm, waker) = Alarm::new().map_err(Failure::died)?;
    let mut feed = args.workload.feed(false, false, None, waker.clone())?;
    let outputs = args
        .output
        .outputs(protected(&args.workload.source(), None))
        .map_err(Failure::usage)?;
    let plan = RacePlan {
        account: args.workload.account.clone(),
        start: args.workload.balance()?,
        overdraft: args.workload.overdraft()?,
        threads: args.threads,
        rounds: args.rounds,
    };
    let mut sync_run = SyncRun::new(outputs, waker);
    let deltas = sync_run.deltas(&plan, args.lock, &mut feed, &mut alarm)?;
    if deltas.is_empty() {
        let nothing = anyhow::anyhow!("there is no operation on `{}` to race", plan.account);
        return Err(Failure::usage(nothing));
    }
    plan.check(&deltas).map_err(Failure::usage)?;
    sync_run.begin(&plan, args.lock)?;
    let run = || sync_run.run(&plan, &deltas, args.lock);
    let signal = args.workload.telling_unread_stdin(run)?;
    Ok(Ending {
        status: sync_run.end(&mut alarm)?,
        signal,
        passed_on: None,
    })
}

/// The remedies, one after another, and what they showed.
struct SyncRun {
    /// Where it will be told: opened when it begins, so that a race that is refused leaves no recording
    /// behind.
    outputs: Option<(Outputs, Waker)>,
    /// There is one as soon as it began.
    reporter: Option<Reporter>,
    began: Instant,
    /// The same by the host's clock.
    clock: Duration,
    status: Status,
}

impl SyncRun {
    fn new(outputs: Outputs, waker: Waker) -> Self {
        SyncRun {
            outputs: Some((outputs, waker)),
            reporter: None,
            began: Instant::now(),
            clock: host_clock(),
            status: Status::Posted,
        }
    }

    fn note(&self, event: Event) {
        if let Some(reporter) = &self.reporter {
            reporter.tell(vec![event]);
        }
    }

    /// Opens the outputs and tells that it began, before anything else is told.
    fn begin(&mut self, plan: &RacePlan, only: Option<SyncMethod>) -> Result<(), Failure> {
        let Some((outputs, waker)) = self.outputs.take() else {
            return Ok(());
        };
        self.reporter = Some(Reporter::start(outputs, waker).map_err(Failure::usage)?);
        self.note(Event::RunStarted(Box::new(RunStarted {
            mode: Mode::Sync,
            mechanism: "racing for one balance in memory".into(),
            sync: only.map(|method| method.word().into()),
            pid: std::process::id(),
            started_at: wall_clock(),
            clock_us: self.clock.into(),
            operations: None,
            jobs: plan.threads,
            ops_per_worker: 0,
            ledger: None,
            run: None,
            account: plan.account.clone(),
            balance: Some(plan.start),
            overdraft: Some(plan.overdraft).filter(|limit| limit.minor() > 0),
        })));
        Ok(())
    }

    /// Waits until everything is written. The status of the whole.
    fn end(mut self, alarm: &mut Alarm) -> Result<Status, Failure> {
        let Some(mut reporter) = self.reporter.take() else {
            return Ok(self.status);
        };
        let broken = reporter.close().wait(|| alarm.wait(TICK));
        Ok(match broken.map_err(Failure::died)? {
            Some(Broken::Failed(_)) => self.status.worse(Status::EndedEarly),
            Some(Broken::Closed) | None => self.status,
        })
    }

    /// Reads the whole workload, since every thread runs it many times.
    fn deltas(
        &mut self,
        plan: &RacePlan,
        only: Option<SyncMethod>,
        feed: &mut Feed,
        alarm: &mut Alarm,
    ) -> Result<Vec<i64>, Failure> {
        let mut deltas = Vec::new();
        each_item(feed, alarm, |item| {
            let invalid = match item {
                // No run of threads has a name.
                Item::Done { .. } | Item::Skipped { .. } => None,
                Item::Invalid { line, reason } => Some((line, reason)),
                Item::Operation { line, operation } => match plan.delta(&operation) {
                    Ok(delta) => {
                        deltas.push(delta);
                        None
                    }
                    Err(reason) => Some((line.map_or(0, |line| line.number), reason)),
                },
            };
            if let Some((line, reason)) = invalid {
                self.begin(plan, only)?;
                self.invalid(line, reason);
            }
            Ok((deltas.len() as i64) <= MAX_UPDATES)
        })?;
        Ok(deltas)
    }

    fn invalid(&mut self, line: u64, reason: String) {
        self.status = self.status.worse(Status::Usage);
        let at_us = self.began.elapsed().into();
        self.note(Event::Invalid(InvalidLine {
            line,
            reason,
            at_us,
        }));
    }

    /// Runs one remedy, or all of them in turn. Returns the signal that ended it, if one did.
    ///
    /// In the table, `none` is what the others are held against: only a loss of a remedy is a
    /// violation there.
    fn run(
        &mut self,
        plan: &RacePlan,
        deltas: &[i64],
        only: Option<SyncMethod>,
    ) -> Result<Option<i32>, Failure> {
        let interrupt = Interrupt::listen().map_err(Failure::died)?;
        for remedy in SyncMethod::ALL {
            let wanted = only.is_none_or(|only| only == remedy);
            if !wanted || interrupt.signal().is_some() {
                continue;
            }
            let raced = race(plan, remedy, deltas, &interrupt.flag).map_err(Failure::usage)?;
            let lost = raced.lost_updates > 0 || raced.expected != raced.actual;
            if lost && (remedy != SyncMethod::None || only.is_some()) {
                self.status = self.status.worse(Status::Violation);
            }
            self.note(Event::Raced(Box::new(raced)));
        }
        Ok(interrupt.signal())
    }
}

/// Notices the signals that end a program, in a thread of its own beside those that race.
struct Interrupt {
    flag: Arc<AtomicBool>,
    signal: Arc<OnceLock<i32>>,
}

impl Interrupt {
    fn listen() -> anyhow::Result<Self> {
        let interrupt = Interrupt {
            flag: Arc::default(),
            signal: Arc::default(),
        };
        let (flag, signal) = (Arc::clone(&interrupt.flag), Arc::clone(&interrupt.signal));
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        thread::spawn(move || {
            loop {
                // It comes back at the latest after a tick, and then nothing has come.
                let _ = wait_readable(signals.as_fd(), TICK);
                for heard in signals.pending() {
                    match heard {
                        SIGTSTP => stop_self(),
                        SIGINT | SIGTERM | SIGHUP => {
                            // The second one ends the process at once.
                            if let Some(first) = signal.get() {
                                end_by(*first);
                            }
                            let _ = signal.set(heard);
                            flag.store(true, Ordering::Relaxed);
                        }
                        _ => {}
                    }
                }
            }
        });
        Ok(interrupt)
    }

    fn signal(&self) -> Option<i32> {
        self.signal.get().copied()
    }
}
