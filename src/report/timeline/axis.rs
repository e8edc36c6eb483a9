//! Moments as columns.

/// A time axis of some columns.
pub(super) struct Axis {
    columns: usize,
    end: u64,
}

impl Axis {
    pub(super) fn new(columns: usize, end: u64) -> Self {
        Axis {
            columns: columns.max(2),
            end: end.max(1),
        }
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The last moment that is drawn.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Where a moment is drawn.
    pub(super) fn column(&self, at: u64) -> usize {
        let last = self.columns as u128 - 1;
        let column = u128::from(at) * last / u128::from(self.end);
        usize::try_from(column.min(last)).unwrap_or(0)
    }

    /// The last moment that is drawn in a column.
    pub(super) fn last_moment(&self, column: usize) -> u64 {
        let last = self.columns as u128 - 1;
        let after = (column as u128 + 1) * u128::from(self.end);
        u64::try_from(after.div_ceil(last).saturating_sub(1)).unwrap_or(u64::MAX)
    }

    /// A line of labels, each beginning where its moment is.
    pub(super) fn labels(&self) -> String {
        let mut line = String::new();
        let step = self.step();
        let mut at = 0;
        while at <= self.end {
            let label = match at {
                0 => "0".to_string(),
                _ => label(at, step),
            };
            let column = self.column(at);
            let fits = column + label.len() <= self.columns;
            if fits && (line.is_empty() || column > line.len()) {
                line.extend(std::iter::repeat_n(' ', column - line.len()));
                line.push_str(&label);
            }
            at += step;
        }
        line
    }

    /// A round length of time that leaves room for labels.
    fn step(&self) -> u64 {
        const ROOM: u64 = 10;
        let least = self.end * ROOM / self.columns as u64;
        let mut power = 1;
        loop {
            for digit in [1, 2, 5] {
                if power * digit >= least.max(1) {
                    return power * digit;
                }
            }
            power *= 10;
        }
    }
}

/// A moment that is a multiple of a round step, with no more digits than it needs.
fn label(at: u64, step: u64) -> String {
    let (unit, name) = match at {
        0..1_000 => (1, "us"),
        1_000..1_000_000 => (1_000, "ms"),
        _ => (1_000_000, "s"),
    };
    let (whole, rest) = (at / unit, at % unit);
    if rest == 0 && step.is_multiple_of(unit) {
        return format!("{whole} {name}");
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    match fraction.trim_end_matches('0') {
        "" => format!("{whole} {name}"),
        fraction => format!("{whole}.{fraction} {name}"),
    }
}
