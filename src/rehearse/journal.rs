//! What the commands of a rehearsal did: each process that stands in front of one notes it in a file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::rehearsal::JournalLine;

/// Adds a line to a journal, whole whoever else writes.
pub(super) fn add(line: &JournalLine, journal: &Path) -> io::Result<()> {
    let mut line = serde_json::to_vec(line)?;
    line.push(b'\n');
    let mut file = File::options().append(true).create(true).open(journal)?;
    file.write_all(&line)
}

/// All that a journal says; nothing, if no command came to be.
pub(super) fn read(journal: &Path) -> io::Result<Vec<JournalLine>> {
    let text = or_empty(fs::read(journal))?;
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    Ok(lines
        .map(serde_json::from_slice)
        .collect::<Result<_, _>>()?)
}

/// The lines in which commands tell what they have paid.
pub(super) fn payments(file: &Path) -> io::Result<Vec<String>> {
    let text = or_empty(fs::read(file))?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(String::from).collect())
}

fn or_empty(read: io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::rehearsal::{CommandFault, CommandStep, FaultKind, FaultMoment};

    #[test]
    fn a_journal_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal");
        assert_eq!(read(&journal).expect("no file"), []);
        let fault = CommandFault {
            moment: FaultMoment::After,
            kind: FaultKind::RunKilled,
            millis: 7,
        };
        let steps = [
            CommandStep::Began,
            CommandStep::Ended(Exit::Status(0)),
            CommandStep::Met(fault),
            CommandStep::Ended(Exit::Signal(9)),
        ];
        let lines = steps.map(|step| JournalLine {
            id: "a \"b\"\n".to_string(),
            line: Some(3),
            start: 1,
            attempt: 2,
            step,
        });
        for line in &lines {
            add(line, &journal).expect("written");
        }
        assert_eq!(read(&journal).expect("read"), lines);
    }

    #[test]
    fn payments_are_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("payments");
        assert!(payments(&file).expect("no file").is_empty());
        fs::write(&file, b"a 12.50\nb\n\n  a\n").expect("written");
        assert_eq!(payments(&file).expect("read"), ["a 12.50", "b", "a"]);
    }
}
