//! Groups of which a part was changed, taken out or torn off, with every checksum and the chain made right again.

use super::forged::reseal;
use super::full::{ask, execute, open, operation};
use super::violation;
use crate::bank::{Group, Id, Kind, Operation, Outcome, Request, RequestContext};

fn group(id: &str, parts: Vec<Operation>) -> Operation {
    let id = Id::new(id).expect("an id");
    Group::new(parts).expect("a group").operation(Some(id))
}

#[test]
fn a_group_that_is_torn_apart_is_named() {
    let deposit = |account, minor| operation(Kind::Deposit, None, account, None, minor);
    let pays = operation(Kind::Transfer, None, "a", Some("b"), 30);
    for (sql, expected) in [
        ("SELECT 1", None),
        (
            "UPDATE entries SET amount = 29 WHERE seq = 2",
            Some(
                "the entry 3 ends a group whose part 2 is transfer `a` 0.29 to `b`, must be transfer `a` 0.30 to `b`",
            ),
        ),
        (
            "UPDATE entries SET detail = NULL WHERE seq = 2",
            Some("the entry 2 follows on part 1 of a group, whose 3 parts must stand together"),
        ),
        (
            "UPDATE entries SET detail = NULL WHERE seq = 1",
            Some("the entry 2 is part 2 of a group, must be part 1"),
        ),
        (
            "UPDATE entries SET detail = NULL WHERE seq = 3",
            Some("the entry 3 follows on part 2 of a group"),
        ),
        (
            "UPDATE entries SET detail = replace(detail, '\"amount\":100', '\"amount\":99') WHERE seq = 3",
            Some(
                "the entry 3 ends a group whose part 1 is deposit `a` 1.00, must be deposit `a` 0.99",
            ),
        ),
        (
            "UPDATE entries SET detail = replace(detail, 'all', 'al') WHERE seq = 3",
            Some("the entry 3 follows on part 2"),
        ),
        (
            "UPDATE entries SET posted = 71, available = 71 WHERE seq = 2",
            Some(
                "the entry 3 ends a group whose part 2 says of `a`: posted 0.71, available 0.71, must be posted 0.70, available 0.70",
            ),
        ),
        (
            "DELETE FROM entries WHERE seq = 4; DELETE FROM entries WHERE seq = 3; UPDATE accounts SET posted = 30 WHERE account = 4; UPDATE accounts SET posted = -100 WHERE account = 1; UPDATE head SET seq = 2",
            Some("follows on part 2 of a group, whose 3 parts must stand together"),
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = open(&folder.path().join("bank.db"));
        let parts = vec![deposit("a", 100), pays.clone(), deposit("b", 5)];
        let all = group("rent", parts);
        let posted = execute(&mut ledger, all.clone());
        assert!(
            matches!(posted, Outcome::Posted { seq: 3, .. }),
            "{posted:?}"
        );
        execute(&mut ledger, deposit("b", 1));
        assert_eq!(execute(&mut ledger, all), posted);
        let connection = &ledger.backend.connection;
        connection.execute_batch(sql).expect(sql);
        reseal(connection);
        let found = violation(&mut ledger);
        let is_as_expected = match (&found, expected) {
            (Some(found), Some(expected)) => found.contains(expected),
            (found, expected) => found.is_none() && expected.is_none(),
        };
        assert!(is_as_expected, "{sql}: {found:?}");
    }
}

#[test]
fn a_group_that_posts_what_was_not_held_for_it_is_named() {
    let withdraws = |minor| operation(Kind::Withdraw, None, "a", None, minor);
    let groups = ["one", "other"].map(|id| group(id, vec![withdraws(10), withdraws(5)]));
    for (sql, expected) in [
        (
            "UPDATE entries SET hold = 2 WHERE seq = 3",
            "the entry 3 is all `a` under the id `one`, must be all `a` under the id `other`",
        ),
        (
            "UPDATE entries SET hold = 9 WHERE seq = 3",
            "the entry 3 ends the hold 9, which is not open",
        ),
        (
            "UPDATE records SET detail = replace(detail, '5', '6') WHERE record = 1",
            "the record 1 says of `a`: posted 1.00, available 0.85, must be posted 1.00, available 0.84",
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = open(&folder.path().join("bank.db"));
        execute(&mut ledger, operation(Kind::Deposit, None, "a", None, 100));
        for operation in groups.clone() {
            let lasts = None;
            ask(
                &mut ledger,
                RequestContext::default(),
                Request::Hold { operation, lasts },
            );
        }
        let (id, amount) = (Id::new("one").expect("an id"), None);
        ask(
            &mut ledger,
            RequestContext::default(),
            Request::PostHold { id, amount },
        );
        assert_eq!(violation(&mut ledger), None);
        let connection = &ledger.backend.connection;
        connection.execute_batch(sql).expect(sql);
        reseal(connection);
        let found = violation(&mut ledger).unwrap_or_default();
        assert!(found.starts_with(expected), "{sql}: {found}");
    }
}
