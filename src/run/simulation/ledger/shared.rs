//! A run in a ledger that other processes use too: the engine over rows that they share.

use std::cell::RefCell;
use std::collections::vec_deque;
use std::rc::Rc;
use std::time::Duration;

use super::Chance;
use crate::bank::{Answer, Asked, Name};
use crate::server::{Incoming, RunRequest};
use crate::store::{
    AtStake, CommitFate, Ledger, LedgerAnswer, LedgerError, LedgerRequest, SharedRows, Standing,
};

/// The ledger as one process has it open. The runs of a server's clients are in one.
#[derive(Clone)]
pub(in crate::run::simulation) struct LedgerProcess {
    /// Nothing where the process is gone.
    pub(in crate::run::simulation) ledger: Rc<RefCell<Option<Box<dyn Ledger>>>>,
    pub(in crate::run::simulation) rows: SharedRows,
    pub(in crate::run::simulation) number: u32,
}

impl LedgerProcess {
    /// Asks the ledger through this process.
    pub(in crate::run::simulation) fn with<T>(
        &self,
        ask: impl FnOnce(&mut dyn Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        match &mut *self.ledger.borrow_mut() {
            Some(ledger) => ask(&mut **ledger),
            None => Err(LedgerError::Server {
                ledger: "simulated".to_string(),
                what: "is gone".to_string(),
            }),
        }
    }

    /// The process closes the ledger, and its leases end.
    pub(in crate::run::simulation) fn end(&self) {
        self.ledger.borrow_mut().take();
    }
}

/// A run in it.
pub(in crate::run::simulation) struct SharedRun {
    process: LedgerProcess,
    run: u32,
    at_stake: AtStake,
    /// Since when it cannot do what it is asked.
    waits_since: Option<Duration>,
    /// The accounts that are asked for in the end.
    names: Option<Vec<Name>>,
    closed: Option<Vec<Standing>>,
    /// It was ended in the ledger.
    has_ended: bool,
}

impl SharedRun {
    pub(in crate::run::simulation) fn new(
        process: LedgerProcess,
        run: u32,
        at_stake: AtStake,
    ) -> Self {
        SharedRun {
            process,
            run,
            at_stake,
            waits_since: None,
            names: None,
            closed: None,
            has_ended: false,
        }
    }

    /// Something may go wrong with the next commit.
    pub(super) fn draw_fate(&self, fails: usize, chance: &mut Chance) {
        let fate = match chance.happens(fails) {
            false => CommitFate::Done,
            true => chance.fate(),
        };
        self.process.rows.next_commit(fate);
    }

    pub(super) fn decide(
        &mut self,
        batch: vec_deque::Iter<'_, Incoming>,
    ) -> Result<Vec<Option<Answer>>, LedgerError> {
        let asked = |incoming: &Incoming| match &incoming.request {
            RunRequest::Bank(request) => LedgerRequest::Decide(Asked {
                caller: incoming.caller,
                request: request.clone(),
            }),
            RunRequest::Share(..) => unreachable!("no data is shared in a ledger that lasts"),
        };
        let batch: Vec<LedgerRequest> = batch.map(asked).collect();
        let answers = self.process.with(|ledger| ledger.submit(&batch))?;
        self.waits_since = None;
        Ok(answers.into_iter().map(LedgerAnswer::decided).collect())
    }

    /// Whether what could not be done is asked again.
    pub(super) fn asks_again(&mut self, error: &LedgerError, now: Duration) -> bool {
        let since = *self.waits_since.get_or_insert(now);
        let patience = error.patience(self.at_stake);
        patience.is_some_and(|patience| now - since < patience)
    }

    pub(super) fn begin_to_close(&mut self, names: Vec<Name>) {
        self.names = Some(names);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.names.is_some()
    }

    /// Ends the run, and looks up how the accounts stand then.
    pub(super) fn close(&mut self) -> Result<(), LedgerError> {
        if let Some(names) = &self.names {
            self.process.with(|ledger| ledger.end_run(self.run))?;
            self.has_ended = true;
            let standings = self.process.with(|ledger| ledger.look_up(names))?;
            self.closed = Some(standings.into_iter().flatten().collect());
            self.names = None;
        }
        Ok(())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    pub(super) fn closed(&mut self) -> Option<Vec<Standing>> {
        self.closed.take()
    }
}
