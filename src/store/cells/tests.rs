//! Reads, writes and leases of cells that workers share.

use super::*;
use crate::bank::{Amount, Kind, touched};

fn cells() -> Cells {
    Cells::new(&Name::default(), Balance::new(1_000), Balance::default())
}

fn operation(kind: Kind, minor: i64) -> Operation {
    Operation::new(kind, None, Name::default(), None, Amount::new(minor)).expect("an operation")
}

fn read(cells: &mut Cells, operation: &Operation) -> Vec<Cell> {
    match cells.ask(0, operation, &ShareRequest::Read(touched(operation))) {
        CellReply::Shared(ShareReply::Cells(cells)) => cells,
        other => panic!("{other:?}"),
    }
}

fn main_of(cells: &Cells) -> Standing {
    let standings = cells.standings();
    standings
        .into_iter()
        .find(|standing| standing.name == Name::default())
        .expect("main")
}

#[test]
fn a_write_over_an_unseen_write_loses_it_and_is_counted() {
    let mut cells = cells();
    let (deposit, loan) = (operation(Kind::Deposit, 500), operation(Kind::Loan, 100));
    let (first, second) = (read(&mut cells, &deposit), read(&mut cells, &loan));
    for (number, operation, seen) in [(1, &deposit, first), (2, &loan, second)] {
        let after = Cell::decide(operation, &seen).expect("room");
        let verdict = cells.ask(number, operation, &ShareRequest::Write(after));
        let CellReply::Decided(answer) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(answer.decided, number + 2);
        assert!(
            answer
                .other_side
                .is_some_and(|view| view.posted.minor() < 0)
        );
    }
    let main = main_of(&cells);
    assert_eq!(
        (main.view.posted, main.lost_updates),
        (Balance::new(1_100), 1)
    );
}

#[test]
fn compare_and_set_refuses_what_was_read_too_early() {
    let mut cells = cells();
    let deposit = operation(Kind::Deposit, 500);
    let seen = read(&mut cells, &deposit);
    let after = Cell::decide(&deposit, &seen).expect("room");
    let set = ShareRequest::CompareAndSet(after);
    assert!(matches!(
        cells.ask(1, &deposit, &set),
        CellReply::Decided(_)
    ));
    let CellReply::Shared(ShareReply::Conflict(now)) = cells.ask(2, &deposit, &set) else {
        panic!("the second one must not be set");
    };
    assert_eq!(now[1].account.posted, 1_500);
    assert_eq!(main_of(&cells).lost_updates, 0);
}

#[test]
fn a_lease_goes_to_the_next_when_its_holder_is_gone() {
    let mut cells = cells();
    let deposit = operation(Kind::Deposit, 1);
    let lock = ShareRequest::Lock(touched(&deposit));
    assert!(matches!(
        cells.ask(1, &deposit, &lock),
        CellReply::Shared(ShareReply::Cells(_))
    ));
    assert_eq!(cells.ask(2, &deposit, &lock), CellReply::Waits);
    assert_eq!(cells.ask(3, &deposit, &lock), CellReply::Waits);
    cells.abandon(1);
    let granted: Vec<u64> = cells
        .grant()
        .into_iter()
        .map(|(number, _)| number)
        .collect();
    assert_eq!(granted, [2]);
    assert_eq!(cells.waiting(), [3]);
}

#[test]
fn more_cells_than_an_operation_touches_are_not_given() {
    let mut cells = cells();
    let deposit = operation(Kind::Deposit, 500);
    let seen = read(&mut cells, &deposit);
    let (names, many) = (vec![Name::default(); 3], [&seen[..], &seen[..1]].concat());
    for request in [
        ShareRequest::Read(names.clone()),
        ShareRequest::Lock(names),
        ShareRequest::Write(many.clone()),
        ShareRequest::CompareAndSet(many),
    ] {
        let reply = cells.ask(1, &deposit, &request);
        assert!(matches!(reply, CellReply::Impossible(_)), "{reply:?}");
    }
}

#[test]
fn an_id_is_known_once_its_operation_has_ended() {
    let mut cells = cells();
    let id = crate::bank::Id::new("a").ok();
    let withdraw = Operation {
        id,
        ..operation(Kind::Withdraw, 5_000)
    };
    let claim = ShareRequest::Claim(withdraw.clone());
    let claimed = |reply| matches!(reply, CellReply::Shared(ShareReply::Claimed));
    assert!(claimed(cells.ask(1, &withdraw, &claim)));
    let refused = Outcome::Refused {
        rejection: crate::bank::Rejection::InsufficientFunds,
        view: None,
    };
    cells.ask(1, &withdraw, &ShareRequest::Settle(refused));
    let CellReply::Decided(again) = cells.ask(2, &withdraw, &claim) else {
        panic!("it is known");
    };
    assert_eq!((again.outcome, again.duplicate), (refused, true));
}
