//! What becomes of the others when the holder of a lock is killed, as a table for people.

use std::io::{self, Write};

use crate::event::{HolderKilled, Mode};

/// The table so far.
#[derive(Default)]
pub(super) struct KilledHolders {
    /// Its header is printed.
    begun: bool,
}

impl KilledHolders {
    pub(super) fn killed(&mut self, row: &HolderKilled, out: &mut Vec<u8>) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            let between = match &*row.before {
                "half_written" => "between its two writes",
                _ => "between its read and its write",
            };
            writeln!(
                out,
                "One worker is killed {between}, while it holds the lock.\n"
            )?;
            let [lock, completed, gave_up] = ["lock", "completed", "gave up"];
            writeln!(
                out,
                "{lock:<18} {completed:>9} {gave_up:>8}  {:<14} {:<13} the lock",
                "the killed one", "the money"
            )?;
        }
        let lock = match &row.mode {
            Mode::SharedMemory => row.sync.to_string(),
            mode => format!("{mode} {}", row.sync),
        };
        let counts = if row.counts {
            "was completed"
        } else {
            "does not count"
        };
        let money = match row.wrong_accounts {
            0 => "right".to_string(),
            1 => "1 wrong".to_string(),
            wrong => format!("{wrong} wrong"),
        };
        let stays = if row.stays_locked {
            "stays locked"
        } else {
            "went on"
        };
        let (completed, gave_up) = (row.completed, row.gave_up);
        writeln!(
            out,
            "{lock:<18} {completed:>9} {gave_up:>8}  {counts:<14} {money:<13} {stays}"
        )
    }
}
