//! A ledger that lives as long as its run.

use super::Standing;
use crate::bank::{Action, Amount, Answer, Balance, Books, Name, Operation, Request};

/// The books of one run, in memory.
pub struct Memory {
    books: Books,
}

impl Memory {
    /// A ledger with one open account, which starts with this balance: an entry from `@world` like
    /// any other.
    pub fn new(account: &Name, balance: Balance, overdraft: Balance) -> Self {
        let mut books = Books::new(overdraft);
        books.open(account);
        if let Some(amount) = Amount::new(balance.minor()) {
            let start = Operation {
                id: None,
                account: account.clone(),
                action: Action::Deposit(amount),
            };
            books.decide(0, &Request::Execute(start));
        }
        Memory { books }
    }

    /// Decides a batch in its order. Nothing stands where a request ends an operation that is not
    /// under way.
    pub fn transact<'a>(
        &mut self,
        batch: impl IntoIterator<Item = (u64, &'a Request)>,
    ) -> Vec<Option<Answer>> {
        let decide = |(number, request)| self.books.decide(number, request);
        batch.into_iter().map(decide).collect()
    }

    /// Every account, in no particular order.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(name, view): (&Name, _)| Standing {
            name: name.clone(),
            view,
            lost_updates: 0,
        };
        self.books.accounts().map(standing).collect()
    }
}
