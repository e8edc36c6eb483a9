//! The leases on the cells of `server-share`.

use std::collections::{HashMap, VecDeque};

use crate::bank::Name;

/// Who may touch which cells alone, and who waits, first come first served.
#[derive(Default)]
pub(super) struct Leases {
    held: HashMap<u64, Vec<Name>>,
    waiting: VecDeque<(u64, Vec<Name>)>,
}

impl Leases {
    pub(super) fn ask(&mut self, number: u64, names: Vec<Name>) {
        self.waiting.push_back((number, names));
    }

    /// The operations that wait.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.waiting.iter().map(|(number, _)| *number)
    }

    pub(super) fn release(&mut self, number: u64) {
        self.held.remove(&number);
        self.waiting.retain(|(waiting, _)| *waiting != number);
    }

    /// Grants every wait whose cells are neither held nor wanted by an earlier one.
    pub(super) fn grant(&mut self) -> Vec<(u64, Vec<Name>)> {
        let mut taken: Vec<Name> = self.held.values().flatten().cloned().collect();
        let (mut granted, mut waiting) = (Vec::new(), VecDeque::new());
        for (number, names) in self.waiting.drain(..) {
            let free = names.iter().all(|name| !taken.contains(name));
            taken.extend(names.iter().cloned());
            if free {
                // An operation may take one lease after another, and holds them all.
                self.held.entry(number).or_default().extend(names.clone());
                granted.push((number, names));
            } else {
                waiting.push_back((number, names));
            }
        }
        self.waiting = waiting;
        granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_on_other_cells_do_not_wait() {
        let mut leases = Leases::default();
        let name = |text| Name::user(text).expect("a name");
        leases.ask(1, vec![name("a"), name("b")]);
        leases.ask(2, vec![name("b"), name("c")]);
        leases.ask(3, vec![name("c"), name("d")]);
        leases.ask(4, vec![name("e")]);
        let granted: Vec<u64> = leases
            .grant()
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        assert_eq!(granted, [1, 4], "3 must not pass 2, which came first");
    }
}
