//! How much of the input is read at a time.

use super::*;

fn skipped(count: usize) -> Vec<Item> {
    let line = Line {
        number: 1,
        digest: 0,
    };
    let item = |_| Item::Skipped {
        line,
        operation: None,
    };
    (0..count).map(item).collect()
}

#[test]
fn so_much_is_read_in_a_turn_and_each_block_is_asked_for_once() {
    let mut dispatch = Dispatch::default();
    assert_eq!(dispatch.ask(), None, "no turn has begun");
    dispatch.begin_turn(true);
    assert_eq!(dispatch.ask(), None, "paused");
    dispatch.begin_turn(false);
    let mut read = 0;
    while let Some(most) = dispatch.ask() {
        assert_eq!(dispatch.ask(), None, "it has asked");
        dispatch.took(skipped(most), InputState::More);
        while dispatch.next().is_some() {}
        read += most;
        assert!(read <= ITEMS_A_TURN);
    }
    assert_eq!(read, ITEMS_A_TURN);
    assert!(dispatch.goes_on(), "there may be more");
    dispatch.begin_turn(false);
    assert!(!dispatch.goes_on());
    dispatch.may_start -= 1;
    assert!(dispatch.goes_on(), "a worker was started");
    dispatch.took(skipped(BLOCK), InputState::More);
    assert_eq!(dispatch.ask(), None, "there is enough");
}
