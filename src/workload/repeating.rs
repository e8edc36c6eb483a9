//! Operations that come again and again, for some time.

use std::time::{Duration, Instant};

use super::{Item, Next};
use crate::bank::Operation;

#[derive(Debug)]
pub(super) struct Repeating {
    operations: Vec<Operation>,
    /// Which of them is next.
    place: usize,
    lasting: Duration,
    began: Option<Instant>,
    /// How many are there at once, and how many of them are left.
    at_once: usize,
    left: usize,
}

impl Repeating {
    pub(super) fn new(operations: Vec<Operation>, lasting: Duration, at_once: usize) -> Self {
        Repeating {
            operations,
            place: 0,
            lasting,
            began: None,
            at_once,
            left: at_once,
        }
    }

    /// The next one, until the time is over and all of them came equally often.
    pub(super) fn next(&mut self) -> Next {
        if self.left == 0 {
            self.left = self.at_once;
            return Next::NotYet;
        }
        let is_over = || {
            self.began
                .is_some_and(|began| began.elapsed() >= self.lasting)
        };
        let Some(operation) = self
            .operations
            .get(self.place)
            .filter(|_| self.place > 0 || !is_over())
        else {
            return Next::End;
        };
        self.began.get_or_insert_with(Instant::now);
        self.place = (self.place + 1) % self.operations.len();
        self.left -= 1;
        // It stands on no line.
        Next::Item(Item::Operation {
            line: None,
            operation: operation.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, Name};

    #[test]
    fn as_many_are_taken_at_once_as_are_told() {
        let one = |kind| {
            let main = Name::user("main").unwrap();
            Operation::new(kind, None, main, None, Amount::new(1)).unwrap()
        };
        let both = vec![one(Kind::Deposit), one(Kind::Withdraw)];
        let mut repeating = Repeating::new(both.clone(), Duration::from_secs(3_600), 3);
        let mut taken = Vec::new();
        for at_once in [3, 3] {
            for _ in 0..at_once {
                match repeating.next() {
                    Next::Item(Item::Operation { operation, .. }) => taken.push(operation),
                    other => panic!("{other:?}"),
                }
            }
            assert!(matches!(repeating.next(), Next::NotYet));
        }
        assert_eq!(taken, [both.clone(), both.clone(), both].concat());
        // When the time is over the last of them still come.
        repeating.lasting = Duration::ZERO;
        assert!(matches!(repeating.next(), Next::End));
    }
}
