//! A run in a ledger that lasts, which a thread of its own decides: while one batch is being made
//! durable, what arrives is gathered for the next.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;

use super::{Incoming, Outgoing, RunRequest, outgoing};
use crate::bank::{Asked, Balance, Name};
use crate::store::{
    AtStake, ClientAnswers, ClientRequests, Ledger, LedgerAnswer, LedgerError, LedgerQuery,
    LedgerRequest, MAX_BATCH, OwnedFor, OwnerEvent, OwnerThread, Standing,
};
use crate::wake::Waker;

/// The most accounts that are looked up at once.
const MAX_LOOK_UP: usize = 500;
/// A run is the only client of its own ledger thread.
const CLIENT: u32 = 0;

/// A ledger that lasts, and the run that was begun in it.
pub struct RunLedger {
    /// The ledger.
    pub ledger: Box<dyn Ledger>,
    /// The run's number in it.
    pub run: u32,
    /// What the ledger is called.
    pub name: String,
}

/// The loop's end of the ledger's thread.
pub(super) struct Durable {
    owner: OwnerThread<LookUp>,
    run: u32,
    name: String,
    /// What is asked and not answered, in its order.
    asked: VecDeque<DueAnswer>,
    /// How far below zero accounts may go whose money was not enough.
    overdrafts: HashMap<Name, Balance>,
    stage: Stage,
    /// What the end was asked for, once it is answered.
    standings: Option<Vec<Standing>>,
    failure: Option<Arc<LedgerError>>,
    /// What is to be said about the waiting for the ledger.
    messages: Vec<String>,
}

/// Which answer is due to an operation.
struct DueAnswer {
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
    /// Nothing more comes from the ledger.
    Closed,
}

/// How these accounts stand.
struct LookUp(Vec<Name>);

impl LedgerQuery for LookUp {
    type Output = Vec<Standing>;

    fn ask(&mut self, ledger: &mut dyn Ledger) -> Result<Vec<Standing>, LedgerError> {
        let mut standings = Vec::new();
        for names in self.0.chunks(MAX_LOOK_UP) {
            standings.extend(ledger.look_up(names)?.into_iter().flatten());
        }
        Ok(standings)
    }
}

impl Durable {
    /// Gives the ledger a thread. `waker` is woken whenever there is something to collect.
    pub(super) fn start(opened: RunLedger, at_stake: AtStake, waker: Waker) -> io::Result<Self> {
        let RunLedger { ledger, run, name } = opened;
        let owner = OwnerThread::start("ledger", ledger, OwnedFor::Run(at_stake), waker)?;
        Ok(Durable {
            owner,
            run,
            name,
            asked: VecDeque::new(),
            overdrafts: HashMap::new(),
            stage: Stage::Open,
            standings: None,
            failure: None,
            messages: Vec::new(),
        })
    }

    /// Acts while the ledger is left alone, so that no process finds it locked meanwhile.
    pub(super) fn between_batches(&self, act: impl FnOnce()) {
        self.owner.between_batches(act);
    }

    /// Passes on requests, of which the first has this place among all. Returns what can be said at
    /// once.
    pub(super) fn submit(&mut self, batch: Vec<Incoming>, first: u64) -> Vec<Outgoing> {
        let mut impossible = Vec::new();
        if self.stage != Stage::Open {
            return impossible;
        }
        let mut requests = Vec::with_capacity(batch.len());
        self.asked.reserve(batch.len());
        for (place, incoming) in (first..).zip(batch) {
            let Incoming {
                caller,
                request,
                abandoned,
                ..
            } = incoming;
            let number = caller.number;
            match request {
                RunRequest::Bank(request) => {
                    self.asked.push_back(DueAnswer {
                        number,
                        place,
                        abandoned,
                    });
                    requests.push(LedgerRequest::Decide(Asked { caller, request }));
                }
                RunRequest::Share(..) => impossible.push(super::not_shared(number)),
            }
        }
        let mut units = Vec::new();
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(MAX_BATCH));
            let unit = std::mem::replace(&mut requests, rest);
            units.push(ClientRequests {
                client: CLIENT,
                requests: unit,
            });
        }
        self.owner.decide(units);
        impossible
    }

    /// Asks for the end: these accounts as they stand then.
    pub(super) fn close(&mut self, names: Vec<Name>) {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
            let (run, if_idle) = (self.run, false);
            self.owner.decide(vec![ClientRequests {
                client: CLIENT,
                requests: vec![LedgerRequest::EndRun { run, if_idle }],
            }]);
            self.owner.ask(LookUp(names));
            self.owner.close();
        }
    }

    /// The place of the first request whose answer is due.
    pub(super) fn first_due(&self) -> Option<u64> {
        self.asked.front().map(|due| due.place)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.stage == Stage::Closed
    }

    /// What the ledger has answered since the last time.
    pub(super) fn collect(&mut self, out: &mut Vec<Outgoing>) {
        while self.stage != Stage::Closed
            && let Some(event) = self.owner.take()
        {
            match event {
                OwnerEvent::Decided {
                    answers,
                    overdraft_limits,
                } => {
                    let limit = |standing: Standing| Some((standing.name, standing.overdraft?));
                    self.overdrafts
                        .extend(overdraft_limits.into_iter().filter_map(limit));
                    answers.into_iter().for_each(|of| self.decided(of, out));
                }
                OwnerEvent::Answered(_, Ok(standings)) => self.standings = Some(standings),
                OwnerEvent::Answered(_, Err(error)) => self.fail(error),
                OwnerEvent::Waits(words) => self.messages.push(words),
                OwnerEvent::Ended(error) => self.ended(error),
            }
        }
    }

    fn decided(&mut self, answered: ClientAnswers, out: &mut Vec<Outgoing>) {
        match answered.answers {
            Ok(answers) => {
                // Behind all others is the end of the run, which no operation asked for.
                let due = self.asked.drain(..answers.len().min(self.asked.len()));
                let all = due.zip(answers.into_iter().map(LedgerAnswer::decided));
                out.extend(all.map(|(due, answer)| outgoing(due.number, due.abandoned, answer)));
            }
            Err(error) => self.fail(error),
        }
    }

    /// Something was not done, and is not asked again: the ledger is closed.
    fn fail(&mut self, error: Arc<LedgerError>) {
        self.failure.get_or_insert(error);
        self.stage = Stage::Closing;
        self.owner.close();
    }

    fn ended(&mut self, error: Option<Arc<LedgerError>>) {
        self.stage = Stage::Closed;
        if self.failure.is_none() && self.standings.is_none() {
            // Without a reason the thread has died.
            let ledger = self.name.clone();
            self.failure = error.or_else(|| Some(Arc::new(LedgerError::Failed { ledger })));
        }
    }

    /// How far below zero an account may go whose money was not enough a moment ago.
    pub(super) fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        self.overdrafts.get(name).copied()
    }

    /// Why nothing more comes, told once.
    pub(super) fn failure(&mut self) -> Option<Arc<LedgerError>> {
        match self.stage {
            Stage::Open | Stage::Closing => None,
            Stage::Closed => self.failure.take(),
        }
    }

    /// The accounts as they stand at the end.
    pub(super) fn standings(&mut self) -> Vec<Standing> {
        self.standings.take().unwrap_or_default()
    }

    /// What is to be said about the ledger, which is waited for.
    pub(super) fn messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }

    /// What cannot be done at once is waited for no longer.
    pub(super) fn stop_retrying(&self) {
        self.owner.stop_retrying();
    }

    pub(super) fn give_up(&mut self) {
        self.asked.clear();
    }
}
