//! What of a run is told in lines for people, and how.

use crate::event::{Event, OperationEvent};

/// For whom the lines are.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::report) struct TextStyle {
    /// What a continued run did earlier is listed again.
    pub(in crate::report) lists_repeats: bool,
    /// Only what went wrong is told, and how the run ended.
    pub(in crate::report) is_quiet: bool,
    /// A person reads them, and may be told more than a script goes by.
    pub(in crate::report) is_for_person: bool,
    /// What went wrong is coloured.
    pub(in crate::report) has_colour: bool,
}

impl TextStyle {
    /// Whether nothing is said of an event.
    pub(super) fn leaves_out(self, event: &Event) -> bool {
        let is_repeat = |operation: &OperationEvent| operation.duplicate && operation.worker == 0;
        match event {
            Event::Completed(operation) => {
                self.is_quiet || is_repeat(operation) && !self.lists_repeats
            }
            Event::Refused(operation) => is_repeat(operation) && !self.lists_repeats,
            Event::RunStarted(_) | Event::Started(_) | Event::Skipped(_) => self.is_quiet,
            _ => false,
        }
    }
}
