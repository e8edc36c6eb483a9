//! Which update of a shared cell was lost, and to whom.
//!
//! Every write makes a version. A write that follows from a read of the version just before it builds on
//! it; one that follows from an older read builds on that, and what was written in between is not in the
//! balance any more. So the updates that count are those on which the last write builds, one before the
//! other. An addition in one step builds on whatever stood there.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::picture::{CellAccess, CellStep};

/// Marks the writes of which the updates were lost, and how many each write overwrote.
pub(super) fn mark_lost(accesses: &mut [CellAccess]) {
    let mut histories: HashMap<usize, Vec<usize>> = HashMap::new();
    for (place, access) in accesses.iter().enumerate() {
        histories.entry(access.account).or_default().push(place);
    }
    for places in histories.values() {
        mark_cell(accesses, places);
    }
}

/// One write of a cell, and what it builds on.
#[derive(Clone, Copy)]
struct BuiltOn {
    place: usize,
    base: u64,
}

/// The version that each access read or made. In shared memory a balance has a count of the updates that it
/// includes instead: two writes of one count have read the same, and a count that is read is that of the
/// last write that made it.
fn versions(accesses: &[CellAccess], places: &[usize]) -> Vec<u64> {
    let told = places.iter().map(|place| &accesses[*place]);
    let is_write = |access: &&CellAccess| matches!(access.step, CellStep::Write { .. });
    let mut made = HashSet::new();
    let mut writes = told.clone().filter(is_write);
    if writes.all(|access| made.insert(access.version)) {
        return told.map(|access| access.version).collect();
    }
    let (mut number, mut latest) = (0, HashMap::new());
    told.map(|access| {
        if is_write(&access) {
            number += 1;
            latest.insert(access.version, number);
        }
        latest.get(&access.version).copied().unwrap_or(0)
    })
    .collect()
}

fn mark_cell(accesses: &mut [CellAccess], places: &[usize]) {
    let mut seen: HashMap<usize, u64> = HashMap::new();
    let mut writes: BTreeMap<u64, BuiltOn> = BTreeMap::new();
    for (&place, version) in places.iter().zip(versions(accesses, places)) {
        let access = &accesses[place];
        match access.step {
            CellStep::Read | CellStep::Conflict => drop(seen.insert(access.operation, version)),
            CellStep::Write { .. } if version > 0 => {
                let read = seen.get(&access.operation).filter(|_| !access.is_addition);
                let base = read.copied().unwrap_or(version - 1);
                writes.insert(version, BuiltOn { place, base });
            }
            CellStep::Write { .. } => {}
        }
    }
    let mut counts = HashSet::new();
    let mut version = writes.keys().next_back().copied().unwrap_or(0);
    while let Some(write) = writes.get(&version) {
        counts.insert(version);
        if write.base >= version {
            break;
        }
        version = write.base;
    }
    // The first later write that builds on something older overwrote it.
    let first_over = |lost: u64| {
        let mut later = writes.range(lost..).skip(1).map(|(_, write)| write);
        let over = later.find(|write| write.base < lost);
        over.map(|write| accesses[write.place].operation)
    };
    let mark = |(version, write): (&u64, &BuiltOn)| {
        let is_lost = !counts.contains(version);
        let lost_to = is_lost.then(|| first_over(*version)).flatten();
        let overwrote = (version - 1).saturating_sub(write.base);
        (write.place, CellStep::Write { overwrote, lost_to })
    };
    let marked: Vec<(usize, CellStep)> = writes.iter().map(mark).collect();
    for (place, step) in marked {
        accesses[place].step = step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as `r`, `c`, `w` or `a`, the operation's number and the version.
    fn check(steps: &[(char, usize, u64)], expected: &[(usize, usize)]) {
        let access = |&(step, operation, version): &(char, usize, u64)| CellAccess {
            at: 0,
            operation,
            account: 0,
            step: match step {
                'r' => CellStep::Read,
                'c' => CellStep::Conflict,
                _ => CellStep::Write {
                    overwrote: 0,
                    lost_to: None,
                },
            },
            balance: 0,
            is_addition: step == 'a',
            version,
        };
        let mut accesses: Vec<CellAccess> = steps.iter().map(access).collect();
        mark_lost(&mut accesses);
        let lost: Vec<(usize, usize)> = accesses
            .iter()
            .filter_map(|access| match access.step {
                CellStep::Write { lost_to, .. } => Some((access.operation, lost_to?)),
                _ => None,
            })
            .collect();
        assert_eq!(lost, expected, "{steps:?}");
    }

    #[test]
    fn what_the_last_write_does_not_build_on_is_lost() {
        check(&[('r', 1, 0), ('w', 1, 1), ('r', 2, 1), ('w', 2, 2)], &[]);
        // Counts of updates: two that read the same make the same.
        check(
            &[('r', 1, 0), ('r', 2, 0), ('w', 1, 1), ('w', 2, 1)],
            &[(1, 2)],
        );
        check(
            &[
                ('r', 3, 0),
                ('r', 1, 0),
                ('w', 1, 1),
                ('r', 2, 1),
                ('w', 2, 2),
                ('w', 3, 1),
                ('r', 4, 1),
                ('w', 4, 2),
            ],
            &[(1, 3), (2, 3)],
        );
        check(
            &[('r', 1, 0), ('r', 2, 0), ('w', 1, 1), ('w', 2, 2)],
            &[(1, 2)],
        );
        check(
            &[
                ('r', 1, 0),
                ('r', 2, 0),
                ('r', 3, 0),
                ('w', 1, 1),
                ('w', 2, 2),
                ('w', 3, 3),
            ],
            &[(1, 2), (2, 3)],
        );
        // 2 builds on 1, and both are lost to 3.
        check(
            &[
                ('r', 3, 0),
                ('r', 1, 0),
                ('w', 1, 1),
                ('r', 2, 1),
                ('w', 2, 2),
                ('w', 3, 3),
            ],
            &[(1, 3), (2, 3)],
        );
        check(&[('r', 1, 0), ('r', 2, 0), ('a', 1, 1), ('a', 2, 2)], &[]);
        check(&[('r', 1, 0), ('a', 2, 1), ('w', 1, 1)], &[(2, 1)]);
        check(
            &[
                ('r', 1, 0),
                ('r', 2, 0),
                ('w', 1, 1),
                ('c', 2, 1),
                ('w', 2, 2),
            ],
            &[],
        );
    }
}
