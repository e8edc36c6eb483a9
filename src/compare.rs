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
mod figure;
mod memory;
mod processes;
mod raw;
mod runs;
mod selection;
mod threads;
mod way;

use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGCHLD, SIGTSTP};

use crate::bank::{Balance, Name, Operation};
use crate::child::{pass, spawn, this_program};
use crate::driver::Measured;
use crate::latencies::{MeasuredTimes, own_cpus, stay_on};
use crate::link::Folder;
use crate::race::{RaceError, RacePlan};
use crate::sharing::Transport;
use crate::store::LedgerError;
use crate::supervisor::{Signals, stop_self};
use child::{ChildArgs, ChildTask};
pub use child::{EMPTY, ENTRY, run as run_child};
pub use figure::{Comparison, Figure, Sample, Section};
pub use selection::FigureSetting;
pub use way::Way;

/// How long after its time a measurement is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be compared, and how.
#[derive(Clone, Debug)]
pub struct ComparePlan {
    /// What the runs in memory do again and again.
    pub operations: Vec<Operation>,
    /// Whose balance it is.
    pub account: Name,
    /// What stands on it before.
    pub balance: Balance,
    /// How far below zero every account may go.
    pub overdraft: Balance,
    /// How many workers several are.
    pub several: u32,
    /// How long each measurement lasts.
    pub each: Duration,
    /// How often each is taken.
    pub rounds: u32,
    /// The sizes of messages, in bytes.
    pub sizes: Vec<usize>,
    /// Where processes run.
    pub placement: Placement,
    /// Where the files are made that are written and synced.
    pub folder: PathBuf,
    /// What is measured.
    pub sections: Vec<Section>,
}

/// Where processes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Wherever the system puts them.
    Free,
    /// All on one processor.
    OneCore,
    /// The parent on the first processor, and each worker on the next one in turn.
    Spread,
}

impl Placement {
    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Placement::Free => "free",
            Placement::OneCore => "one-core",
            Placement::Spread => "spread",
        }
    }
}

impl ComparePlan {
    /// How many figures there are.
    pub fn count(&self) -> usize {
        selection::figures(self).len()
    }

    /// Whether threads can run these operations: they have one balance.
    fn fits_threads(&self) -> bool {
        let race = self.race(1);
        self.operations.iter().all(|one| race.delta(one).is_ok())
    }

    /// A race of so many threads.
    fn race(&self, threads: u32) -> RacePlan {
        RacePlan {
            account: self.account.clone(),
            start: self.balance,
            overdraft: self.overdraft,
            threads,
            rounds: 1,
        }
    }
}

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
    let mut figures = selection::figures(plan);
    let mut meter = Meter::new(plan, signals)?;
    for _ in 0..plan.rounds {
        for figure in &mut figures {
            let sample = meter.measure(figure.setting)?;
            figure.samples.push(sample);
        }
    }
    Ok(Comparison::new(plan, figures))
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
