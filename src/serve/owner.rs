//! The thread that owns the ledger: while it makes one batch durable, the next one arrives.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::{io, thread};

use crate::bank::{Answer, Asked};
use crate::protocol::{Fault, Query, Response};
use crate::store::{Ledger, LedgerError};
use crate::wake::{StopGate, Waker};

/// What the owner is given at a time.
pub(super) enum Job {
    /// Requests, in their order, each block with the client it is from.
    Decide(Vec<(u32, Vec<Asked>)>),
    /// Questions that change no balance, each with its client.
    Answer(Vec<(u32, Query)>),
}

/// What became of a job.
pub(super) enum Done {
    /// What was decided, block by block.
    Decided(Vec<(u32, usize, Decided)>),
    /// What was found, question by question.
    Answered(Vec<(u32, Query, Vec<Response>)>),
}

/// The answers to a block of requests.
pub(super) type Decided = Result<Vec<Option<Answer>>, Fault>;

/// The loop's end of the thread.
pub(super) struct Owner {
    jobs: Sender<Job>,
    done: Receiver<(Done, Option<LedgerError>)>,
    thread: JoinHandle<()>,
    is_busy: bool,
    gate: StopGate,
}

impl Owner {
    /// Gives the ledger a thread; `waker` is woken by each job that is done.
    pub(super) fn start(mut ledger: Box<dyn Ledger>, waker: Waker) -> io::Result<Self> {
        let (jobs, given) = channel();
        let (tell, done) = channel();
        let gate = StopGate::default();
        let own = gate.clone();
        let work = move || {
            for job in given {
                let inside = own.enter();
                let done = work_on(ledger.as_mut(), job);
                drop(inside);
                if tell.send(done).is_err() {
                    return;
                }
                waker.wake();
            }
        };
        let thread = thread::Builder::new()
            .name("ledger".to_string())
            .spawn(work)?;
        Ok(Owner {
            jobs,
            done,
            thread,
            is_busy: false,
            gate,
        })
    }

    /// Acts while the ledger is left alone, so that nobody finds it locked meanwhile.
    pub(super) fn between_jobs(&self, act: impl FnOnce()) {
        self.gate.while_closed(act);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Hands on a job; false if the thread is gone.
    pub(super) fn give(&mut self, job: Job) -> bool {
        self.is_busy = true;
        self.jobs.send(job).is_ok()
    }

    /// The job that was given, once it is done; and why the ledger can no longer be used.
    pub(super) fn take(&mut self) -> Option<(Done, Option<LedgerError>)> {
        let done = self.done.try_recv().ok()?;
        self.is_busy = false;
        Some(done)
    }

    /// Whether the thread has ended, which it does by itself only if it failed.
    pub(super) fn is_gone(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets the thread close the ledger.
    pub(super) fn end(self) {
        drop(self.jobs);
        let _ = self.thread.join();
    }
}

fn work_on(ledger: &mut dyn Ledger, job: Job) -> (Done, Option<LedgerError>) {
    let mut dead = None;
    match job {
        Job::Decide(blocks) => {
            let (decided, dead) = decide(ledger, blocks);
            (Done::Decided(decided), dead)
        }
        Job::Answer(questions) => {
            let mut last = None;
            let answer = |(client, question)| {
                let findings = match &last {
                    // Each would wait as long, and those behind it for all of them.
                    Some(fault) => vec![Response::Failed(Fault::clone(fault))],
                    None => find(ledger, &question).unwrap_or_else(|error| {
                        let fault = Fault::from(&error);
                        if error.may_pass() || error.is_final() {
                            last = Some(fault.clone());
                        }
                        if error.is_final() {
                            dead = Some(error);
                        }
                        vec![Response::Failed(fault)]
                    }),
                };
                (client, question, findings)
            };
            let answered = questions.into_iter().map(answer).collect();
            (Done::Answered(answered), dead)
        }
    }
}

type Blocks = Vec<(u32, Vec<Asked>)>;

/// Decides all blocks as one unit.
fn decide(
    ledger: &mut dyn Ledger,
    blocks: Blocks,
) -> (Vec<(u32, usize, Decided)>, Option<LedgerError>) {
    let all: Vec<Asked> = blocks
        .iter()
        .flat_map(|(_, asked)| asked)
        .cloned()
        .collect();
    match ledger.transact(&all) {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            let own = |(client, asked): (u32, Vec<Asked>)| {
                let own = answers.by_ref().take(asked.len()).collect();
                (client, asked.len(), Ok(own))
            };
            (blocks.into_iter().map(own).collect(), None)
        }
        // None of it counts, and one client's damaged account is not the others' affair.
        Err(LedgerError::Damaged { .. }) if blocks.len() > 1 => {
            let mut decided = Vec::new();
            let mut dead = None;
            for block in blocks {
                let (own, error) = decide(ledger, vec![block]);
                decided.extend(own);
                dead = dead.or(error);
            }
            (decided, dead)
        }
        Err(error) => {
            let fault = Fault::from(&error);
            let failed =
                |(client, asked): (u32, Vec<Asked>)| (client, asked.len(), Err(fault.clone()));
            let failed = blocks.into_iter().map(failed).collect();
            let is_final = error.is_final();
            (failed, is_final.then_some(error))
        }
    }
}

/// What the ledger answers to a question, piece by piece.
pub(super) fn find(
    ledger: &mut dyn Ledger,
    question: &Query,
) -> Result<Vec<Response>, LedgerError> {
    Ok(match question {
        Query::LookUp(names) => rows(ledger.look_up(names)?, Response::Standing),
        Query::Accounts(after) => rows(ledger.accounts(after.as_ref())?, |standing| {
            Response::Standing(Some(standing))
        }),
        Query::Holds(after) => rows(ledger.holds(*after)?, Response::Hold),
        Query::Entries(query) => {
            let page = ledger.entries(query)?;
            let looked = Response::Looked {
                at: page.looked_at,
                is_last: page.is_last,
            };
            let entries = page.entries.into_iter().map(Response::Entry);
            entries.chain([looked]).collect()
        }
        Query::OpenRun(name) => vec![Response::Run(ledger.open_run(name.as_ref())?)],
        Query::DoneLines { run, after } => {
            rows(ledger.done_lines(*run, *after)?, Response::DoneLine)
        }
        Query::BegunLines { run, after } => {
            rows(ledger.begun_lines(*run, *after)?, Response::BegunLine)
        }
        Query::Runs(after) => rows(ledger.runs(*after)?, Response::RunTotals),
        Query::Skip { run, line, reason } => {
            vec![Response::Skipped(ledger.skip(run, *line, reason)?)]
        }
        Query::CloseRun(run) => {
            ledger.close_run(*run)?;
            vec![Response::Done]
        }
        Query::Verify(expect) => {
            vec![Response::Verified(ledger.verify(expect.as_ref())?)]
        }
        Query::Backup(path) => vec![Response::Verified(ledger.backup(path)?)],
    })
}

fn rows<T>(rows: Vec<T>, finding: impl Fn(T) -> Response) -> Vec<Response> {
    rows.into_iter()
        .map(finding)
        .chain([Response::Done])
        .collect()
}
