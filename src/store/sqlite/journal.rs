//! Writes down what the ledger state decides: rows of entries, records and holds, linked into the chain.

use rusqlite::{CachedStatement, Connection, params};

use super::CacheKeys;
use super::rows::{
    AccountRow, Content, DOUBTED, EXPIRED, EntryRow, HELD, HoldRow, KEPT, LineColumns, OPENED,
    OwnerColumns, REFUSED, RecordRow, SKIPPED, TAKEN_OVER, UNSPENT, VIEWED, VOIDED, checksum, link,
    op,
};
use crate::bank::{
    Account, Amount, Hold, Id, Journal, LedgerState, Moment, Now, Operation, OwnerChange, Record,
    Rejection, RequestContext, View, VoidReason,
};

/// Writes the rows of one database transaction.
pub(super) struct Writer<'a> {
    connection: &'a Connection,
    cache_keys: &'a mut CacheKeys,
    now: Now,
    content: Content,
    entries: Option<CachedStatement<'a>>,
    /// Something was written down.
    wrote: bool,
    /// The first thing that went wrong; nothing is written after it.
    error: Option<rusqlite::Error>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(connection: &'a Connection, cache_keys: &'a mut CacheKeys, now: Now) -> Self {
        Writer {
            connection,
            cache_keys,
            now,
            content: Content::default(),
            entries: None,
            wrote: false,
            error: None,
        }
    }

    /// Writes the accounts that changed, and notes how far the ledger has come.
    pub(super) fn finish(mut self, ledger_state: &LedgerState) -> rusqlite::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if !self.wrote {
            return Ok(());
        }
        let mut changed = std::mem::take(&mut self.cache_keys.changed);
        changed.sort_unstable_by_key(|slot| self.cache_keys.keys[*slot].number);
        let mut update = self.connection.prepare_cached(AccountRow::UPDATE)?;
        let mut insert = self.connection.prepare_cached(AccountRow::INSERT)?;
        for slot in &changed {
            let key = &mut self.cache_keys.keys[*slot];
            let (name, account) = ledger_state.at(*slot);
            let row = AccountRow {
                key: key.number,
                name,
                account,
            };
            let (posted, held, floor) = Account::parts(&account);
            let opened = account.is_opened().then_some(1);
            let sealed = row.sealed(&mut self.content);
            if key.is_new {
                let name = name.as_str();
                insert.execute(params![row.key, name, posted, held, floor, opened, sealed])?;
            } else {
                update.execute(params![posted, held, floor, opened, sealed, row.key])?;
            }
            (key.is_new, key.is_changed) = (false, false);
        }
        changed.clear();
        self.cache_keys.changed = changed;
        let head = &mut self.cache_keys.head;
        (head.last, head.at) = (ledger_state.last(), self.now.label);
        Ok(())
    }

    fn note(&mut self, done: rusqlite::Result<()>) {
        self.wrote = true;
        if let Err(error) = done {
            self.error.get_or_insert(error);
        }
    }

    fn entry(&mut self, row: &EntryRow<'_>, debit: usize, credit: usize) -> rusqlite::Result<()> {
        let hash = row.hash(&mut self.content);
        self.cache_keys.head.hash = link(&self.cache_keys.head.hash, &hash);
        let (debit, credit) = (
            self.cache_keys.keys[debit].number,
            self.cache_keys.keys[credit].number,
        );
        let insert = match &mut self.entries {
            Some(insert) => insert,
            none => none.insert(self.connection.prepare_cached(EntryRow::INSERT)?),
        };
        insert.execute(params![
            row.seq.cast_signed(),
            row.at.micros(),
            row.op,
            debit,
            credit,
            row.amount,
            row.view.0,
            row.view.1,
            row.id,
            row.run,
            row.line.map(|line| line.number.cast_signed()),
            row.line.map(|line| line.digest.cast_signed()),
            row.hold.map(u64::cast_signed),
            row.excess,
            checksum(&hash),
        ])?;
        Ok(())
    }

    fn add(&mut self, row: &RecordRow<'_>) -> rusqlite::Result<()> {
        let hash = row.hash(&mut self.content);
        self.cache_keys.head.hash = link(&self.cache_keys.head.hash, &hash);
        let mut insert = self.connection.prepare_cached(RecordRow::INSERT)?;
        insert.execute(params![
            row.record.cast_signed(),
            row.seq.cast_signed(),
            row.at.micros(),
            row.kind,
            row.op,
            row.account,
            row.other,
            row.amount,
            row.view.map(|view| view.0),
            row.view.map(|view| view.1),
            row.rejection,
            row.overdraft,
            row.id,
            row.run,
            row.line.map(|line| line.number.cast_signed()),
            row.line.map(|line| line.digest.cast_signed()),
            row.hold.map(u64::cast_signed),
            row.number,
            row.expires,
            row.doubt,
            row.boot_time.map(|time| time.boot),
            row.boot_time.map(|time| time.micros),
            row.note,
            checksum(&hash),
        ])?;
        Ok(())
    }

    fn open_hold(&mut self, row: &HoldRow) -> rusqlite::Result<()> {
        let Hold {
            operation,
            owner,
            line,
        } = &row.hold;
        let own = OwnerColumns::of(*owner);
        let line = LineColumns::of(*line);
        let sealed = row.sealed(&mut self.content);
        let mut insert = self.connection.prepare_cached(HoldRow::INSERT)?;
        insert.execute(params![
            row.number.cast_signed(),
            row.at.micros(),
            op(operation.kind()),
            operation.account.as_str(),
            operation.to().map(|to| to.as_str()),
            operation.amount().map(|amount| amount.minor()),
            operation.id.as_ref().map(Id::as_str),
            own.run,
            own.number,
            own.expires,
            own.doubt,
            line.run,
            line.line,
            line.digest,
            own.boot_time.map(|time| time.boot),
            own.boot_time.map(|time| time.micros),
            sealed,
        ])?;
        Ok(())
    }

    /// Another ends a hold from now on.
    fn own_hold(&mut self, number: u64, hold: Hold) -> rusqlite::Result<()> {
        let mut began = self.connection.prepare_cached(HoldRow::BEGAN)?;
        let at = began.query_row([number.cast_signed()], |row| row.get(0))?;
        let at = Moment::new(at);
        let own = OwnerColumns::of(hold.owner);
        let row = HoldRow { number, at, hold };
        let sealed = row.sealed(&mut self.content);
        let mut update = self.connection.prepare_cached(HoldRow::OWN)?;
        update.execute(params![
            own.run,
            own.number,
            own.expires,
            own.doubt,
            own.boot_time.map(|time| time.boot),
            own.boot_time.map(|time| time.micros),
            sealed,
            number.cast_signed(),
        ])?;
        Ok(())
    }

    fn close_hold(&mut self, hold: Option<u64>) -> rusqlite::Result<()> {
        let Some(hold) = hold else { return Ok(()) };
        let mut delete = self.connection.prepare_cached(HoldRow::DELETE)?;
        delete.execute([hold.cast_signed()])?;
        Ok(())
    }

    fn write(&mut self, caller: &RequestContext, record: &Record<'_>) -> rusqlite::Result<()> {
        let (at, run) = (self.now.label, (caller.run > 0).then_some(caller.run));
        match *record {
            Record::Posted {
                seq,
                operation,
                amount,
                excess,
                debit,
                credit,
                hold,
                view,
            } => {
                let Some(movement) = operation.movement() else {
                    return Ok(());
                };
                self.cache_keys.seq = seq;
                let row = EntryRow {
                    seq,
                    at,
                    op: op(operation.kind()),
                    debit: movement.debit.as_str(),
                    credit: movement.credit.as_str(),
                    amount: amount.minor(),
                    view: parts(view),
                    id: operation.id.as_ref().map(Id::as_str),
                    run: run.filter(|_| caller.line.is_some()),
                    line: caller.line,
                    hold,
                    excess: excess.map(Amount::minor),
                };
                self.entry(&row, debit, credit)?;
                self.close_hold(hold)
            }
            Record::Held {
                number,
                operation,
                owner,
                line,
                view,
            } => {
                let own = OwnerColumns::of(owner);
                self.add(&RecordRow {
                    record: number,
                    kind: HELD,
                    view: Some(parts(view)),
                    number: own.number,
                    expires: own.expires,
                    doubt: own.doubt,
                    boot_time: own.boot_time,
                    ..self.about(operation, caller)
                })?;
                let operation = operation.clone();
                let hold = Hold {
                    operation,
                    owner,
                    line,
                };
                self.open_hold(&HoldRow { number, at, hold })
            }
            Record::Released {
                number,
                hold,
                operation,
                release,
                view,
            } => {
                let has_expired = release == VoidReason::Expired;
                self.add(&RecordRow {
                    record: number,
                    kind: match release {
                        VoidReason::Voided => VOIDED,
                        VoidReason::Expired => EXPIRED,
                        VoidReason::Unspent => UNSPENT,
                    },
                    view: Some(parts(view)),
                    hold: Some(hold),
                    expires: has_expired.then_some(self.now.wall.micros()),
                    boot_time: self.now.boot_time.filter(|_| has_expired),
                    ..self.about(operation, caller)
                })?;
                self.close_hold(Some(hold))
            }
            Record::Passed {
                number,
                hold,
                passing,
                held,
                view,
            } => {
                let own = OwnerColumns::of(held.owner);
                self.add(&RecordRow {
                    record: number,
                    kind: match passing {
                        OwnerChange::Doubted => DOUBTED,
                        OwnerChange::TakenOver => TAKEN_OVER,
                        OwnerChange::Exited => KEPT,
                    },
                    view: Some(parts(view)),
                    hold: Some(hold),
                    number: own.number,
                    expires: own.expires,
                    boot_time: own.boot_time,
                    ..self.about(&held.operation, caller)
                })?;
                self.own_hold(hold, held.clone())
            }
            Record::Refused {
                number,
                operation,
                rejection,
                view,
            } => self.add(&RecordRow {
                record: number,
                kind: REFUSED,
                rejection: Some(refusal(rejection)),
                view: view.map(parts),
                ..self.about(operation, caller)
            }),
            Record::Viewed {
                number,
                operation,
                hold,
                view,
                ..
            } => {
                self.add(&RecordRow {
                    record: number,
                    kind: VIEWED,
                    view: Some(parts(view)),
                    hold,
                    ..self.about(operation, caller)
                })?;
                self.close_hold(hold)
            }
            Record::Skipped { number, reason } => self.add(&RecordRow {
                record: number,
                seq: self.cache_keys.seq,
                at,
                kind: SKIPPED,
                run,
                line: caller.line,
                note: Some(reason),
                ..RecordRow::default()
            }),
            Record::Opened {
                number,
                account,
                overdraft,
                view,
            } => self.add(&RecordRow {
                record: number,
                seq: self.cache_keys.seq,
                at,
                kind: OPENED,
                account: account.as_str(),
                overdraft: Some(overdraft.minor()),
                view: Some(parts(view)),
                ..RecordRow::default()
            }),
        }
    }

    /// What every record about an operation says.
    fn about<'o>(&self, operation: &'o Operation, caller: &RequestContext) -> RecordRow<'o> {
        RecordRow {
            seq: self.cache_keys.seq,
            at: self.now.label,
            run: (caller.run > 0).then_some(caller.run),
            line: caller.line,
            ..RecordRow::about(operation)
        }
    }
}

impl Journal for Writer<'_> {
    fn record(&mut self, caller: &RequestContext, record: &Record<'_>) {
        if self.error.is_none() {
            let done = self.write(caller, record);
            self.note(done);
        }
    }

    fn changed(&mut self, slot: usize) {
        self.cache_keys.change(slot);
    }
}

/// A rejection's number in the file: its place among all.
pub(super) fn refusal(rejection: Rejection) -> i64 {
    let place = Rejection::ALL.iter().position(|known| *known == rejection);
    place
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(-1)
}

fn parts(view: View) -> (i64, i64) {
    (view.posted.minor(), view.available.minor())
}
