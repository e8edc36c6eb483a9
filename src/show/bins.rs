//! Many operations as few numbers.

use super::picture::{OperationEnd, Picture};
use crate::bank::Kind;

/// What happened within one stretch of the time axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// How many operations ended, in the order of [`OperationEnd::ALL`].
    pub ended: [u64; 5],
    /// The most operations that were under way at one moment of it.
    pub under_way: u64,
}

/// The time axis in stretches of one length.
#[derive(Clone, Debug)]
pub struct Binned {
    /// How long each is, in microseconds; at least 1.
    pub width: u64,
    /// The stretches.
    pub bins: Vec<Bin>,
}

impl Binned {
    /// The operations of a picture in at most so many stretches.
    pub fn of(picture: &Picture, most: usize) -> Self {
        let most = most.max(1) as u64;
        let width = (picture.end / most + 1).max(1);
        let count = usize::try_from(picture.end / width + 1).unwrap_or(1);
        let mut bins = vec![Bin::default(); count];
        let place =
            |at: u64| usize::try_from(at / width).map_or(count - 1, |bin| bin.min(count - 1));
        for operation in &picture.operations {
            bins[place(operation.ended)].ended[operation.end as usize] += 1;
        }
        let mut turns = begins_and_ends(picture).into_iter().peekable();
        let mut under_way = 0_u64;
        for (number, bin) in bins.iter_mut().enumerate() {
            bin.under_way = under_way;
            while let Some((_, turn)) = turns.next_if(|(at, _)| place(*at) == number) {
                under_way = match turn {
                    BeginOrEnd::Begins => under_way + 1,
                    BeginOrEnd::Ends | BeginOrEnd::EndsAtOnce => under_way.saturating_sub(1),
                };
                bin.under_way = bin.under_way.max(under_way);
            }
        }
        Binned { width, bins }
    }
}

/// What an operation does at a moment. Of one moment, the ends come before the begins: a worker begins with
/// its next operation just when it has ended one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum BeginOrEnd {
    Ends,
    Begins,
    /// It ends in the moment in which it began.
    EndsAtOnce,
}

/// The begins and ends of all operations, in their order.
fn begins_and_ends(picture: &Picture) -> Vec<(u64, BeginOrEnd)> {
    let mut turns = Vec::with_capacity(picture.operations.len() * 2);
    for operation in &picture.operations {
        let end = match operation.begun < operation.ended {
            true => BeginOrEnd::Ends,
            false => BeginOrEnd::EndsAtOnce,
        };
        turns.push((operation.begun, BeginOrEnd::Begins));
        turns.push((operation.ended.max(operation.begun), end));
    }
    turns.sort_unstable();
    turns
}

/// How long operations of one kind took.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// Their kind.
    pub kind: Kind,
    /// How long each took, the shortest first.
    pub sorted: Vec<u64>,
}

impl Latencies {
    /// Of every kind that a picture has: the operations that ended and were done just then.
    pub fn of(picture: &Picture) -> Vec<Latencies> {
        let of_kind = |kind: Kind| {
            let operations = picture.operations.iter();
            let mut sorted: Vec<u64> = operations
                .filter(|operation| operation.kind == kind && !operation.duplicate)
                .filter(|operation| operation.end != OperationEnd::Unfinished)
                .map(|operation| operation.elapsed())
                .collect();
            sorted.sort_unstable();
            Latencies { kind, sorted }
        };
        let all = Kind::EVERY.into_iter().map(of_kind);
        all.filter(|latencies| !latencies.sorted.is_empty())
            .collect()
    }
}

/// The value that so many thousandths of the sorted values do not exceed.
pub fn percentile(sorted: &[u64], thousandths: u64) -> u64 {
    let count = sorted.len() as u64;
    let rank = (count * thousandths).div_ceil(1_000).clamp(1, count.max(1));
    let place = usize::try_from(rank - 1).unwrap_or(0);
    sorted.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::samples::{LESSON, many, picture};

    #[test]
    fn as_many_are_under_way_as_are_at_one_moment() {
        let most = |picture: &Picture, bins: usize| {
            let binned = Binned::of(picture, bins).bins;
            binned.iter().map(|bin| bin.under_way).max()
        };
        for bins in [1, 3, 40, 1_000] {
            // One worker does one after the other, however wide the stretches are.
            assert_eq!(most(&many(100), bins), Some(1), "{bins}");
            assert_eq!(most(&picture(&[LESSON]), bins), Some(5), "{bins}");
        }
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let sorted: Vec<u64> = (1..=200).collect();
        for (thousandths, expected) in [(0, 1), (500, 100), (990, 198), (999, 200), (1_000, 200)] {
            assert_eq!(percentile(&sorted, thousandths), expected);
        }
        assert_eq!(percentile(&[], 500), 0);
    }
}
