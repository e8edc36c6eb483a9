//! One operation at a time, for scripts: one request, one answer, one status.

mod balance;
mod hold;
mod open;
mod reverse;
mod wait;
mod work;

pub(super) use balance::{BalanceArgs, balance};
pub(super) use hold::{HoldArgs, PostArgs, VoidArgs, hold, post, void};
pub(super) use open::{OpenArgs, open};
pub(super) use reverse::{ReverseArgs, reverse};

use std::slice;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::ledger::{
    LedgerArgs, LedgerFlag, UnitArgs, amount_of, ask_when_there, open_counting, open_or_create,
    wait_and_say,
};
use super::workload::{other_side, user};
use super::{CliResult, Failure};
use crate::bank::{
    AmountText, Annotations, Answer, Asked, Balance, Id, IdError, Kind, Name, Operation,
    OperationDetail, Outcome, Rejection, Request, RequestContext,
};
use crate::event::{BudgetEvent, Event, OperationEvent};
use crate::report::{Answers, Format, Output, ProtectedFiles, Receipt, Subject};
use crate::status::Status;
use crate::store::{Access, AtStake, Entry, EntryQuery, Ledger, Place, until_done};
use wait::{Wait, WaitArgs};
use work::WorkArgs;

/// Where the ledger is, and how the answer looks.
#[derive(Args)]
struct SingleArgs {
    #[command(flatten)]
    ledger: LedgerArgs,
    /// How the answer is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// What every operation may say about itself.
#[derive(Args)]
struct OperationArgs {
    /// Whose money it is about
    #[arg(long, default_value_t = Name::default(), value_parser = user, value_name = "NAME")]
    account: Name,
    /// Makes a repeat safe: the same id and the same content is done once
    #[arg(long, value_parser = chosen_id)]
    id: Option<Id>,
    /// Words to keep with it, which its command finds in `BANK_PAR_MEMO`
    #[arg(long, value_name = "TEXT")]
    memo: Option<String>,
    /// A text to keep with it, which its command finds in `BANK_PAR_META_NAME`; may be repeated
    #[arg(long, value_name = "NAME=TEXT", value_parser = meta)]
    meta: Vec<(String, String)>,
    /// When it happened elsewhere, such as `2026-11-26` or `2026-11-26T13:00:00Z`
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Refuse accounts that `bank-par open` has not opened
    #[arg(long)]
    strict: bool,
    /// Decide anew what was refused under this id before
    #[arg(long, requires = "id")]
    retry_refused: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// `deposit`, `withdraw` and `loan`.
#[derive(Args)]
pub(super) struct MoveArgs {
    /// How much, such as `500` or `12.50`
    #[arg(allow_negative_numbers = true)]
    amount: AmountText,
    #[command(flatten)]
    operation: OperationArgs,
    #[command(flatten)]
    unit: UnitArgs,
    #[command(flatten)]
    single: SingleArgs,
    #[command(flatten)]
    work: WorkArgs,
}

#[derive(Args)]
pub(super) struct TransferArgs {
    #[command(flatten)]
    movement: MoveArgs,
    /// Where the money goes; `@world` is outside the bank
    #[arg(long, value_parser = other_side, value_name = "NAME")]
    to: Name,
}

fn meta(text: &str) -> anyhow::Result<(String, String)> {
    let (name, text) = text
        .split_once('=')
        .context("a text has a name, such as `iban=DE02`")?;
    Ok((name.to_string(), text.to_string()))
}

/// The id of an operation that is there.
fn id(text: &str) -> Result<Id, IdError> {
    Id::new(text)
}

fn chosen_id(text: &str) -> Result<Id, IdError> {
    Id::chosen(text)
}

/// `bank-par deposit`
pub(super) fn deposit(args: MoveArgs) -> CliResult {
    execute(Kind::Deposit, None, args)
}

/// `bank-par withdraw`
pub(super) fn withdraw(args: MoveArgs) -> CliResult {
    execute(Kind::Withdraw, None, args)
}

/// `bank-par transfer`
pub(super) fn transfer(args: TransferArgs) -> CliResult {
    execute(Kind::Transfer, Some(args.to), args.movement)
}

/// `bank-par loan`
pub(super) fn loan(args: MoveArgs) -> CliResult {
    execute(Kind::Loan, None, args)
}

fn execute(kind: Kind, to: Option<Name>, args: MoveArgs) -> CliResult {
    let caller = args.operation.caller();
    args.work.check(&args.single).map_err(Failure::usage)?;
    args.work.check_return(kind).map_err(Failure::usage)?;
    // Money cannot go out of a ledger that does not exist, and a new one has no account that is open.
    let creates = matches!(kind, Kind::Deposit | Kind::Loan) && !caller.strict;
    if args.work.is_dry_run() {
        let ledger = args.single.look(&args.unit, creates)?;
        let operation = args.operation.operation(kind, to, &args.amount)?;
        let operation = args.work.named(operation)?;
        return args
            .work
            .dry_run(&operation, ledger, (caller.strict, false));
    }
    let mut single = match creates {
        true => Single::create(args.single, &args.unit, &[&args.amount])?,
        false => Single::open(args.single, Access::Existing, &args.unit)?,
    };
    let mut wait = args.operation.wait.begin()?;
    let operation = args.operation.operation(kind, to, &args.amount)?;
    if args.work.is_given() {
        let operation = args.work.named(operation)?;
        return args.work.run(single, operation, None, (caller, wait));
    }
    let mut receipt = args.work.receipt(&single)?;
    let request = Request::Execute(operation.clone());
    let answer = single.ask_waiting(caller, &request, &operation, &mut wait)?;
    single.answers.overdraft = single.overdraft_of(&operation, &answer);
    single.record(&mut receipt, &operation, &answer);
    let overspent = work::warn_overspent(&operation, &answer.outcome);
    let operation = operation.posted_by(&answer.outcome);
    let status = single
        .answers
        .answer(Subject::Operation(&operation), &answer);
    single.answers.warn(&operation.account, &answer);
    let status = status.worse(overspent).worse(single.answers.finish());
    ended(status.worse(receipt.finish()))
}

impl OperationArgs {
    fn caller(&self) -> RequestContext {
        RequestContext {
            strict: self.strict,
            retry: self.retry_refused || self.wait.is_given(),
            ..RequestContext::default()
        }
    }

    /// The operation, in a ledger that is open.
    fn operation(
        self,
        kind: Kind,
        to: Option<Name>,
        amount: &AmountText,
    ) -> Result<Operation, Failure> {
        let amount = Some(amount_of(amount)?);
        let detail = self.detail()?;
        let operation = Operation::new(kind, self.id, self.account, to, amount);
        Ok(operation.map_err(Failure::usage)?.carrying(detail))
    }

    /// What the operation carries.
    fn detail(&self) -> Result<Option<OperationDetail>, Failure> {
        let wrong = |flag: &str, error| Failure::usage(anyhow!("`{flag}`: {error}"));
        let mut added = Annotations::default();
        if let Some(memo) = &self.memo {
            added
                .set_memo(memo)
                .map_err(|error| wrong("--memo", error))?;
        }
        if let Some(date) = &self.date {
            added
                .set_date(date)
                .map_err(|error| wrong("--date", error))?;
        }
        for (name, text) in &self.meta {
            let told = added.add_meta(name, text);
            told.map_err(|error| wrong(&format!("--meta {name}"), error))?;
        }
        Ok(added.detail())
    }
}

impl SingleArgs {
    /// What no output may be written to.
    fn protected(&self) -> ProtectedFiles {
        match &self.ledger.ledger {
            Some(LedgerFlag::Lasting(place)) => ProtectedFiles::default().ledger(place),
            Some(LedgerFlag::Memory) | None => ProtectedFiles::default(),
        }
    }

    /// Opens the ledger to look at it, if one is named, and learns what amounts count. Where it would be
    /// created, it need not be there.
    fn look(&self, unit: &UnitArgs, creates: bool) -> Result<Option<Box<dyn Ledger>>, Failure> {
        let place = self.ledger.lasting();
        match place.map(|place| open_counting(&place, Access::Read, unit)) {
            Some(Ok(ledger)) => Ok(Some(ledger)),
            Some(Err(failure)) if failure.status == Status::Usage || !creates => Err(failure),
            _ => unit.settle().map(|()| None),
        }
    }
}

/// An open ledger, and where its answers go.
struct Single {
    ledger: Box<dyn Ledger>,
    answers: Answers,
    protected: ProtectedFiles,
}

impl Single {
    /// Opens a ledger that is there and counts this.
    fn open(args: SingleArgs, access: Access<'_>, unit: &UnitArgs) -> Result<Self, Failure> {
        Single::opened(args, |place| open_counting(place, access, unit))
    }

    /// Opens a ledger, or creates it where these amounts can stand in it.
    fn create(args: SingleArgs, unit: &UnitArgs, amounts: &[&AmountText]) -> Result<Self, Failure> {
        Single::opened(args, |place| open_or_create(place, unit, amounts))
    }

    fn opened(
        args: SingleArgs,
        open: impl FnOnce(&Place) -> Result<Box<dyn Ledger>, Failure>,
    ) -> Result<Self, Failure> {
        let protected = args.protected();
        let place = args.ledger.place()?;
        // A stdout that cannot be had is noticed before anything is done.
        let output = Output::open(&protected).map_err(Failure::usage)?;
        let ledger = open(&place)?;
        let answers = Answers::new(output, args.output);
        Ok(Single {
            ledger,
            answers,
            protected,
        })
    }

    fn ask(&mut self, caller: RequestContext, request: Request) -> Result<Answer, Failure> {
        self.ask_pausing(caller, request, wait_and_say)
    }

    /// The same, with this pause before a ledger is asked again that has done nothing.
    fn ask_pausing(
        &mut self,
        caller: RequestContext,
        request: Request,
        pause: impl FnMut(Duration, Option<String>) -> bool,
    ) -> Result<Answer, Failure> {
        let batch = [Asked { caller, request }];
        let ask = || self.ledger.transact(&batch);
        let answers = until_done(AtStake::OneAnswer, ask, pause).map_err(Failure::ledger)?;
        let answer = answers.into_iter().next().flatten();
        answer.ok_or_else(|| Failure {
            status: Status::Ledger,
            error: anyhow!(
                "the ledger has no answer: it is not known whether the operation counts"
            ),
        })
    }

    /// The same, as long as what is in the way may be waited for.
    fn ask_waiting(
        &mut self,
        caller: RequestContext,
        request: &Request,
        operation: &Operation,
        wait: &mut Wait,
    ) -> Result<Answer, Failure> {
        loop {
            let pause = |pause, words| {
                wait.heed_signals();
                wait_and_say(pause, words)
            };
            let answer = self.ask_pausing(caller, request.clone(), pause)?;
            if !wait.again(self, operation, &answer)? {
                return Ok(answer);
            }
        }
    }

    /// Records how an operation without work ended.
    fn record(&mut self, receipt: &mut Receipt, operation: &Operation, answer: &Answer) {
        let event = OperationEvent::from(operation.clone());
        let event = match answer.outcome {
            Outcome::Held { .. } => event,
            _ => event.after(receipt.elapsed()),
        };
        let mut event = event.answered(answer);
        event.add_overdraft(|_| self.answers.overdraft);
        receipt.tell(event);
        if let Some(budget) = BudgetEvent::warned(&operation.account, answer) {
            receipt.tell(Event::LowBudget(budget));
        }
    }

    /// How far below zero the account may go whose money was not enough just now, if that can be seen: the
    /// refusal stands in any case.
    fn overdraft_of(&mut self, operation: &Operation, answer: &Answer) -> Option<Balance> {
        let rejection = Rejection::InsufficientFunds;
        match answer.outcome {
            Outcome::Refused { rejection: why, .. } if why == rejection && !answer.duplicate => {}
            _ => return None,
        }
        let names = slice::from_ref(&operation.account);
        let standings = self.ledger.look_up(names).ok()?;
        let standing = standings.into_iter().flatten().next();
        let overdraft = standing.and_then(|standing| standing.overdraft);
        overdraft.filter(|overdraft| overdraft.minor() > 0)
    }

    /// The entry of this number.
    fn entry(&mut self, seq: u64) -> Result<Option<Entry>, Failure> {
        let after = seq.saturating_sub(1);
        let found = self.first_entry(EntryQuery {
            after,
            ..EntryQuery::default()
        })?;
        Ok(found.filter(|entry| entry.seq == seq))
    }

    /// The entry that was posted under this id.
    fn entry_of(&mut self, id: &Id) -> Result<Option<Entry>, Failure> {
        self.first_entry(EntryQuery {
            id: Some(id.clone()),
            ..EntryQuery::default()
        })
    }

    fn first_entry(&mut self, query: EntryQuery) -> Result<Option<Entry>, Failure> {
        let query = EntryQuery { limit: 1, ..query };
        let page = ask_when_there(|| self.ledger.entries(&query))?;
        Ok(page.entries.into_iter().next())
    }

    fn finish(mut self, subject: Subject<'_>, answer: &Answer) -> CliResult {
        let status = self.answers.answer(subject, answer);
        ended(status.worse(self.answers.finish()))
    }
}

/// The ending of a command that no signal ended.
pub(super) fn ended(status: Status) -> CliResult {
    Ok(status.into())
}
