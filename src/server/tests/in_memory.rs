//! What is decided at once: by the bank, or by the workers on data that they share.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::protocol::ShareReply;
use crate::store::{CellReply, SharedData};

/// Shared data that notes what it is told.
#[derive(Default)]
struct NotedData {
    told: Rc<RefCell<Vec<String>>>,
}

impl SharedData for NotedData {
    fn ask(&mut self, _: u64, _: &Operation, _: &ShareRequest) -> CellReply {
        CellReply::Shared(ShareReply::Claimed)
    }

    fn abandon(&mut self, _: u64) -> Abandoned {
        Abandoned::NotDone
    }

    fn overdraft_of(&self, _: &Name) -> Option<Balance> {
        Some(Balance::new(5))
    }

    fn standings(&self) -> Vec<Standing> {
        let names = ["b", "@world", "a"];
        let memory = Memory::new(&Name::default(), Balance::new(1), Balance::default());
        let of = memory.standings().remove(0);
        let standing = |name: &str| Standing {
            name: Name::other_side(name).expect("a name"),
            ..of.clone()
        };
        names.into_iter().map(standing).collect()
    }

    fn waiting(&self) -> Vec<u64> {
        vec![3]
    }

    fn make_room_for(&mut self, operation: &Operation) {
        let told = format!("room for {}", operation.account);
        self.told.borrow_mut().push(told);
    }

    fn worker_gone(&mut self, worker: u32, ended_well: bool) {
        let told = format!("{worker} is gone: {ended_well}");
        self.told.borrow_mut().push(told);
    }
}

#[test]
fn shared_data_is_told_of_operations_and_workers() {
    let told = Rc::default();
    let mut store = RunStore::shared(NotedData {
        told: Rc::clone(&told),
    });
    store.make_room_for([withdrawal()].iter());
    store.worker_gone(4, true);
    store.worker_gone(5, false);
    let all = ["room for main", "4 is gone: true", "5 is gone: false"];
    assert_eq!(*told.borrow(), all);
    assert_eq!(store.overdraft_of(&Name::default()), Some(Balance::new(5)));
    let extended = store.extend_lease_waits();
    assert!(matches!(
        extended[..],
        [Outgoing::Reply(3, ReplyBody::Shared(ShareReply::Waiting))]
    ));
    store.close(Vec::new);
    let names = store.standings().into_iter();
    let names: Vec<String> = names.map(|one| one.name.to_string()).collect();
    assert_eq!(names, ["@world", "a", "b"], "the bank's own first");
}

#[test]
fn what_is_decided_in_memory_is_settled_when_it_is_collected() {
    let overdraft = Balance::new(7);
    let memory = Memory::new(&Name::default(), Balance::new(100_000), overdraft);
    let mut store = RunStore::bank(memory);
    assert_eq!(store.overdraft_of(&Name::default()), Some(overdraft));
    let incoming = |number| Incoming {
        caller: caller(number),
        request: RunRequest::Bank(execute()),
        abandoned: false,
    };
    store.submit(vec![incoming(1), incoming(2)]);
    assert_eq!(store.settled(), 0);
    assert_eq!(posted(&store.collect()), [1, 2]);
    assert_eq!(store.settled(), 2);
}
