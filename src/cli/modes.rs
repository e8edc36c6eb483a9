//! The modes that run every operation in a process of its own.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::command::{CommandArgs, InDoubtAction};
use super::ledger::{LedgerArgs, MemoryArgs, UnitArgs};
use super::moment::duration;
use super::named::{ContinuedRun, NamedArgs};
use super::pacing::PacingArgs;
use super::pictures::PictureArgs;
use super::progress::ProgressArgs;
use super::workload::WorkloadArgs;
use super::{CliResult, Failure, OutputArgs, choice, protected};
use crate::bank::Balance;
use crate::driver::{self, Commands, Driver, Forecast, RunPlan};
use crate::event::{Event, Mode};
use crate::limits::{self, Limits};
use crate::report::{Broken, Detail, Outputs, ProtectedFiles, Reporter};
use crate::run::{AsArrived, Pacing};
use crate::sharing::{Sharing, SharingMethod, Transport};
use crate::status::{Ending, Status};
use crate::store::{Memory, Place};
use crate::supervisor::Signals;
use crate::wake::{Alarm, TICK};
use crate::work::Pace;
use crate::worker::WorkerMode;

/// The most workers at a time.
const MAX_JOBS: u32 = 4_096;

/// The ways in which the workers of `server-share` can keep out of each other's way.
const METHODS: [SharingMethod; 3] = [
    SharingMethod::of(Sharing::Unguarded),
    SharingMethod::of(Sharing::Lock),
    SharingMethod::of(Sharing::CompareAndSet),
];

#[derive(Args)]
pub(super) struct ModeArgs {
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    pub(super) unit: UnitArgs,
    /// The most worker processes at a time, up to 4096
    #[arg(long, short, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_JOBS)))]
    jobs: u32,
    /// How many operations a worker takes before it is replaced; 0 for no limit
    #[arg(long, default_value_t = 1, value_name = "K")]
    ops_per_worker: u64,
    /// Simulated work as a multiple of the classic durations (withdraw 3 s, deposit 2 s, transfer 4 s,
    /// loan 1 s) [default: 1, and 0 for operations from a file or a pipe]
    #[arg(long, value_name = "FACTOR", value_parser = pace, allow_negative_numbers = true)]
    pub(super) time_scale: Option<Pace>,
    /// End an operation whose work takes longer, such as `90`, `90s` or `500ms` [default: its simulated
    /// duration and 60 s; never where it is a command]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
    /// How much is told: what became of the operations, or also each step on the way: processes, requests
    /// with their times, reads and writes [default: results; and steps as text, where the operations are
    /// few and not read from a file]
    #[arg(long, value_enum, value_name = "DETAIL")]
    detail: Option<DetailFlag>,
    /// Tell each step on the way, as `--detail steps` does
    #[arg(long, short, conflicts_with = "detail")]
    verbose: bool,
    #[command(flatten)]
    pictures: PictureArgs,
    #[command(flatten)]
    progress: ProgressArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DetailFlag {
    /// What became of the operations
    Results,
    /// Each step on the way as well
    Steps,
}

/// The most operations that text shows the steps of where nothing else is asked for: a person can follow
/// so many.
const MOST_FOLLOWED: u64 = 12;

/// A mode in which the bank decides.
#[derive(Args)]
pub(super) struct BankArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    named: NamedArgs,
    /// Refuse accounts that `bank-par open` has not opened
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    pacing: PacingArgs,
    #[command(flatten)]
    command: CommandArgs,
    /// Say what would be run, and what refused if all were run in this order, and touch nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
    /// The status by which the command says no, which is a refusal and no failure
    #[arg(long, default_value_t = 75, value_name = "N", requires = "words", value_parser = clap::value_parser!(u8).range(1..))]
    declined_code: u8,
    /// What to do with operations whose command was not seen to its end
    #[arg(long, value_enum, default_value_t = InDoubtAction::Stop, value_name = "HOW")]
    in_doubt: InDoubtAction,
}

#[derive(Args)]
pub(super) struct ServerShareArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How the workers keep out of each other's way
    #[arg(long, value_parser = choice(&METHODS), default_value = "cas", value_name = "HOW")]
    sync: SharingMethod,
}

fn pace(text: &str) -> anyhow::Result<Pace> {
    let scale = text.parse().ok().and_then(Pace::new);
    scale.context("a time scale is a number from 0 to 1000000, such as `0.5`")
}

/// `bank-par server-share`
pub(super) fn server_share(args: ServerShareArgs) -> CliResult {
    let mode = Mode::ServerShare;
    let why = "its workers share the data itself, in the memory of the server process";
    args.ledger.check(mode.word(), why)?;
    args.mode.unit.settle()?;
    let plan = args.mode.plan(mode, WorkerMode::ShareData(args.sync))?;
    start(plan, None, args.mode)
}

/// `bank-par parallel`, `queue` or `pipe`
pub(super) fn ask_the_bank(mode: Mode, args: BankArgs) -> CliResult {
    let limits = Limits::now();
    args.check().map_err(Failure::usage)?;
    if args.ledger.lasting().is_none() {
        args.mode.unit.settle()?;
    }
    let mut plan = args.mode.plan(mode, WorkerMode::AskTheBank)?;
    plan.strict = args.strict;
    plan.pacing = args.pacing.pacing();
    plan.named = args.named.named();
    plan.commands = args.command.is_given().then(|| Commands {
        words: args.command.words.clone(),
        retry: args.command.retry(plan.timeout),
        declined: args.declined_code,
        retry_in_doubt: args.in_doubt == InDoubtAction::Retry,
        limits,
    });
    if args.dry_run {
        return dry_run(plan, &args);
    }
    let ledger = args.ledger.lasting().map(|place| Opening {
        place,
        named: args.named,
        in_doubt: args.in_doubt,
    });
    start(plan, ledger, args.mode)
}

/// How the ledger of a run is opened.
pub(super) struct Opening {
    place: Place,
    named: NamedArgs,
    in_doubt: InDoubtAction,
}

impl BankArgs {
    fn check(&self) -> anyhow::Result<()> {
        let has_lines = !self.mode.workload.is_built_in();
        self.named.check(self.ledger.ledger.as_ref(), has_lines)?;
        self.command.check()?;
        let is_given = self.command.is_given();
        match self.in_doubt {
            InDoubtAction::Retry if !is_given => {
                bail!("`--in-doubt retry` needs the command that is to be run again: `-- COMMAND`")
            }
            InDoubtAction::Post | InDoubtAction::Void if !self.named.is_given() => bail!(
                "`--in-doubt post` and `void` are about the lines of a run with a name: name it with `--run NAME`, or use `bank-par post ID` and `bank-par void ID`"
            ),
            _ => {}
        }
        if is_given && self.mode.time_scale.is_some() {
            bail!("`--time-scale` is for simulated work, and the work is a command");
        }
        if is_given && self.ledger.ledger.is_none() {
            bail!(
                "a command spends real money, so its ledger must be named: `--ledger FILE`, or `--ledger memory` if nothing is to be remembered"
            );
        }
        let lasts = self.ledger.lasting().is_some();
        self.mode.workload.check(lasts, is_given)
    }
}

impl ModeArgs {
    fn outputs(&self, protected: ProtectedFiles, has_command: bool) -> anyhow::Result<Outputs> {
        let is_followed = self
            .workload
            .known()
            .is_some_and(|count| count <= MOST_FOLLOWED);
        let steps = self.verbose.then_some(DetailFlag::Steps);
        let (detail, text_shows_steps) = match self.detail.or(steps) {
            Some(DetailFlag::Steps) => (Detail::Steps, true),
            Some(DetailFlag::Results) => (Detail::Results, false),
            None => (Detail::Results, is_followed && !has_command),
        };
        let outputs = self.output.clone().outputs(protected)?;
        let (events, protected) = (outputs.events.as_ref(), &outputs.protected);
        Ok(Outputs {
            detail,
            text_shows_steps,
            pictures: self.pictures.pictures(outputs.stdout, events, protected)?,
            live: self.progress.live(&self.workload.source()),
            ..outputs
        })
    }

    /// What the account starts with.
    pub(super) fn balance(&self) -> Result<Balance, Failure> {
        self.workload.balance()
    }

    pub(super) fn plan(&self, mode: Mode, conduct: WorkerMode) -> Result<RunPlan, Failure> {
        let built_in = if self.workload.is_built_in() {
            Pace::CLASSIC
        } else {
            Pace::NONE
        };
        Ok(RunPlan {
            transport: transport(&mode),
            mode,
            conduct,
            jobs: self.jobs as usize,
            ops_per_worker: (self.ops_per_worker > 0).then_some(self.ops_per_worker),
            account: self.workload.account.clone(),
            balance: self.workload.balance()?,
            opened: Vec::new(),
            overdraft: self.workload.overdraft()?,
            strict: false,
            timeout: self.timeout,
            lease_limit: None,
            pace: self.time_scale.unwrap_or(built_in),
            pacing: Pacing::default(),
            commands: None,
            named: None,
            kill_before: None,
            operations: self.workload.known(),
            detail: Detail::Results,
            measured: None,
        })
    }
}

/// How the requests of a mode travel.
fn transport(mode: &Mode) -> Transport {
    match mode {
        Mode::Queue => Transport::Queue,
        Mode::Pipe => Transport::Pipe,
        Mode::Parallel
        | Mode::ServerShare
        | Mode::SharedMemory
        | Mode::Sync
        | Mode::Replay
        | Mode::Other(_) => Transport::Socket,
    }
}

pub(super) fn start(mut plan: RunPlan, opening: Option<Opening>, args: ModeArgs) -> CliResult {
    make_room_for(args.jobs, plan.commands.is_some()).map_err(Failure::usage)?;
    let (alarm, waker) = Alarm::new().map_err(Failure::died)?;
    // A ledger is not created for an input that is not there.
    let source = args.workload.source();
    source.check().map_err(Failure::usage)?;
    let protected = protected(&source, opening.as_ref().map(|opening| &opening.place));
    let outputs = args.outputs(protected, plan.commands.is_some());
    let mut outputs = outputs.map_err(Failure::usage)?;
    outputs.lists_repeats = opening
        .as_ref()
        .is_some_and(|opening| opening.named.repeats);
    plan.detail = outputs.most_detail();
    let open = |Opening {
                    place,
                    named,
                    in_doubt,
                }| named.open(&place, &args.unit, in_doubt);
    let lasts = opening.is_some();
    let bank_decides = plan.conduct == WorkerMode::AskTheBank;
    let (ledger, opened) = opening.map(open).transpose()?.unzip();
    let done = opened.flatten().map(|ContinuedRun { done, lines, ids }| {
        if let Some(named) = &mut plan.named {
            named.begun = lines;
            named.ids = ids;
        }
        done
    });
    let feed = args
        .workload
        .feed(lasts, bank_decides, done, waker.clone())?;
    let reporter = Reporter::start(outputs, waker.clone()).map_err(Failure::usage)?;
    let context = format!("`{}` cannot go on", plan.mode);
    let order = Box::new(AsArrived);
    let run = || {
        let woken = (alarm, waker);
        let mut signals = Signals::listen()?;
        Driver::new(plan, ledger, order, feed, reporter, woken, &mut signals)?.run()
    };
    let ending = args.workload.telling_unread_stdin(run);
    ending.map_err(|error| Failure::died(anyhow::Error::new(error).context(context)))
}

/// Runs in memory and prints nothing; how it ended, and what happened.
pub(super) fn collect(plan: RunPlan, args: &ModeArgs) -> Result<(Ending, Vec<Event>), Failure> {
    make_room_for(args.jobs, false).map_err(Failure::usage)?;
    let (alarm, waker) = Alarm::new().map_err(Failure::died)?;
    let feed = args.workload.feed(false, false, None, waker.clone())?;
    let (reporter, events) = Reporter::collecting(waker.clone());
    let order = Box::new(AsArrived);
    let run = || {
        let woken = (alarm, waker);
        let mut signals = Signals::listen()?;
        Driver::new(plan, None, order, feed, reporter, woken, &mut signals)?.run()
    };
    let ending = run().map_err(Failure::died)?;
    Ok((ending, events.try_iter().flatten().collect()))
}

/// Prints these events; with what status that went.
pub(super) fn print(args: &ModeArgs, events: Vec<Event>) -> Result<Status, Failure> {
    let (mut alarm, waker) = Alarm::new().map_err(Failure::died)?;
    let outputs = args
        .output
        .clone()
        .outputs(protected(&args.workload.source(), None));
    let outputs = outputs.map_err(Failure::usage)?;
    let mut reporter = Reporter::start(outputs, waker).map_err(Failure::usage)?;
    reporter.tell(events);
    let broken = reporter.close().wait(|| alarm.wait(TICK));
    Ok(match broken.map_err(Failure::died)? {
        Some(Broken::Failed(_)) => Status::EndedEarly,
        Some(Broken::Closed) | None => Status::Posted,
    })
}

/// Says what would be done, and touches nothing.
fn dry_run(plan: RunPlan, args: &BankArgs) -> CliResult {
    let (alarm, waker) = Alarm::new().map_err(Failure::died)?;
    let (workload, place) = (&args.mode.workload, args.ledger.lasting());
    let source = workload.source();
    source.check().map_err(Failure::usage)?;
    let protected = protected(&source, place.as_ref());
    let outputs = args.mode.output.clone().outputs(protected);
    let outputs = outputs.map_err(Failure::usage)?;
    let lasts = place.is_some();
    let forecast = match place {
        Some(place) => args.named.forecast(&place, &args.mode.unit, plan.strict)?,
        None => {
            let memory = Memory::new(&plan.account, plan.balance, plan.overdraft);
            Forecast::in_memory(memory, plan.strict)
        }
    };
    let feed = workload.feed(lasts, true, None, waker.clone())?;
    let reporter = Reporter::start(outputs, waker).map_err(Failure::usage)?;
    let name = plan.named.as_ref().map(|named| named.name.as_str());
    let commands = plan.commands.as_ref();
    let dry_run = || driver::dry_run(commands, name, forecast, feed, reporter, alarm);
    let ending = workload.telling_unread_stdin(dry_run);
    ending.map_err(Failure::died)
}

/// Refuses more jobs than the system's limits allow.
fn make_room_for(jobs: u32, commands: bool) -> anyhow::Result<()> {
    /// Two descriptors of a link, and three while a process is being started.
    const PER_JOB: u64 = 3;
    const OWN: u64 = 32;
    let jobs_context = || format!("`--jobs {jobs}` is too many");
    let jobs_wide = u64::from(jobs);
    limits::make_room_for_files(OWN + PER_JOB * jobs_wide).with_context(jobs_context)?;
    if commands {
        // A worker and its command, and this process with its threads.
        limits::make_room_for_processes(OWN + 2 * jobs_wide).with_context(jobs_context)?;
    }
    Ok(())
}
