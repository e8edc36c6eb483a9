//! What follows for the money from how a command ended.

use crate::bank::Amount;
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

/// What follows. `declined` is the status by which a command says no, if there is one, and `spent` what
/// it says it has spent.
pub(super) fn verdict(
    exit: Exit,
    termination: Option<Termination>,
    declined: Option<u8>,
    set_aside: Option<Amount>,
    spent: impl FnOnce() -> Spent,
) -> Settlement {
    match CommandResult::of(Some(exit), termination, declined) {
        CommandResult::Succeeded => succeeded(set_aside, spent()),
        CommandResult::Declined => Settlement::Declined,
        CommandResult::Failed => Settlement::Failed,
    }
}

fn succeeded(set_aside: Option<Amount>, spent: Spent) -> Settlement {
    match spent {
        // What moves nothing is looked at, whatever its command tells.
        _ if set_aside.is_none() => Settlement::Post {
            amount: None,
            finer: None,
        },
        Spent::AsSetAside => Settlement::Post {
            amount: None,
            finer: None,
        },
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

    const DECLINED: u8 = 75;

    fn amount(minor: i64) -> Option<Amount> {
        Amount::new(minor)
    }

    #[track_caller]
    fn check(exit: Exit, termination: Option<Termination>, spent: Spent, expected: Settlement) {
        let found = verdict(exit, termination, Some(DECLINED), amount(500), || spent);
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
        let deaf = verdict(Exit::Status(75), None, None, amount(500), spent);
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
