//! Whose updates of a cell were lost, found as it happens: of each write it is known what it builds on, and
//! it is forgotten once nothing can depend on it any more.

use std::collections::BTreeMap;

/// Those writes of one cell on which later ones may build, by the versions that they made.
pub(super) struct LiveWrites {
    live: BTreeMap<u64, LiveWrite>,
}

struct LiveWrite {
    operation: u64,
    /// The version that its worker had read.
    base: u64,
    /// By how much it is still needed: by each worker that has read it, by each live write that builds on it,
    /// and by the cell itself, if it is the last.
    needed_by: u64,
}

impl Default for LiveWrites {
    /// What the cell begins with is the last that was written.
    fn default() -> Self {
        let beginning = LiveWrite {
            operation: 0,
            base: 0,
            needed_by: 1,
        };
        LiveWrites {
            live: BTreeMap::from([(0, beginning)]),
        }
    }
}

impl LiveWrites {
    /// A worker has read this version and may write what builds on it.
    pub(super) fn read(&mut self, version: u64) {
        if let Some(write) = self.live.get_mut(&version) {
            write.needed_by += 1;
        }
    }

    /// An operation has written the next version, by what its worker had read. Tells the operations whose
    /// updates are lost for good by that.
    pub(super) fn write(&mut self, operation: u64, version: u64, base: u64) -> Vec<u64> {
        self.read(base);
        let write = LiveWrite {
            operation,
            base,
            needed_by: 1,
        };
        self.live.insert(version, write);
        self.forget(version - 1)
    }

    /// A version is needed once less. Tells the operations whose updates are lost for good by that.
    pub(super) fn forget(&mut self, version: u64) -> Vec<u64> {
        let mut lost = Vec::new();
        let mut version = version;
        while let Some(write) = self.live.get_mut(&version) {
            write.needed_by = write.needed_by.saturating_sub(1);
            if write.needed_by > 0 {
                break;
            }
            let (operation, base) = (write.operation, write.base);
            lost.push(operation);
            self.live.remove(&version);
            version = base;
        }
        self.let_go_of_what_stays();
        lost
    }

    /// The first write of several, on which only the next one builds, is in the balance whatever comes.
    fn let_go_of_what_stays(&mut self) {
        while self.live.len() > 1 {
            match self.live.first_entry() {
                Some(first) if first.get().needed_by == 1 => drop(first.remove()),
                _ => return,
            }
        }
    }
}

/// The operations of which an update was lost.
#[derive(Default)]
pub(super) struct LostUpdateSet {
    /// A bit for each operation that was handed out before the last of them.
    words: Vec<u64>,
}

impl LostUpdateSet {
    /// Adds the operation of this number; false if it was there. The number's lower half counts what was handed out,
    /// and its upper half names the worker.
    pub(super) fn insert(&mut self, number: u64) -> bool {
        let handout = number as u32;
        let place = handout as usize / 64;
        if place >= self.words.len() {
            self.words.resize(place + 1, 0);
        }
        let bit = 1 << (handout % 64);
        let is_new = self.words[place] & bit == 0;
        self.words[place] |= bit;
        is_new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::super::{CellReply, Cells, SharedData};
    use super::LostUpdateSet;
    use crate::bank::{Amount, Balance, Cell, Kind, Name, Operation, touched};
    use crate::protocol::{ShareReply, ShareRequest};

    const WORKERS: usize = 4;

    fn operation(choice: usize) -> Operation {
        let kinds = [Kind::Deposit, Kind::Loan, Kind::Transfer, Kind::Deposit];
        let (own, other) = (Name::default(), Name::user("other").expect("a name"));
        let (account, to) = match choice {
            3 => (other, None),
            2 => (own, Some(other)),
            _ => (own, None),
        };
        let amount = Amount::new(1);
        Operation::new(kinds[choice], None, account, to, amount).expect("an operation")
    }

    /// How many operations of the writes do not stand in the chain on which the last one of each cell builds.
    fn lost(written: &BTreeMap<Name, Vec<(u64, u64)>>) -> u64 {
        let mut lost = HashSet::new();
        for writes in written.values() {
            let mut kept = writes.len() as u64;
            let versions = (1..=writes.len() as u64).rev();
            for (version, (operation, base)) in versions.zip(writes.iter().rev()) {
                match version == kept {
                    true => kept = *base,
                    false => drop(lost.insert(*operation)),
                }
            }
        }
        lost.len() as u64
    }

    #[test]
    fn the_memory_for_lost_updates_does_not_depend_on_the_worker() {
        let mut lost = LostUpdateSet::default();
        for handout in 1..=100 {
            let number = u64::from(u32::MAX) << 32 | handout;
            assert!(lost.insert(number));
            assert!(!lost.insert(number));
        }
        assert_eq!(lost.words.len(), 2);
    }

    proptest! {
        /// Workers read and write in any order; each operation whose update is lost on any account counts
        /// once, as it does by the whole history.
        #[test]
        fn an_operation_whose_update_is_lost_counts_once(
            turns in proptest::collection::vec((0..WORKERS, 0..4usize, any::<bool>()), 0..60),
        ) {
            let mut cells = Cells::new(&Name::default(), Balance::new(1_000), Balance::default());
            cells.open(&Name::user("other").expect("a name"), Balance::new(1_000));
            let mut workers: [Option<(u64, Operation, Vec<Cell>)>; WORKERS] = Default::default();
            let mut written: BTreeMap<Name, Vec<(u64, u64)>> = BTreeMap::new();
            for (number, (worker, choice, dies)) in (1..).zip(turns) {
                let Some((number, operation, seen)) = workers[worker].take() else {
                    let operation = operation(choice);
                    let read = ShareRequest::Read(touched(&operation));
                    let CellReply::Shared(ShareReply::Cells(seen)) = cells.ask(number, &operation, &read) else {
                        panic!("cells are read");
                    };
                    workers[worker] = Some((number, operation, seen));
                    continue;
                };
                if dies && choice == 0 {
                    cells.abandon(number);
                    continue;
                }
                let after = Cell::decide(&operation, &seen).expect("room");
                for cell in &after {
                    written.entry(cell.name.clone()).or_default().push((number, cell.version));
                }
                cells.ask(number, &operation, &ShareRequest::Write(after));
            }
            for (number, ..) in workers.into_iter().flatten() {
                cells.abandon(number);
            }
            let standings = cells.standings();
            let counted: u64 = standings.iter().map(|standing| standing.lost_operations).sum();
            prop_assert_eq!(counted, lost(&written));
            let kept = cells.cells.values().map(|shared| shared.writes.live.len());
            prop_assert_eq!(kept.max(), Some(1), "nothing else is kept when no worker is at work");
        }
    }
}
