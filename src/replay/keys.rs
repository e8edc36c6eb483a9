//! The keys that a person presses, one at a time.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};

use super::StepKey;
use crate::wake::Waker;

/// Why keys cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// No person types there.
    #[error(
        "`--step` waits for a key for each step, and {0} is no terminal: run it in a terminal, or leave `--step` out"
    )]
    NoTerminal(&'static str),
    /// The system said no.
    #[error("cannot read keys from the terminal: {0}")]
    Io(#[from] io::Error),
}

/// A terminal that gives each key at once, until this is dropped.
pub struct TerminalKeys {
    terminal: File,
    before: Termios,
}

impl TerminalKeys {
    /// Takes the terminal on standard input.
    ///
    /// # Errors
    ///
    /// Standard input is none.
    pub fn open() -> Result<Self, KeysError> {
        if !io::stdin().is_terminal() {
            return Err(KeysError::NoTerminal("standard input"));
        }
        let terminal = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let before = tcgetattr(&terminal).map_err(io::Error::from)?;
        let mut modes = before.clone();
        // Ctrl-C is a key like the others, so that the terminal is given back as it was.
        modes.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&terminal, OptionalActions::Now, &modes).map_err(io::Error::from)?;
        Ok(TerminalKeys { terminal, before })
    }

    /// The keys from now on. The waker is woken by each.
    pub fn listen(&self, waker: Waker) -> io::Result<Receiver<StepKey>> {
        let mut terminal = self.terminal.try_clone()?;
        let (sender, receiver) = channel();
        let read = move || {
            let mut bytes = [0; 16];
            while let Ok(count @ 1..) = terminal.read(&mut bytes) {
                // An arrow, for example, is one key of several bytes, of which Escape is the first.
                let keys = match bytes[0] {
                    ESCAPE => 1,
                    _ => count,
                };
                for key in &bytes[..keys] {
                    if sender.send(meaning(*key)).is_err() {
                        return;
                    }
                }
                waker.wake();
            }
            drop(sender);
            waker.wake();
        };
        thread::Builder::new().name("keys".into()).spawn(read)?;
        Ok(receiver)
    }
}

impl Drop for TerminalKeys {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

const ESCAPE: u8 = 0x1b;

/// `q`, Ctrl-C and Ctrl-D leave; any other key is the next step.
fn meaning(key: u8) -> StepKey {
    match key {
        b'q' | b'Q' | 3 | 4 => StepKey::Leave,
        _ => StepKey::Next,
    }
}
