//! What the server's errors mean for a ledger.

use std::path::PathBuf;
use std::time::Duration;

use postgres::error::{Severity, SqlState};

use crate::store::LedgerError;

/// What an error means that came before a commit was asked for: nothing was done.
pub(super) fn not_done(ledger: &str, doing: &'static str, error: &postgres::Error) -> LedgerError {
    let ledger = ledger.to_string();
    let cause = words(error);
    if is_lost(error) {
        let what = format!("cannot be reached, or ended the connection ({cause})");
        return LedgerError::NotServed { ledger, what };
    }
    let Some(code) = error.code() else {
        return LedgerError::Database {
            ledger,
            doing,
            cause,
        };
    };
    match code.code() {
        // A lock, or a conflict with another transaction: the whole batch may be tried again.
        "55P03" | "40001" | "40P01" | "57014" => LedgerError::Locked {
            holder: format!("another transaction ({cause})"),
            ledger,
            waited: Duration::ZERO,
        },
        // A replica, or a primary that has become one: another connection leads to the right one.
        "25006" => {
            let what = format!("is a replica, which takes no writes ({cause})");
            LedgerError::NotServed { ledger, what }
        }
        code if code.starts_with("53") || code == "58030" => LedgerError::Unwritable {
            ledger,
            doing,
            cause,
        },
        code if code.starts_with("XX") => LedgerError::Damaged {
            ledger,
            what: cause,
        },
        "42P01" | "42703" | "3F000" => LedgerError::Foreign {
            ledger: PathBuf::from(ledger),
            what: format!("its tables are not those of a ledger ({cause})"),
        },
        _ => LedgerError::Database {
            ledger,
            doing,
            cause,
        },
    }
}

/// Whether a commit that was answered with this was certainly not done: the server says that it took the
/// transaction back, and goes on.
pub(super) fn is_certain(error: &postgres::Error) -> bool {
    let Some(told) = error.as_db_error() else {
        return false;
    };
    let code = told.code().code();
    // 40003: the completion is unknown.
    told.parsed_severity() == Some(Severity::Error)
        && code != "40003"
        && !code.starts_with("08")
        && !code.starts_with("57P")
}

/// Whether the connection is gone, or never was there.
pub(super) fn is_lost(error: &postgres::Error) -> bool {
    match error.code() {
        // The server ends, starts, or takes no more connections.
        Some(code) => {
            code.code().starts_with("57P")
                || code.code().starts_with("08")
                || *code == SqlState::TOO_MANY_CONNECTIONS
        }
        None => {
            use std::error::Error;
            let is_io = error
                .source()
                .is_some_and(|cause| cause.is::<std::io::Error>());
            error.is_closed() || is_io
        }
    }
}

/// What the server or the system said, on one line. No password is ever in it.
pub(super) fn words(error: &postgres::Error) -> String {
    use std::error::Error;
    match error.as_db_error() {
        Some(told) => {
            let detail = told.detail().map(|detail| format!(": {detail}"));
            format!("{}{}", told.message(), detail.unwrap_or_default()).replace('\n', " ")
        }
        None => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
