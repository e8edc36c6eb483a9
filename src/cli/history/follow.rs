//! Following a ledger whose file may be replaced and whose server may be started anew.

use std::time::{Duration, Instant};

use anyhow::anyhow;

use crate::cli::{Failure, ledger};
use crate::status::Status;
use crate::store::{Access, Entries, Entry, EntryQuery, Ledger, LedgerError, Place};

/// How long a ledger may be gone before that is the end.
const GONE_PATIENCE: Duration = Duration::from_secs(3);

/// A ledger that is read on and on.
pub(super) struct Followed {
    place: Place,
    /// Nothing while it is gone.
    ledger: Option<Box<dyn Ledger>>,
    gone_since: Option<Instant>,
    /// The last entry that was looked at, by which its continuation is known.
    mark: Option<Entry>,
}

impl Followed {
    pub(super) fn open(place: Place) -> Result<Self, Failure> {
        let ledger = ledger::open(&place, Access::Read)?;
        Ok(Followed {
            place,
            ledger: Some(ledger),
            gone_since: None,
            mark: None,
        })
    }

    /// The next page; `None` while the ledger is gone, and may be looked for again.
    pub(super) fn entries(
        &mut self,
        query: &EntryQuery,
        follow: bool,
    ) -> Result<Option<Entries>, Failure> {
        match self.next_page(query) {
            Ok(Some(page)) => {
                self.gone_since = None;
                Ok(Some(page))
            }
            Ok(None) => Err(self.other()),
            Err(error) if follow => self.lose(error),
            Err(error) => Err(Failure::ledger(error)),
        }
    }

    /// The next page; `None` where another ledger is in the place, be it a new file or other content of
    /// the same one.
    fn next_page(&mut self, query: &EntryQuery) -> Result<Option<Entries>, LedgerError> {
        let mut ledger = match self.ledger.take() {
            Some(ledger) => ledger,
            None => self.place.open(Access::Read)?,
        };
        if !self.goes_on(&mut *ledger)? {
            return Ok(None);
        }
        let page = self.read(&mut *ledger, query)?;
        self.ledger = Some(ledger);
        Ok(Some(page))
    }

    /// Reads a page, and keeps the last entry that was looked at.
    fn read(
        &mut self,
        ledger: &mut dyn Ledger,
        query: &EntryQuery,
    ) -> Result<Entries, LedgerError> {
        let page = ledger.entries(query)?;
        let known = self.mark.as_ref().map_or(0, |mark| mark.seq);
        if page.is_last && page.looked_at > known {
            self.mark = entry(ledger, page.looked_at)?.or(self.mark.take());
        }
        Ok(page)
    }

    /// Whether what is there now goes on where the one before ended.
    fn goes_on(&self, ledger: &mut dyn Ledger) -> Result<bool, LedgerError> {
        let Some(mark) = &self.mark else {
            return Ok(true);
        };
        Ok(entry(ledger, mark.seq)?.as_ref() == Some(mark))
    }

    fn other(&self) -> Failure {
        let seq = self.mark.as_ref().map_or(0, |mark| mark.seq);
        Failure {
            status: Status::Ledger,
            error: anyhow!(
                "another ledger is in the place of `{}`, in which the entry {seq} is not the one that was read: start anew to read what is there now",
                self.place,
            ),
        }
    }

    /// After this error the ledger may come back for a while. One that is just being copied may look
    /// like anything.
    fn lose(&mut self, error: LedgerError) -> Result<Option<Entries>, Failure> {
        let is_gone = error.is_final() || error.may_pass() || self.gone_since.is_some();
        let since = *self.gone_since.get_or_insert_with(Instant::now);
        match is_gone && since.elapsed() < GONE_PATIENCE {
            true => Ok(None),
            false => Err(Failure::ledger(error)),
        }
    }
}

/// The entry of this number.
fn entry(ledger: &mut dyn Ledger, seq: u64) -> Result<Option<Entry>, LedgerError> {
    let query = EntryQuery {
        after: seq.saturating_sub(1),
        limit: 1,
        ..EntryQuery::default()
    };
    let page = ledger.entries(&query)?;
    Ok(page.entries.into_iter().find(|entry| entry.seq == seq))
}
