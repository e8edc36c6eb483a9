//! A ledger that lasts, on a thread of its own: while one batch is being made durable, what arrives
//! is gathered for the next.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread;

use super::overdrafts::Overdrafts;
use super::{Incoming, Outgoing, settled};
use crate::bank::{Answer, Asked, Balance, Name};
use crate::protocol::Ask;
use crate::store::{AtStake, Ledger, LedgerError, Standing, until_done};
use crate::wake::{StopGate, Waker};

/// The most requests of one batch. Other writers get their turn between two.
pub(super) const MAX_BATCH: usize = 8_192;
/// The most accounts that are looked up at once.
const MAX_LOOK_UP: usize = 500;

/// A ledger that lasts, opened for a run.
pub struct RunLedger {
    /// The ledger.
    pub ledger: Box<dyn Ledger>,
    /// The run's number in it.
    pub run: u32,
    /// What the ledger is called.
    pub name: String,
}

/// The loop's end of the store's thread.
pub(super) struct Durable {
    jobs: Sender<Job>,
    done: Receiver<Done>,
    /// What is asked and not answered, in its order.
    asked: VecDeque<Due>,
    name: String,
    /// How far below zero accounts may go whose money was not enough.
    overdrafts: HashMap<Name, Balance>,
    stage: Stage,
    failure: Option<LedgerError>,
    /// What is to be said about the store's waiting.
    words: Vec<String>,
    /// The store waits no longer for what it cannot do at once.
    hurry: Arc<AtomicBool>,
    gate: StopGate,
}

/// Which answer is due to an operation.
struct Due {
    number: u64,
    /// Which of all requests it is, from 0.
    place: u64,
    /// Its worker is gone.
    abandoned: bool,
}

#[derive(PartialEq, Eq)]
enum Stage {
    Open,
    Closing,
    /// Nothing more comes from the store.
    Closed,
}

/// What the loop wants of the store.
enum Job {
    Decide(Vec<Asked>),
    /// Look these accounts up, and end the run.
    Close(Vec<Name>),
}

/// What the store has done.
enum Done {
    /// The answers to the next requests, and some of the accounts whose money was not enough.
    Decided(Vec<Option<Answer>>, Vec<Standing>),
    /// Nothing yet, and this is why.
    Waits(String),
    Closed(Vec<Standing>),
    Failed(LedgerError),
}

impl Durable {
    /// Gives the ledger a thread. `waker` is woken whenever there is something to collect.
    pub(super) fn start(opened: RunLedger, at_stake: AtStake, waker: Waker) -> io::Result<Self> {
        let RunLedger { ledger, run, name } = opened;
        let (jobs, wanted) = mpsc::channel();
        let (tell, done) = mpsc::channel();
        let gate = StopGate::default();
        let hurry = Arc::new(AtomicBool::new(false));
        let store = Store {
            gate: gate.clone(),
            at_stake,
            hurry: Arc::clone(&hurry),
            ledger,
            run,
            wanted,
            overdrafts: Overdrafts::default(),
            waiting: Vec::new(),
            tell,
            waker,
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(move || store.work())?;
        Ok(Durable {
            jobs,
            done,
            asked: VecDeque::new(),
            name,
            overdrafts: HashMap::new(),
            stage: Stage::Open,
            failure: None,
            words: Vec::new(),
            hurry,
            gate,
        })
    }

    /// Acts while the ledger is left alone, so that nobody finds it locked meanwhile.
    pub(super) fn between_batches(&self, act: impl FnOnce()) {
        self.gate.while_closed(act);
    }

    /// Passes on requests, of which the first has this place among all. Returns what can be said at
    /// once.
    pub(super) fn submit(&mut self, batch: Vec<Incoming>, first: u64) -> Vec<Outgoing> {
        let mut impossible = Vec::new();
        if self.stage != Stage::Open {
            return impossible;
        }
        let mut asked = Vec::with_capacity(batch.len());
        self.asked.reserve(batch.len());
        for (place, incoming) in (first..).zip(batch) {
            let Incoming {
                caller,
                ask,
                abandoned,
                ..
            } = incoming;
            let number = caller.number;
            match ask {
                Ask::Bank(request) => {
                    self.asked.push_back(Due {
                        number,
                        place,
                        abandoned,
                    });
                    asked.push(Asked { caller, request });
                }
                Ask::Share(_) => impossible.push(super::not_shared(number)),
            }
        }
        if !asked.is_empty() {
            // A store that is gone is noticed where its answers are collected.
            let _ = self.jobs.send(Job::Decide(asked));
        }
        impossible
    }

    /// Asks for the end: these accounts as they stand then.
    pub(super) fn close(&mut self, names: Vec<Name>) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
            let _ = self.jobs.send(Job::Close(names));
        }
    }

    /// The place of the first request whose answer is due.
    pub(super) fn first_due(&self) -> Option<u64> {
        self.asked.front().map(|due| due.place)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// What the store has done since the last time: answers to add, and in the end the standings.
    pub(super) fn collect(&mut self, out: &mut Vec<Outgoing>, standings: &mut Vec<Standing>) {
        while self.stage != Stage::Closed {
            match self.done.try_recv() {
                Ok(Done::Decided(answers, short)) => {
                    let limit = |standing: Standing| Some((standing.name, standing.overdraft?));
                    self.overdrafts.extend(short.into_iter().filter_map(limit));
                    let due = self.asked.drain(..answers.len().min(self.asked.len()));
                    let settle =
                        |(due, answer): (Due, _)| settled(due.number, due.abandoned, answer);
                    out.extend(due.zip(answers).map(settle));
                }
                Ok(Done::Waits(words)) => self.words.push(words),
                Ok(Done::Closed(found)) => {
                    self.stage = Stage::Closed;
                    *standings = found;
                }
                Ok(Done::Failed(error)) => self.fail(error),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    let ledger = self.name.clone();
                    self.fail(LedgerError::Failed { ledger });
                }
            }
        }
    }

    /// How far below zero an account may go whose money was not enough a moment ago.
    pub(super) fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        self.overdrafts.get(name).copied()
    }

    fn fail(&mut self, error: LedgerError) {
        self.stage = Stage::Closed;
        self.failure = Some(error);
    }

    /// Why nothing more comes, told once.
    pub(super) fn failure(&mut self) -> Option<LedgerError> {
        self.failure.take()
    }

    /// What is to be said about the ledger, which is waited for.
    pub(super) fn words(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words)
    }

    /// What cannot be done at once is waited for no longer.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }

    pub(super) fn give_up(&mut self) {
        self.asked.clear();
    }
}

/// The store's thread.
struct Store {
    ledger: Box<dyn Ledger>,
    run: u32,
    wanted: Receiver<Job>,
    overdrafts: Overdrafts,
    /// Gathered and not decided.
    waiting: Vec<Asked>,
    tell: Sender<Done>,
    waker: Waker,
    /// Closed while the process is stopped.
    gate: StopGate,
    /// What is in doubt if it is not done.
    at_stake: AtStake,
    /// What cannot be done at once is asked for no longer.
    hurry: Arc<AtomicBool>,
}

impl Store {
    /// Works until the loop wants nothing more, or the ledger fails.
    fn work(mut self) {
        let done = self.decide_all();
        let Store {
            ledger,
            tell,
            waker,
            ..
        } = self;
        // Whoever reads the end may open the ledger anew.
        drop(ledger);
        let _ = tell.send(match done {
            Ok(standings) => Done::Closed(standings),
            Err(error) => Done::Failed(error),
        });
        drop(tell);
        waker.wake();
    }

    fn decide_all(&mut self) -> Result<Vec<Standing>, LedgerError> {
        loop {
            let Some(names) = self.gather() else {
                self.decide()?;
                continue;
            };
            while !self.waiting.is_empty() {
                self.decide()?;
            }
            return self.close(&names);
        }
    }

    /// Takes what has arrived, and waits for it if there is nothing. Tells of the end, if it has come:
    /// whose standing is wanted.
    fn gather(&mut self) -> Option<Vec<Name>> {
        if self.waiting.is_empty() {
            match self.wanted.recv() {
                Ok(Job::Decide(asked)) => self.waiting = asked,
                Ok(Job::Close(names)) => return Some(names),
                Err(_) => return Some(Vec::new()),
            }
        }
        while self.waiting.len() < MAX_BATCH {
            match self.wanted.try_recv() {
                Ok(Job::Decide(asked)) => self.waiting.extend(asked),
                Ok(Job::Close(names)) => return Some(names),
                Err(_) => break,
            }
        }
        None
    }

    fn decide(&mut self) -> Result<(), LedgerError> {
        let rest = self.waiting.split_off(self.waiting.len().min(MAX_BATCH));
        let mut batch = std::mem::replace(&mut self.waiting, rest);
        while !batch.is_empty() {
            let answers = self.persist(|ledger| ledger.transact(&batch))?;
            let short = self
                .overdrafts
                .of_refused(&batch, &answers, &mut *self.ledger);
            batch.drain(..answers.len().min(batch.len()));
            let _ = self.tell.send(Done::Decided(answers, short));
            self.waker.wake();
        }
        Ok(())
    }

    fn close(&mut self, names: &[Name]) -> Result<Vec<Standing>, LedgerError> {
        let mut standings = Vec::new();
        for names in names.chunks(MAX_LOOK_UP) {
            let found = self.persist(|ledger| ledger.look_up(names))?;
            standings.extend(found.into_iter().flatten());
        }
        let run = self.run;
        self.persist(|ledger| ledger.close_run(run))?;
        Ok(standings)
    }

    /// Asks the ledger until it has done it: others may have it locked for a while, or its disk may be
    /// full until somebody sees to it.
    fn persist<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let Store {
            ledger,
            tell,
            waker,
            gate,
            at_stake,
            hurry,
            ..
        } = self;
        let ask = || {
            let _inside = gate.enter();
            ask(ledger.as_mut())
        };
        until_done(*at_stake, ask, |pause, words| {
            if let Some(words) = words {
                let _ = tell.send(Done::Waits(words));
                waker.wake();
            }
            thread::sleep(pause);
            !hurry.load(Ordering::Relaxed)
        })
    }
}
