//! What goes wrong between clients and their server.

use crate::simulation::chance::Chance;
use crate::simulation::{happening, leave_out};

/// How often what goes wrong, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// A connection is cut, of the pieces that a client sends or waits for.
    pub(super) cut: usize,
    /// Nothing passes for a while, of the same.
    pub(super) stall: usize,
    /// The server is killed, of its turns.
    pub(super) kill: usize,
    /// A commit fails, of its turns.
    pub(super) commit: usize,
}

impl Faults {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let mut often = |of_thousand: usize| match chance.below(3) {
            0 => 0,
            _ => of_thousand,
        };
        Faults {
            cut: often(15),
            stall: often(4),
            kill: often(8),
            commit: often(20),
        }
    }

    fn all(&mut self) -> [(&'static str, &mut usize); 4] {
        [
            ("cut", &mut self.cut),
            ("stall", &mut self.stall),
            ("kill", &mut self.kill),
            ("commit", &mut self.commit),
        ]
    }

    /// Those that happen, by their names.
    pub(super) fn parts(&mut self) -> Vec<String> {
        happening(self.all())
    }

    pub(super) fn leave_out(&mut self, parts: &[String]) {
        leave_out(self.all(), |name| parts.iter().any(|part| part == name));
    }
}
