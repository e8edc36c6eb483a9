//! `shared-memory`: the workers read and write the same memory.

mod kill_holder;

use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};

use super::ledger::MemoryArgs;
use super::modes::{ModeArgs, start};
use super::{CliResult, Failure, choice};
use crate::bank::{Balance, MAX_BALANCE, SharePoint};
use crate::driver::RunPlan;
use crate::event::Mode;
use crate::shared_memory::{MemorySharing, Primitive};
use crate::work::Pace;
use crate::worker::WorkerMode;

/// How long the others wait for the lock of a worker that was killed, unless told.
const KILLED_LIMIT: Duration = Duration::from_secs(2);

const EXAMPLES: &str = "\
Examples:
  bank-par shared-memory
      the five operations, with a mutex in the memory
  bank-par shared-memory --sync none
      with nothing: updates are lost
  bank-par shared-memory --sync atomic --op withdraw=700 --op withdraw=700
      an addition checks no funds: more is paid out than there is
  bank-par shared-memory --sync mutex-per-account --op withdraw --op deposit
      each waits for the lock of the other, until Ctrl-C or for 30 seconds;
      with `--lock-order` neither does
  bank-par shared-memory --kill-holder
      which locks survive the death of their holder
  bank-par shared-memory --kill-holder=half-written --sync robust
      the next holder completes what the dead one has begun

Exit status: as for every mode; 3 updates were lost, or an account is below
its limit; 6 a wait for a lock was in vain; 7 a worker died. The table of
`--kill-holder` without `--sync`: 0 every lock did what it promises, 3 one
did not.";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct SharedMemoryArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How the workers keep out of each other's way [default: mutex]
    #[arg(long, value_parser = choice(&Primitive::ALL), value_name = "HOW")]
    sync: Option<Primitive>,
    /// Take the locks of `mutex-per-account` in the order of the accounts' names
    #[arg(long)]
    lock_order: bool,
    /// Kill one worker while it holds the lock, and see what becomes of the others; without `--sync`, with
    /// one lock after another, as a table
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "write")]
    kill_holder: Option<KillPoint>,
    #[command(flatten)]
    not_here: NotInMemory,
}

/// What other modes have and this one refuses, with the reason.
#[derive(Args)]
struct NotInMemory {
    #[arg(long, hide = true, value_name = "NAME")]
    run: Option<String>,
    #[arg(last = true, hide = true)]
    words: Vec<String>,
}

/// When the holder of a lock is killed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KillPoint {
    /// Between its read and its write
    Write,
    /// Between its two writes
    HalfWritten,
}

impl KillPoint {
    fn word(self) -> &'static str {
        match self {
            KillPoint::Write => "write",
            KillPoint::HalfWritten => "half_written",
        }
    }

    fn point(self) -> SharePoint {
        match self {
            KillPoint::Write => SharePoint::Write,
            KillPoint::HalfWritten => SharePoint::HalfWritten,
        }
    }
}

/// `bank-par shared-memory`
pub(super) fn shared_memory(args: SharedMemoryArgs) -> CliResult {
    let why = "its balances are in memory that its workers share, and end with the run";
    args.ledger.check(Mode::SharedMemory.word(), why)?;
    args.mode.unit.settle()?;
    args.check()?;
    match (args.kill_holder, args.sync) {
        (Some(when), None) => kill_holder::compare(&args, when),
        (_, sync) => {
            let plan = args.plan(sync.unwrap_or(Primitive::Mutex))?;
            start(plan, None, args.mode)
        }
    }
}

impl SharedMemoryArgs {
    fn plan(&self, primitive: Primitive) -> Result<RunPlan, Failure> {
        let is_killed = self.kill_holder.is_some();
        let limit = self.mode.timeout.or(is_killed.then_some(KILLED_LIMIT));
        let sharing = MemorySharing {
            primitive,
            lock_order: self.lock_order,
            limit,
            takes_turns: is_killed,
        };
        let conduct = WorkerMode::ShareMemory(sharing);
        let plan = self.mode.plan(Mode::SharedMemory, conduct)?;
        Ok(RunPlan {
            timeout: limit,
            // What becomes of the lock is seen at once, and not behind seconds of work.
            pace: match self.mode.time_scale {
                None if is_killed => Pace::NONE,
                _ => plan.pace,
            },
            kill_before: self.kill_holder.map(KillPoint::point),
            ..plan
        })
    }

    fn check(&self) -> Result<(), Failure> {
        self.check_flags().map_err(Failure::usage)?;
        let balance = self.mode.balance()?;
        if balance.minor() > MAX_BALANCE {
            return Err(Failure::usage(anyhow!(
                "an account is one word of memory here, which holds {} at most, and `--balance {balance}` \
                 does not fit",
                Balance::new(MAX_BALANCE)
            )));
        }
        Ok(())
    }

    fn check_flags(&self) -> anyhow::Result<()> {
        let elsewhere = "`parallel`, `queue` and `pipe` can";
        if self.not_here.run.is_some() {
            bail!(
                "`shared-memory` ends with the run, so a run of it cannot be continued; {elsewhere}"
            );
        }
        if !self.not_here.words.is_empty() {
            bail!("`shared-memory` only simulates work, and runs no command; {elsewhere}");
        }
        if self.lock_order && self.sync != Some(Primitive::MutexPerAccount) {
            bail!("`--lock-order` is about the locks of `--sync mutex-per-account`");
        }
        Ok(())
    }
}
