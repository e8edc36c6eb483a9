//! What follows for the money from how a command ended.

use crate::bank::{Amount, Kind, Operation};
use crate::exit::Exit;
use crate::work::{CommandResult, Termination};

use super::actual::Spent;

/// What becomes of the money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// So much is posted, which may be more than was set aside; `None`: all that was.
    Post {
        amount: Option<Amount>,
        /// What the command says it has spent, where that is finer than the amount.
        finer: Option<String>,
    },
    /// The command succeeded and spent nothing.
    Unspent,
    /// The command said no.
    Declined,
    /// The command failed.
    Failed,
    /// It succeeded, and what it has spent is not known, because of this.
    Doubt(String),
}

/// What follows for this operation. `declined` is the status by which a command says no, if there is one, and `spent` what
/// it says it has spent.
pub(super) fn verdict(
    exit: Exit,
    termination: Option<Termination>,
    declined: Option<u8>,
    operation: &Operation,
    spent: impl FnOnce() -> Spent,
) -> Settlement {
    match CommandResult::of(Some(exit), termination, declined) {
        CommandResult::Succeeded => succeeded(operation, spent()),
        CommandResult::Declined => Settlement::Declined,
        CommandResult::Failed => Settlement::Failed,
    }
}

/// Why it is not known what became of a group.
const OF_GROUP: &str = "its command wrote to `$BANK_PAR_ACTUAL`, and an `all` line is posted as it is: `post` or `void` it by its id";

fn succeeded(operation: &Operation, spent: Spent) -> Settlement {
    match spent {
        // What moves nothing is looked at, whatever its command tells.
        _ if !operation.moves_money() => Settlement::Post {
            amount: None,
            finer: None,
        },
        Spent::AsSetAside => Settlement::Post {
            amount: None,
            finer: None,
        },
        Spent::Nothing | Spent::Amount { .. } if operation.kind() == Kind::Group => {
            Settlement::Doubt(OF_GROUP.to_string())
        }
        Spent::Nothing => Settlement::Unspent,
        Spent::Amount { amount, finer } => Settlement::Post {
            amount: Some(amount),
            finer,
        },
        Spent::Unknown(why) => Settlement::Doubt(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Group, Name};

    const DECLINED: u8 = 75;

    fn amount(minor: i64) -> Option<Amount> {
        Amount::new(minor)
    }

    fn withdrawal() -> Operation {
        let name = Name::default();
        Operation::new(Kind::Withdraw, None, name, None, amount(500)).expect("an operation")
    }

    #[test]
    fn a_group_is_posted_as_it_is_or_in_doubt() {
        let group = Group::new(vec![withdrawal()]).expect("a group");
        let group = group.operation(None);
        let settled = |spent| verdict(Exit::Status(0), None, None, &group, || spent);
        let all = Settlement::Post {
            amount: None,
            finer: None,
        };
        assert_eq!(settled(Spent::AsSetAside), all);
        let part = Spent::Amount {
            amount: Amount::SMALLEST,
            finer: None,
        };
        for spent in [Spent::Nothing, part] {
            assert_eq!(settled(spent), Settlement::Doubt(OF_GROUP.to_string()));
        }
    }

    #[track_caller]
    fn check(exit: Exit, termination: Option<Termination>, spent: Spent, expected: Settlement) {
        let found = verdict(exit, termination, Some(DECLINED), &withdrawal(), || spent);
        assert_eq!(found, expected);
    }

    #[test]
    fn only_success_is_posted() {
        let all = Settlement::Post {
            amount: None,
            finer: None,
        };
        let spent = || Spent::AsSetAside;
        check(Exit::Status(0), None, spent(), all.clone());
        check(Exit::Status(0), Some(Termination::Asked), spent(), all);
        check(
            Exit::Status(0),
            Some(Termination::TimeOver),
            spent(),
            Settlement::Failed,
        );
        check(Exit::Status(75), None, spent(), Settlement::Declined);
        check(Exit::Status(1), None, spent(), Settlement::Failed);
        check(Exit::Signal(9), None, spent(), Settlement::Failed);
        let deaf = verdict(Exit::Status(75), None, None, &withdrawal(), spent);
        assert_eq!(deaf, Settlement::Failed);
    }

    #[test]
    fn what_was_really_spent_counts() {
        let post = |minor| Settlement::Post {
            amount: amount(minor),
            finer: None,
        };
        let spent = |minor| {
            let finer = None;
            amount(minor).map_or(Spent::Nothing, |amount| Spent::Amount { amount, finer })
        };
        let success = Exit::Status(0);
        check(success, None, spent(320), post(320));
        check(success, None, spent(500), post(500));
        check(success, None, spent(650), post(650));
        check(success, None, spent(0), Settlement::Unspent);
        let unknown = Spent::Unknown("why".to_string());
        check(success, None, unknown, Settlement::Doubt("why".to_string()));
    }
}
