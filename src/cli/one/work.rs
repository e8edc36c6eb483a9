//! `... -- COMMAND`: a command as the operation's work.

mod ending;
mod seat;

use std::collections::HashSet;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::{Single, SingleArgs, Wait, ended};
use crate::bank::{Answer, Balance, Id, Operation, Outcome, RequestContext};
use crate::cli::command::{CommandArgs, InDoubtAction, stop_or_retry};
use crate::cli::moment::duration;
use crate::cli::{CliResult, Failure, destination};
use crate::command::{OneShotEnd, OneShotError, OneShotPlan, OneShotRun, run};
use crate::driver::Forecast;
use crate::event::{AllowanceEvent, BudgetEvent, Cause, Event, Fault, OperationEvent};
use crate::ids;
use crate::report::{BareMoney, Destination, Format, Receipt, low_budget, refusal, stderr_line};
use crate::status::Status;
use crate::store::Ledger;
use crate::work::{self, Termination};
use ending::{IN_DOUBT, ending_of_command, not_run_status, passed_on};

#[derive(Args)]
pub(super) struct WorkArgs {
    #[command(flatten)]
    command: CommandArgs,
    /// Say what would be set aside and run, and touch nothing
    #[arg(long, short = 'n', requires = "words")]
    dry_run: bool,
    /// The status when the money is not there, or is busy, and the command does not run
    #[arg(long, default_value_t = 75, value_name = "N", requires = "words")]
    refused_code: u8,
    /// Set aside while the command runs, and give back whatever becomes of it: a seat
    #[arg(long, requires = "words")]
    give_back: bool,
    /// End the command, and all that it started, when it takes longer [default: never]
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "words")]
    timeout: Option<Duration>,
    /// What to do if the end of an earlier command under this id was not seen
    #[arg(long, value_parser = stop_or_retry(), default_value = "stop", value_name = "HOW", requires = "words")]
    in_doubt: InDoubtAction,
    /// Record how the operation ended, as JSON Lines: in a FILE, which is appended to, or in the open
    /// descriptor `fd:N`
    #[arg(long, value_name = "FILE", value_parser = destination())]
    events: Option<Destination>,
}

impl WorkArgs {
    pub(super) fn is_given(&self) -> bool {
        self.command.is_given()
    }

    /// Names an operation that is to be found again whatever becomes of its command.
    pub(super) fn named(&self, operation: Operation) -> Result<Operation, Failure> {
        let id = match operation.id {
            Some(id) => id,
            None => ids::random("op").map_err(Failure::died)?,
        };
        Ok(Operation {
            id: Some(id),
            ..operation
        })
    }

    /// Whether nothing is to be done.
    pub(super) fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// Says what would be done, or that this ledger would refuse it; without one nothing is known of that.
    pub(super) fn dry_run(
        &self,
        operation: &Operation,
        ledger: Option<Box<dyn Ledger>>,
        (strict, is_held): (bool, bool),
    ) -> CliResult {
        let forecast =
            |ledger| Forecast::of_ledger(ledger, HashSet::new(), strict).refusal(operation);
        let refused = ledger.map(forecast).transpose().map_err(Failure::ledger)?;
        if let Some(answer) = refused.flatten()
            && let Outcome::Refused { rejection, .. } = answer.outcome
        {
            let why = refusal(operation, &answer, None);
            stderr_line(format_args!("would be {why}"));
            return passed_on(not_run_status(rejection, self.refused_code));
        }
        self.say(operation, is_held)?;
        ended(Status::Posted)
    }

    /// Says what would be done.
    fn say(&self, operation: &Operation, is_held: bool) -> Result<(), Failure> {
        let words = self.command.words_for(operation)?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let amount = operation
            .amount()
            .map(|amount| BareMoney(amount.into()).to_string());
        stderr_line(format_args!(
            "would set aside {} on `{}`, run `{}`, and {} it as a {} if that succeeds",
            amount.unwrap_or_default(),
            operation.account,
            words.join(" "),
            if is_held { "hold" } else { "post" },
            operation.kind(),
        ));
        Ok(())
    }

    /// Refuses outputs that cannot be had, before anything is done.
    pub(super) fn check(&self, single: &SingleArgs) -> anyhow::Result<()> {
        let with_command = self.is_given();
        self.command.check_words()?;
        if with_command && single.output == Format::Json {
            bail!(
                "stdout is the command's, so `--output json` has no place there: use `--events FILE`, or `--events fd:3` with `3>FILE`"
            );
        }
        match &self.events {
            None => Ok(()),
            Some(Destination::Stdout) if with_command => bail!(
                "stdout is the command's: use `--events FILE`, or `--events fd:3` with `3>FILE`"
            ),
            Some(Destination::Stdout) => {
                bail!("stdout has the answer: use `--output json` to have it as JSON")
            }
            Some(events) => Ok(events.check(&single.protected())?),
        }
    }

    /// Where the operation's end is recorded.
    pub(super) fn receipt(&self, single: &Single) -> Result<Receipt, Failure> {
        Receipt::open(self.events.as_ref(), &single.protected).map_err(Failure::usage)
    }

    /// Runs the command for an operation.
    pub(super) fn run(
        self,
        mut single: Single,
        operation: Operation,
        hold: Option<Option<Duration>>,
        (caller, mut wait): (RequestContext, Wait),
    ) -> CliResult {
        let command = self.command.words_for(&operation)?;
        let receipt = self.receipt(&single)?;
        let plan = OneShotPlan {
            operation,
            hold,
            gives_back: self.give_back,
            caller: RequestContext {
                retry_in_doubt: self.in_doubt == InDoubtAction::Retry,
                ..caller
            },
            retry: self.command.retry(self.timeout),
            command,
        };
        let mut settled = Settled {
            plan: &plan,
            refused_code: self.refused_code,
            receipt,
            overdraft: None,
        };
        let ran = loop {
            match run(&plan, &mut *single.ledger) {
                Ok(OneShotEnd::NotRun(answer))
                    if wait.again(&mut single, &plan.operation, &answer)? => {}
                ran => break ran,
            }
        };
        let outcome = match ran {
            Ok(OneShotEnd::NotRun(answer)) => settled.not_run(single, &answer),
            Ok(OneShotEnd::Ran(ran)) => settled.ran(&ran),
            Err(error) => Err(settled.failed(error)),
        };
        // What could not be recorded was told; the status is the command's all the same.
        settled.receipt.finish();
        outcome
    }
}

/// An operation with a command that has come to its end, whichever it is.
struct Settled<'a> {
    plan: &'a OneShotPlan,
    refused_code: u8,
    receipt: Receipt,
    /// How far below zero the account may go whose money was not enough.
    overdraft: Option<Balance>,
}

impl Settled<'_> {
    /// The bank knew the operation already, or said no.
    fn not_run(&mut self, mut single: Single, answer: &Answer) -> CliResult {
        self.overdraft = single.overdraft_of(&self.plan.operation, answer);
        self.decided(answer, None);
        let Outcome::Refused { rejection, .. } = answer.outcome else {
            stderr_line(format_args!(
                "duplicate: `{}` was done before, so the command is not run",
                self.id()
            ));
            return ended(self.tell_overspent(&answer.outcome));
        };
        let operation = &self.plan.operation;
        stderr_line(refusal(operation, answer, self.overdraft));
        passed_on(not_run_status(rejection, self.refused_code))
    }

    fn ran(&mut self, ran: &OneShotRun) -> CliResult {
        let id = self.id();
        if let Some(why) = &ran.doubt {
            let operation = &self.plan.operation;
            let argument = operation
                .id
                .as_ref()
                .map_or_else(String::new, Id::as_argument);
            stderr_line(format_args!(
                "in doubt: {why}; look at what it did, then `bank-par post {argument}` or `bank-par void {argument}`"
            ));
            let fault = match ran.exit {
                None => fault(Cause::Died, why),
                Some(_) => fault(Cause::Unreadable, why),
            };
            let event = OperationEvent {
                decided: ran.answer.decided,
                allowances: AllowanceEvent::all(&ran.answer),
                ..self.event(Some(ran)).after(self.receipt.elapsed())
            };
            self.receipt.tell(Event::InDoubt(event.faulted(fault)));
            return passed_on(IN_DOUBT);
        }
        let outcome = &ran.answer.outcome;
        if let Some(finer) = &ran.finer {
            stderr_line(format_args!(
                "the command spent {finer}, which was rounded up: `{id}`"
            ));
        }
        if let Some(unbooked) = &ran.unbooked {
            stderr_line(unbooked);
        }
        let account = &self.plan.operation.account;
        if let Some(budget) = BudgetEvent::warned(account, &ran.answer) {
            stderr_line(low_budget(&budget));
            self.receipt.tell(Event::LowBudget(budget));
        }
        let overspent = self.tell_overspent(outcome);
        self.decided(&ran.answer, Some(ran));
        if let Outcome::Refused { .. } = ran.answer.outcome {
            stderr_line(refusal(&self.plan.operation, &ran.answer, None));
            return ended(Status::Refused);
        }
        if overspent != Status::Posted {
            return ended(overspent);
        }
        ending_of_command(ran, &id)
    }

    /// Warns that more was spent than was set aside, also where that was long ago.
    fn tell_overspent(&mut self, outcome: &Outcome) -> Status {
        let operation = &self.plan.operation;
        if let Some(excess) = operation.excess(outcome) {
            let excess = Some(Balance::from(excess));
            let event = self.event(None);
            self.receipt
                .tell(Event::Overspent(OperationEvent { excess, ..event }));
        }
        warn_overspent(operation, outcome)
    }

    fn failed(&mut self, error: OneShotError) -> Failure {
        let (status, cause) = match error {
            OneShotError::Ledger(_) | OneShotError::Untold { .. } => {
                (Status::Ledger, Cause::Ledger)
            }
            OneShotError::Start(_) => (Status::Died, Cause::Died),
        };
        self.fail(fault(cause, &error.to_string()), None, None);
        Failure {
            status,
            error: error.into(),
        }
    }

    /// Records what was decided; an operation that was given back has failed.
    fn decided(&mut self, answer: &Answer, ran: Option<&OneShotRun>) {
        match answer.outcome {
            Outcome::Held { .. } => self.receipt.tell(self.event(ran).answered(answer)),
            Outcome::Voided { .. } if self.plan.gives_back => {
                let event = self.event(ran).after(self.receipt.elapsed());
                self.receipt.tell(event.answered(answer));
            }
            Outcome::Voided { .. } => {
                let is_late = ran.is_some_and(|ran| ran.timed_out);
                let exit = ran.and_then(|ran| ran.exit);
                let fault = match exit {
                    _ if is_late => fault(
                        Cause::Deadline,
                        "its command was ended when its time was over",
                    ),
                    Some(exit) => fault(Cause::Command, &format!("its command {exit}")),
                    None => fault(Cause::Command, "its command did not run"),
                };
                self.fail(fault, ran, Some(answer));
            }
            _ => {
                let elapsed = self.receipt.elapsed();
                let mut event = self.event(ran).after(elapsed).answered(answer);
                event.add_overdraft(|_| self.overdraft);
                self.receipt.tell(event);
            }
        }
    }

    fn fail(&mut self, fault: Fault, ran: Option<&OneShotRun>, answer: Option<&Answer>) {
        let event = OperationEvent {
            decided: answer.map_or(0, |answer| answer.decided),
            allowances: answer.and_then(AllowanceEvent::all),
            ..self.event(ran).after(self.receipt.elapsed())
        };
        self.receipt.tell(Event::Failed(event.faulted(fault)));
    }

    fn event(&self, ran: Option<&OneShotRun>) -> OperationEvent {
        let of_command = |ran: &OneShotRun| {
            let termination = ran.timed_out.then_some(Termination::TimeOver);
            work::CommandReport::uncaptured(ran.attempts, ran.exit, termination)
        };
        let report = ran.map(of_command);
        let mut event = OperationEvent::from(self.plan.operation.clone());
        report.iter().for_each(|report| event.add_command(report));
        event
    }

    fn id(&self) -> String {
        let id = self.plan.operation.id.as_ref();
        id.map_or_else(String::new, |id| id.as_str().to_string())
    }
}

/// Warns that more was spent than was set aside, if it was; returns the status that follows.
pub(super) fn warn_overspent(operation: &Operation, outcome: &Outcome) -> Status {
    let Some(excess) = operation.excess(outcome) else {
        return Status::Posted;
    };
    let id = operation.id.as_ref().map_or("", |id| id.as_str());
    let (what, how) = operation.kind().excess_words();
    let excess = BareMoney(excess.into());
    stderr_line(format_args!("{what}: {excess} more {how}: `{id}`"));
    Status::Refused
}

fn fault(cause: Cause, detail: &str) -> Fault {
    let detail = detail.to_string();
    Fault { cause, detail }
}
