//! The ways to share a balance, as steps: what an operation does to what is shared, one access after
//! another.
//!
//! The workers of `server-share` take these steps by messages, those of `shared-memory` and the threads of
//! `sync` take them on a word in memory, and `explore` takes them in every order. Atomic additions, of
//! `sync` and of `shared-memory`, are not among them: one instruction is their whole step. Other operations
//! can come between two steps of one operation; each step is atomic.

mod method;

use serde::{Deserialize, Serialize};

pub use method::{SharingChoice, SharingMethod, Transport};

/// How operations keep out of each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Not at all: read, write.
    Unguarded,
    /// A write that succeeds only over what was read, else it decides again on what stands there.
    CompareAndSet,
    /// One lock over everything that the operation touches, from before its read until after its write.
    Lock,
    /// A lock for each of the two accounts, taken one after the other.
    LockPerAccount,
    /// One owner decides; the operation is one message.
    Owner,
    /// One owner decides; the money is set aside before the work and moved after it.
    OwnerWithWork,
}

impl Sharing {
    /// How many locks an operation takes, one after the other.
    pub fn locks(self) -> usize {
        match self {
            Sharing::Lock => 1,
            Sharing::LockPerAccount => 2,
            _ => 0,
        }
    }

    /// The most steps that an operation takes if no compare-and-set fails.
    pub fn most_steps(self) -> usize {
        match self {
            Sharing::Owner => 1,
            _ => 2 + 2 * self.locks(),
        }
    }
}

/// What the owner is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The whole operation.
    Whole,
    /// To set the money aside.
    Begin,
    /// To move what was set aside.
    Post,
}

/// One access to what is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    /// Take the lock of this number, counted from 0; only while it is free.
    Acquire(usize),
    /// Read, and decide on what was read.
    Read,
    /// Write what was decided, whatever stands there now.
    Write,
    /// Write what was decided if nothing was written since the read.
    CompareAndSet,
    /// Give the lock of this number back.
    Release(usize),
    /// Ask the owner.
    Ask(Part),
}

/// What became of a compare-and-set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared<D> {
    /// It was written.
    Set,
    /// Something else was written since the read; what is decided on that, if the bank accepts.
    Changed(Option<D>),
}

/// What operations share, as one of them reaches it.
pub trait SharedMemory {
    /// What one operation has decided to write, and what it needs to know of its read for that.
    type Draft;
    /// Why a step cannot be taken.
    type Error;

    /// Takes the lock of this number.
    fn acquire(&mut self, lock: usize) -> Result<(), Self::Error>;
    /// Reads, and decides by the bank's rules; `None` if the bank refuses.
    fn read(&mut self) -> Result<Option<Self::Draft>, Self::Error>;
    /// Writes what was decided.
    fn write(&mut self, draft: &Self::Draft) -> Result<(), Self::Error>;
    /// Writes what was decided if nothing was written since the read.
    fn compare_and_set(
        &mut self,
        draft: &Self::Draft,
    ) -> Result<Compared<Self::Draft>, Self::Error>;
    /// Gives the lock of this number back.
    fn release(&mut self, lock: usize) -> Result<(), Self::Error>;
    /// Asks the owner; whether it accepts.
    fn ask(&mut self, part: Part) -> Result<bool, Self::Error>;
}

/// How far one operation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Position<D> {
    Acquire(u8),
    Read,
    Write(D),
    Release { held: u8, accepted: bool },
    Ask(Part),
    Ended { accepted: bool },
}

/// The steps of one operation that moves money. A view is a read and nothing more, whatever the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steps<D> {
    place: Position<D>,
}

impl<D> Steps<D> {
    /// An operation before its first step.
    pub fn new(sharing: Sharing) -> Self {
        let place = match sharing {
            Sharing::Unguarded | Sharing::CompareAndSet => Position::Read,
            Sharing::Lock | Sharing::LockPerAccount => Position::Acquire(0),
            Sharing::Owner => Position::Ask(Part::Whole),
            Sharing::OwnerWithWork => Position::Ask(Part::Begin),
        };
        Steps { place }
    }

    /// The step that comes next; none when the operation has ended.
    pub fn next(&self, sharing: Sharing) -> Option<NextStep> {
        Some(match &self.place {
            Position::Acquire(held) => NextStep::Acquire(usize::from(*held)),
            Position::Read => NextStep::Read,
            Position::Write(_) if sharing == Sharing::CompareAndSet => NextStep::CompareAndSet,
            Position::Write(_) => NextStep::Write,
            Position::Release { held, .. } => NextStep::Release(usize::from(*held) - 1),
            Position::Ask(part) => NextStep::Ask(*part),
            Position::Ended { .. } => return None,
        })
    }

    /// What it has decided to write and has not written.
    pub fn draft_mut(&mut self) -> Option<&mut D> {
        match &mut self.place {
            Position::Write(draft) => Some(draft),
            _ => None,
        }
    }

    /// Whether the bank accepted it, when it has ended.
    pub fn accepted(&self) -> Option<bool> {
        match self.place {
            Position::Ended { accepted } => Some(accepted),
            _ => None,
        }
    }

    /// Takes the next step. After an error it stands where it stood.
    pub fn step<M>(&mut self, sharing: Sharing, memory: &mut M) -> Result<(), M::Error>
    where
        M: SharedMemory<Draft = D> + ?Sized,
    {
        let locks = sharing.locks();
        let decided = |draft: Option<D>| match draft {
            Some(draft) => Position::Write(draft),
            None => ending(locks, false),
        };
        self.place = match &self.place {
            Position::Acquire(held) => {
                let next = held + 1;
                memory.acquire(usize::from(*held))?;
                match usize::from(next) < locks {
                    true => Position::Acquire(next),
                    false => Position::Read,
                }
            }
            Position::Read => decided(memory.read()?),
            Position::Write(draft) if sharing == Sharing::CompareAndSet => {
                match memory.compare_and_set(draft)? {
                    Compared::Set => ending(locks, true),
                    Compared::Changed(draft) => decided(draft),
                }
            }
            Position::Write(draft) => {
                memory.write(draft)?;
                ending(locks, true)
            }
            Position::Release { held, accepted } => {
                let (left, accepted) = (usize::from(*held) - 1, *accepted);
                memory.release(left)?;
                ending(left, accepted)
            }
            Position::Ask(part) => match (part, memory.ask(*part)?) {
                (Part::Begin, true) => Position::Ask(Part::Post),
                (_, accepted) => Position::Ended { accepted },
            },
            Position::Ended { accepted } => Position::Ended {
                accepted: *accepted,
            },
        };
        Ok(())
    }
}

/// What follows the last access to the data with this many locks still held.
fn ending<D>(locks: usize, accepted: bool) -> Position<D> {
    match u8::try_from(locks) {
        Ok(held @ 1..) => Position::Release { held, accepted },
        _ => Position::Ended { accepted },
    }
}

/// Takes all the steps of one operation, one after another; whether the bank accepted it.
#[inline]
pub fn run<M: SharedMemory>(sharing: Sharing, memory: &mut M) -> Result<bool, M::Error> {
    let mut steps = Steps::new(sharing);
    loop {
        if let Some(accepted) = steps.accepted() {
            return Ok(accepted);
        }
        steps.step(sharing, memory)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// Notes each access; the sum may fall to 0, and another writes before the first compare-and-set.
    struct Notes {
        sum: i64,
        delta: i64,
        intruder: i64,
        notes: Vec<String>,
    }

    impl Notes {
        fn decide(&mut self, what: &str) -> Option<(i64, i64)> {
            self.notes.push(format!("{what} {}", self.sum));
            let after = self.sum + self.delta;
            (after >= 0).then_some((self.sum, after))
        }
    }

    impl SharedMemory for Notes {
        type Draft = (i64, i64);
        type Error = Infallible;

        fn acquire(&mut self, lock: usize) -> Result<(), Infallible> {
            self.notes.push(format!("acquire {lock}"));
            Ok(())
        }

        fn read(&mut self) -> Result<Option<Self::Draft>, Infallible> {
            Ok(self.decide("read"))
        }

        fn write(&mut self, (_, after): &Self::Draft) -> Result<(), Infallible> {
            self.sum = *after;
            self.notes.push(format!("write {after}"));
            Ok(())
        }

        fn compare_and_set(
            &mut self,
            draft: &Self::Draft,
        ) -> Result<Compared<Self::Draft>, Infallible> {
            self.sum += std::mem::take(&mut self.intruder);
            if self.sum != draft.0 {
                return Ok(Compared::Changed(self.decide("changed")));
            }
            self.write(draft).map(|()| Compared::Set)
        }

        fn release(&mut self, lock: usize) -> Result<(), Infallible> {
            self.notes.push(format!("release {lock}"));
            Ok(())
        }

        fn ask(&mut self, part: Part) -> Result<bool, Infallible> {
            self.notes.push(format!("ask {part:?}"));
            Ok(self.sum + self.delta >= 0)
        }
    }

    fn check(sharing: Sharing, (sum, delta, intruder): (i64, i64, i64), expected: &[&str]) {
        let fresh = || Notes {
            sum,
            delta,
            intruder,
            notes: Vec::new(),
        };
        let mut memory = fresh();
        let Ok(accepted) = run(sharing, &mut memory);
        assert_eq!(memory.notes, expected, "{sharing:?}");
        assert_eq!(accepted, sum + delta + intruder >= 0, "{sharing:?}");
        let (mut steps, mut memory) = (Steps::new(sharing), fresh());
        let mut named = 0;
        while let Some(step) = steps.next(sharing) {
            let Ok(()) = steps.step(sharing, &mut memory);
            let lock = match step {
                NextStep::Acquire(lock) => Some(format!("acquire {lock}")),
                NextStep::Release(lock) => Some(format!("release {lock}")),
                _ => None,
            };
            assert!(lock.is_none() || lock.as_ref() == memory.notes.last());
            named += 1;
        }
        match accepted && intruder == 0 {
            true => assert_eq!(named, sharing.most_steps(), "{sharing:?}"),
            false => assert!(named <= sharing.most_steps() + 1, "{sharing:?}: {named}"),
        }
    }

    #[test]
    fn every_way_has_its_steps() {
        let funds = (5, -5, 0);
        check(Sharing::Unguarded, funds, &["read 5", "write 0"]);
        check(Sharing::CompareAndSet, funds, &["read 5", "write 0"]);
        let one = ["acquire 0", "read 5", "write 0", "release 0"];
        check(Sharing::Lock, funds, &one);
        let two = [
            "acquire 0",
            "acquire 1",
            "read 5",
            "write 0",
            "release 1",
            "release 0",
        ];
        check(Sharing::LockPerAccount, funds, &two);
        check(Sharing::Owner, funds, &["ask Whole"]);
        check(Sharing::OwnerWithWork, funds, &["ask Begin", "ask Post"]);
    }

    #[test]
    fn a_refusal_writes_nothing_and_gives_back_what_it_holds() {
        let none = (5, -6, 0);
        check(Sharing::Unguarded, none, &["read 5"]);
        check(Sharing::CompareAndSet, none, &["read 5"]);
        let one = ["acquire 0", "read 5", "release 0"];
        check(Sharing::Lock, none, &one);
        let two = ["acquire 0", "acquire 1", "read 5", "release 1", "release 0"];
        check(Sharing::LockPerAccount, none, &two);
        check(Sharing::Owner, none, &["ask Whole"]);
        check(Sharing::OwnerWithWork, none, &["ask Begin"]);
    }

    #[test]
    fn a_compare_and_set_that_came_too_late_decides_again() {
        let again = ["read 5", "changed 8", "write 3"];
        check(Sharing::CompareAndSet, (5, -5, 3), &again);
        let refused = ["read 5", "changed 4"];
        check(Sharing::CompareAndSet, (5, -5, -1), &refused);
    }
}
