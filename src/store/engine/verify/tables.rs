//! What is kept beside the entries and records must say what they add up to, and be found by the way
//! the lookups go.

use std::collections::BTreeSet;

use super::walk::Walk;
use super::words::told;
use super::{Checked, Stop, wrong};
use crate::bank::{Balance, Hold, LastNumbers, Name, Owner, RunLine};
use crate::store::engine::backend::{AccountsAfter, RunFilter, Tx};
use crate::store::engine::rows::{AccountRow, Head, HoldRow, RunRow, Stored, number_of};
use crate::store::{MAX_PAGE, RunName};

impl Walk {
    /// Everything that is not an entry or a record, after the last of them.
    pub(super) fn check_tables(&self, tx: &mut dyn Tx) -> Checked {
        let head = self.check_head(&tx.position()?.head);
        head.map_err(|stop| stop.of("the head of the ledger"))?;
        let whole = self.count.nothing_is_due();
        let whole = whole.and_then(|()| self.count.no_part_is_missing());
        whole.map_err(|why| Stop::from(why).of("the end of the ledger"))?;
        self.check_accounts(tx)?;
        self.check_holds(tx)?;
        for read in tx.runs(RunFilter::All)? {
            let number = match &read {
                Ok(run) => i64::from(run.number),
                Err(bad) => bad.number,
            };
            let checked = read.map_err(Stop::from);
            let checked = checked.and_then(|run| self.check_run_row(&run));
            checked.map_err(|stop| stop.of(format_args!("the run {number}")))?;
        }
        Ok(())
    }

    fn check_accounts(&self, tx: &mut dyn Tx) -> Checked {
        let (mut last, mut count, mut sum) = (i64::MIN, 0, 0);
        let mut missing: BTreeSet<&Name> = self.count.accounts.keys().collect();
        loop {
            let page = tx.accounts(AccountsAfter::Key(last), MAX_PAGE)?;
            if page.is_empty() {
                break;
            }
            for read in page {
                count += 1;
                let key = number_of(&read);
                last = key;
                let checked = read.map_err(Stop::from);
                let checked = checked.and_then(|read| self.check_account(&read, count));
                let (name, posted) =
                    checked.map_err(|stop| stop.of(format_args!("the account number {key}")))?;
                sum += i128::from(posted);
                missing.remove(name);
            }
        }
        if let Some(name) = missing.first() {
            return wrong(format!("the account `{name}` is missing"));
        }
        if sum != 0 {
            return wrong(format!(
                "all accounts together have {sum} minor units, must have none"
            ));
        }
        Ok(())
    }

    /// Returns the account's name, and what it has.
    fn check_account(&self, read: &Stored<AccountRow>, number: i64) -> Checked<(&Name, i64)> {
        let row = &read.row;
        let name = Name::any(&row.name).ok();
        let known = name.and_then(|name| self.count.accounts.get_key_value(&name));
        let Some((name, must)) = known else {
            return wrong(format!(
                "is `{}`, which no entry and no record opened",
                row.name
            ));
        };
        if row.key != number {
            return wrong(format!("(`{name}`) must have the number {number}"));
        }
        let said = (row.posted, row.held, row.floor);
        if said != must.parts() {
            let told = |(posted, held, floor)| {
                let [posted, held, floor] = [posted, held, floor].map(Balance::new);
                format!("posted {posted}, held {held}, at least {floor}")
            };
            let (said, must) = (told(said), told(must.parts()));
            return wrong(format!("(`{name}`) says {said}; must be {must}"));
        }
        let Some(said) = row.account().filter(|_| read.is_right()) else {
            return wrong(format!("(`{name}`) has a wrong checksum"));
        };
        if said.is_opened() != must.is_opened() {
            let (said, must) = (said.is_opened(), must.is_opened());
            return wrong(format!(
                "(`{name}`) says {said} of whether it was opened, must be {must}"
            ));
        }
        let budget = self.count.budgets.get(name);
        let must = budget.map(|budget| (budget.to_text(), budget.start().micros()));
        let (text, start) = must.unzip();
        if (row.allowance.as_deref(), row.refilled) != (text.as_deref(), start) {
            return wrong(format!(
                "(`{name}`) says another allowance than its records, or that it stands otherwise"
            ));
        }
        Ok((name, row.posted))
    }

    fn check_holds(&self, tx: &mut dyn Tx) -> Checked {
        let mut open = self.count.holds.iter();
        let mut after = 0;
        loop {
            let page = tx.holds(after, MAX_PAGE)?;
            if page.is_empty() {
                break;
            }
            for read in page {
                let number = number_of(&read).cast_unsigned();
                after = number;
                let must = match open.next() {
                    Some((due, must)) if *due == number => must,
                    Some((due, _)) if *due < number => {
                        return wrong(format!("the row of the hold {due} is missing"));
                    }
                    _ => {
                        return wrong(format!(
                            "the hold {number} must not be there: it is not open"
                        ));
                    }
                };
                let checked = read.map_err(Stop::from);
                let checked = checked.and_then(|read| check_hold(&read, must));
                checked.map_err(|stop| stop.of(format_args!("the row of the hold {number}")))?;
            }
        }
        match open.next() {
            Some((number, _)) => wrong(format!("the row of the hold {number} is missing")),
            None => Ok(()),
        }
    }

    fn check_run_row(&self, run: &RunRow) -> Checked {
        let (began, last) = (run.began, self.count.head.last);
        if began.seq > last.seq || began.record > last.record {
            let (seq, record) = (began.seq.cast_signed(), began.record.cast_signed());
            return wrong(format!(
                "began after the entry {seq} and the record {record}, which are not there"
            ));
        }
        if let Some(name) = &run.name
            && name.parse::<RunName>().is_err()
        {
            return wrong(format!("has the name `{name}`, which none has"));
        }
        match (run.rule, run.live) {
            (None | Some(RunRow::UP_TO_LINE | RunRow::OF_LINE), 0 | 1) => Ok(()),
            (_, live) if live != 0 && live != 1 => {
                wrong(format!("says {live} of whether it is live, must be 0 or 1"))
            }
            (rule, _) => wrong(format!(
                "says the rule {}, which there is not",
                rule.unwrap_or_default()
            )),
        }
    }

    fn check_head(&self, head: &Stored<Head>) -> Checked {
        let (said, must) = (head.row, self.count.head);
        for (said, must, what) in [
            (said.last.seq, must.last.seq, "entry"),
            (said.last.record, must.last.record, "record"),
        ] {
            if said > must {
                return wrong(format!(
                    "speaks of the {what} {said}, and the last one there is {must}: the tail was cut off"
                ));
            }
        }
        if (said.last, said.at) != (must.last, must.at) {
            let told = |head: Head| {
                let (seq, record, at) = (head.last.seq, head.last.record, head.at.micros());
                format!("entry {seq}, record {record} at {at}")
            };
            return wrong(format!("says {}; must be {}", told(said), told(must)));
        }
        if said.prev.is_none() && must.last != LastNumbers::default() {
            return wrong("says no hash before the last commit");
        }
        if said.hash != must.hash {
            return wrong("has another hash than the chain over its entries and records");
        }
        if !head.is_right() {
            return wrong("has a wrong checksum");
        }
        Ok(())
    }
}

fn check_hold(read: &Stored<HoldRow>, must: &Hold) -> Checked {
    if !read.is_right() {
        return wrong("has a wrong checksum");
    }
    let said = &read.row.hold;
    match said == must {
        true => Ok(()),
        false => wrong(format!("says {}; must be {}", held(said), held(must))),
    }
}

/// A hold in words.
fn held(hold: &Hold) -> String {
    let ends = match hold.owner {
        Owner::Run { run, number, .. } => format!("by the run {run} as its number {number}"),
        Owner::Doubt => "in doubt".to_string(),
        Owner::AnyRequest { expires: None } => "for ever".to_string(),
        Owner::AnyRequest {
            expires: Some(expires),
        } => {
            let boot = expires
                .boot_time
                .map(|time| format!(" or {} of the boot {:#x}", time.micros, time.boot));
            format!("until {}{}", expires.at.micros(), boot.unwrap_or_default())
        }
    };
    let line = hold.line.map(|RunLine { run, line }| {
        let digest = line.digest;
        format!(" for line {} ({digest:#x}) of the run {run}", line.number)
    });
    format!(
        "{}, held since {} {ends}{}",
        told(&hold.operation),
        hold.at.micros(),
        line.unwrap_or_default()
    )
}
