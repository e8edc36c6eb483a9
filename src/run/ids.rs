//! The ids of operations to which the caller gave none, and which must be known by one.

use std::collections::{HashMap, HashSet};

use super::settings::Settings;
use crate::bank::{Id, Line, Operation};

/// Gives operations ids.
#[derive(Clone, Debug)]
pub struct Ids {
    source: Source,
    /// Only operations of these lines get one.
    only: Option<HashSet<u64>>,
    /// How many operations had neither an id nor a line.
    without_line: u64,
}

/// What the ids are made of.
#[derive(Clone, Debug)]
enum Source {
    None,
    /// They begin with this, and the number of a line or an operation follows.
    Prefix(String),
    /// A named run.
    Lines(LineIds),
}

impl Ids {
    /// For operations of a run without a name whose work is a command: each is found again by its id,
    /// whatever becomes of the command.
    pub fn of_commands(prefix: String) -> Self {
        Ids::new(Source::Prefix(prefix))
    }

    /// For the lines of a named run whose work is a command.
    pub fn of_lines(ids: LineIds) -> Self {
        Ids::new(Source::Lines(ids))
    }

    fn new(source: Source) -> Self {
        Ids {
            source,
            only: None,
            without_line: 0,
        }
    }

    /// For this run. Where it has no command, only those lines of a named run get an id that were begun
    /// with one before.
    pub(super) fn of(settings: &Settings) -> Self {
        match (&settings.named, &settings.command) {
            (Some(named), Some(_)) => Ids::of_lines(named.ids.clone()),
            (None, Some(command)) => Ids::of_commands(command.id_prefix.clone()),
            (Some(named), None) => Ids {
                only: Some(named.begun.clone()),
                ..Ids::of_lines(named.ids.clone())
            },
            (None, None) => Ids::new(Source::None),
        }
    }

    /// Gives an operation an id if it needs one.
    pub fn name(&mut self, line: Option<Line>, operation: &mut Operation) {
        if operation.id.is_some() || !operation.moves_money() {
            return;
        }
        if let Some(only) = &self.only
            && !line.is_some_and(|line| only.contains(&line.number))
        {
            return;
        }
        operation.id = match (&self.source, line) {
            (Source::None, _) | (Source::Lines(_), None) => None,
            (Source::Lines(ids), Some(line)) => ids.id(line),
            (Source::Prefix(prefix), line) => {
                let number = line.map_or_else(
                    || {
                        self.without_line += 1;
                        self.without_line
                    },
                    |line| line.number,
                );
                line_id(prefix, number, 1)
            }
        };
    }
}

/// The ids under which the lines of a named run are begun that have none of their own: one for each
/// content that a line had, so that a payment provider never answers with another payment.
#[derive(Clone, Debug)]
pub struct LineIds {
    run: String,
    /// A line's digest tells whether its content is the same. Otherwise a line has one id for ever.
    follow_content: bool,
    /// By line, the digest of each content for which work was begun, and the number of its id.
    begun: HashMap<u64, Vec<(u64, u32)>>,
}

impl LineIds {
    /// Of a run of which nothing was begun.
    pub fn new(run: &str, follow_content: bool) -> Self {
        LineIds {
            run: run.to_string(),
            follow_content,
            begun: HashMap::new(),
        }
    }

    /// Learns that work for a line, as it was then, was begun under this id.
    pub fn was_begun(&mut self, line: Line, id: &Id) {
        if let Some(number) = self.number_of(id, line.number) {
            let contents = self.begun.entry(line.number).or_default();
            if !contents.contains(&(line.digest, number)) {
                contents.push((line.digest, number));
            }
        }
    }

    /// Which of the ids of a line this is, from 1; `None` if it is none of them.
    fn number_of(&self, id: &Id, line: u64) -> Option<u32> {
        let first = format!("{}:{line}", self.run);
        match id.as_str().strip_prefix(&first)? {
            "" => Some(1),
            rest => rest.strip_prefix('.')?.parse().ok(),
        }
    }

    /// The id of a line as it is now.
    fn id(&self, line: Line) -> Option<Id> {
        let contents = self.begun.get(&line.number).filter(|_| self.follow_content);
        let number = contents.map_or(1, |contents| {
            let same = contents.iter().find(|(digest, _)| *digest == line.digest);
            let last = contents.iter().map(|(_, number)| *number).max();
            same.map_or(last.unwrap_or(0).saturating_add(1), |(_, number)| *number)
        });
        line_id(&self.run, line.number, number)
    }
}

/// One of the ids of a line, by its number from 1. It is short enough for one.
fn line_id(run: &str, line: u64, number: u32) -> Option<Id> {
    let text = match number {
        1 => format!("{run}:{line}"),
        _ => format!("{run}:{line}.{number}"),
    };
    Id::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::bank::{Amount, Kind, Name};

    fn deposit() -> Operation {
        Operation::new(Kind::Deposit, None, Name::default(), None, Amount::new(1)).expect("fits")
    }

    #[test]
    fn each_content_of_a_line_has_an_id() {
        let line = |digest| Line { number: 7, digest };
        for (follow_content, begun, digest, expected) in [
            (true, &[][..], 1, "november:7"),
            (true, &[(1, "november:7")], 1, "november:7"),
            (true, &[(1, "november:7")], 2, "november:7.2"),
            (
                true,
                &[(1, "november:7"), (2, "november:7.2")],
                1,
                "november:7",
            ),
            (
                true,
                &[(1, "november:7"), (2, "november:7.2")],
                3,
                "november:7.3",
            ),
            // Ids that were chosen say nothing of those that were not.
            (true, &[(1, "mine"), (2, "november:70")], 3, "november:7"),
            (false, &[(1, "november:7")], 2, "november:7"),
        ] {
            let mut ids = LineIds::new("november", follow_content);
            for (digest, id) in begun {
                ids.was_begun(line(*digest), &Id::new(id).expect("an id"));
            }
            let id = ids.id(line(digest)).expect("an id");
            assert_eq!(id.as_str(), expected, "{begun:?}");
        }
    }

    #[test]
    fn without_a_command_only_lines_that_were_begun_have_an_id() {
        let mut ids = Ids {
            only: Some(HashSet::from([7])),
            ..Ids::of_lines(LineIds::new("november", true))
        };
        let mut id = |line: Option<u64>| {
            let mut deposit = deposit();
            let line = line.map(|number| Line { number, digest: 1 });
            ids.name(line, &mut deposit);
            deposit.id.map(|id| id.as_str().to_string())
        };
        assert_eq!(id(Some(7)).as_deref(), Some("november:7"));
        assert_eq!((id(Some(8)), id(None)), (None, None));
    }
}
