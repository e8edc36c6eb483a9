//! What a ledger would answer, without being asked to do anything.

use std::collections::HashSet;

use crate::bank::{Asked, Name, Operation, Outcome, Rejection, Request, RequestContext, View};
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

    /// Why the operation would be refused after all those before it, and its account then. An id that the
    /// ledger knows already is not looked up.
    pub fn refusal(
        &mut self,
        operation: &Operation,
    ) -> Result<Option<(Rejection, Option<View>)>, LedgerError> {
        self.look_up([Some(&operation.account), operation.to()])?;
        let caller = RequestContext {
            strict: self.strict,
            ..RequestContext::default()
        };
        let request = Request::Execute(operation.clone());
        let answer = self.memory.decide(&Asked { caller, request });
        Ok(match answer.map(|answer| answer.outcome) {
            Some(Outcome::Refused { rejection, view }) => Some((rejection, view)),
            _ => None,
        })
    }

    fn look_up(&mut self, names: [Option<&Name>; 2]) -> Result<(), LedgerError> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        for name in names.into_iter().flatten() {
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
