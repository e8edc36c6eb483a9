//! The modes that run every operation in a process of its own.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use super::ledger::{LedgerArgs, LedgerFlag, MemoryArgs};
use super::named::NamedArgs;
use super::workload::WorkloadArgs;
use super::{Failure, Outcome, OutputArgs, open_files};
use crate::link::Transport;
use crate::report::Reporter;
use crate::run::{Plan, run};
use crate::store::Place;
use crate::wake::Alarm;
use crate::work::Pace;
use crate::worker::{Conduct, Sync};

/// The most workers at a time.
const MAX_JOBS: u32 = 4_096;

#[derive(Args)]
pub(super) struct ModeArgs {
    #[command(flatten)]
    workload: WorkloadArgs,
    /// The most worker processes at a time, up to 4096
    #[arg(long, short, default_value_t = 64, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_JOBS)))]
    jobs: u32,
    /// How many operations a worker takes before it is replaced; 0 for no limit
    #[arg(long, default_value_t = 1, value_name = "K")]
    ops_per_worker: u64,
    /// Simulated work as a multiple of the classic durations (withdraw 3 s, deposit 2 s, transfer 4 s,
    /// loan 1 s) [default: 1, and 0 for operations from a file or a pipe]
    #[arg(long, value_name = "FACTOR", value_parser = pace, allow_negative_numbers = true)]
    time_scale: Option<Pace>,
    /// End an operation whose work takes longer, such as `90`, `90s` or `500ms` [default: its simulated
    /// duration and 60 s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
}

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
}

#[derive(Args)]
pub(super) struct ServerShareArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How the workers keep out of each other's way
    #[arg(long, value_enum, default_value_t = SyncFlag::Cas, value_name = "HOW")]
    sync: SyncFlag,
}

#[derive(Clone, Copy, ValueEnum)]
enum SyncFlag {
    /// Not at all: updates are lost, and counted
    None,
    /// A lease on the cells from the read to the write
    Lock,
    /// Compare and set: write only over what was read, else read and decide again
    Cas,
}

fn pace(text: &str) -> anyhow::Result<Pace> {
    let scale = text.parse().ok().and_then(Pace::new);
    scale.context("a time scale is a number from 0 to 1000000, such as `0.5`")
}

/// A duration with a unit, or a plain number of seconds.
pub(super) fn duration(text: &str) -> anyhow::Result<Duration> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let duration = match seconds {
        Some(duration) => duration,
        None => humantime::parse_duration(text).context(
            "a timeout is a number of seconds or has a unit, such as `90`, `90s` or `500ms`",
        )?,
    };
    if duration.is_zero() {
        bail!("a timeout is more than nothing");
    }
    Ok(duration)
}

/// `bank-par parallel`
pub(super) fn parallel(args: BankArgs) -> Outcome {
    ask_the_bank("parallel", Transport::Socket, args)
}

/// `bank-par server-share`
pub(super) fn server_share(args: ServerShareArgs) -> Outcome {
    let sync = match args.sync {
        SyncFlag::None => Sync::None,
        SyncFlag::Lock => Sync::Lock,
        SyncFlag::Cas => Sync::Cas,
    };
    let why = "its workers share the data itself, in the memory of the server process";
    args.ledger.check("server-share", why)?;
    let (transport, conduct) = (Transport::Socket, Conduct::ShareData(sync));
    let plan = args.mode.plan("server-share", transport, conduct, false);
    start(plan, None, args.mode)
}

/// `bank-par queue`
pub(super) fn queue(args: BankArgs) -> Outcome {
    ask_the_bank("queue", Transport::Queue, args)
}

/// `bank-par pipe`
pub(super) fn pipe(args: BankArgs) -> Outcome {
    ask_the_bank("pipe", Transport::Pipe, args)
}

fn ask_the_bank(mode: &'static str, transport: Transport, args: BankArgs) -> Outcome {
    let BankArgs {
        mode: args,
        ledger,
        named,
        strict,
    } = args;
    named
        .check(ledger.ledger.as_ref())
        .map_err(Failure::usage)?;
    let mut plan = args.plan(mode, transport, Conduct::AskTheBank, strict);
    plan.named = named.named();
    match ledger.ledger {
        None | Some(LedgerFlag::Memory) => start(plan, None, args),
        Some(LedgerFlag::Lasting(place)) => {
            args.workload.check_lasting().map_err(Failure::usage)?;
            start(plan, Some((place, named)), args)
        }
    }
}

impl ModeArgs {
    fn plan(
        &self,
        mode: &'static str,
        transport: Transport,
        conduct: Conduct,
        strict: bool,
    ) -> Plan {
        let built_in = if self.workload.is_built_in() {
            Pace::CLASSIC
        } else {
            Pace::NONE
        };
        Plan {
            mode,
            transport,
            conduct,
            jobs: self.jobs as usize,
            ops_per_worker: (self.ops_per_worker > 0).then_some(self.ops_per_worker),
            account: self.workload.account.clone(),
            balance: self.workload.balance(),
            overdraft: self.workload.overdraft(),
            strict,
            timeout: self.timeout,
            pace: self.time_scale.unwrap_or(built_in),
            named: None,
        }
    }
}

fn start(plan: Plan, ledger: Option<(Place, NamedArgs)>, args: ModeArgs) -> Outcome {
    make_room_for(args.jobs).map_err(Failure::usage)?;
    let (alarm, waker) = Alarm::new().map_err(Failure::died)?;
    // A ledger is not created for an input that is not there.
    args.workload.source().check().map_err(Failure::usage)?;
    let opened = ledger.map(|(place, named)| named.open(&place)).transpose();
    let (ledger, done) = opened.map_err(Failure::ledger)?.unzip();
    let feed = args.workload.feed(done.flatten(), waker.clone());
    let feed = feed.map_err(Failure::usage)?;
    let reporter = Reporter::start(args.output.outputs(), waker.clone()).map_err(Failure::usage)?;
    let context = format!("`{}` cannot go on", plan.mode);
    run(plan, ledger, feed, reporter, alarm, waker)
        .map_err(|error| Failure::died(anyhow::Error::new(error).context(context)))
}

/// Refuses more jobs than the limit of open files allows.
fn make_room_for(jobs: u32) -> anyhow::Result<()> {
    /// Two descriptors of a link, and three while a process is being started.
    const PER_JOB: u64 = 3;
    const OWN: u64 = 32;
    let needed = OWN + PER_JOB * u64::from(jobs);
    open_files::make_room(needed).with_context(|| format!("`--jobs {jobs}` is too many"))
}
