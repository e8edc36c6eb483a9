//! What became of the lines of runs: a line is done once, whatever asks for it again.

use std::collections::HashMap;

/// What is known of a line of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineState {
    /// Money is set aside for it by this hold.
    Begun {
        /// The hold's number.
        hold: u64,
    },
    /// It was refused.
    Refused,
    /// It was posted or viewed, spent nothing, or was given up.
    Done,
}

/// The lines of the runs that are watched. Of the others nothing is known.
#[derive(Default)]
pub struct LineStates {
    runs: HashMap<u32, Lines>,
}

#[derive(Default)]
struct Lines {
    /// By line; few are begun at a time.
    begun: HashMap<u64, u64>,
    /// By the line's number divided by [`BLOCK`].
    ended: HashMap<u64, Block>,
}

/// How many lines a block is for.
const BLOCK: u64 = 64;

/// A bit for each line.
#[derive(Clone, Copy, Default)]
struct Block {
    done: u64,
    refused: u64,
}

impl LineStates {
    /// Watches a run, of which nothing is known yet.
    pub fn watch(&mut self, run: u32) {
        self.runs.insert(run, Lines::default());
    }

    /// Watches a run no longer.
    pub fn leave(&mut self, run: u32) {
        self.runs.remove(&run);
    }

    /// The runs that are watched.
    pub fn watched(&self) -> Vec<u32> {
        self.runs.keys().copied().collect()
    }

    /// Whether a run is watched.
    pub fn is_watched(&self, run: u32) -> bool {
        self.runs.contains_key(&run)
    }

    /// What is known of a line.
    pub fn state(&self, run: u32, line: u64) -> Option<LineState> {
        let lines = self.runs.get(&run)?;
        if let Some(block) = lines.ended.get(&(line / BLOCK)) {
            let bit = 1 << (line % BLOCK);
            if block.done & bit != 0 {
                return Some(LineState::Done);
            }
            if block.refused & bit != 0 {
                return Some(LineState::Refused);
            }
        }
        let hold = *lines.begun.get(&line)?;
        Some(LineState::Begun { hold })
    }

    /// Notes what became of a line; `None`: as if it had never been begun. What is done stays done.
    pub fn note(&mut self, run: u32, line: u64, state: Option<LineState>) {
        let Some(lines) = self.runs.get_mut(&run) else {
            return;
        };
        let bit = 1 << (line % BLOCK);
        if let Some(LineState::Begun { hold }) = state {
            let block = lines.ended.get(&(line / BLOCK));
            if block.is_none_or(|block| block.done & bit == 0) {
                lines.begun.insert(line, hold);
            }
        } else if !lines.begun.is_empty() {
            lines.begun.remove(&line);
        }
        match state {
            Some(LineState::Done) => lines.ended.entry(line / BLOCK).or_default().done |= bit,
            Some(LineState::Refused) => {
                lines.ended.entry(line / BLOCK).or_default().refused |= bit;
            }
            Some(LineState::Begun { .. }) | None => {
                // What was refused and is decided anew is refused no longer.
                if let Some(block) = lines.ended.get_mut(&(line / BLOCK)) {
                    block.refused &= !bit;
                }
            }
        }
    }

    /// Notes that a hold has ended, whatever line it was for.
    pub fn note_end(&mut self, hold: u64) {
        for lines in self.runs.values_mut() {
            lines.begun.retain(|_, begun| *begun != hold);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_one_state() {
        let mut lines = LineStates::default();
        lines.note(1, 5, Some(LineState::Done));
        assert_eq!(lines.state(1, 5), None, "not watched");
        lines.watch(1);
        assert_eq!([1, 2].map(|run| lines.is_watched(run)), [true, false]);
        let begun = LineState::Begun { hold: 9 };
        for line in [0, 5, 63, 64, u64::MAX] {
            assert_eq!(lines.state(1, line), None);
            for state in [
                Some(begun),
                None,
                Some(LineState::Refused),
                Some(begun),
                Some(LineState::Refused),
                None,
                Some(begun),
                Some(LineState::Done),
            ] {
                lines.note(1, line, state);
                assert_eq!(lines.state(1, line), state);
                assert_eq!(lines.state(1, line ^ 1), None);
                assert_eq!(lines.state(2, line), None);
            }
            lines.watch(1);
        }
        lines.note(1, 7, Some(begun));
        lines.note_end(8);
        assert_eq!(lines.state(1, 7), Some(begun));
        lines.note_end(9);
        assert_eq!(lines.state(1, 7), None);
        lines.leave(1);
        assert!(!lines.is_watched(1));
    }
}
