//! What an allowance moved was changed, taken out or added, with every checksum and the chain made right again.

use std::sync::{Arc, Mutex};

use super::forged::reseal;
use super::full::{ask, execute, open, operation};
use super::violation;
use crate::bank::{
    Allowance, AllowanceChange, Amount, Group, Id, Kind, Moment, Name, Period, Request,
    RequestContext, Zone,
};
use crate::store::clock::{Clock, ClockTime};
use crate::store::sqlite::tests::FileLedger;

const DAY: i64 = 86_400_000_000;

/// An account with 5.00 a day, on its second day: entry 3 is the refill, and entry 7 is what a hold gave back.
fn two_days(ledger: &mut FileLedger) {
    let wall = Moment::new(20_000 * DAY);
    let clock = Arc::new(Mutex::new(ClockTime {
        wall,
        boot_time: None,
    }));
    ledger.clock = Clock::Set(clock.clone());
    let allowance = Allowance {
        amount: Amount::new(500).expect("positive"),
        period: Period::Day,
        rollover: false,
        warn: None,
        zone: Zone::default(),
    };
    let opened = Request::Open {
        account: Name::user("a").expect("a name"),
        overdraft: None,
        allowance: Some(AllowanceChange::Set(allowance)),
    };
    let withdraw = |id, minor| operation(Kind::Withdraw, id, "a", None, minor);
    let hold = |operation| Request::Hold {
        operation,
        lasts: None,
    };
    let mut ask = |request| ask(ledger, RequestContext::default(), request);
    ask(opened);
    ask(Request::Execute(withdraw(None, 100)));
    ask(hold(withdraw(Some("one"), 30)));
    let parts = vec![withdraw(None, 10), withdraw(None, 5)];
    let group = Group::new(parts).expect("a group");
    ask(hold(group.operation(Id::new("both").ok())));
    clock.lock().expect("a clock").wall = Moment::new(wall.micros() + DAY);
    ask(Request::Execute(withdraw(None, 50)));
    let (id, amount) = (Id::new("both").expect("an id"), None);
    ask(Request::PostHold { id, amount });
    let id = Id::new("one").expect("an id");
    ask(Request::VoidHold { id });
    execute(ledger, operation(Kind::Deposit, None, "b", None, 1));
}

#[test]
fn what_an_allowance_did_not_move_is_named() {
    let refill = "must be a refill of 1.45 of `a` under the id `allowance:a:2024-10-05T00:00:00Z`";
    let moves = "moves an allowance, and nothing is due";
    for (sql, expected) in [
        ("SELECT 1", None),
        (
            "UPDATE entries SET amount = 144, posted = 544, available = 499 WHERE seq = 3",
            Some(("the entry 3 is refill `a` 1.44", refill)),
        ),
        (
            "UPDATE entries SET id = 'allowance:a:2024-10-06T00:00:00Z' WHERE seq = 3",
            Some(("the entry 3 is refill `a` 1.45", refill)),
        ),
        (
            "UPDATE entries SET id = NULL WHERE seq = 3",
            Some(("the entry 3 is refill `a` 1.45", refill)),
        ),
        (
            "UPDATE entries SET op = 1, debit = 1 WHERE seq = 3",
            Some(("the entry 3 is deposit `a` 1.45", refill)),
        ),
        (
            "UPDATE entries SET amount = 29 WHERE seq = 7",
            Some((
                "the entry 7 is lapse `a` 0.29",
                "must be a lapse of 0.30 of `a`",
            )),
        ),
        (
            "UPDATE entries SET op = 6, debit = 3, credit = 4 WHERE seq = 4",
            Some(("the entry 4", moves)),
        ),
        (
            "UPDATE entries SET op = 5, debit = 4, credit = 3 WHERE seq = 8",
            Some(("the entry 8", moves)),
        ),
        (
            "DELETE FROM entries WHERE seq > 6; UPDATE accounts SET posted = 480 WHERE account = 3; UPDATE accounts SET posted = -645 WHERE account = 4; UPDATE accounts SET posted = 165 WHERE account = 1; DELETE FROM accounts WHERE account = 5; UPDATE head SET seq = 6",
            Some((
                "the end of the ledger",
                "comes before what is due: a lapse of 0.30 of `a`",
            )),
        ),
        (
            "DELETE FROM records WHERE record = 5; UPDATE head SET record = 4",
            Some(("the entry 7", moves)),
        ),
        (
            "UPDATE records SET detail = '{\"window\":1728172800000000}' WHERE record = 4",
            Some((
                "the entry 3",
                "must be a refill of 1.45 of `a` under the id `allowance:a:2024-10-06",
            )),
        ),
        (
            "UPDATE records SET detail = replace(detail, '500', '499') WHERE record = 1",
            Some(("the entry 1", "must be a refill of 4.99 of `a`")),
        ),
        (
            "UPDATE records SET detail = replace(detail, 'false', 'true') WHERE record = 1",
            Some(("the entry 3", "must be a refill of 5.00 of `a`")),
        ),
        (
            "UPDATE records SET detail = NULL WHERE record = 1",
            Some(("the entry 1", moves)),
        ),
        (
            "UPDATE accounts SET allowance = replace(allowance, '\"base\":500', '\"base\":501')",
            Some((
                "the account number 3 (`a`)",
                "says another allowance than its records",
            )),
        ),
        (
            "UPDATE accounts SET allowance = NULL",
            Some((
                "the account number 3 (`a`)",
                "says another allowance than its records",
            )),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = open(&folder.path().join("bank.db"));
        two_days(&mut ledger);
        let connection = &ledger.backend.connection;
        connection.execute_batch(sql).expect(sql);
        reseal(connection);
        let found = violation(&mut ledger);
        let is_as_expected = match (&found, expected) {
            (Some(found), Some((what, why))) => found.starts_with(what) && found.contains(why),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{sql}: {found:?}");
    }
}
