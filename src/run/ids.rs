//! The ids of operations to which the caller gave none, and which must be known by one.

use std::collections::HashSet;

use super::resume::line_id;
use super::settings::Settings;
use crate::bank::{Kind, Operation};

/// Gives operations ids.
#[derive(Clone, Debug)]
pub struct Ids {
    /// What the ids begin with; nothing gives none.
    prefix: Option<String>,
    /// Only operations of these lines get one.
    only: Option<HashSet<u64>>,
    /// How many operations had neither an id nor a line.
    without_line: u64,
}

impl Ids {
    /// For operations whose work is a command: each is found again by its id, whatever becomes of the
    /// command. A line of a named run has the same id every time.
    pub fn of_commands(prefix: String) -> Self {
        Ids {
            prefix: Some(prefix),
            only: None,
            without_line: 0,
        }
    }

    /// For this run. Where it has no command, only those lines of a named run get an id that were begun
    /// with one before.
    pub(super) fn of(settings: &Settings) -> Self {
        if let Some(command) = &settings.command {
            return Ids::of_commands(command.id_prefix.clone());
        }
        let named = settings.named.as_ref();
        Ids {
            prefix: named.map(|named| named.name.clone()),
            only: named.map(|named| named.begun.clone()),
            without_line: 0,
        }
    }

    /// Gives an operation an id if it needs one.
    pub fn name(&mut self, line: Option<u64>, operation: &mut Operation) {
        let Some(prefix) = &self.prefix else { return };
        let is_named = operation.id.is_some();
        let number = match (&self.only, line) {
            _ if is_named => return,
            (Some(only), Some(line)) if only.contains(&line) => line,
            (Some(_), _) => return,
            (None, _) if operation.kind() == Kind::Balance => return,
            (None, Some(line)) => line,
            (None, None) => {
                self.without_line += 1;
                self.without_line
            }
        };
        operation.id = line_id(prefix, number);
    }
}
