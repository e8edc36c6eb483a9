//! What was told by any of the processes, and stays true.

use std::collections::BTreeMap;

use super::*;
use crate::bank::{Answer, Id, Kind, Outcome};
use crate::event::OperationEvent;
use crate::run::simulation::world::CommandStep;

/// What is known of the commands and entries of all runs.
#[derive(Default)]
pub(super) struct Known {
    /// By their numbers, the ids or lines under which entries were acknowledged.
    posted: BTreeMap<u64, (Option<Id>, Option<u64>)>,
    /// The entries of ids.
    ids: BTreeMap<String, u64>,
    /// What was set aside by single commands, and is theirs to end.
    pub(super) held: BTreeMap<String, bool>,
    /// The commands of which it must be known whether they are run again, by run, id and line.
    commands: BTreeMap<String, CommandStep>,
}

impl Known {
    /// What was told to be posted is there, and stays.
    pub(super) fn posted(
        &mut self,
        rows: &SharedRows,
        told: &OperationEvent,
    ) -> Result<(), Broken> {
        let Some(seq) = told.seq.filter(|_| told.op != Some(Kind::Balance)) else {
            return Ok(());
        };
        if let Some(id) = &told.id {
            self.id_is(id, seq)?;
        }
        self.posted.insert(seq, (told.id.clone(), told.line));
        self.is_there(rows, seq)
    }

    /// An id leads to one entry.
    fn id_is(&mut self, id: &Id, seq: u64) -> Result<(), Broken> {
        let known = *self.ids.entry(id.as_str().to_string()).or_insert(seq);
        hold!(
            known == seq,
            "the id `{}` was told to be entry {known}, and then {seq}",
            id.as_str()
        );
        Ok(())
    }

    fn is_there(&self, rows: &SharedRows, seq: u64) -> Result<(), Broken> {
        let told = self.posted.get(&seq).cloned().unwrap_or_default();
        let Some(entry) = rows.entry(seq) else {
            return Err(format!(
                "entry {seq} was acknowledged and is gone: {told:?}"
            ));
        };
        let (id, line) = told;
        let is_it = match id {
            // Another line may have been posted under the same id.
            Some(id) => entry.id.as_deref() == Some(id.as_str()),
            None => line.is_none() || entry.line.is_none() || entry.line == line,
        };
        hold!(is_it, "entry {seq} is another: {entry:?}");
        Ok(())
    }

    /// All that was ever acknowledged is there.
    pub(super) fn all_are_there(&self, rows: &SharedRows) -> Result<(), Broken> {
        let mut all = self.posted.keys();
        all.try_for_each(|seq| self.is_there(rows, *seq))
    }

    /// A command is not run again whose end was not seen, or that paid.
    pub(super) fn command(&mut self, key: String, step: CommandStep) -> Result<(), Broken> {
        let last = self.commands.insert(key.clone(), step);
        let is_again =
            step == CommandStep::Started && last.is_some_and(|last| last != CommandStep::Unpaid);
        hold!(
            !is_again,
            "the command of {key} is run again, which {last:?}"
        );
        Ok(())
    }

    /// What a single command was answered about this id.
    pub(super) fn answered(
        &mut self,
        rows: &SharedRows,
        id: &Id,
        answer: &Answer,
    ) -> Result<(), Broken> {
        if let Outcome::Posted { seq, .. } = answer.outcome {
            self.id_is(id, seq)?;
            self.posted.insert(seq, (Some(id.clone()), None));
            self.is_there(rows, seq)?;
        }
        Ok(())
    }

    /// Whether an entry was acknowledged under this id.
    pub(super) fn is_posted(&self, id: &Id) -> bool {
        self.ids.contains_key(id.as_str())
    }
}
