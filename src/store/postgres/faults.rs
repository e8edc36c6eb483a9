//! What goes wrong with a server, and what that means for a ledger.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustls::CertificateError;
use tokio_postgres::error::{Severity, SqlState};

use crate::store::LedgerError;

/// Why a server did not do what it was asked.
#[derive(Debug)]
pub(super) enum PgError {
    /// It said so, or its connection is gone.
    Told(tokio_postgres::Error),
    /// It did not answer for so long, and was given up.
    Silent(Duration),
    /// None of these servers takes the connection.
    NoServer(Vec<(String, PgError)>),
    /// The operating system has no means to wait for it.
    System(io::Error),
}

impl From<tokio_postgres::Error> for PgError {
    fn from(error: tokio_postgres::Error) -> Self {
        PgError::Told(error)
    }
}

impl PgError {
    /// Whether the connection is gone, or never was there.
    pub(super) fn is_lost(&self) -> bool {
        match self {
            PgError::Told(error) => is_connection_lost(error),
            PgError::Silent(_) => true,
            PgError::NoServer(all) => all.iter().any(|(_, error)| error.is_lost()),
            PgError::System(_) => false,
        }
    }

    /// Whether a commit that was answered with this was certainly not done: the server says that it took the
    /// transaction back, and goes on.
    pub(super) fn is_certain(&self) -> bool {
        let PgError::Told(error) = self else {
            return false;
        };
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

    /// The code that the server gave the error.
    fn code(&self) -> Option<&str> {
        match self {
            PgError::Told(error) => error.code().map(SqlState::code),
            _ => None,
        }
    }
}

/// What the server or the system said, on one line. No password is ever in it.
impl fmt::Display for PgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PgError::Told(error) => match (error.as_db_error(), certificate_error(error)) {
                (Some(told), _) => {
                    let detail = told.detail().map(|detail| format!(": {detail}"));
                    let words = format!("{}{}", told.message(), detail.unwrap_or_default());
                    f.write_str(&words.replace('\n', " "))
                }
                (None, Some(why)) => refused_certificate(why, f),
                (None, None) => match error.source() {
                    Some(cause) if cause.to_string() == "server does not support TLS" => {
                        f.write_str("it offers no TLS: switch that on there (`ssl = on`), or say `sslmode=disable` where the network between is private")
                    }
                    Some(cause) => write!(f, "{error}: {cause}"),
                    None => write!(f, "{error}"),
                },
            },
            PgError::Silent(time) => write!(f, "it did not answer for {} s", time.as_secs()),
            PgError::NoServer(all) => {
                let each = all.iter().map(|(host, error)| format!("`{host}`: {error}"));
                f.write_str(&each.collect::<Vec<String>>().join("; "))
            }
            PgError::System(error) => write!(f, "{error}"),
        }
    }
}

/// Why the certificate of a server was refused.
fn refused_certificate(why: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let way_out = match why {
        CertificateError::UnknownIssuer => {
            "no authority that is trusted here has signed it: name the file of the server's own authority by `sslrootcert`"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "name the server as its certificate does (`subjectAltName`)"
        }
        _ => "see to the certificate of the server",
    };
    write!(f, "the server's certificate is refused: {why}: {way_out}")
}

/// What an error means that came before a commit was asked for: nothing was done.
pub(super) fn not_done(ledger: &str, doing: &'static str, error: &PgError) -> LedgerError {
    let ledger = ledger.to_string();
    let cause = error.to_string();
    if error.is_lost() {
        let what = format!("cannot be reached, or ended the connection ({cause})");
        return LedgerError::Unreachable { ledger, what };
    }
    match error.code() {
        // The whole batch may be tried again.
        Some("40001" | "40P01") => LedgerError::Conflict { ledger, cause },
        Some("55P03" | "57014") => LedgerError::Locked {
            holder: format!("another transaction ({cause})"),
            ledger,
            waited: Duration::ZERO,
        },
        // A replica, or a primary that has become one: another connection leads to the right one.
        Some("25006") => {
            let what = format!("is a replica, which takes no writes ({cause})");
            LedgerError::Unreachable { ledger, what }
        }
        Some(code) if code.starts_with("53") || code == "58030" => LedgerError::Unwritable {
            ledger,
            doing,
            cause,
        },
        Some(code) if code.starts_with("XX") => LedgerError::Damaged {
            ledger,
            what: cause,
        },
        Some("42P01" | "42703" | "3F000") => LedgerError::Foreign {
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

fn is_connection_lost(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        // The server ends, starts, or takes no more connections.
        Some(code) => {
            code.code().starts_with("57P")
                || code.code().starts_with("08")
                || *code == SqlState::TOO_MANY_CONNECTIONS
        }
        None => {
            let is_io = error.source().is_some_and(|cause| cause.is::<io::Error>());
            error.is_closed() || is_io && certificate_error(error).is_none()
        }
    }
}

/// Why the certificate of the server was refused, if it was.
fn certificate_error(error: &tokio_postgres::Error) -> Option<&CertificateError> {
    let cause = error.source()?.downcast_ref::<io::Error>()?.get_ref()?;
    match cause.downcast_ref()? {
        rustls::Error::InvalidCertificate(why) => Some(why),
        _ => None,
    }
}
