//! Many operations as few numbers.

use super::picture::{OperationEnd, Picture};
use crate::bank::Kind;

/// What happened within one stretch of the time axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bin {
    /// How many operations ended, in the order of [`OperationEnd::ALL`].
    pub ended: [u64; 5],
    /// The most operations that were under way at a time, as they are known at the bin's begin and by what
    /// began in it.
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
        let (mut begun, mut done) = (vec![0u64; count], vec![0u64; count]);
        for operation in &picture.operations {
            let end = operation.end as usize;
            bins[place(operation.ended)].ended[end] += 1;
            begun[place(operation.begun)] += 1;
            done[place(operation.ended)] += 1;
        }
        let mut under_way = 0;
        for (bin, (begun, done)) in bins.iter_mut().zip(begun.into_iter().zip(done)) {
            bin.under_way = under_way + begun;
            under_way = bin.under_way - done;
        }
        Binned { width, bins }
    }
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

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let sorted: Vec<u64> = (1..=200).collect();
        for (thousandths, expected) in [(0, 1), (500, 100), (990, 198), (999, 200), (1_000, 200)] {
            assert_eq!(percentile(&sorted, thousandths), expected);
        }
        assert_eq!(percentile(&[], 500), 0);
    }
}
