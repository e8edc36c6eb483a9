//! A ledger that lives as long as its run.
//!
//! It is the ledger state that the engine has too, and no backend under it: the state is all there is, so
//! nothing is looked for before a decision, and no row is made of what is decided.

use super::Standing;
use super::clock::wall_clock;
use crate::bank::{
    Account, Action, Amount, Answer, Asked, Balance, LedgerState, Name, Now, NullJournal,
    Operation, Request, RequestContext,
};

/// The ledger state of one run, in memory.
pub struct Memory {
    ledger_state: LedgerState,
}

impl Memory {
    /// A ledger with one open account, which starts with this balance: an entry from `@world` like
    /// any other.
    pub fn new(account: &Name, balance: Balance, overdraft: Balance) -> Self {
        let ledger_state = LedgerState::new(overdraft);
        let mut memory = Memory { ledger_state };
        memory.open(account, balance);
        memory
    }

    /// Opens one more account, which starts with this balance.
    pub fn open(&mut self, account: &Name, balance: Balance) {
        let mut ask = |request| {
            let caller = RequestContext::default();
            self.decide(&Asked { caller, request })
        };
        ask(Request::Open {
            account: account.clone(),
            overdraft: None,
            allowance: None,
        });
        if let Some(amount) = Amount::new(balance.minor()) {
            ask(Request::Execute(Operation {
                id: None,
                account: account.clone(),
                action: Action::Deposit(amount),
                detail: None,
            }));
        }
    }

    /// A ledger without an account, into which those of another one are copied.
    pub fn empty() -> Self {
        let ledger_state = LedgerState::new(Balance::default());
        Memory { ledger_state }
    }

    /// Copies an account of another ledger. Which of its accounts were opened, that does not tell.
    pub fn copy(&mut self, standing: &Standing) {
        let mut account = Account::new(standing.overdraft.unwrap_or_default()).opened();
        let (posted, available) = (standing.view.posted, standing.view.available);
        account.posted = posted.minor();
        account.held = posted.minor().saturating_sub(available.minor());
        self.ledger_state.bring_account(&standing.name, account);
    }

    /// Decides one request. Nothing stands where it ends an operation that is not under way.
    pub fn decide(&mut self, asked: &Asked) -> Option<Answer> {
        if self.ledger_state.has_budgets() || asked.request.allowance().is_some() {
            self.read_clock();
        }
        self.ledger_state.decide(asked, &mut NullJournal)
    }

    /// Only what an account is refilled with depends on the time.
    fn read_clock(&mut self) {
        let wall = wall_clock();
        let now = Now {
            label: wall,
            wall,
            boot_time: None,
        };
        self.ledger_state.resume(self.ledger_state.last(), now);
    }

    /// How far below zero an account may go.
    pub fn overdraft_of(&self, name: &Name) -> Option<Balance> {
        self.ledger_state.account(name).map(Account::overdraft)
    }

    /// Every account, in no particular order.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(name, account)| Standing::of(name, account);
        self.ledger_state.accounts().map(standing).collect()
    }
}
