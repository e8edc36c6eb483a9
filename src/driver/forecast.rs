//! What a ledger would answer, without being asked to do anything.

use std::collections::HashSet;

use crate::bank::{Answer, Asked, Name, Operation, Outcome, Request, RequestContext};
use crate::store::{Ledger, LedgerError, Memory};

/// A copy of a ledger, into which each account comes when the first operation touches it.
pub struct Forecast {
    memory: Memory,
    ledger: Option<Box<dyn Ledger>>,
    asked: HashSet<Name>,
    done: HashSet<u64>,
    strict: bool,
}

impl Forecast {
    /// For a run in memory that begins so.
    pub fn in_memory(memory: Memory, strict: bool) -> Self {
        Forecast {
            memory,
            ledger: None,
            asked: HashSet::new(),
            done: HashSet::new(),
            strict,
        }
    }

    /// For a run on this ledger. These lines of the input are not run any more.
    pub fn of_ledger(ledger: Box<dyn Ledger>, done: HashSet<u64>, strict: bool) -> Self {
        Forecast {
            ledger: Some(ledger),
            done,
            ..Forecast::in_memory(Memory::empty(), strict)
        }
    }

    /// Whether this line is not run any more.
    pub fn is_done(&self, line: u64) -> bool {
        self.done.contains(&line)
    }

    /// The refusal of the operation after all those before it, if it would be refused. An id that the
    /// ledger knows already is not looked up.
    pub fn refusal(&mut self, operation: &Operation) -> Result<Option<Answer>, LedgerError> {
        self.look_up(operation)?;
        let caller = RequestContext {
            strict: self.strict,
            ..RequestContext::default()
        };
        let request = Request::Execute(operation.clone());
        let answer = self.memory.decide(&Asked { caller, request });
        Ok(answer.filter(|answer| matches!(answer.outcome, Outcome::Refused { .. })))
    }

    fn look_up(&mut self, operation: &Operation) -> Result<(), LedgerError> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        for name in operation.accounts() {
            if name.is_the_banks() || !self.asked.insert(name.clone()) {
                continue;
            }
            let standings = ledger.look_up(std::slice::from_ref(name))?;
            for standing in standings.into_iter().flatten() {
                self.memory.copy(&standing);
            }
        }
        Ok(())
    }
}
