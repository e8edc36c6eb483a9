//! `... -- COMMAND`: a command as the operation's work.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{Single, ended};
use crate::bank::{Answer, Caller, Operation, Outcome as Decided};
use crate::cli::command::CommandArgs;
use crate::cli::moment::duration;
use crate::cli::{Failure, Outcome};
use crate::errand::{Done, Errand, ErrandError, Ran, run};
use crate::ids;
use crate::report::{refusal, talk};
use crate::run::Ending;
use crate::status::Status;

#[derive(Args)]
pub(super) struct WorkArgs {
    #[command(flatten)]
    command: CommandArgs,
    /// The status when the bank refuses and the command does not run
    #[arg(long, default_value_t = 75, value_name = "N", requires = "words")]
    refused_code: u8,
    /// End the command, and all that it started, when it takes longer [default: never]
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "words")]
    timeout: Option<Duration>,
    /// What to do if nobody saw the end of an earlier command under this id
    #[arg(long, value_enum, default_value_t = InDoubt::Stop, value_name = "HOW", requires = "words")]
    in_doubt: InDoubt,
}

/// `bank-par post ID` and `void ID` are the other ways out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InDoubt {
    /// Nothing: somebody must `post` or `void` it
    Stop,
    /// Run the command again, under the same id
    Retry,
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

    /// Whether nothing is to be done; then this says what would be.
    pub(super) fn only_says(&self, operation: &Operation, is_held: bool) -> bool {
        if self.command.dry_run {
            let amount = operation.amount().map(|amount| amount.to_string());
            talk(format_args!(
                "would set aside {} on `{}`, run `{}`, and {} it as a {} if that succeeds",
                amount.unwrap_or_default(),
                operation.account,
                self.command.told(),
                if is_held { "hold" } else { "post" },
                operation.kind(),
            ));
        }
        self.command.dry_run
    }

    /// Runs the command for an operation.
    pub(super) fn run(
        self,
        mut single: Single,
        operation: Operation,
        hold: Option<Option<Duration>>,
        caller: Caller,
    ) -> Outcome {
        let refused_code = self.refused_code;
        let errand = Errand {
            operation,
            hold,
            caller: Caller {
                takes_over: self.in_doubt == InDoubt::Retry,
                ..caller
            },
            terms: self.command.terms(self.timeout),
            command: self.command.words,
        };
        let done = run(&errand, &mut *single.ledger).map_err(|error| Failure {
            status: match error {
                ErrandError::Ledger(_) | ErrandError::Untold { .. } => Status::Ledger,
                ErrandError::Start(_) => Status::Died,
            },
            error: error.into(),
        })?;
        match done {
            Done::NotRun(answer) => not_run(&errand, &answer, refused_code),
            Done::Ran(ran) => ran_to(&errand, &ran),
        }
    }
}

/// The bank knew the operation already, or said no.
fn not_run(errand: &Errand, answer: &Answer, refused_code: u8) -> Outcome {
    match answer.outcome {
        Decided::Refused { .. } => {
            talk(refusal(&errand.operation, answer));
            passed_on(refused_code)
        }
        _ => {
            talk(format_args!(
                "duplicate: the command has succeeded before: `{}`",
                id(errand)
            ));
            ended(Status::Posted)
        }
    }
}

fn ran_to(errand: &Errand, ran: &Ran) -> Outcome {
    if let Some(why) = &ran.doubt {
        talk(format_args!(
            "in doubt: {why}; look at what it did, then `bank-par post {0}` or `bank-par void {0}`",
            id(errand)
        ));
        return ended(Status::Ledger);
    }
    if let Decided::Refused { .. } = ran.answer.outcome {
        talk(refusal(&errand.operation, &ran.answer));
        return ended(Status::Refused);
    }
    if let Some(overspent) = ran.overspent {
        talk(format_args!(
            "overspent: the command spent {overspent} more than was set aside: `{}`",
            id(errand)
        ));
        return ended(Status::Refused);
    }
    if ran.timed_out {
        talk(format_args!(
            "the command was ended when its time was over: `{}`",
            id(errand)
        ));
        return ended(Status::Deadline);
    }
    match ran.signal {
        Some(signal) => Ok(Ending {
            status: Status::Posted,
            signal: Some(signal),
            passed_on: None,
        }),
        None => passed_on(ran.status),
    }
}

fn passed_on(status: u8) -> Outcome {
    Ok(Ending {
        status: Status::Posted,
        signal: None,
        passed_on: Some(status),
    })
}

fn id(errand: &Errand) -> &str {
    errand.operation.id.as_ref().map_or("", |id| id.as_str())
}
