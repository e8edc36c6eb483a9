//! Where output goes: the one place that decides whether something may be written to.
//!
//! No output is an input, a ledger or a file beside one, under whatever name or link. A file that is
//! there already is appended to if it is a recording of events, and else left as it is. A reader
//! that never comes is not waited for.

mod descriptor;
mod protected;
mod recording;

use std::ffi::OsStr;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use protected::Inode;
pub use protected::ProtectedFiles;

/// How long a FIFO is given for its reader to come.
const READER_COMES: Duration = Duration::from_secs(2);

/// Where events are recorded.
#[derive(Clone, Debug)]
pub enum Destination {
    /// `-`: standard output.
    Stdout,
    /// `fd:N`: a descriptor that this program was given.
    Descriptor(Descriptor),
    /// A file.
    File(PathBuf),
}

/// A descriptor that this program was given, as far as it was there.
#[derive(Clone, Debug)]
pub struct Descriptor {
    name: String,
    file: Option<Arc<OwnedFd>>,
}

/// Why nothing is written to a destination, which is as it was.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// It is something that this command needs.
    #[error("`{output}` is {what}, which no output may overwrite: name another file")]
    ProtectedFiles {
        /// What was named.
        output: String,
        /// What it is.
        what: String,
    },
    /// Results go there.
    #[error(
        "`{output}` is where {stream} goes, and the lines would mix: name another file, or record events on stdout alone with `--events -`"
    )]
    Stream {
        /// What was named.
        output: String,
        /// `stdout` or `stderr`.
        stream: &'static str,
    },
    /// It holds something else.
    #[error(
        "`{0}` is no recording of events and was left as it is: name a new file, or one that `--events` made"
    )]
    Foreign(String),
    /// It is a link to something that is not there.
    #[error("`{0}` is a link to a file that does not exist: name the file itself")]
    Dangling(String),
    /// It can hold no recording.
    #[error("`{output}` is a {kind}: name a file")]
    Kind {
        /// What was named.
        output: String,
        /// What it is.
        kind: &'static str,
    },
    /// A FIFO has no reader.
    #[error("no process reads the FIFO `{0}`: start its reader first")]
    NoReader(String),
    /// The descriptor was not given.
    #[error("`{0}` is not open for writing: redirect it to a file, as in `3>events.jsonl`")]
    NotOpen(String),
    /// The system said no.
    #[error("cannot open `{output}` for events: {cause}")]
    Io {
        /// What was named.
        output: String,
        /// What it said.
        cause: io::Error,
    },
}

impl From<&OsStr> for Destination {
    fn from(text: &OsStr) -> Self {
        let name = text.to_str().unwrap_or_default();
        match (name, descriptor::number(name)) {
            ("-", _) | (_, Some(1)) => Destination::Stdout,
            (_, Some(number)) => Destination::Descriptor(Descriptor {
                name: name.to_string(),
                file: descriptor::inherited(number).map(Arc::new),
            }),
            (_, None) => Destination::File(PathBuf::from(text)),
        }
    }
}

/// An opened destination.
pub(super) struct OpenedDestination {
    pub(super) name: String,
    pub(super) file: File,
    /// Others may append to it at the same time.
    pub(super) is_shared: bool,
}

impl Destination {
    /// The file that it is, under some name; nothing for stdout.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Destination::Stdout => None,
            Destination::Descriptor(descriptor) => {
                let file = descriptor.file.as_ref()?;
                Some(format!("/proc/self/fd/{}", file.as_raw_fd()).into())
            }
            Destination::File(path) => Some(path.clone()),
        }
    }

    /// Refuses what may not be written to, and changes nothing.
    ///
    /// # Errors
    ///
    /// What [`DestinationError`] says.
    pub fn check(&self, protected: &ProtectedFiles) -> Result<(), DestinationError> {
        match self {
            Destination::Stdout => Ok(()),
            Destination::Descriptor(descriptor) => descriptor.open(protected).map(drop),
            Destination::File(path) => look_at(path, protected, &recording::is_one)
                .map(drop)
                .map_err(|why| why.about(path)),
        }
    }

    /// Refuses a file that may not be replaced as a whole, and changes nothing. One that is there may be if
    /// it is the program's own.
    pub(super) fn check_whole(
        &self,
        protected: &ProtectedFiles,
        is_own: impl Fn(&Path) -> io::Result<bool>,
    ) -> Result<(), DestinationError> {
        match self {
            Destination::File(path) => match look_at(path, protected, &is_own) {
                Ok(Some(found)) if !found.file_type().is_file() => Err(PathRefusal::Kind("device")),
                looked => looked.map(drop),
            }
            .map_err(|why| why.about(path)),
            _ => self.check(protected),
        }
    }

    /// Opens it to append to it; `None`: stdout, which is open.
    pub(super) fn open(
        &self,
        protected: &ProtectedFiles,
    ) -> Result<Option<OpenedDestination>, DestinationError> {
        match self {
            Destination::Stdout => Ok(None),
            Destination::Descriptor(descriptor) => descriptor.open(protected).map(Some),
            Destination::File(path) => {
                let file = open(path, protected).map_err(|why| why.about(path))?;
                Ok(Some(OpenedDestination {
                    name: path.display().to_string(),
                    file,
                    is_shared: true,
                }))
            }
        }
    }
}

impl Descriptor {
    fn open(&self, protected: &ProtectedFiles) -> Result<OpenedDestination, DestinationError> {
        let name = self.name.clone();
        let given = self.file.as_ref().and_then(|file| file.try_clone().ok());
        let Some(file) = given.filter(descriptor::is_writable).map(File::from) else {
            return Err(DestinationError::NotOpen(name));
        };
        let found = file.metadata().map_err(|cause| DestinationError::Io {
            output: name.clone(),
            cause,
        })?;
        if let Some(what) = protected.what_is(&found) {
            return Err(DestinationError::ProtectedFiles { output: name, what });
        }
        Ok(OpenedDestination {
            name,
            file,
            is_shared: false,
        })
    }
}

/// Refuses standard streams that were redirected to what no output may overwrite.
///
/// # Errors
///
/// [`DestinationError::ProtectedFiles`].
pub fn check_streams(protected: &ProtectedFiles) -> Result<(), DestinationError> {
    let streams: Vec<(&str, Metadata)> = streams().collect();
    let found = streams.iter().map(|(_, found)| found);
    let mut refused = Ok(());
    for ((stream, _), what) in streams.iter().zip(protected.what_are(found)) {
        let Some(what) = what else { continue };
        if *stream == "stderr" {
            super::be_silent();
        }
        let output = stream.to_string();
        refused = refused.and(Err(DestinationError::ProtectedFiles { output, what }));
    }
    refused
}

/// The standard streams that are written to, as far as they are open.
fn streams() -> impl Iterator<Item = (&'static str, Metadata)> {
    let of = |stream: io::Result<OwnedFd>| File::from(stream.ok()?).metadata().ok();
    let stdout = descriptor::copy_of(&io::stdout());
    let stderr = descriptor::copy_of(&io::stderr());
    let all = [("stdout", of(stdout)), ("stderr", of(stderr))];
    all.into_iter()
        .filter_map(|(name, found)| Some((name, found?)))
}

/// Why a path is refused.
enum PathRefusal {
    ProtectedFiles(String),
    Stream(&'static str),
    Foreign,
    Dangling,
    Kind(&'static str),
    NoReader,
    Io(io::Error),
}

impl PathRefusal {
    fn about(self, path: &Path) -> DestinationError {
        let output = path.display().to_string();
        match self {
            PathRefusal::ProtectedFiles(what) => DestinationError::ProtectedFiles { output, what },
            PathRefusal::Stream(stream) => DestinationError::Stream { output, stream },
            PathRefusal::Foreign => DestinationError::Foreign(output),
            PathRefusal::Dangling => DestinationError::Dangling(output),
            PathRefusal::Kind(kind) => DestinationError::Kind { output, kind },
            PathRefusal::NoReader => DestinationError::NoReader(output),
            PathRefusal::Io(cause) => DestinationError::Io { output, cause },
        }
    }
}

/// Whether an existing file is of the kind that is to be written.
type IsOwn<'a> = &'a dyn Fn(&Path) -> io::Result<bool>;

/// What a path names that may be written to; `None`: a file that does not exist yet.
fn look_at(
    path: &Path,
    protected: &ProtectedFiles,
    is_own: IsOwn<'_>,
) -> Result<Option<Metadata>, PathRefusal> {
    match fs::metadata(path) {
        Ok(found) => {
            check_existing(path, &found, protected, is_own)?;
            Ok(Some(found))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(PathRefusal::Dangling);
            }
            match protected.what_would_be(path) {
                Some(what) => Err(PathRefusal::ProtectedFiles(what)),
                None => Ok(None),
            }
        }
        Err(error) => Err(PathRefusal::Io(error)),
    }
}

/// Looks at a file's inode before it is opened: to close any handle of a ledger takes the locks of this
/// process on it away.
fn check_existing(
    path: &Path,
    found: &Metadata,
    protected: &ProtectedFiles,
    is_own: IsOwn<'_>,
) -> Result<(), PathRefusal> {
    if let Some(what) = protected.what_is(found) {
        return Err(PathRefusal::ProtectedFiles(what));
    }
    let kind = found.file_type();
    if let Some(kind) = unfit(kind) {
        return Err(PathRefusal::Kind(kind));
    }
    if kind.is_char_device() {
        return Ok(());
    }
    let is_same = |stream: &Metadata| Inode::of(stream) == Inode::of(found);
    if let Some((stream, _)) = streams().find(|(_, stream)| is_same(stream)) {
        return Err(PathRefusal::Stream(stream));
    }
    if kind.is_file() && !is_own(path).map_err(PathRefusal::Io)? {
        return Err(PathRefusal::Foreign);
    }
    Ok(())
}

/// What a file is called that can hold no recording.
fn unfit(kind: FileType) -> Option<&'static str> {
    if kind.is_dir() {
        Some("directory")
    } else if kind.is_socket() {
        Some("socket")
    } else if kind.is_block_device() {
        Some("block device")
    } else {
        None
    }
}

fn open(path: &Path, protected: &ProtectedFiles) -> Result<File, PathRefusal> {
    let Some(found) = look_at(path, protected, &recording::is_one)? else {
        let made = of_file().create_new(true).open(path);
        return match made {
            // Another run was faster to make it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                look_at(path, protected, &recording::is_one)?;
                of_file().open(path).map_err(PathRefusal::Io)
            }
            made => made.map_err(PathRefusal::Io),
        };
    };
    if found.file_type().is_fifo() {
        return open_fifo(path);
    }
    let is_file = found.file_type().is_file();
    let options = if is_file { of_file() } else { options() };
    let file = options.open(path).map_err(PathRefusal::Io)?;
    // It may have been replaced since it was looked at.
    let opened = file.metadata().map_err(PathRefusal::Io)?;
    if Inode::of(&opened) != Inode::of(&found) {
        return Err(PathRefusal::Foreign);
    }
    Ok(file)
}

/// Without waiting: a FIFO without a reader and a terminal would be waited for.
fn options() -> OpenOptions {
    let mut options = File::options();
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    options
        .append(true)
        .custom_flags(flags.bits().cast_signed());
    options
}

/// A file's last line is looked at before it is appended to.
fn of_file() -> OpenOptions {
    let mut options = options();
    options.read(true);
    options
}

fn open_fifo(path: &Path) -> Result<File, PathRefusal> {
    let since = Instant::now();
    loop {
        match options().open(path) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                return Err(PathRefusal::Io(error));
            }
            Ok(file) => return Ok(file),
            Err(_) if since.elapsed() > READER_COMES => return Err(PathRefusal::NoReader),
            Err(_) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

#[cfg(test)]
mod tests;
