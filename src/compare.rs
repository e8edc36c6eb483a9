//! Every way to share a balance, measured one beside the other: how fast it is and whether its balance is
//! right, each beside the limit that the system itself sets, taken in the same run.
//!
//! What is measured is the program itself: runs with worker processes over their links, the threads of
//! `sync`, a ledger in a file, a server in front of one. Only the limits are written here, as short as they
//! can be. All figures are taken in turn, round after round, so that a machine that is busy for a while
//! slows all of them and not one.

mod child;
mod durable;
mod echo;
mod memory;
mod processes;
mod raw;
mod runs;
mod threads;

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCHLD, SIGTSTP};

use crate::child::{pass, spawn, this_program};
use crate::comparison::{
    self, ComparePlan, Comparison, Figure, FigureSetting, Placement, Sample, Way,
};
use crate::driver::Measured;
use crate::latencies::{MeasuredTimes, own_cpus, stay_on};
use crate::link::Folder;
use crate::race::RaceError;
use crate::sharing::Transport;
use crate::store::LedgerError;
use crate::supervisor::{Signals, stop_self};
use child::{ChildArgs, ChildTask};
pub use child::{EMPTY, ENTRY, run as run_child};

/// How long after its time a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The system said no.
    #[error("cannot measure {what}")]
    Io {
        /// What was to be measured.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// The ledger that was made for it does not answer.
    #[error("cannot measure a ledger")]
    Ledger(#[from] LedgerError),
    /// These operations cannot be run by threads.
    #[error(transparent)]
    Race(#[from] RaceError),
    /// What was measured ended in another way than it must.
    #[error("cannot measure {what}: it ended with {why}")]
    Ended {
        /// What was to be measured.
        what: String,
        /// How it ended.
        why: String,
    },
    /// A signal asked for the end.
    #[error("it was interrupted")]
    Interrupted(i32),
}

impl From<io::Error> for CompareError {
    fn from(source: io::Error) -> Self {
        let what = "the mechanisms".to_string();
        CompareError::Io { what, source }
    }
}

/// Measures all that the plan names.
///
/// # Errors
///
/// What [`CompareError`] says; nothing is left behind then.
pub fn compare(plan: &ComparePlan, signals: &mut Signals) -> Result<Comparison, CompareError> {
    let mut figures = comparison::figures(plan);
    let mut meter = Meter::new(plan, signals)?;
    for _ in 0..plan.rounds {
        for figure in &mut figures {
            let sample = meter.measure(figure.setting)?;
            figure.samples.push(sample);
        }
    }
    Ok(measured_here(plan, figures))
}

/// What was measured, with what this machine tells of itself.
fn measured_here(plan: &ComparePlan, figures: Vec<Figure>) -> Comparison {
    let first_line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        let value = line.split_once(':').map_or(line, |(_, value)| value);
        Some(value.trim().to_string())
    };
    Comparison {
        processors: own_cpus().map_or(1, |cpus| cpus.len()),
        processor: first_line("/proc/cpuinfo", "model name"),
        kernel: first_line("/proc/sys/kernel/osrelease", ""),
        placement: plan.placement,
        each: plan.each,
        rounds: plan.rounds,
        folder: plan.folder.display().to_string(),
        is_in_memory: is_in_memory(&plan.folder),
        figures,
    }
}

/// Whether files of this folder are in memory, where a sync does nothing (`statfs(2)`).
fn is_in_memory(folder: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    #[cfg(target_os = "linux")]
    {
        let kind = rustix::fs::statfs(folder).map(|found| found.f_type);
        kind.is_ok_and(|kind| [TMPFS, RAMFS].contains(&kind))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (folder, TMPFS, RAMFS);
        false
    }
}

/// What takes the measurements.
struct Meter<'a> {
    plan: &'a ComparePlan,
    signals: &'a mut Signals,
    /// The signal that asked for the end.
    interrupted: Option<i32>,
    /// The processors that this process may use.
    cpus: Vec<usize>,
    /// Where children leave what they measured.
    folder: Arc<Folder>,
    _queues: Option<Arc<Folder>>,
}

impl<'a> Meter<'a> {
    fn new(plan: &'a ComparePlan, signals: &'a mut Signals) -> io::Result<Self> {
        let mut cpus = own_cpus()?;
        if plan.placement == Placement::OneCore {
            cpus.truncate(1);
            stay_on(&cpus)?;
        }
        Ok(Meter {
            plan,
            signals,
            interrupted: None,
            cpus,
            folder: Arc::new(Folder::create()?),
            _queues: Transport::Queue.keep_shared()?,
        })
    }

    /// Takes one measurement.
    fn measure(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let spreads = self.plan.placement == Placement::Spread && setting.way.has_workers();
        if spreads {
            stay_on(&self.cpus[..1])?;
        }
        let taken = self.take(setting);
        if spreads {
            stay_on(&self.cpus)?;
        }
        self.hear();
        match self.interrupted {
            Some(signal) => Err(CompareError::Interrupted(signal)),
            None => taken.map_err(|error| match error {
                CompareError::Io { source, .. } => {
                    let what = setting.to_string();
                    CompareError::Io { what, source }
                }
                error => error,
            }),
        }
    }

    fn take(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        match setting.way {
            Way::Threads(method) => self.threads(method, setting.workers),
            Way::AddThreads => Ok(self.add_by_threads(setting.workers)?),
            Way::Bank(_) | Way::DataServer(_) | Way::SharedMemory(_) => self.run_in_memory(setting),
            Way::AddProcesses => self.add_by_processes(setting),
            Way::Link(transport) => self.echo(transport, setting),
            Way::RawSocket | Way::RawPipe => self.raw(setting),
            Way::RawMemory { sleeps } => self.memory_round_trips(sleeps, setting),
            Way::Starting(_) => self.start_workers(setting),
            Way::Empty => self.start_empty(setting),
            Way::Ledger => self.ledger_run(setting),
            Way::Served => self.served(setting),
            Way::Append => Ok(self.append(setting)?),
        }
    }

    /// Looks whether the end was asked for.
    fn hear(&mut self) {
        for signal in self.signals.pending() {
            match signal {
                SIGCHLD => {}
                SIGTSTP => stop_self(),
                signal => self.interrupted = self.interrupted.or(Some(signal)),
            }
        }
    }

    /// How workers measure that have so many operations in their hands.
    fn measured_with(&self, in_hand: u32) -> Measured {
        Measured {
            folder: Arc::clone(&self.folder),
            in_hand: in_hand as usize,
            cpus: match self.plan.placement {
                Placement::Spread => self.cpus.clone(),
                Placement::Free | Placement::OneCore => Vec::new(),
            },
        }
    }

    /// Starts a child for this; `command` has its input and output.
    fn start(&self, mut command: Command, worker: u32, task: ChildTask) -> io::Result<Child> {
        let args = ChildArgs {
            parent: std::process::id(),
            worker,
            lasting: self.plan.each,
            measure: self.measured_with(1).worker(worker),
            task,
        };
        pass(&mut command, ENTRY, &args)?;
        spawn(command.process_group(0))
    }

    /// What the children of these numbers measured, all together.
    fn measured(&self, workers: u32) -> io::Result<MeasuredTimes> {
        let mut all = MeasuredTimes::empty()?;
        for worker in 1..=workers {
            all.add(&MeasuredTimes::read(&self.folder.measured_by(worker))?);
        }
        Ok(all)
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.plan.each + PATIENCE
    }
}

/// A child of this program whose input and output are still to be said.
fn measured_command() -> Command {
    let mut command = this_program("bank-par: measured");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Children that do not outlive what was to be measured.
#[derive(Default)]
struct Children(Vec<Child>);

impl Children {
    /// Waits until all have ended, which each does after its time.
    fn finish(&mut self) -> io::Result<()> {
        for mut child in self.0.drain(..) {
            let status = child.wait()?;
            if !status.success() {
                return Err(io::Error::other(format!("a child ended with {status}")));
            }
        }
        Ok(())
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended is no process any more, and the other way ends it.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
