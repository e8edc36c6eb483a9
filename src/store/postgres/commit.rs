//! How a transaction ends, and what is known of it when that was not answered.
//!
//! The server may be gone before it answers, or it may answer with a warning that a standby did not confirm
//! what is committed here. Then the batch's own id decides: writing it once more waits for the transaction
//! that wrote it first, and tells whether that counts. And it counts for good only once a later
//! transaction, which the standbys confirm after it, was committed without a warning.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::faults::PgError;
use super::session::PgSession;
use super::transaction::PgTransaction;
use super::{BEGIN_WRITING, LOCK_HEAD, Postgres, faults};
use crate::store::LedgerError;
use crate::store::retry::{Pauses, TAKEOVER_WAIT};

/// For how long it is asked what became of a commit: till a standby has taken over. A transaction whose process
/// is gone without the server knowing holds its locks for a quarter of this.
const PATIENCE: Duration = TAKEOVER_WAIT;
/// How long to wait before it is asked again: longer each time, up to the second.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

/// What became of a batch.
pub(super) enum BatchFate {
    /// It counts, also where a standby takes over.
    Counts,
    /// It does not count and never will.
    DoesNot,
}

/// Ends a transaction that has only read.
pub(super) fn end_reading(mut transaction: PgTransaction<'_>) -> Result<(), LedgerError> {
    transaction.is_open = false;
    transaction.ask("read", |session| session.script("COMMIT").map(drop))
}

/// Ends a transaction that has written.
pub(super) fn commit(mut transaction: PgTransaction<'_>) -> Result<(), LedgerError> {
    transaction.is_open = false;
    let (batch, ledger) = (transaction.batch.clone(), &mut *transaction.ledger);
    let cause = match ledger.session.commit() {
        Ok(None) => {
            transaction.count();
            return Ok(());
        }
        Ok(Some(warning)) => warning,
        Err(error) if error.is_certain() => {
            return Err(faults::not_done(&ledger.name, "write", &error));
        }
        Err(error) => error.to_string(),
    };
    match ledger.find_out(&batch) {
        Some(BatchFate::Counts) => {
            transaction.count();
            Ok(())
        }
        Some(BatchFate::DoesNot) => Err(LedgerError::Unreachable {
            ledger: ledger.name.clone(),
            what: format!("did not finish a commit ({cause})"),
        }),
        None => Err(LedgerError::Unknown {
            ledger: ledger.name.clone(),
            cause,
        }),
    }
}

impl PgTransaction<'_> {
    /// Notes that its batch counts.
    fn count(mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.ended
            .iter()
            .for_each(|run| self.ledger.leases.end(*run));
        if self.is_applied {
            self.ledger.seen = Some(batch.clone());
        }
        self.ledger.last_batch = Some(batch);
    }
}

impl Postgres {
    /// Asks what became of a batch until that is known. Nothing is known when the time is over; nor may it
    /// be asked much later, since ids of batches are not kept for ever.
    fn find_out(&mut self, batch: &str) -> Option<BatchFate> {
        let began = Instant::now();
        let mut pauses = Pauses::new(PAUSES);
        while began.elapsed() < PATIENCE {
            if self.connect_again().is_ok()
                && let Ok(Some(found)) = ask(&mut self.session, batch)
            {
                return Some(found);
            }
            sleep(pauses.next());
        }
        None
    }
}

/// Asks once. Nothing is known where a standby has not confirmed it.
pub(super) fn ask(session: &mut PgSession, batch: &str) -> Result<Option<BatchFate>, PgError> {
    let sql = format!(
        "{BEGIN_WRITING}; {LOCK_HEAD}; INSERT INTO batches (id, at) VALUES ('{batch}', clock_timestamp()) ON CONFLICT (id) DO NOTHING RETURNING id AS missing; INSERT INTO batches (id, at) VALUES (gen_random_uuid(), clock_timestamp())"
    );
    let asked = session.script(&sql);
    let is_missing = asked.map(|rows| rows.iter().any(|row| row.try_get("missing").is_ok()));
    if !matches!(is_missing, Ok(false)) {
        session.script("ROLLBACK")?;
        return is_missing.map(|_| Some(BatchFate::DoesNot));
    }
    Ok(match session.commit()? {
        None => Some(BatchFate::Counts),
        Some(_) => None,
    })
}
