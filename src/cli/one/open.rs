//! Accounts are opened, and get an overdraft limit and an allowance.

use std::slice;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;

use super::{Single, SingleArgs};
use crate::bank::{
    Allowance, AllowanceChange, AmountText, Name, Outcome, Percent, Period, Request,
    RequestContext, Zone,
};
use crate::cli::ledger::{UnitArgs, amount_of, ask_when_there, balance_of};
use crate::cli::workload::user;
use crate::cli::{CliResult, Failure};
use crate::report::{Subject, stderr_line};

#[derive(Args)]
pub(in crate::cli) struct OpenArgs {
    #[command(flatten)]
    flags: AccountFlags,
    #[command(flatten)]
    unit: UnitArgs,
    #[command(flatten)]
    single: SingleArgs,
}

/// What becomes of the account.
#[derive(Args)]
struct AccountFlags {
    /// Which account
    #[arg(value_parser = user)]
    account: Name,
    /// How far below zero it may go; without this an open account keeps its limit
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    overdraft: Option<AmountText>,
    /// Fill it up to so much in every window, such as `5/day`: of an `hour`, `day`, `week` or `month`; `none`
    /// ends that, and leaves the money that is there
    #[arg(long, value_name = "AMOUNT/PERIOD")]
    allowance: Option<AllowanceFlag>,
    /// Where the days of the allowance begin, such as `Europe/Berlin` [default: UTC]
    #[arg(long, value_name = "NAME", requires = "allowance", value_parser = Zone::new)]
    zone: Option<Zone>,
    /// Keep what is left of the allowance when the next window begins
    #[arg(long, requires = "allowance")]
    rollover: bool,
    /// Warn once in each window when so much of the allowance is spent
    #[arg(long, value_name = "PERCENT", requires = "allowance")]
    warn_at: Option<Percent>,
}

/// What `--allowance` names.
#[derive(Clone)]
enum AllowanceFlag {
    Removed,
    Each(AmountText, Period),
}

impl FromStr for AllowanceFlag {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "none" {
            return Ok(AllowanceFlag::Removed);
        }
        let parts = text.split_once('/');
        let Some((amount, period)) = parts else {
            bail!("an allowance is an amount for a period, such as `5/day`, or `none`");
        };
        Ok(AllowanceFlag::Each(amount.parse()?, period.parse()?))
    }
}

impl AccountFlags {
    /// `none` ends an allowance, of which nothing is left to say.
    fn check(&self) -> anyhow::Result<()> {
        let is_described = self.zone.is_some() || self.rollover || self.warn_at.is_some();
        if is_described && matches!(self.allowance, Some(AllowanceFlag::Removed)) {
            bail!(
                "`--allowance none` ends the allowance, so `--zone`, `--rollover` and `--warn-at` say nothing"
            );
        }
        Ok(())
    }

    /// The amounts that are given.
    fn amounts(&self) -> Vec<&AmountText> {
        let allowed = match &self.allowance {
            Some(AllowanceFlag::Each(amount, _)) => Some(amount),
            Some(AllowanceFlag::Removed) | None => None,
        };
        self.overdraft.iter().chain(allowed).collect()
    }

    /// What becomes of the allowance, in a ledger that is open.
    fn change(&self) -> Result<Option<AllowanceChange>, Failure> {
        Ok(match &self.allowance {
            None => None,
            Some(AllowanceFlag::Removed) => Some(AllowanceChange::Removed),
            Some(AllowanceFlag::Each(amount, period)) => Some(AllowanceChange::Set(Allowance {
                amount: Allowance::check(amount_of(amount)?).map_err(Failure::usage)?,
                period: *period,
                rollover: self.rollover,
                warn: self.warn_at,
                zone: self.zone.clone().unwrap_or_default(),
            })),
        })
    }

    /// The flags of the account's allowance that another allowance ends, since they are not given again.
    fn ended_by(&self, single: &mut Single) -> Result<Vec<String>, Failure> {
        if !matches!(self.allowance, Some(AllowanceFlag::Each(..))) {
            return Ok(Vec::new());
        }
        let names = slice::from_ref(&self.account);
        let standings = ask_when_there(|| single.ledger.look_up(names))?;
        let standing = standings.into_iter().flatten().next();
        let Some(known) = standing.and_then(|standing| standing.allowance) else {
            return Ok(Vec::new());
        };
        let known = known.allowance;
        let zone = (self.zone.is_none() && known.zone != Zone::default())
            .then(|| format!("--zone {}", known.zone));
        let rollover = (!self.rollover && known.rollover).then(|| "--rollover".to_string());
        let warn = known.warn.filter(|_| self.warn_at.is_none());
        let warn = warn.map(|warn| format!("--warn-at {warn}"));
        Ok([zone, rollover, warn].into_iter().flatten().collect())
    }
}

/// `bank-par open`
pub(in crate::cli) fn open(args: OpenArgs) -> CliResult {
    args.flags.check().map_err(Failure::usage)?;
    let OpenArgs {
        flags,
        unit,
        single,
    } = args;
    let mut single = Single::create(single, &unit, &flags.amounts())?;
    let allowance = flags.change()?;
    let overdraft = flags.overdraft.as_ref().map(balance_of).transpose()?;
    let ended = flags.ended_by(&mut single)?;
    let account = flags.account;
    let request = Request::Open {
        account: account.clone(),
        overdraft,
        allowance,
    };
    let answer = single.ask(RequestContext::default(), request)?;
    if !ended.is_empty() && matches!(answer.outcome, Outcome::Opened { .. }) {
        let ended = ended.join(" ");
        stderr_line(format_args!(
            "warning: `{account}` had its allowance with `{ended}`, which `--allowance` alone ends: to have that again, repeat this command with it"
        ));
    }
    let name = &account;
    single.finish(Subject::Account { name, overdraft }, &answer)
}
