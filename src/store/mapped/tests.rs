//! What is counted as lost, and what the parent does with the memory.

use super::*;

#[test]
fn an_operation_that_two_accounts_lack_is_one() {
    let user = |name| Name::user(name).expect("a name");
    let check = |lost: &[(Name, u64)], moved_between_users, expected| {
        let standing = |(name, lost_updates): &(Name, u64)| Standing {
            lost_updates: *lost_updates,
            ..Standing::of(name, &Account::the_banks())
        };
        let standings: Vec<Standing> = lost.iter().map(standing).collect();
        let found = fewest_lost_operations(&standings, moved_between_users);
        assert_eq!(found, expected, "{lost:?}");
    };
    let (a, b) = (user("a"), user("b"));
    check(&[], false, 0);
    check(&[(WORLD.clone(), 2), (a.clone(), 2)], false, 2);
    check(
        &[(WORLD.clone(), 1), (LOANS.clone(), 2), (a.clone(), 1)],
        false,
        3,
    );
    check(
        &[(WORLD.clone(), 0), (a.clone(), 1), (b.clone(), 1)],
        false,
        2,
    );
    check(
        &[(WORLD.clone(), 0), (a.clone(), 1), (b.clone(), 1)],
        true,
        1,
    );
    check(&[(WORLD.clone(), 1), (a, 1), (b, 1)], true, 2);
}

#[test]
fn updates_are_counted_beyond_the_end_of_the_count() {
    for (made, included, expected) in [
        (0, 0, 0),
        (5, 3, 2),
        (5, 6, 0),
        (16_777_216, 0, 0),
        (16_777_218, 1, 1),
    ] {
        assert_eq!(lost(made, included), expected, "{made} {included}");
    }
}

#[test]
fn accounts_are_there_once_room_was_made_and_no_lock_is_left_that_was_not_held() {
    let sharing = MemorySharing {
        primitive: Primitive::Mutex,
        lock_order: false,
        limit: None,
        takes_turns: false,
    };
    let (main, overdraft) = (Name::default(), Balance::new(7));
    let cells = MappedCells::new(&main, Balance::new(10), overdraft, sharing);
    let mut cells = cells.expect("memory");
    let ops = Name::user("ops").expect("a name");
    assert_eq!(cells.overdraft_of(&main), Some(overdraft));
    assert_eq!(cells.overdraft_of(&ops), None);
    let amount = crate::bank::Amount::new(1);
    let deposit = Operation::new(crate::bank::Kind::Deposit, None, ops.clone(), None, amount);
    cells.make_room_for(&deposit.expect("an operation"));
    assert_eq!(cells.overdraft_of(&ops), Some(overdraft));
    assert_eq!(cells.abandon(1), Abandoned::NotDone);
}
