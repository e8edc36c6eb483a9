//! Writes down what the ledger state decides: rows of entries, records and holds, linked into the chain.

use smol_str::SmolStr;

use super::backend::{AccountChange, Changes};
use super::cache::CacheKeys;
use super::rows::{
    AccountRow, Content, DOUBTED, EXPIRED, EntryRow, HELD, Hash, HoldRow, KEPT, NewEntry, OPENED,
    OwnerColumns, REFUSED, RecordRow, SKIPPED, Stored, TAKEN_OVER, UNSPENT, VIEWED, VOIDED, WINDOW,
    WindowDetail, checksum, link, op,
};
use crate::bank::{
    AllowanceChange, Amount, Hold, Journal, LedgerState, Moment, Now, Operation, OwnerChange,
    Record, Rejection, RequestContext, View, VoidReason,
};

/// Turns what is decided in one transaction into rows.
pub(crate) struct Recorder<'a> {
    keys: &'a mut CacheKeys,
    changes: &'a mut Changes,
    now: Now,
    content: Content,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(keys: &'a mut CacheKeys, changes: &'a mut Changes, now: Now) -> Self {
        Recorder {
            keys,
            changes,
            now,
            content: Content::default(),
        }
    }

    /// Adds the accounts that changed.
    pub(crate) fn finish(mut self, state: &LedgerState) {
        for (slot, key) in self.keys.take_changed() {
            let (name, account) = state.at(slot);
            let row = AccountRow::of(key.number, name, &account, state.budget(slot));
            self.changes.accounts.push(AccountChange {
                row: Stored::sealed(row, &mut self.content),
                is_new: key.is_new,
            });
        }
    }

    /// Adds the row to the hash chain.
    fn chain<T>(&mut self, row: T, hash: &Hash) -> Stored<T> {
        let head = &mut self.keys.head;
        (head.hash, head.at) = (link(&head.hash, hash), self.now.label);
        Stored {
            row,
            checksum: checksum(hash),
        }
    }

    fn entry(&mut self, row: EntryRow, debit: usize, credit: usize) {
        self.keys.head.last.seq = row.seq;
        let hash = row.hash(&mut self.content);
        let entry = self.chain(row, &hash);
        let (debit, credit) = (self.keys.key(debit), self.keys.key(credit));
        self.changes.entries.push(NewEntry {
            entry,
            debit,
            credit,
        });
    }

    fn add(&mut self, row: RecordRow) {
        self.keys.head.last.record = row.record;
        let hash = row.hash(&mut self.content);
        let record = self.chain(row, &hash);
        self.changes.records.push(record);
    }

    fn put_hold(&mut self, number: u64, hold: &Hold) {
        let hold = hold.clone();
        let row = Stored::sealed(HoldRow { number, hold }, &mut self.content);
        self.changes.holds.insert(number, Some(row));
    }

    fn end_hold(&mut self, hold: Option<u64>) {
        if let Some(hold) = hold {
            self.changes.holds.insert(hold, None);
        }
    }

    fn write(&mut self, caller: &RequestContext, record: &Record<'_>) {
        match record {
            Record::Posted { .. } => self.write_entry(caller, record),
            Record::Held { .. } | Record::Released { .. } | Record::OwnerChanged { .. } => {
                self.write_hold(caller, record);
            }
            Record::Refused { .. } | Record::Viewed { .. } | Record::Skipped { .. } => {
                self.write_other(caller, record)
            }
            Record::Opened { .. } | Record::Window { .. } => self.write_account(caller, record),
        }
    }

    /// Writes what moved money.
    fn write_entry(&mut self, caller: &RequestContext, record: &Record<'_>) {
        let Record::Posted {
            seq,
            operation,
            amount,
            excess,
            debit,
            credit,
            hold,
            view,
        } = *record
        else {
            return;
        };
        let Some(movement) = operation.movement() else {
            return;
        };
        let row = EntryRow {
            seq,
            at: self.now.label,
            op: op(operation.kind()),
            debit: movement.debit.text().clone(),
            credit: movement.credit.text().clone(),
            amount: amount.minor(),
            view: parts(view),
            id: operation.id.as_ref().map(|id| id.text().clone()),
            // The parts of a group before its last one stand on no line, and belong to its run.
            run: run_of(caller)
                .filter(|_| caller.line.is_some() || operation.group_place().is_some()),
            line: caller.line,
            hold,
            excess: excess.map(Amount::minor),
            detail: operation.kept_text().cloned(),
        };
        self.entry(row, debit, credit);
        self.end_hold(hold);
    }

    /// Writes what became of money that is set aside.
    fn write_hold(&mut self, caller: &RequestContext, record: &Record<'_>) {
        match *record {
            Record::Held { number, held, view } => {
                let own = OwnerColumns::of(held.owner);
                self.add(RecordRow {
                    record: number,
                    kind: HELD,
                    view: Some(parts(view)),
                    number: own.number,
                    expires: own.expires,
                    doubt: own.doubt,
                    boot_time: own.boot_time,
                    ..self.about(&held.operation, caller)
                });
                self.put_hold(number, held);
            }
            Record::Released {
                number,
                hold,
                operation,
                release,
                view,
            } => {
                let has_expired = release == VoidReason::Expired;
                self.add(RecordRow {
                    record: number,
                    kind: release_kind(release),
                    view: Some(parts(view)),
                    hold: Some(hold),
                    expires: has_expired.then_some(self.now.wall.micros()),
                    boot_time: self.now.boot_time.filter(|_| has_expired),
                    ..self.about(operation, caller)
                });
                self.end_hold(Some(hold));
            }
            Record::OwnerChanged {
                number,
                hold,
                change,
                held,
                view,
            } => {
                let own = OwnerColumns::of(held.owner);
                self.add(RecordRow {
                    record: number,
                    kind: change_kind(change),
                    view: Some(parts(view)),
                    hold: Some(hold),
                    number: own.number,
                    expires: own.expires,
                    boot_time: own.boot_time,
                    ..self.about(&held.operation, caller)
                });
                self.put_hold(hold, held);
            }
            _ => {}
        }
    }

    /// Writes what changed neither a balance nor what is set aside, or an account's limit.
    fn write_other(&mut self, caller: &RequestContext, record: &Record<'_>) {
        match *record {
            Record::Refused {
                number,
                operation,
                rejection,
                view,
            } => self.add(RecordRow {
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
                self.add(RecordRow {
                    record: number,
                    kind: VIEWED,
                    view: Some(parts(view)),
                    hold,
                    ..self.about(operation, caller)
                });
                self.end_hold(hold);
            }
            Record::Skipped { number, reason } => self.add(RecordRow {
                record: number,
                kind: SKIPPED,
                run: run_of(caller),
                line: caller.line,
                note: Some(SmolStr::new(reason)),
                ..self.now()
            }),
            _ => {}
        }
    }

    /// Writes what became of an account.
    fn write_account(&mut self, caller: &RequestContext, record: &Record<'_>) {
        match *record {
            Record::Opened {
                number,
                account,
                overdraft,
                allowance,
                view,
            } => self.add(RecordRow {
                record: number,
                kind: OPENED,
                account: account.text().clone(),
                overdraft: Some(overdraft.minor()),
                view: Some(parts(view)),
                run: run_of(caller).filter(|_| caller.line.is_some()),
                line: caller.line,
                detail: allowance.and_then(|(change, window)| changed(change, window).to_text()),
                ..self.now()
            }),
            Record::Window {
                number,
                account,
                start,
                view,
            } => self.add(RecordRow {
                record: number,
                kind: WINDOW,
                account: account.text().clone(),
                view: Some(parts(view)),
                detail: WindowDetail {
                    allowance: None,
                    window: start,
                }
                .to_text(),
                ..self.now()
            }),
            _ => {}
        }
    }

    /// What every record says.
    fn now(&self) -> RecordRow {
        RecordRow {
            seq: self.keys.head.last.seq,
            at: self.now.label,
            ..RecordRow::default()
        }
    }

    /// What every record about an operation says.
    fn about(&self, operation: &Operation, caller: &RequestContext) -> RecordRow {
        RecordRow {
            seq: self.keys.head.last.seq,
            at: self.now.label,
            run: run_of(caller),
            line: caller.line,
            ..RecordRow::about(operation)
        }
    }
}

impl Journal for Recorder<'_> {
    fn record(&mut self, caller: &RequestContext, record: &Record<'_>) {
        self.write(caller, record);
    }

    fn changed(&mut self, slot: usize) {
        self.keys.change(slot);
    }
}

/// A rejection's number in a row: its place among all.
fn refusal(rejection: Rejection) -> i64 {
    let place = Rejection::ALL.iter().position(|known| *known == rejection);
    place
        .and_then(|place| i64::try_from(place).ok())
        .unwrap_or(-1)
}

fn release_kind(release: VoidReason) -> i64 {
    match release {
        VoidReason::Voided => VOIDED,
        VoidReason::Expired => EXPIRED,
        VoidReason::Unspent => UNSPENT,
    }
}

fn change_kind(change: OwnerChange) -> i64 {
    match change {
        OwnerChange::Doubted => DOUBTED,
        OwnerChange::TakenOver => TAKEN_OVER,
        OwnerChange::Kept => KEPT,
    }
}

/// What the record of an account carries whose allowance changes.
fn changed(change: &AllowanceChange, window: Moment) -> WindowDetail {
    let allowance = match change {
        AllowanceChange::Set(allowance) => Some(allowance.clone()),
        AllowanceChange::Removed => None,
    };
    WindowDetail {
        allowance: Some(allowance),
        window,
    }
}

fn run_of(caller: &RequestContext) -> Option<u32> {
    (caller.run > 0).then_some(caller.run)
}

fn parts(view: View) -> (i64, i64) {
    (view.posted.minor(), view.available.minor())
}
