//! The one queue of all workers, seen from outside.

use std::collections::BTreeSet;

use crate::process::{Process, Program};

fn sockets(process: Process) -> BTreeSet<String> {
    process
        .sockets()
        .into_iter()
        .map(|(_, socket)| socket)
        .collect()
}

#[test]
fn all_workers_send_into_one_queue() {
    let ops = ["--op", "withdraw=1"].repeat(8);
    let program = Program::start(["queue", "--time-scale", "100"].iter().chain(&ops));
    let workers = program.working(8);
    let of_workers: Vec<BTreeSet<String>> = workers.iter().map(|worker| sockets(*worker)).collect();
    let of_parent = sockets(program.process());
    let all: BTreeSet<&String> = of_workers.iter().flatten().collect();
    let shared = |socket: &&&String| of_workers.iter().all(|worker| worker.contains(**socket));
    let with_parent = |socket: &&&String| of_parent.contains(**socket);
    let by_all: Vec<_> = all.iter().filter(shared).collect();
    assert_eq!(
        by_all.len(),
        1,
        "one sending end of the queue for all: {of_workers:?}"
    );
    // Beside it a worker may have been born with the used-up rendezvous of another (ipc-channel
    // accepts them inheritable), but with nothing that the parent still speaks through.
    let by_parent: Vec<_> = all.iter().filter(with_parent).collect();
    assert_eq!(by_parent, by_all, "{of_parent:?} {of_workers:?}");
    for worker in &of_workers {
        assert!(worker.len() >= 2, "replies of its own: {worker:?}");
    }
}
