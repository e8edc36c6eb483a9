//! `explore`: every order of the steps of some operations.

use std::collections::HashSet;
use std::str::FromStr;

use anyhow::{Context, anyhow};
use clap::Args;

use super::ledger::MemoryArgs;
use super::pictures::ReportArg;
use super::workload::{WorkloadArgs, each_operation};
use super::{CliResult, Failure, choice, one::ended, protected};
use crate::bank::{Action, Balance, Name, Operation};
use crate::explore::{Bounds, MAX_OPERATIONS, Scenario, explore as explore_orders};
use crate::report::{self, Exploration, Format, FoundOut};
use crate::sharing::{Sharing, SharingChoice, SharingMethod, Transport};
use crate::wake::Alarm;

/// The ways whose orders can be explored.
const METHODS: [SharingMethod; 7] = [
    SharingMethod::of(Sharing::Unguarded),
    SharingMethod::of(Sharing::CompareAndSet),
    SharingMethod::of(Sharing::Lock),
    SharingMethod::of(Sharing::LockPerAccount),
    SharingMethod::of(Sharing::Owner),
    SharingMethod::of(Sharing::Owner).over(Transport::Queue),
    SharingMethod::of(Sharing::Owner).over(Transport::Pipe),
];

const EXAMPLES: &str = "\
Examples:
  bank-par explore --op withdraw --op deposit
      two operations: 6 orders, 4 of them wrong
  bank-par explore --amount 500 --report orders.html
      where the orders end, and the shortest wrong one, in a browser
  bank-par explore --op withdraw --op deposit --sync lock
      none of them is wrong
  bank-par explore --amount 500 --final 0
      how can all of the money vanish?
  bank-par explore --op withdraw=600 --op withdraw=600
      more is paid than there is
  bank-par explore --op withdraw --op deposit --sync mutex-per-account
      they may deadlock, and with `--lock-order` they cannot

Exit status: 0 no order is wrong; 3 some order is; 10 none was found,
and not all were examined.";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct ExploreArgs {
    #[command(flatten)]
    workload: WorkloadArgs,
    #[command(flatten)]
    ledger: MemoryArgs,
    /// How the operations keep out of each other's way
    #[arg(long, value_parser = choice(&METHODS), default_value = "none", value_name = "HOW")]
    sync: SharingMethod,
    /// Take the locks of `mutex-per-account` in the order of the accounts' names
    #[arg(long)]
    lock_order: bool,
    /// With work in between: `server`, `queue` and `pipe` first set money aside, and post it later
    #[arg(long)]
    with_work: bool,
    /// One more account that is open before, and what it holds; may be repeated
    #[arg(long = "open", value_name = "NAME=AMOUNT")]
    opened: Vec<OpenedAccount>,
    /// Show an order after which the account holds this, and not the shortest wrong one
    #[arg(long = "final", value_name = "AMOUNT", allow_negative_numbers = true)]
    wanted: Option<WantedBalance>,
    /// The most states that are remembered; beyond, orders are drawn by lot
    #[arg(long, default_value_t = 1_000_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_states: u32,
    /// What draws the orders where there are too many
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// How many orders are drawn where there are too many
    #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    samples: u32,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    report: ReportArg,
}

/// One `--open`.
#[derive(Clone)]
struct OpenedAccount(Name, Balance);

impl FromStr for OpenedAccount {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, amount) = text
            .split_once('=')
            .context("an account and what it holds, such as `ops=500`")?;
        Ok(OpenedAccount(Name::user(name)?, amount.parse()?))
    }
}

/// One `--final`, which may be below zero where the overdraft allows it.
#[derive(Clone, Copy)]
struct WantedBalance(i64);

impl FromStr for WantedBalance {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let balance: Balance = digits.parse()?;
        Ok(WantedBalance(sign * balance.minor()))
    }
}

/// `bank-par explore`
pub(super) fn explore(args: ExploreArgs) -> CliResult {
    let why = "it examines orders of steps and runs none of them";
    args.ledger.check("explore", why)?;
    let sharing = args.sync.sharing;
    if args.lock_order && sharing != Sharing::LockPerAccount {
        let only = anyhow!("`--lock-order` is for `--sync mutex-per-account`, which has two locks");
        return Err(Failure::usage(only));
    }
    if args.with_work && sharing != Sharing::Owner {
        let only = anyhow!(
            "`--with-work` is for `--sync server`, `queue` and `pipe`; the others take the same steps with work"
        );
        return Err(Failure::usage(only));
    }
    let (operations, views) = operations(&args.workload)?;
    let method = args.sync.in_lock_order(args.lock_order);
    let method = match args.with_work {
        true => method.with_work(),
        false => method,
    };
    let starts = starts(&args)?;
    let overdraft = args.workload.overdraft()?;
    let scenario = Scenario::new(method, starts, overdraft, operations);
    let scenario = scenario.map_err(Failure::usage)?;
    let protected = protected(&args.workload.source(), None);
    let output = args.report.open(&protected)?;
    let bounds = Bounds {
        states: args.max_states as usize,
        seed: args.seed,
        samples: args.samples.into(),
    };
    let wanted = args.wanted.map(|WantedBalance(minor)| minor);
    let found = explore_orders(&scenario, bounds, wanted);
    let exploration = Exploration {
        scenario: &scenario,
        sync: args.sync.word(),
        views,
        wanted,
        found: &found,
    };
    let status = report::explored(output, args.output, &exploration);
    let found = FoundOut::Exploration(&exploration);
    ended(status.worse(args.report.write(found, &protected)))
}

/// The account of operations that name none, and those that are open beside it.
fn starts(args: &ExploreArgs) -> Result<Vec<(Name, Balance)>, Failure> {
    let mut starts = vec![(args.workload.account.clone(), args.workload.balance()?)];
    for OpenedAccount(name, balance) in &args.opened {
        if starts.iter().any(|(known, _)| known == name) {
            return Err(Failure::usage(anyhow!(
                "`--open {name}={balance}` opens `{name}` a second time; `--balance` is what `--account` holds"
            )));
        }
        starts.push((name.clone(), *balance));
    }
    Ok(starts)
}

/// All operations that move money, and how many views there are.
fn operations(workload: &WorkloadArgs) -> Result<(Vec<Operation>, usize), Failure> {
    let (mut alarm, waker) = Alarm::new().map_err(Failure::died)?;
    let mut feed = workload.feed(false, false, None, waker)?;
    let (mut operations, mut views) = (Vec::new(), 0);
    let mut ids = HashSet::new();
    each_operation(&mut feed, &mut alarm, |operation| {
        if let Some(id) = operation.id.clone()
            && !ids.insert(id.clone())
        {
            let id = id.as_str();
            let twice = anyhow!(
                "the id `{id}` stands on two lines, and an operation is done once; leave one of them out"
            );
            return Err(Failure::usage(twice));
        }
        match operation.action {
            Action::Balance => views += 1,
            _ => operations.push(operation),
        }
        // One more than there may be, so that too many are told from enough.
        Ok(operations.len() <= MAX_OPERATIONS)
    })?;
    Ok((operations, views))
}
