//! What the command of an operation did, step by step.

use serde::{Deserialize, Serialize};

use super::faults::CommandFault;
use crate::exit::Exit;

/// One thing that happened to the command of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// The operation's id.
    pub id: String,
    /// Its line of the input.
    pub line: Option<u64>,
    /// Which start of the run it was, from 1.
    pub start: u32,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What happened.
    pub step: CommandStep,
}

/// What happened to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStep {
    /// It is about to begin.
    Began,
    /// It has ended by itself.
    Ended(Exit),
    /// It met something.
    Met(CommandFault),
}
