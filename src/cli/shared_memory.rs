//! `shared-memory`: the workers read and write the same memory.

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};

use super::ledger::MemoryArgs;
use super::modes::{ModeArgs, start};
use super::{CliResult, Failure};
use crate::bank::{Balance, MAX_BALANCE};
use crate::link::Transport;
use crate::shared_memory::{MemorySharing, Primitive};
use crate::worker::Conduct;

#[derive(Args)]
pub(super) struct SharedMemoryArgs {
    #[command(flatten)]
    mode: ModeArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How the workers keep out of each other's way
    #[arg(long, value_enum, default_value_t = PrimitiveFlag::Mutex, value_name = "HOW")]
    sync: PrimitiveFlag,
    /// Take the locks of `mutex-per-account` in the order of the accounts' names
    #[arg(long)]
    lock_order: bool,
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

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrimitiveFlag {
    /// Nothing: a load, and later a store. Updates are lost, and counted
    None,
    /// An indivisible addition to each of the two cells. It cannot check funds, so that an account may end
    /// below zero, which is told
    Atomic,
    /// A write only over what was read, else decide again; one cell after the other
    Cas,
    /// A lock that is waited for by trying again, which keeps a processor busy
    Spin,
    /// A lock whose waiters sleep. It stays locked when its holder dies
    Mutex,
    /// Such a lock for each account, one taken after the other: transfers may wait for each other
    MutexPerAccount,
    /// One permit, which is lost when its holder dies
    Semaphore,
    /// A lock that tells when its holder has died: the next one completes what was begun
    Robust,
    /// A lock on the file that the memory is. The system gives it back when its holder dies
    FileLock,
}

impl PrimitiveFlag {
    fn primitive(self) -> Primitive {
        match self {
            PrimitiveFlag::None => Primitive::None,
            PrimitiveFlag::Atomic => Primitive::Atomic,
            PrimitiveFlag::Cas => Primitive::Cas,
            PrimitiveFlag::Spin => Primitive::Spin,
            PrimitiveFlag::Mutex => Primitive::Mutex,
            PrimitiveFlag::MutexPerAccount => Primitive::MutexPerAccount,
            PrimitiveFlag::Semaphore => Primitive::Semaphore,
            PrimitiveFlag::Robust => Primitive::Robust,
            PrimitiveFlag::FileLock => Primitive::FileLock,
        }
    }
}

/// `bank-par shared-memory`
pub(super) fn shared_memory(args: SharedMemoryArgs) -> CliResult {
    let why = "its balances are in memory that its workers share, and end with the run";
    args.ledger.check("shared-memory", why)?;
    args.check().map_err(Failure::usage)?;
    let sharing = MemorySharing {
        primitive: args.sync.primitive(),
        lock_order: args.lock_order,
        limit: args.mode.timeout,
        takes_turns: false,
    };
    let (transport, conduct) = (Transport::Socket, Conduct::ShareMemory(sharing));
    let plan = args.mode.plan("shared-memory", transport, conduct);
    start(plan, None, args.mode)
}

impl SharedMemoryArgs {
    fn check(&self) -> anyhow::Result<()> {
        let elsewhere = "`parallel`, `queue` and `pipe` can";
        if self.not_here.run.is_some() {
            bail!(
                "`shared-memory` ends with the run, so a run of it cannot be continued; {elsewhere}"
            );
        }
        if !self.not_here.words.is_empty() {
            bail!("`shared-memory` only simulates work, and runs no command; {elsewhere}");
        }
        if self.lock_order && self.sync != PrimitiveFlag::MutexPerAccount {
            bail!("`--lock-order` is about the locks of `--sync mutex-per-account`");
        }
        let balance = self.mode.balance();
        let fits = balance.minor() <= MAX_BALANCE;
        fits.then_some(()).ok_or_else(|| {
            let most = Balance::new(MAX_BALANCE);
            anyhow!(
                "`--balance {balance}` does not fit into the word of memory that an account is here, which \
                 holds {most} at most"
            )
        })
    }
}
