//! With which status one operation with a command ends.

use crate::bank::Rejection;
use crate::cli::CliResult;
use crate::cli::one::ended;
use crate::command::OneShotRun;
use crate::report::stderr_line;
use crate::status::{Ending, Status};

/// The ending of a command whose operation the ledger has settled.
pub(super) fn ending_of_command(ran: &OneShotRun, id: &str) -> CliResult {
    match (ran.signal, ran.exit) {
        _ if ran.timed_out => {
            stderr_line(format_args!(
                "the command was ended when its time was over: `{id}`"
            ));
            ended(Status::Deadline)
        }
        (Some(signal), _) => Ok(Ending {
            signal: Some(signal),
            ..Ending::default()
        }),
        (None, Some(exit)) => passed_on(exit.code()),
        (None, None) => {
            stderr_line(format_args!(
                "the command's end was not seen, and what was set aside for it is given back: `{id}`"
            ));
            ended(Status::Died)
        }
    }
}

/// The status of an operation in doubt, which a person must decide.
pub(super) const IN_DOUBT: u8 = 78;

/// The status of an operation whose command did not run because the bank said no. Only where a repeat
/// may succeed it is the one that means that.
pub(super) fn not_run_status(rejection: Rejection, try_later: u8) -> u8 {
    match rejection {
        Rejection::InsufficientFunds | Rejection::InProgress => try_later,
        Rejection::IdConflict
        | Rejection::UnknownHold
        | Rejection::AlreadyPosted
        | Rejection::AlreadyVoided
        | Rejection::Expired
        | Rejection::ExceedsHold
        | Rejection::Declined
        | Rejection::LineDone
        | Rejection::TooManyAccounts
        | Rejection::UnknownEntry
        | Rejection::NotReversible
        | Rejection::WholeOnly => 76,
        Rejection::UnknownAccount | Rejection::SameAccount | Rejection::BalanceOverflow => 77,
        Rejection::InDoubt => IN_DOUBT,
    }
}

/// The ending with a status that is the command's.
pub(super) fn passed_on(status: u8) -> CliResult {
    Ok(Ending {
        passed_on: Some(status),
        ..Ending::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_repeat_may_mend_is_tried_later() {
        let status = |rejection| not_run_status(rejection, 99);
        let later = [Rejection::InsufficientFunds, Rejection::InProgress];
        for rejection in Rejection::ALL {
            let is_later = status(rejection) == 99;
            assert_eq!(is_later, later.contains(&rejection), "{rejection}");
        }
        assert_eq!(status(Rejection::IdConflict), 76);
        assert_eq!(status(Rejection::UnknownAccount), 77);
        assert_eq!(status(Rejection::SameAccount), 77);
        assert_eq!(status(Rejection::InDoubt), 78);
    }
}
