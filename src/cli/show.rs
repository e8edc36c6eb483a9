//! `show`: recordings as pictures.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::one::ended;
use super::pictures::{DocumentArgs, check, document, document_file};
use super::{CliResult, Failure};
use crate::report::{
    Document, DocumentKind, Output, ProtectedFiles, TimelineStyle, drawn, note, stderr_line,
};
use crate::show::{Picture, Recording};

const EXAMPLES: &str = "\
Examples:
  bank-par server-share --sync none --events lesson.jsonl --detail steps
      without `--detail steps` only how each operation ended is recorded
  bank-par show lesson.jsonl
      who read what, and whose update was lost
  bank-par show lesson.jsonl --report lesson.html --trace lesson.json
  bank-par show first.jsonl second.jsonl
      two parents side by side";

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// Draw what `--events FILE` recorded: as a timeline, for Perfetto, as a page, as a table
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct ShowArgs {
    /// The recordings; `-` is stdin. Those of one machine lie beside each other as the runs did
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Draw the timeline on stdout, also where another picture is asked for
    #[arg(long)]
    timeline: bool,
    #[command(flatten)]
    documents: DocumentArgs,
    /// Write the operations as comma-separated values
    #[arg(long, value_name = "FILE", value_parser = document_file())]
    csv: Option<PathBuf>,
    /// Draw with the letters of ASCII alone [default: as the locale says]
    #[arg(long)]
    ascii: bool,
    /// Draw so many columns [default: those of the terminal, or 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: Option<u16>,
}

/// `bank-par show`
pub(super) fn show(args: ShowArgs) -> CliResult {
    let protected = args.protected();
    let documents = args.documents();
    check(&documents, protected.clone()).map_err(Failure::usage)?;
    let output = Output::open(&protected).map_err(Failure::usage)?;
    let picture = args.picture().map_err(Failure::usage)?;
    for document in &documents {
        let warning = document
            .write(&picture, &protected)
            .map_err(Failure::usage)?;
        if let Some(warning) = warning {
            stderr_line(format_args!("warning: {warning}"));
        }
    }
    let style = (args.timeline || documents.is_empty()).then(|| args.style());
    // A timeline and a page tell themselves what they lack.
    if style.is_none() && !args.documents.has_page() {
        picture.notes.iter().for_each(note);
    }
    ended(drawn(output, &picture, style))
}

impl ShowArgs {
    /// The recordings, over which nothing is written.
    fn protected(&self) -> ProtectedFiles {
        let files = self.files.iter();
        files.fold(
            ProtectedFiles::default(),
            |protected, path| match is_stdin(path) {
                true => protected.stdin(),
                false => protected.input(path),
            },
        )
    }

    fn documents(&self) -> Vec<Document> {
        let table = self.csv.as_deref().map(document(DocumentKind::Table));
        self.documents.all().into_iter().chain(table).collect()
    }

    fn style(&self) -> TimelineStyle {
        let terminal = TimelineStyle::of_terminal();
        TimelineStyle {
            width: self.width.map_or(terminal.width, usize::from),
            ascii: self.ascii || terminal.ascii,
            ..terminal
        }
    }

    fn picture(&self) -> anyhow::Result<Picture> {
        let mut recording = Recording::default();
        for path in &self.files {
            let name = path.display().to_string();
            recording.begin_source(&name);
            match is_stdin(path) {
                true => read(&mut recording, io::stdin().lock()),
                false => {
                    let file = File::open(path).with_context(|| format!("cannot read `{name}`"))?;
                    read(&mut recording, BufReader::new(file))
                }
            }
            .with_context(|| format!("cannot draw `{name}`"))?;
        }
        let has_killed_holders = recording.has_killed_holders();
        let picture = recording.picture();
        if picture.runs.is_empty() {
            let files: Vec<String> = self
                .files
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            let files = files.join(", ");
            if has_killed_holders {
                bail!(
                    "{files} has the table of `--kill-holder` and no run to draw: record one run with `--kill-holder --sync NAME --events FILE`"
                );
            }
            bail!("{files} has no events: name a file that `--events` wrote");
        }
        Ok(picture)
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn read(recording: &mut Recording, mut lines: impl BufRead) -> anyhow::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok(());
        }
        recording.line(line.trim_ascii_end())?;
    }
}
