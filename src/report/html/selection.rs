//! What of a large picture a page has room for.

use crate::show::{BalanceChange, BalanceHistory, OperationEnd, Picture};

/// The most operations of which a page has all.
pub(super) const MAX_OPERATIONS: usize = 5_000;

/// Of more operations than that, how many of each kind are kept.
const KEPT: usize = 1_000;

/// The most changes of one account that a page has singly.
const MAX_CHANGES: usize = 4_000;

/// The most stretches of the time axis.
pub(super) const MAX_BINS: usize = 2_000;

/// The operations that a page lists, as places in their order: all of them or, of many, the slowest, and
/// the first that were refused, failed, are in doubt or have no end.
pub(super) fn operations(picture: &Picture) -> Vec<usize> {
    let all = 0..picture.operations.len();
    if all.len() <= MAX_OPERATIONS {
        return all.collect();
    }
    let mut kept = Vec::new();
    for end in OperationEnd::ALL {
        if end != OperationEnd::Completed {
            let of_end = all
                .clone()
                .filter(|place| picture.operations[*place].end == end);
            kept.extend(of_end.take(KEPT));
        }
    }
    let mut slowest: Vec<usize> = all.collect();
    let slowness = |place: &usize| std::cmp::Reverse(picture.operations[*place].elapsed());
    slowest.select_nth_unstable_by_key(KEPT, slowness);
    kept.extend(&slowest[..KEPT]);
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// The changes of an account: all of them or, of many, in each stretch of time the first, the least, the
/// most and the last.
pub(super) fn changes(history: &BalanceHistory, end: u64) -> Vec<BalanceChange> {
    let all = &history.changes;
    if all.len() <= MAX_CHANGES {
        return all.clone();
    }
    let width = end / MAX_BINS as u64 + 1;
    let mut kept = Vec::new();
    for stretch in all.chunk_by(|one, next| one.at / width == next.at / width) {
        let places = 0..stretch.len();
        let least = places.clone().min_by_key(|place| stretch[*place].posted);
        let most = places.max_by_key(|place| stretch[*place].posted);
        let mut places = vec![0, least.unwrap_or(0), most.unwrap_or(0), stretch.len() - 1];
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|place| stretch[place]));
    }
    kept
}
