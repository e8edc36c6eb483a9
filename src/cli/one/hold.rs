//! The two-step form: set money aside, later post or void it.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;

use super::{OperationArgs, Single, SingleArgs, WorkArgs, id};
use crate::bank::{self, AmountText, Id, Kind, Name, Request, RequestContext};
use crate::cli::ledger::{UnitArgs, amount_of};
use crate::cli::workload::other_side;
use crate::cli::{CliResult, Failure};
use crate::ids;
use crate::report::Subject;
use crate::store::Access;

/// The longest time that a hold is given; beyond it there is `never`.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

#[derive(Args)]
#[command(mut_arg("words", |words| words.help("Set the money aside, run this, then keep the money held if the command succeeds and give it back if not")))]
pub(in crate::cli) struct HoldArgs {
    /// How much, such as `500` or `12.50`
    #[arg(allow_negative_numbers = true)]
    amount: AmountText,
    /// Where the money goes once it is posted: a transfer instead of a withdrawal
    #[arg(long, value_parser = other_side, value_name = "NAME")]
    to: Option<Name>,
    /// When it is given back by itself: `90` (seconds), `10m`, `36h`, up to `366d`, or `never`
    #[arg(long, default_value = "24h", value_name = "DURATION")]
    expires: HoldLength,
    #[command(flatten)]
    operation: OperationArgs,
    #[command(flatten)]
    single: SingleArgs,
    #[command(flatten)]
    work: WorkArgs,
}

#[derive(Args)]
pub(in crate::cli) struct PostArgs {
    /// What `bank-par hold` printed
    #[arg(value_parser = id)]
    id: Id,
    /// Post so much: less gives the rest back, more must be available
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    amount: Option<AmountText>,
    #[command(flatten)]
    single: SingleArgs,
}

#[derive(Args)]
pub(in crate::cli) struct VoidArgs {
    /// What `bank-par hold` printed
    #[arg(value_parser = id)]
    id: Id,
    #[command(flatten)]
    single: SingleArgs,
}

/// How long a hold lasts; `None`: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HoldLength(Option<Duration>);

impl std::str::FromStr for HoldLength {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "never" {
            return Ok(HoldLength(None));
        }
        let lasts = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => humantime::parse_duration(text).context(
                "a hold lasts for a number of seconds or has a unit, such as `90`, `10m` or `36h`, or `never`",
            )?,
        };
        // The ledger's clock counts microseconds.
        if lasts < Duration::from_micros(1) {
            bail!("a hold lasts for more than nothing");
        }
        if lasts > LONGEST {
            bail!("a hold lasts for at most `366d`, or with `never` until it is posted or voided");
        }
        Ok(HoldLength(Some(lasts)))
    }
}

/// `bank-par hold`
pub(in crate::cli) fn hold(mut args: HoldArgs) -> CliResult {
    let caller = args.operation.caller();
    if args.operation.id.is_none() {
        args.operation.id = Some(random_id()?);
    }
    let kind = match args.to {
        Some(_) => Kind::Transfer,
        None => Kind::Withdraw,
    };
    args.work.check(&args.single).map_err(Failure::usage)?;
    args.work.check_kept().map_err(Failure::usage)?;
    let unit = UnitArgs::default();
    if args.work.is_dry_run() {
        let ledger = args.single.look(&unit, false)?;
        let operation = args.operation.operation(kind, args.to, &args.amount)?;
        return args.work.dry_run(&operation, ledger, (caller.strict, true));
    }
    let mut single = Single::open(args.single, Access::Existing, &unit)?;
    let mut wait = args.operation.wait.begin()?;
    let operation = args.operation.operation(kind, args.to, &args.amount)?;
    if args.work.is_given() {
        let lasts = Some(args.expires.0);
        return args.work.run(single, operation, lasts, (caller, wait));
    }
    let request = Request::Hold {
        operation: operation.clone(),
        lasts: args.expires.0,
    };
    let mut receipt = args.work.receipt(&single)?;
    let answer = single.ask_waiting(caller, &request, &operation, &mut wait)?;
    single.answers.overdraft = single.overdraft_of(&operation, &answer);
    single.record(&mut receipt, &operation, &answer);
    let status = single.answers.held(&operation, &answer);
    single.answers.warn(&operation.account, &answer);
    let status = status.worse(single.answers.finish());
    super::ended(status.worse(receipt.finish()))
}

fn random_id() -> Result<Id, Failure> {
    let id = ids::random("hold").context("cannot choose an id: use `--id`");
    id.map_err(Failure::died)
}

/// `bank-par post`
pub(in crate::cli) fn post(args: PostArgs) -> CliResult {
    let mut single = Single::open(args.single, Access::Existing, &UnitArgs::default())?;
    let id = args.id.clone();
    let amount = args.amount.as_ref().map(amount_of).transpose()?;
    let answer = single.ask(RequestContext::default(), Request::PostHold { id, amount })?;
    let posted = match answer.outcome {
        bank::Outcome::Posted { seq, .. } => single.entry(seq)?,
        _ => None,
    };
    let subject = posted
        .as_ref()
        .map(|entry| Subject::Operation(&entry.operation));
    single.finish(subject.unwrap_or(Subject::Hold(&args.id)), &answer)
}

/// `bank-par void`
pub(in crate::cli) fn void(args: VoidArgs) -> CliResult {
    let mut single = Single::open(args.single, Access::Existing, &UnitArgs::default())?;
    let id = args.id.clone();
    let answer = single.ask(RequestContext::default(), Request::VoidHold { id })?;
    single.finish(Subject::Hold(&args.id), &answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_lasts_for_a_while_or_for_ever() {
        let lasts = |text: &str| text.parse().map(|HoldLength(lasts)| lasts).ok();
        assert_eq!(lasts("never"), Some(None));
        assert_eq!(lasts("90"), Some(Some(Duration::from_secs(90))));
        assert_eq!(lasts("10m"), Some(Some(Duration::from_secs(600))));
        assert_eq!(lasts("1ms"), Some(Some(Duration::from_millis(1))));
        assert_eq!(lasts("366d"), Some(Some(LONGEST)));
        for text in ["", "0", "0s", "1ns", "1.5", "-1", "-1h", "367d", "always"] {
            assert_eq!(lasts(text), None, "{text}");
        }
    }
}
