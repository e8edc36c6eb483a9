//! Numbers that a seed repeats.

/// A sequence of numbers that a seed repeats (splitmix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below a limit, each as likely.
    pub fn below(&mut self, limit: u64) -> u64 {
        // The last, incomplete stretch of the range would favour the small ones.
        let complete = u64::MAX - u64::MAX % limit;
        loop {
            let number = self.number();
            if number < complete {
                return number % limit;
            }
        }
    }

    /// A sequence of its own for what these bytes name.
    pub fn of(seed: u64, name: &[u8]) -> Self {
        let mut rng = Rng(seed);
        for byte in name {
            rng.0 = rng.number() ^ u64::from(*byte);
        }
        rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_alike() {
        let mut rng = Rng::new(7);
        let mut counts = [0; 6];
        for _ in 0..60_000 {
            counts[rng.below(6) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)));
    }

    #[test]
    fn what_has_another_name_has_another_sequence() {
        let first = |name: &[u8]| Rng::of(7, name).number();
        assert_eq!(first(b"a:1"), first(b"a:1"));
        assert_ne!(first(b"a:1"), first(b"a:2"));
    }
}
