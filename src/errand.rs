//! One operation whose work is a command: the money is set aside, the command runs, and what follows
//! from its end is posted or given back.
//!
//! The command has this program's terminal, stdin, stdout and stderr. It runs below a guard, a process
//! of this program that ends with it: whichever of the two is killed, the other ends the command and
//! all that it started. When nobody saw the command's end, the operation is in doubt.

mod actual;
mod guard;
mod shim;
mod watch;

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use crate::bank::{Amount, Answer, Asked, Caller, Id, Name, Operation, Outcome, Request};
use crate::store::{Ledger, LedgerError};
use actual::{Actual, Spent};
use watch::{Seen, Watched};

pub use guard::{ENTRY as GUARD, run as run_guard};
pub use shim::{ENTRY as SHIM, run as run_shim};

/// How long a command has between being asked to end and being killed.
pub const GRACE: Duration = Duration::from_secs(5);

/// What to set aside, and what to run.
#[derive(Clone, Debug)]
pub struct Errand {
    /// The operation; it has an id.
    pub operation: Operation,
    /// Set aside in the first of two steps, which stays held when the command succeeds, for so long;
    /// nothing is one step.
    pub hold: Option<Option<Duration>>,
    /// The terms.
    pub caller: Caller,
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// When it is ended.
    pub timeout: Option<Duration>,
}

/// How an errand ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// The bank said no, or knew the operation already; the command did not run.
    NotRun(Answer),
    /// The command ran.
    Ran(Ran),
}

/// How a command ended, and what became of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// What became of the money; nothing is known if it is in doubt.
    pub answer: Option<Answer>,
    /// The status that the command ended with, 128 and the signal's number where a signal ended it.
    pub status: u8,
    /// A signal that this process got too, and that ended the command.
    pub signal: Option<i32>,
    /// Its time was over and it was ended.
    pub timed_out: bool,
    /// How much more was spent than was set aside.
    pub overspent: Option<Amount>,
}

/// Why an errand could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ErrandError {
    /// The ledger does not answer.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The operating system said no, and the command did not run.
    #[error("cannot start the command's guard: {0}")]
    Start(io::Error),
}

/// Runs an errand on this ledger.
pub fn run(errand: &Errand, ledger: &mut dyn Ledger) -> Result<Done, ErrandError> {
    let actual = Actual::new().map_err(ErrandError::Start)?;
    let mut teller = Teller::begin(errand, ledger)?;
    let answer = match teller.set_aside()? {
        held @ Answer {
            outcome: Outcome::Held { .. },
            duplicate: false,
        } => held,
        answer => {
            teller.leave()?;
            return Ok(Done::NotRun(answer));
        }
    };
    let watched = watch::run(
        &errand.command,
        &environment(errand, &actual),
        errand.timeout,
    );
    let Watched {
        seen,
        timed_out,
        signal,
    } = match watched {
        Ok(watched) => watched,
        Err(error) => {
            teller.give_back()?;
            teller.leave()?;
            return Err(ErrandError::Start(error));
        }
    };
    let (answer, overspent) = match seen {
        Seen::Nothing => (None, None),
        Seen::Status(0) if !timed_out => teller.settle(answer, actual.spent())?,
        Seen::Status(_) => (Some(teller.give_back()?), None),
    };
    teller.leave()?;
    let status = match seen {
        Seen::Status(status) => status,
        Seen::Nothing => 0,
    };
    let died_of = i32::from(status) - 128;
    Ok(Done::Ran(Ran {
        answer,
        status,
        signal: signal.filter(|signal| *signal == died_of),
        timed_out,
        overspent,
    }))
}

/// What a command finds in its environment.
fn environment(errand: &Errand, actual: &Actual) -> Vec<(&'static str, OsString)> {
    let operation = &errand.operation;
    let text = |text: Option<&str>| OsString::from(text.unwrap_or_default());
    let amount = operation.amount().map(|amount| amount.to_string());
    vec![
        ("BANK_PAR_ID", text(operation.id.as_ref().map(Id::as_str))),
        ("BANK_PAR_OP", text(Some(operation.kind().word()))),
        ("BANK_PAR_ACCOUNT", text(Some(operation.account.as_str()))),
        ("BANK_PAR_TO", text(operation.to().map(Name::as_str))),
        ("BANK_PAR_AMOUNT", text(amount.as_deref())),
        ("BANK_PAR_ACTUAL", actual.path().into()),
    ]
}

/// The only operation of a run of its own, so that others know when nobody works on it any more.
struct Teller<'a> {
    errand: &'a Errand,
    ledger: &'a mut dyn Ledger,
    caller: Caller,
}

impl<'a> Teller<'a> {
    fn begin(errand: &'a Errand, ledger: &'a mut dyn Ledger) -> Result<Self, LedgerError> {
        let run = match errand.hold {
            None => ledger.open_run(None)?,
            // A hold is anyone's to end.
            Some(_) => 0,
        };
        let caller = Caller {
            run,
            number: 1,
            doubtful: true,
            ..errand.caller
        };
        Ok(Teller {
            errand,
            ledger,
            caller,
        })
    }

    fn set_aside(&mut self) -> Result<Answer, LedgerError> {
        let operation = self.errand.operation.clone();
        self.ask(match self.errand.hold {
            None => Request::Begin(operation),
            Some(lasts) => Request::Hold { operation, lasts },
        })
    }

    /// The command succeeded.
    fn settle(
        &mut self,
        held: Answer,
        spent: Spent,
    ) -> Result<(Option<Answer>, Option<Amount>), LedgerError> {
        if self.errand.hold.is_some() {
            return Ok((Some(held), None));
        }
        let most = self.errand.operation.amount();
        Ok(match spent {
            Spent::Unknown => (None, None),
            Spent::Nothing => (Some(self.give_back()?), None),
            Spent::AsSetAside => (Some(self.post(None)?), None),
            Spent::Amount(amount) if Some(amount) <= most => (Some(self.post(Some(amount))?), None),
            Spent::Amount(amount) => {
                let set_aside = most.map_or(0, Amount::minor);
                let more = Amount::new(amount.minor() - set_aside);
                (Some(self.post(None)?), more)
            }
        })
    }

    fn post(&mut self, amount: Option<Amount>) -> Result<Answer, LedgerError> {
        self.ask(Request::Post { amount })
    }

    fn give_back(&mut self) -> Result<Answer, LedgerError> {
        match (&self.errand.hold, &self.errand.operation.id) {
            (Some(_), Some(id)) => {
                let id = id.clone();
                self.ask(Request::VoidHold { id })
            }
            _ => self.ask(Request::Void),
        }
    }

    /// What is not posted and not given back is in doubt from now on.
    fn leave(&mut self) -> Result<(), LedgerError> {
        match self.caller.run {
            0 => Ok(()),
            run => self.ledger.close_run(run),
        }
    }

    fn ask(&mut self, request: Request) -> Result<Answer, LedgerError> {
        let caller = self.caller;
        let answers = self.ledger.transact(vec![Asked { caller, request }])?;
        let answer = answers.into_iter().next().flatten();
        answer.ok_or_else(|| LedgerError::Damaged {
            ledger: "in use".to_string(),
            what: "it does not know what was begun a moment ago".to_string(),
        })
    }
}
