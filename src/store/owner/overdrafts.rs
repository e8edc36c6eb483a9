//! How far below zero the accounts may go whose money was not enough: what is said of a refusal.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::bank::{Name, Outcome, Rejection, Request};
use crate::store::{Ledger, LedgerAnswer, LedgerRequest, Standing};

/// How long what was looked up is taken for true. Only a message depends on it.
const FRESH: Duration = Duration::from_secs(1);

/// The most accounts that are remembered, and looked up at once.
const MAX_ACCOUNTS: usize = 500;

/// When accounts were looked up.
#[derive(Default)]
pub(super) struct Overdrafts {
    looked_up: HashMap<Name, Instant>,
}

impl Overdrafts {
    /// The accounts of a batch whose money was not enough, as far as they are not known already.
    pub(super) fn of_refused(
        &mut self,
        batch: &[LedgerRequest],
        answers: &[LedgerAnswer],
        ledger: &mut dyn Ledger,
    ) -> Vec<Standing> {
        let now = Instant::now();
        self.looked_up
            .retain(|_, at| now.duration_since(*at) < FRESH);
        let mut names = Vec::new();
        for (request, answer) in batch.iter().zip(answers) {
            let (true, Some(name)) = (is_refused(answer), account_of(request)) else {
                continue;
            };
            if self.looked_up.len() < MAX_ACCOUNTS && !self.looked_up.contains_key(name) {
                self.looked_up.insert(name.clone(), now);
                names.push(name.clone());
            }
        }
        if names.is_empty() {
            return Vec::new();
        }
        // The batch counts whatever becomes of this.
        let found = ledger.look_up(&names).unwrap_or_default();
        found.into_iter().flatten().collect()
    }
}

fn is_refused(answer: &LedgerAnswer) -> bool {
    let LedgerAnswer::Decided(Some(answer)) = answer else {
        return false;
    };
    let is_short = matches!(
        answer.outcome,
        Outcome::Refused {
            rejection: Rejection::InsufficientFunds,
            ..
        }
    );
    is_short && !answer.duplicate
}

fn account_of(request: &LedgerRequest) -> Option<&Name> {
    let LedgerRequest::Decide(asked) = request else {
        return None;
    };
    match &asked.request {
        Request::Execute(operation) | Request::Begin(operation) => Some(&operation.account),
        _ => None,
    }
}
