//! Files that are written as a whole: a trace, a report, a table.
//!
//! A file that is there is replaced only if this program wrote one of the same kind there, and in one
//! step, so that a reader never sees half of one.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use super::destination::{Destination, DestinationError, ProtectedFiles};
use super::trace::{MAX_TRACE, TRACE_START, trace};
use super::{Exploration, HistoryReport, checked, compared, explored, html, table};
use crate::comparison::Comparison;
use crate::show::Picture;

/// What a document shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// For Perfetto.
    Trace,
    /// A page for a browser.
    Report,
    /// The operations, for a spreadsheet.
    Table,
}

/// What was found out, and is shown as a page.
#[derive(Clone, Copy, Debug)]
pub enum FoundOut<'a> {
    /// What `compare` measured.
    Comparison(&'a Comparison),
    /// What `explore` found.
    Exploration(&'a Exploration<'a>),
    /// What `check` found.
    History(&'a HistoryReport<'a>),
}

impl FoundOut<'_> {
    fn page(self) -> String {
        match self {
            FoundOut::Comparison(comparison) => compared::page(comparison),
            FoundOut::Exploration(exploration) => explored::page(exploration),
            FoundOut::History(history) => checked::page(history),
        }
    }
}

/// A picture that is written to a file.
#[derive(Clone, Debug)]
pub struct Document {
    kind: DocumentKind,
    path: PathBuf,
}

/// Why a document is not written; the file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It may not be written to.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// It holds something else.
    #[error(
        "`{path}` is there already, is no {what} of this program and was left as it is: name a new file"
    )]
    Foreign {
        /// What was named.
        path: String,
        /// What it would have been.
        what: &'static str,
    },
    /// The system said no.
    #[error("cannot write `{path}`: {cause}")]
    Io {
        /// What was named.
        path: String,
        /// What it said.
        cause: io::Error,
    },
}

impl DocumentKind {
    /// What every document of this kind begins with.
    fn start(self) -> &'static str {
        match self {
            DocumentKind::Trace => TRACE_START,
            DocumentKind::Report => html::START,
            DocumentKind::Table => table::TITLES,
        }
    }

    /// What asks for it.
    fn flag(self) -> &'static str {
        match self {
            DocumentKind::Trace => "--trace",
            DocumentKind::Report => "--report",
            DocumentKind::Table => "--csv",
        }
    }

    fn word(self) -> &'static str {
        match self {
            DocumentKind::Trace => "trace",
            DocumentKind::Report => "report",
            DocumentKind::Table => "table",
        }
    }
}

impl Document {
    /// A document of this kind, in this file.
    pub fn new(kind: DocumentKind, path: &Path) -> Self {
        let path = path.to_path_buf();
        Document { kind, path }
    }

    /// Refuses a file that may not be replaced, and changes nothing.
    ///
    /// # Errors
    ///
    /// What [`DocumentError`] says.
    pub fn check(&self, protected: &ProtectedFiles) -> Result<(), DocumentError> {
        let destination = Destination::File(self.path.clone());
        destination
            .check_whole(protected, |path| self.is_own(path))
            .map_err(|why| match why {
                DestinationError::Foreign(path) => DocumentError::Foreign {
                    path,
                    what: self.kind.word(),
                },
                why => DocumentError::from(why),
            })?;
        // It is put together beside the file, so what cannot be made there would be missed at the end.
        let target = self.target();
        tempfile::tempfile_in(folder_of(&target))
            .map(drop)
            .map_err(|cause| self.failed(cause))
    }

    /// Protects its file from the outputs that are checked after it.
    pub fn protect(&self, protected: ProtectedFiles) -> ProtectedFiles {
        protected.output(self.kind.flag(), &self.path)
    }

    /// The file itself, where a link to it was named.
    fn target(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    fn failed(&self, cause: io::Error) -> DocumentError {
        let path = self.path.display().to_string();
        DocumentError::Io { path, cause }
    }

    /// Whether an existing file is a document of this kind, or empty.
    fn is_own(&self, path: &Path) -> io::Result<bool> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let start = self.kind.start().as_bytes();
        let mut found = Vec::new();
        file.take(start.len() as u64).read_to_end(&mut found)?;
        Ok(found.is_empty() || found == start)
    }

    /// Writes it. Says what a reader must know of it, if there is something.
    ///
    /// # Errors
    ///
    /// What [`DocumentError`] says.
    pub fn write(
        &self,
        picture: &Picture,
        protected: &ProtectedFiles,
    ) -> Result<Option<String>, DocumentError> {
        self.check(protected)?;
        let written = self.replace(|out| self.put(picture, out));
        written.map_err(|cause| self.failed(cause))
    }

    /// Writes a page of what was found out.
    ///
    /// # Errors
    ///
    /// What [`DocumentError`] says.
    pub fn write_page(
        &self,
        found: FoundOut,
        protected: &ProtectedFiles,
    ) -> Result<(), DocumentError> {
        self.check(protected)?;
        let page = found.page();
        let written = self.replace(|out| out.write_all(page.as_bytes()));
        written.map_err(|cause| self.failed(cause))
    }

    fn replace<T>(
        &self,
        put: impl FnOnce(&mut BufWriter<NamedTempFile>) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = self.target();
        let mut new = tempfile::Builder::new();
        new.prefix(".bank-par-");
        let mode = fs::metadata(&path).map_or(0o666, |found| found.permissions().mode());
        let new = new
            .permissions(Permissions::from_mode(mode & 0o777))
            .tempfile_in(folder_of(&path))?;
        let mut out = BufWriter::new(new);
        let note = put(&mut out)?;
        let new = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        new.persist(&path).map_err(|error| error.error)?;
        Ok(note)
    }

    fn put(&self, picture: &Picture, out: &mut impl Write) -> io::Result<Option<String>> {
        match self.kind {
            DocumentKind::Report => html::write(picture, out).map(|()| None),
            DocumentKind::Table => table::write(picture, out).map(|()| None),
            DocumentKind::Trace => {
                let drawn = trace(picture, MAX_TRACE, out)?;
                let all = picture.operations.len();
                let note = || {
                    let path = self.path.display();
                    let most = MAX_TRACE / 1_000_000;
                    format!(
                        "`{path}` has the first {drawn} of {all} operations, since a trace has at most {most} MB: `--report FILE.html` shows all"
                    )
                };
                Ok((drawn < all).then(note))
            }
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
