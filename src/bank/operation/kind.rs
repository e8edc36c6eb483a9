//! The kinds of operations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::OperationError;

/// The five operations of a user, and what else moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Money leaves the bank.
    Withdraw,
    /// Money comes into the bank.
    Deposit,
    /// Money goes to another account.
    Transfer,
    /// The bank lends money.
    Loan,
    /// The balance is looked at.
    Balance,
    /// The account is opened, or gets other limits.
    Open,
    /// An account with an allowance enters a window.
    Refill,
    /// Money of an allowance goes back to the budget.
    Lapse,
    /// An entry is made undone by its opposite.
    Reverse,
    /// Several operations are posted together or refused together.
    #[serde(rename = "all")]
    Group,
}

impl Kind {
    /// All, also those that no user asks for as an operation.
    pub const EVERY: [Kind; 10] = [
        Kind::Withdraw,
        Kind::Deposit,
        Kind::Transfer,
        Kind::Loan,
        Kind::Balance,
        Kind::Open,
        Kind::Refill,
        Kind::Lapse,
        Kind::Reverse,
        Kind::Group,
    ];

    /// How it is said that a command told more than the amount that was asked for.
    pub fn excess_words(self) -> (&'static str, &'static str) {
        match self.comes_in() {
            true => ("exceeded", "came in than was asked for"),
            false => ("overspent", "was spent than was set aside"),
        }
    }

    /// The five of a user, in the order in which the built-in workload runs them.
    pub const ALL: [Kind; 5] = [
        Kind::Withdraw,
        Kind::Deposit,
        Kind::Transfer,
        Kind::Loan,
        Kind::Balance,
    ];

    /// Whether money comes to the account that it is about; of a reversal, its operation tells.
    pub fn comes_in(self) -> bool {
        matches!(self, Kind::Deposit | Kind::Loan | Kind::Refill)
    }

    /// The stable word for it on the command line, in workloads and in JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Withdraw => "withdraw",
            Kind::Deposit => "deposit",
            Kind::Transfer => "transfer",
            Kind::Loan => "loan",
            Kind::Balance => "balance",
            Kind::Open => "open",
            Kind::Refill => "refill",
            Kind::Lapse => "lapse",
            Kind::Reverse => "reverse",
            Kind::Group => "all",
        }
    }
}

impl FromStr for Kind {
    type Err = OperationError;

    fn from_str(text: &str) -> Result<Self, OperationError> {
        Kind::ALL
            .into_iter()
            .chain([Kind::Open])
            .find(|kind| kind.word() == text)
            .ok_or(OperationError::UnknownKind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
