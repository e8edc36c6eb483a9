//! What is to be run, and how.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::bank::{Balance, Name, RequestContext, SharePoint};
use crate::command::{CommandSpec, GRACE, RetryPolicy};
use crate::event::{Mode, RunStarted};
use crate::ids;
use crate::latencies::MeasureArgs;
use crate::limits::Limits;
use crate::link::Folder;
use crate::report::Detail;
use crate::run::{CommandSettings, Named, Pacing, Settings, WorkLimits};
use crate::server::{RunLedger, RunStore};
use crate::sharing::Transport;
use crate::store::{AtStake, Cells, MappedCells, Memory};
use crate::wake::{Waker, wall_clock};
use crate::work::Pace;
use crate::worker::WorkerMode;

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// Which mode.
    pub mode: Mode,
    /// How requests travel.
    pub transport: Transport,
    /// Who decides.
    pub conduct: WorkerMode,
    /// The most workers at a time.
    pub jobs: usize,
    /// How many operations a worker takes before it is replaced; `None`: no limit.
    pub ops_per_worker: Option<u64>,
    /// In memory, the account that is open from the start.
    pub account: Name,
    /// In memory, what it starts with.
    pub balance: Balance,
    /// In memory, what else is open from the start, and what it starts with.
    pub opened: Vec<(Name, Balance)>,
    /// In memory, the overdraft limit of every account.
    pub overdraft: Balance,
    /// Money coming in opens no account.
    pub strict: bool,
    /// When an operation's work is ended; `None`: its own duration and a minute, and never where it
    /// is a command.
    pub timeout: Option<Duration>,
    /// When an operation that waits for a lease is ended; `None`: never.
    pub lease_limit: Option<Duration>,
    /// How long simulated work takes.
    pub pace: Pace,
    /// How operations are handed out.
    pub pacing: Pacing,
    /// The command that is the operations' work, instead of simulated work.
    pub commands: Option<Commands>,
    /// The run can be continued.
    pub named: Option<Named>,
    /// One worker is to be killed before it takes this access to shared data.
    pub kill_before: Option<SharePoint>,
    /// How many operations there are, where that is known from the start.
    pub operations: Option<u64>,
    /// How much of it is told.
    pub detail: Detail,
    /// Its workers measure how long their operations take.
    pub measured: Option<Measured>,
}

/// How the workers of a run measure.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Where each leaves what it measured.
    pub folder: Arc<Folder>,
    /// How many operations each has in its hands at a time, at most.
    pub in_hand: usize,
    /// The processors that they stay on, one after another; none: any.
    pub cpus: Vec<usize>,
}

impl Measured {
    /// What this worker is told.
    pub fn worker(&self, worker: u32) -> MeasureArgs {
        let count = self.cpus.len().max(1);
        MeasureArgs {
            file: self.folder.measured_by(worker),
            cpu: self.cpus.get(worker as usize % count).copied(),
        }
    }
}

/// A command that is the work of every operation that moves money.
#[derive(Clone, Debug)]
pub struct Commands {
    /// The command and its arguments.
    pub words: Vec<OsString>,
    /// How long an attempt may take, and how often it is made again.
    pub retry: RetryPolicy,
    /// The status by which it says no.
    pub declined: u8,
    /// What is in doubt is run again.
    pub retry_in_doubt: bool,
    /// The limits that it has.
    pub limits: Limits,
}

/// What the workers of a run are told of its command, and the folder that they use for it.
pub(super) struct WorkerCommand {
    pub(super) command_spec: CommandSpec,
    _folder: Folder,
}

impl RunPlan {
    /// What the run goes by.
    pub(super) fn settings(
        &self,
        ledger: Option<&RunLedger>,
        clock: Duration,
    ) -> io::Result<Settings> {
        let name = self.named.as_ref().map(|named| named.name.as_str());
        let command = self.commands.as_ref().map(|commands| {
            Ok::<_, io::Error>(CommandSettings {
                timeout: self.timeout,
                declined: commands.declined,
                retry_in_doubt: commands.retry_in_doubt,
                id_prefix: commands.id_prefix(name)?,
            })
        });
        let limits = WorkLimits {
            simulated: self.work_limit(),
            command: self.commands.as_ref().and_then(Commands::limit),
            lease: self.lease_limit,
        };
        let caller = RequestContext {
            run: ledger.map_or(0, |ledger| ledger.run),
            strict: self.strict,
            retry: self.named.as_ref().is_some_and(|named| named.retry_refused),
            ..RequestContext::default()
        };
        Ok(Settings {
            mode: self.mode.clone(),
            jobs: self.jobs,
            ops_per_worker: self.ops_per_worker,
            in_hand: self.measured.as_ref().map(|measured| measured.in_hand),
            pace: self.pace,
            limits,
            pacing: self.pacing,
            command: command.transpose()?,
            named: self.named.clone(),
            caller,
            ledger: ledger.map(|ledger| ledger.name.clone()),
            steps: self.tells_steps(),
            clock_us: clock.into(),
            kill_before: self.kill_before,
            starts: self.starts(),
        })
    }

    /// Whether every step is told.
    pub(super) fn tells_steps(&self) -> bool {
        self.detail == Detail::Steps
    }

    /// What is told of the run before anything else.
    pub(super) fn run_started(&self, ledger: Option<&RunLedger>, clock: Duration) -> RunStarted {
        RunStarted {
            mode: self.mode.clone(),
            mechanism: match self.conduct {
                WorkerMode::AskTheBank => self.transport.mechanism(),
                WorkerMode::ShareData(_) => "sharing data over sockets",
                WorkerMode::ShareMemory(_) => "sharing one mapping",
            }
            .into(),
            sync: self.conduct.sync().map(Cow::from),
            pid: std::process::id(),
            started_at: wall_clock(),
            clock_us: clock.into(),
            operations: self.operations,
            jobs: u32::try_from(self.jobs).unwrap_or(u32::MAX),
            ops_per_worker: self.ops_per_worker.unwrap_or(0),
            ledger: ledger.map(|ledger| ledger.name.clone()),
            run: self.named.as_ref().map(|named| named.name.clone()),
            account: self.account.clone(),
            balance: ledger.is_none().then_some(self.balance),
            overdraft: Some(self.overdraft).filter(|limit| ledger.is_none() && limit.minor() > 0),
        }
    }

    /// What the workers are told of the command, if there is one.
    pub(super) fn worker_command(
        &self,
        ledger: Option<&RunLedger>,
    ) -> io::Result<Option<WorkerCommand>> {
        let Some(commands) = &self.commands else {
            return Ok(None);
        };
        let folder = Folder::create()?;
        let command_spec = CommandSpec {
            words: commands.words.clone(),
            retry: commands.retry,
            declined: commands.declined,
            run: self.named.as_ref().map(|named| named.name.clone()),
            lease: ledger.and_then(|ledger| ledger.ledger.share_of_run(ledger.run)),
            folder: folder.path().into(),
            limits: commands.limits,
        };
        Ok(Some(WorkerCommand {
            command_spec,
            _folder: folder,
        }))
    }

    /// Whether workers end commands at a deadline.
    pub(super) fn ends_commands(&self) -> bool {
        let commands = self.commands.as_ref();
        commands.is_some_and(|commands| commands.retry.timeout.is_some())
    }

    /// What decides the requests.
    pub(super) fn store(&self, ledger: Option<RunLedger>, waker: Waker) -> io::Result<RunStore> {
        let (account, balance, overdraft) = (&self.account, self.balance, self.overdraft);
        match (ledger, self.conduct) {
            (Some(ledger), _) => {
                let at_stake = match self.commands {
                    Some(_) => AtStake::Work,
                    None => AtStake::Nothing,
                };
                RunStore::durable(ledger, at_stake, waker)
            }
            (None, WorkerMode::AskTheBank) => {
                let mut memory = Memory::new(account, balance, overdraft);
                for (name, balance) in &self.opened {
                    memory.open(name, *balance);
                }
                Ok(RunStore::bank(memory))
            }
            (None, WorkerMode::ShareData(_)) => {
                let mut cells = Cells::new(account, balance, overdraft);
                for (name, balance) in &self.opened {
                    cells.open(name, *balance);
                }
                Ok(RunStore::shared(cells))
            }
            (None, WorkerMode::ShareMemory(sharing)) => {
                let cells = MappedCells::new(account, balance, overdraft, sharing)?;
                for (name, balance) in &self.opened {
                    cells.open(name, *balance);
                }
                Ok(RunStore::shared(cells))
            }
        }
    }

    /// When an operation's simulated work is ended. A worker that reaches the data itself ends it itself,
    /// and gives its locks back; only one that does not is ended, which one on a machine that stood still just
    /// then must not seem to be.
    fn work_limit(&self) -> Option<Duration> {
        const TO_GIVE_UP: Duration = Duration::from_secs(3);
        match self.conduct {
            WorkerMode::ShareMemory(_) => {
                self.timeout.map(|limit| limit.saturating_add(TO_GIVE_UP))
            }
            WorkerMode::AskTheBank | WorkerMode::ShareData(_) => self.timeout,
        }
    }

    /// In memory, the accounts that are open from the start.
    fn starts(&self) -> Vec<(Name, Balance)> {
        let first = (self.account.clone(), self.balance);
        [first].into_iter().chain(self.opened.clone()).collect()
    }
}

impl Commands {
    /// What the id of an operation without one begins with, in a run of this name.
    pub(super) fn id_prefix(&self, name: Option<&str>) -> io::Result<String> {
        match name {
            Some(name) => Ok(name.to_string()),
            None => Ok(ids::random("run")?.as_str().to_string()),
        }
    }

    /// How long a worker may take for one attempt. It ends the command in time itself; this is for a
    /// worker that does not.
    fn limit(&self) -> Option<Duration> {
        /// To end what its command left behind, and to tell of it.
        const CLEARING: Duration = Duration::from_secs(15);
        let pause = match self.retry.retries {
            0 => Duration::ZERO,
            _ => self.retry.longest_pause(),
        };
        let limit = self.retry.timeout?.saturating_add(GRACE + CLEARING);
        Some(limit.saturating_add(pause))
    }
}
