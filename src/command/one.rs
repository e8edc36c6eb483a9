//! One operation whose work is a command that has this program's terminal.

use std::ffi::OsString;
use std::io;
use std::time::Duration;

use super::actual::Actual;
use super::env::CommandEnv;
use super::guard::GuardPlan;
use super::guard_report::GuardReport;
use super::retry_policy::RetryPolicy;
use super::settle::{Settlement, verdict};
use super::watch::{GuardExit, GuardWaiter};
use crate::bank::{Answer, Asked, Id, Operation, Request, RequestContext, WorkEnd};
use crate::exit::Exit;
use crate::report::stderr_line;
use crate::store::{
    AtStake, Certainty, Ledger, LedgerAnswer, LedgerError, LedgerRequest, NEW_RUN, until_done,
};
use crate::supervisor::end_by;
use crate::work::Termination;

/// What to set aside, and what to run.
#[derive(Clone, Debug)]
pub struct OneShotPlan {
    /// The operation; it has an id.
    pub operation: Operation,
    /// Set aside in the first of two steps, which stays held when the command succeeds, for so long;
    /// `None`: one step.
    pub hold: Option<Option<Duration>>,
    /// It is given back whatever becomes of the command.
    pub gives_back: bool,
    /// On which terms the bank is asked.
    pub caller: RequestContext,
    /// The command and its arguments.
    pub command: Vec<OsString>,
    /// How long an attempt may take, and how often it is made again.
    pub retry: RetryPolicy,
}

/// How a one-shot operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneShotEnd {
    /// The bank said no, or knew the operation already; the command did not run.
    NotRun(Answer),
    /// The command ran.
    Ran(OneShotRun),
}

/// How a command ended, and what became of the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneShotRun {
    /// What became of the money.
    pub answer: Answer,
    /// How often the command was started.
    pub attempts: u32,
    /// How the command ended; `None` if that was not seen.
    pub exit: Option<Exit>,
    /// A signal to this process that ended the command, or the pause before another attempt.
    pub signal: Option<i32>,
    /// Its time was over and it was ended.
    pub timed_out: bool,
    /// What the command says it has spent, where that is finer than what is posted.
    pub finer: Option<String>,
    /// What the command says about its amount where all stays held, which a person may want to book.
    pub unbooked: Option<String>,
    /// Why the operation is in doubt, if it is.
    pub doubt: Option<String>,
}

/// Why a one-shot operation could not be run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum OneShotError {
    /// The ledger does not answer.
    #[error("{0}")]
    Ledger(#[from] LedgerError),
    /// The ledger does not know how the command ended.
    #[error(
        "{error}; the command {ended}, and the ledger does not know it, so `{id}` is {state}: look at what the command did, then `bank-par post {id}` or `bank-par void {id}`"
    )]
    Untold {
        /// The operation's id.
        id: String,
        /// How the command ended.
        ended: String,
        /// What the operation is now, as far as that is known.
        state: &'static str,
        /// Why it was not told.
        error: Box<LedgerError>,
    },
    /// The operating system said no, and the command did not run.
    #[error("cannot start the command's guard: {0}")]
    Start(io::Error),
}

/// Runs a one-shot operation on this ledger.
pub fn run(plan: &OneShotPlan, ledger: &mut dyn Ledger) -> Result<OneShotEnd, OneShotError> {
    let mut actual = Actual::new().map_err(OneShotError::Start)?;
    let mut watcher = GuardWaiter::new().map_err(OneShotError::Start)?;
    let (answer, run) = plan.begin(ledger, &mut watcher)?;
    let Some(run) = run else {
        return Ok(OneShotEnd::NotRun(answer));
    };
    let caller = plan.caller(run);
    let mut one_shot = OneShot {
        plan,
        ledger,
        caller,
        attempts: u32::from(answer.duplicate),
    };
    let begun = answer.clone();
    let attempted = one_shot.attempt_all(answer, &mut actual, &mut watcher);
    match attempted {
        Ok((seen, follows)) => {
            let ran = one_shot.settle(&seen, follows, &mut watcher);
            let mut ran = ran.map_err(|error| plan.untold(&seen, error))?;
            ran.answer = ran.answer.following(begun);
            Ok(OneShotEnd::Ran(ran))
        }
        Err(error) => match one_shot.ask_until_done(&mut watcher, Request::End(WorkEnd::Void)) {
            Ok(_) => Err(OneShotError::Start(error)),
            Err(error) => Err(error.into()),
        },
    }
}

/// What the ledger answers while the run is its own.
fn known(ledger: &dyn Ledger, answer: Option<LedgerAnswer>) -> Result<Answer, LedgerError> {
    let answer = answer.and_then(LedgerAnswer::decided);
    answer.ok_or_else(|| LedgerError::Database {
        ledger: ledger.name(),
        doing: "end what was begun in",
        cause: "its run was ended meanwhile, as its server was started anew".to_string(),
    })
}

impl OneShotPlan {
    /// Sets the money aside in a run of its own, so that others know when no process works on it any more.
    /// All in one batch: the run begins with it, and ends with the answer where nothing was set aside that
    /// is this run's to end. Otherwise tells the run's number.
    fn begin(
        &self,
        ledger: &mut dyn Ledger,
        watcher: &mut GuardWaiter,
    ) -> Result<(Answer, Option<u32>), LedgerError> {
        let operation = self.operation.clone();
        let request = match self.hold {
            None => Request::Begin(operation),
            Some(lasts) => Request::Hold { operation, lasts },
        };
        let caller = self.caller(NEW_RUN);
        let (run, if_idle) = (NEW_RUN, true);
        let batch = [
            LedgerRequest::BeginRun(None),
            LedgerRequest::Decide(Asked { caller, request }),
            LedgerRequest::EndRun { run, if_idle },
        ];
        let begun = until_done(
            AtStake::OneAnswer,
            || ledger.submit(&batch),
            |pause, words| {
                words.into_iter().for_each(stderr_line);
                if !watcher.pause(pause)
                    && let Some(signal) = watcher.signal()
                {
                    // Nothing was set aside.
                    end_by(signal);
                }
                true
            },
        );
        let mut answers = begun?.into_iter();
        let begun = answers.next();
        let answer = known(ledger, answers.next())?;
        match (begun, answers.next()) {
            (_, Some(LedgerAnswer::RunEnded(_))) => Ok((answer, None)),
            (Some(LedgerAnswer::RunBegun(run)), Some(_)) => Ok((answer, Some(run.number))),
            _ => known(ledger, None).map(|answer| (answer, None)),
        }
    }

    /// What is said where a command tells its amount and all that was set aside stays held.
    fn unbooked(&self, settlement: Settlement) -> Option<String> {
        let id = self.operation.id.as_ref();
        let id = id.map_or_else(String::new, Id::as_argument);
        let (spent, way_out) = match settlement {
            Settlement::Post {
                amount: Some(amount),
                ..
            } => (
                format!("the command has spent {amount}"),
                format!("book that with `bank-par post --amount {amount} {id}`"),
            ),
            Settlement::Unspent => (
                "the command has spent nothing".to_string(),
                format!("give it back with `bank-par void {id}`"),
            ),
            Settlement::Doubt(why) => (why, format!("end it with `bank-par post {id}` or `void`")),
            Settlement::Post { amount: None, .. } | Settlement::Declined | Settlement::Failed => {
                return None;
            }
        };
        Some(format!(
            "{spent}, and all that was set aside stays held: {way_out}"
        ))
    }

    /// Who asks.
    fn caller(&self, run: u32) -> RequestContext {
        RequestContext {
            run,
            number: 1,
            has_side_effects: !self.gives_back,
            ..self.caller
        }
    }

    /// What is said where the command has ended and the ledger could not be told.
    fn untold(&self, seen: &GuardExit, error: LedgerError) -> OneShotError {
        let id = self.operation.id.as_ref();
        let ended = match seen.exit {
            Some(Exit::Status(0)) => "succeeded".to_string(),
            Some(exit) => exit.to_string(),
            None => "was not seen to its end".to_string(),
        };
        OneShotError::Untold {
            id: id.map_or_else(String::new, Id::as_argument),
            ended,
            state: match error.certainty() {
                Certainty::Unknown => "in doubt, unless it counts already",
                Certainty::NotDone | Certainty::Damaged => "in doubt",
            },
            error: Box::new(error),
        }
    }
}

/// The only operation of a run of its own, once its money is set aside.
struct OneShot<'a> {
    plan: &'a OneShotPlan,
    ledger: &'a mut dyn Ledger,
    caller: RequestContext,
    /// How often its command was started.
    attempts: u32,
}

impl OneShot<'_> {
    /// Runs the command until it succeeds, or must not be run again. Tells what was seen last and what
    /// follows from it, which is nothing where the end was not seen.
    fn attempt_all(
        &mut self,
        held: Answer,
        actual: &mut Actual,
        watcher: &mut GuardWaiter,
    ) -> io::Result<(GuardExit, Option<Settlement>)> {
        let OneShotPlan {
            operation,
            command,
            retry,
            ..
        } = self.plan;
        let lease = self.ledger.share_of_run(self.caller.run);
        let actual_path = actual.path().to_path_buf();
        let mut failed = 0;
        loop {
            let env = CommandEnv {
                operation,
                attempt: 1 + u32::from(held.duplicate) + failed,
                actual: &actual_path,
                run: None,
                line: None,
            };
            let report = actual.prepare().and_then(|()| GuardReport::new());
            let seen = report.and_then(|report| {
                let plan = GuardPlan {
                    words: command,
                    lease: lease.as_ref(),
                    timeout: retry.timeout,
                    report: &report,
                };
                watcher.run(&plan, &env)
            });
            self.attempts += u32::from(seen.is_ok());
            let seen = match seen {
                // What failed before was seen to its end.
                Err(_) if failed > 0 => GuardExit::not_started(),
                seen => seen?,
            };
            let follows = seen
                .exit
                .map(|exit| verdict(exit, seen.termination, None, operation, || actual.spent()));
            failed += 1;
            let pause = retry.pause_after(failed).filter(|_| {
                follows == Some(Settlement::Failed) && seen.termination != Some(Termination::Asked)
            });
            match pause {
                Some(pause) if watcher.pause(pause) => {}
                pause => {
                    let interrupted = pause.is_some() || seen.interrupted;
                    let seen = GuardExit {
                        interrupted,
                        ..seen
                    };
                    return Ok((seen, follows));
                }
            }
        }
    }

    /// Posts or gives back what follows from the command's end.
    fn settle(
        &mut self,
        seen: &GuardExit,
        follows: Option<Settlement>,
        watcher: &mut GuardWaiter,
    ) -> Result<OneShotRun, LedgerError> {
        let (mut finer, mut unbooked, mut doubt) = (None, None, None);
        let signal = watcher.signal();
        let request = match follows {
            _ if self.plan.gives_back => Request::End(WorkEnd::Void),
            Some(Settlement::Failed | Settlement::Declined) => Request::End(WorkEnd::Void),
            None => {
                doubt = Some("the command's end was not seen".to_string());
                Request::End(WorkEnd::Doubt)
            }
            Some(settlement) if let Some(lasts) = self.plan.hold => {
                unbooked = self.plan.unbooked(settlement);
                Request::End(WorkEnd::Keep { lasts })
            }
            Some(Settlement::Unspent) => Request::End(WorkEnd::Unspent),
            Some(Settlement::Post {
                amount,
                finer: told,
            }) => {
                finer = told;
                Request::End(WorkEnd::Post { amount })
            }
            Some(Settlement::Doubt(why)) => {
                doubt = Some(why);
                Request::End(WorkEnd::Doubt)
            }
        };
        let answer = self.ask_until_done(watcher, request)?;
        let status = seen.exit.map_or(0, Exit::code);
        let died_of = i32::from(status) - 128;
        Ok(OneShotRun {
            answer,
            attempts: self.attempts,
            exit: seen.exit,
            signal: signal.filter(|signal| seen.interrupted || *signal == died_of),
            timed_out: seen.termination == Some(Termination::TimeOver),
            finer,
            unbooked,
            doubt,
        })
    }

    /// Asks what follows from a command's end, which ends the run too, for long: if the ledger does not
    /// learn of it, it is in doubt. Each signal is heard meanwhile; two of them end the wait.
    fn ask_until_done(
        &mut self,
        watcher: &mut GuardWaiter,
        request: Request,
    ) -> Result<Answer, LedgerError> {
        let (caller, if_idle) = (self.caller, false);
        let batch = [
            LedgerRequest::Decide(Asked { caller, request }),
            LedgerRequest::EndRun {
                run: caller.run,
                if_idle,
            },
        ];
        let ask = || {
            let answers = self.ledger.submit(&batch)?;
            known(self.ledger, answers.into_iter().next())
        };
        let done = until_done(AtStake::Work, ask, |pause, words| {
            if let Some(words) = words {
                stderr_line(words);
            }
            watcher.wait_for_ledger(pause)
        });
        if done.is_err() {
            // A run that cannot be ended now is ended by the next process that opens the ledger.
            let _ = self.ledger.end_run(caller.run);
        }
        done
    }
}
