//! Spans that follow each other.

/// Keeps spans of one depth from overlapping, and within the span that they lie in.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanRow {
    free: u64,
    end: u64,
}

impl SpanRow {
    /// A row within a span.
    pub(super) fn within((from, until): (u64, u64)) -> Self {
        SpanRow {
            free: from,
            end: until.max(from + 1),
        }
    }

    /// The part of a span that is free, at least a nanosecond; `None` where the row is full.
    pub(super) fn take(&mut self, (from, until): (u64, u64)) -> Option<(u64, u64)> {
        let from = from.max(self.free);
        let until = until.max(from + 1).min(self.end);
        if from >= until {
            return None;
        }
        self.free = until;
        Some((from, until))
    }
}

/// What is left of a span beside others, which are in their order and do not overlap.
pub(super) fn beside(span: (u64, u64), others: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let (mut from, until) = span;
    let mut left = Vec::new();
    for &(taken, free) in others {
        if taken > from {
            left.push((from, taken.min(until)));
        }
        from = from.max(free);
    }
    left.push((from, until));
    left.retain(|(from, until)| from < until);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_a_row_do_not_overlap() {
        let mut row = SpanRow::within((10, 50));
        assert_eq!(row.take((5, 20)), Some((10, 20)));
        assert_eq!(row.take((15, 30)), Some((20, 30)));
        assert_eq!(row.take((25, 25)), Some((30, 31)));
        assert_eq!(row.take((40, 90)), Some((40, 50)));
        assert_eq!(row.take((60, 90)), None);
    }

    #[test]
    fn what_is_beside_others() {
        assert_eq!(beside((0, 10), &[(2, 4), (6, 20)]), [(0, 2), (4, 6)]);
        assert_eq!(beside((0, 10), &[]), [(0, 10)]);
        assert_eq!(beside((3, 10), &[(0, 4), (12, 14)]), [(4, 10)]);
        assert_eq!(beside((0, 10), &[(0, 10)]), []);
    }
}
