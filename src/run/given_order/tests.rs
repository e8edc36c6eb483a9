//! Turns that are taken, those that wait, and accesses to memory that a worker reaches itself.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::bank::LockWait;
use crate::protocol::WorkerRequest;

/// Holds these turns back, and keeps those that were taken.
struct Allows {
    held_back: Vec<usize>,
    taken: Rc<RefCell<Vec<TurnTaken>>>,
}

impl TurnWatch for Allows {
    fn may_take(&mut self, turn: usize) -> Result<bool, String> {
        Ok(!self.held_back.contains(&turn))
    }

    fn taken(&mut self, turn: TurnTaken) {
        self.taken.borrow_mut().push(turn);
    }
}

fn order(turns: &[(u32, TurnRequest)], held_back: &[usize]) -> GivenOrder {
    watched(turns, held_back).0
}

/// The same, and the turns that were taken.
fn watched(
    turns: &[(u32, TurnRequest)],
    held_back: &[usize],
) -> (GivenOrder, Rc<RefCell<Vec<TurnTaken>>>) {
    let turn = |(operation, request): &(u32, TurnRequest)| RequestTurn {
        operation: *operation,
        request: *request,
    };
    let taken = Rc::default();
    let watch = Box::new(Allows {
        held_back: held_back.to_vec(),
        taken: Rc::clone(&taken),
    });
    let order = GivenOrder::new(turns.iter().map(turn).collect(), watch);
    (order, taken)
}

fn pending(asked: &[(u32, ShareRequest)]) -> VecDeque<Pending> {
    let one = |(operation, ask): &(u32, ShareRequest)| Pending {
        worker: *operation,
        request: WorkerRequest {
            number: u64::from(*operation) << 32 | u64::from(*operation),
            ask: Ask::Share(ask.clone()),
        },
    };
    asked.iter().map(one).collect()
}

const READ: ShareRequest = ShareRequest::Read(Vec::new());
const WRITE: ShareRequest = ShareRequest::Write(Vec::new());

#[test]
fn a_request_waits_for_its_turn() {
    use TurnRequest::{Read, Write};
    let mut order = order(&[(2, Read), (1, Read), (1, Write), (2, Write)], &[2]);
    assert_eq!(order.choose(&pending(&[(1, READ)])), Ok(None));
    let awaited = "in turn 1 of 4 operation 2 must ask to `read`";
    assert_eq!(order.awaited().as_deref(), Some(awaited));
    assert_eq!(order.choose(&pending(&[(1, READ), (2, READ)])), Ok(Some(1)));
    assert_eq!(order.choose(&pending(&[(1, READ)])), Ok(Some(0)));
    assert_eq!(order.choose(&pending(&[(2, WRITE)])), Ok(None));
    // It is held back by the watch, and no process is waited for.
    let held_back = pending(&[(2, WRITE), (1, WRITE)]);
    assert_eq!(
        (order.choose(&held_back), order.awaited()),
        (Ok(None), None)
    );
}

#[test]
fn what_the_order_has_no_turn_for_ends_it() {
    use TurnRequest::{Read, Write};
    let mut order = order(&[(1, Write), (2, Read)], &[]);
    let other = "in turn 1 of 2 operation 1 must ask to `write`, and it asks to `read`";
    let chosen = order.choose(&pending(&[(2, READ), (1, READ)]));
    assert_eq!(chosen, Err(other.to_string()));
    assert_eq!(order.choose(&pending(&[(1, WRITE)])), Ok(Some(0)));
    assert_eq!(order.choose(&pending(&[(2, READ)])), Ok(Some(0)));
    assert_eq!(order.choose(&VecDeque::new()), Ok(None));
    let more = "all turns were taken, and operation 2 asks to `write`";
    let chosen = order.choose(&pending(&[(2, WRITE)]));
    assert_eq!(chosen, Err(more.to_string()));
}

fn number(operation: u32) -> u64 {
    u64::from(operation) << 32 | u64::from(operation)
}

fn turn_reply(operation: u32) -> Outgoing {
    Outgoing::Reply(number(operation), ReplyBody::Shared(ShareReply::Turn))
}

#[test]
fn each_turn_that_was_answered_is_told_with_its_answer() {
    use TurnRequest::{Acquire, Read};
    let (mut order, taken) = watched(&[(1, Read), (2, Acquire)], &[]);
    let lock = ShareRequest::Lock(Vec::new());
    assert_eq!(order.choose(&pending(&[(1, READ)])), Ok(Some(0)));
    assert_eq!(order.choose(&pending(&[(2, lock.clone())])), Ok(Some(0)));
    order.answered(22, &Outgoing::Waits(number(2)));
    order.answered(11, &turn_reply(1));
    // The second gets its lock from another, in no turn of its own.
    order.answered(22, &turn_reply(2));
    let told = |turn, pid, asked, answer| TurnTaken {
        turn,
        pid,
        asked: Ask::Share(asked),
        answer,
        saw: None,
    };
    let all = [
        told(1, 22, lock, None),
        told(0, 11, READ, Some(ReplyBody::Shared(ShareReply::Turn))),
    ];
    assert_eq!(*taken.borrow(), all);
}

#[test]
fn an_access_to_memory_has_been_taken_when_its_worker_asks_for_more() {
    use SharePoint::{HalfWritten, Read, Write};
    let access = |operation, point| (operation, TurnRequest::Access(point));
    let turns = [access(1, Read), access(1, Write), access(2, Read)];
    let (mut order, taken) = watched(&turns, &[]);
    let mut asks = |operation, ask| order.choose(&pending(&[(operation, ask)]));
    assert_eq!(asks(1, ShareRequest::Turn(Read)), Ok(Some(0)));
    order.answered(11, &turn_reply(1));
    let back = "operation 1 must come back from turn 1";
    assert_eq!(order.awaited().as_deref(), Some(back));
    let mut asks = |operation, ask| order.choose(&pending(&[(operation, ask)]));
    assert_eq!(asks(2, ShareRequest::Turn(Read)), Ok(None), "not yet");
    assert_eq!(asks(1, ShareRequest::Saw([5, 6])), Ok(Some(0)));
    assert!(taken.borrow().is_empty(), "it may see more");
    assert_eq!(asks(1, ShareRequest::Turn(Write)), Ok(Some(0)));
    let point = |point| Ask::Share(ShareRequest::Turn(point));
    let first = TurnTaken {
        turn: 0,
        pid: 11,
        asked: point(Read),
        answer: Some(ReplyBody::Shared(ShareReply::Turn)),
        saw: Some([5, 6]),
    };
    assert_eq!(*taken.borrow(), std::slice::from_ref(&first));

    assert_eq!(asks(1, ShareRequest::Turn(HalfWritten)), Ok(Some(0)));
    let wait = LockWait {
        account: None,
        holder: None,
        in_vain: None,
    };
    let waits = ShareRequest::Waits { wait, since_us: 1 };
    assert_eq!(asks(2, waits.clone()), Ok(Some(0)), "another one waits");
    assert_eq!(taken.borrow().len(), 1);
    // Where it waits for a lock, the turn goes to others.
    assert_eq!(asks(1, waits), Ok(Some(0)));
    let second = TurnTaken {
        turn: 1,
        pid: 0,
        asked: point(Write),
        answer: None,
        saw: None,
    };
    assert_eq!(*taken.borrow(), [first, second]);
    assert_eq!(asks(2, ShareRequest::Turn(Read)), Ok(Some(0)));
}
