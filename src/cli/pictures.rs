//! The flags that say what is drawn.

use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::Failure;
use crate::report::{
    Destination, Document, DocumentKind, Format, FoundOut, Output, Pictures, ProtectedFiles,
    TimelineStyle, TimelineWish, stderr_line,
};
use crate::status::Status;

/// The most operations of which a terminal shows the timeline where nothing else is asked for.
const MOST_UNASKED: u64 = 12;

#[derive(Args, Clone)]
pub(super) struct PictureArgs {
    /// Draw the run on stdout when it has ended, with a lane for each process: always, never or, on a
    /// terminal, where the operations are a handful
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    timeline: When,
    #[command(flatten)]
    documents: DocumentArgs,
}

#[derive(Args, Clone)]
pub(super) struct DocumentArgs {
    /// Write a trace for Perfetto (ui.perfetto.dev), of at most 64 MB
    #[arg(long, value_name = "FILE", value_parser = document_file())]
    trace: Option<PathBuf>,
    /// Write a page for a browser, which loads nothing from elsewhere
    #[arg(long, value_name = "FILE.html", value_parser = document_file())]
    report: Option<PathBuf>,
}

/// The page of what was found out.
#[derive(Args, Clone)]
pub(super) struct ReportArg {
    /// Also write a page for a browser, which loads nothing from elsewhere
    #[arg(long, value_name = "FILE.html", value_parser = document_file())]
    report: Option<PathBuf>,
}

impl ReportArg {
    fn document(&self) -> Option<Document> {
        self.report.as_deref().map(document(DocumentKind::Report))
    }

    /// Refuses a file that may not be replaced, and takes stdout, which must not be that file either.
    pub(super) fn open(&self, protected: &ProtectedFiles) -> Result<Output, Failure> {
        let mut protected = protected.clone();
        if let Some(document) = self.document() {
            document.check(&protected).map_err(Failure::usage)?;
            protected = document.protect(protected);
        }
        Output::open(&protected).map_err(Failure::usage)
    }

    /// Writes the page, if one was asked for; what was found is told all the same where that fails.
    pub(super) fn write(&self, found: FoundOut, protected: &ProtectedFiles) -> Status {
        let written = self
            .document()
            .map(|document| document.write_page(found, protected));
        match written {
            Some(Err(error)) => {
                stderr_line(error);
                Status::EndedEarly
            }
            None | Some(Ok(())) => Status::Posted,
        }
    }
}

/// When something is shown to a person.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum When {
    /// Wherever it goes
    Always,
    /// On a terminal, where it helps
    Auto,
    /// Not at all
    Never,
}

impl PictureArgs {
    /// What is drawn when the run has ended, none of it over what is protected or over its events.
    pub(super) fn pictures(
        &self,
        stdout: Format,
        events: Option<&Destination>,
        protected: &ProtectedFiles,
    ) -> anyhow::Result<Pictures> {
        let documents = self.documents.all();
        let protected = protected.clone();
        let path = events.and_then(Destination::path);
        check(
            &documents,
            match path {
                Some(path) => protected.output("--events", &path),
                None => protected,
            },
        )?;
        Ok(Pictures {
            timeline: self.timeline(stdout)?,
            documents,
        })
    }

    fn timeline(&self, stdout: Format) -> anyhow::Result<Option<TimelineWish>> {
        let style = TimelineStyle::of_terminal();
        let wish = |only_up_to| Some(TimelineWish { style, only_up_to });
        Ok(match (self.timeline, stdout) {
            (When::Always, Format::Json) => bail!(
                "stdout takes the events or the timeline: leave `--timeline` out, and draw the recorded events later with `bank-par show`"
            ),
            (When::Always, Format::Text) => wish(None),
            (When::Auto, Format::Text) if style.is_for_terminal => wish(Some(MOST_UNASKED)),
            (When::Auto | When::Never, _) => None,
        })
    }
}

impl DocumentArgs {
    /// Whether a page for a browser is among them.
    pub(super) fn has_page(&self) -> bool {
        self.report.is_some()
    }

    /// What is to be written.
    pub(super) fn all(&self) -> Vec<Document> {
        let trace = self.trace.as_deref().map(document(DocumentKind::Trace));
        let report = self.report.as_deref().map(document(DocumentKind::Report));
        trace.into_iter().chain(report).collect()
    }
}

/// A document of this kind, in some file.
pub(super) fn document(kind: DocumentKind) -> impl Fn(&Path) -> Document {
    move |path| Document::new(kind, path)
}

/// The file of a document. What means a stream elsewhere is refused, since no stream can be replaced as a
/// whole.
pub(super) fn document_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_str() {
        Some(name) if name == "-" || name.starts_with("fd:") => Err(anyhow!(
            "it is written to a file, and to no stream: name a file (one of that name is `./{name}`)"
        )),
        _ => Ok(path),
    })
}

/// Refuses documents that may not be written, of which two would be the same file too, and changes nothing.
pub(super) fn check(documents: &[Document], mut protected: ProtectedFiles) -> anyhow::Result<()> {
    for document in documents {
        document.check(&protected)?;
        protected = document.protect(protected);
    }
    Ok(())
}
