//! Where a server listens: a socket that only its user can open, in a folder that only that user can
//! enter.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use interprocess::local_socket::traits::{Listener as _, StreamCommon as _};
use interprocess::local_socket::{
    GenericFilePath, ListenerNonblockingMode, ListenerOptions, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket::{Listener, Stream};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The longest path of a local socket, in bytes (`sun_path` without its final zero).
const MAX_PATH: usize = 107;
/// How long to wait for another server that is just taking an address in the same folder.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);
/// How often to try again meanwhile.
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Why a server cannot listen there.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// No socket has such a path.
    #[error("`{0}` is no path for a socket, which has 1 to {MAX_PATH} bytes: use a shorter one")]
    Path(PathBuf),
    /// Other users could come in.
    #[error(
        "other users can enter the folder `{folder}` (its mode is {mode:03o}): name a socket in a folder that only you can enter, such as one that `mktemp -d` makes"
    )]
    Open {
        /// The socket's folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another user's folder.
    #[error("the folder `{folder}` belongs to user {owner}: use one of your own")]
    Foreign {
        /// The socket's folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Something else lies there.
    #[error("`{0}` is not a socket, and was not touched: use another path")]
    Taken(PathBuf),
    /// A server that lives listens there.
    #[error("{who} listens on `{socket}` already: use it, or use another path")]
    Live {
        /// The socket.
        socket: PathBuf,
        /// Its server.
        who: String,
    },
    /// Another server keeps the folder locked.
    #[error("the folder `{0}` was locked by another server for {LOCK_PATIENCE:?}")]
    Locked(PathBuf),
    /// The operating system said no.
    #[error("cannot listen on `{socket}`: {cause}")]
    Io {
        /// The socket.
        socket: PathBuf,
        /// What it said.
        cause: io::Error,
    },
}

/// A socket that is listened on. Its file is removed when this is dropped.
pub struct ListenAddress {
    path: PathBuf,
    listener: Listener,
    /// The file's own identity: another server's file of the same name is left alone.
    file: (u64, u64),
}

impl ListenAddress {
    /// Begins to listen. The socket of a server that has died is replaced, that of a living one never.
    pub fn claim(path: &Path) -> Result<Self, AddressError> {
        let length = path.as_os_str().len();
        if !(1..=MAX_PATH).contains(&length) {
            return Err(AddressError::Path(path.to_path_buf()));
        }
        let failed = |cause| AddressError::Io {
            socket: path.to_path_buf(),
            cause,
        };
        let folder = prepare_folder(path)?;
        let _lock = lock(&folder, path)?;
        clear(path)?;
        let name = path.to_fs_name::<GenericFilePath>().map_err(failed)?;
        let listener = ListenerOptions::new()
            .name(name)
            .mode(0o600)
            .nonblocking(ListenerNonblockingMode::Accept)
            .reclaim_name(false)
            .create_sync_as::<Listener>()
            .map_err(failed)?;
        let file = identity(&fs::symlink_metadata(path).map_err(failed)?);
        Ok(ListenAddress {
            path: path.to_path_buf(),
            listener,
            file,
        })
    }

    /// The next connection that waits, and its user.
    pub fn accept(&self) -> io::Result<(OwnedFd, Option<u32>)> {
        let stream = self.listener.accept()?;
        let user = stream.peer_creds()?.euid();
        Ok((OwnedFd::from(stream), user))
    }

    /// What is readable once a connection waits.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }
}

impl Drop for ListenAddress {
    fn drop(&mut self) {
        let _lock = lock(folder_of(&self.path), &self.path);
        if fs::symlink_metadata(&self.path).is_ok_and(|found| identity(&found) == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

/// The socket's folder: created where it is missing, refused where others can enter it.
fn prepare_folder(path: &Path) -> Result<PathBuf, AddressError> {
    let folder = folder_of(path).to_path_buf();
    let failed = |cause| AddressError::Io {
        socket: path.to_path_buf(),
        cause,
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(&folder).map_err(failed)?;
    let found = fs::metadata(&folder).map_err(failed)?;
    let (owner, mode) = (found.uid(), found.mode() & 0o777);
    if owner != rustix::process::geteuid().as_raw() {
        return Err(AddressError::Foreign { folder, owner });
    }
    if mode & 0o077 != 0 {
        return Err(AddressError::Open { folder, mode });
    }
    Ok(folder)
}

/// Keeps other servers from taking or leaving an address in this folder meanwhile.
fn lock(folder: &Path, path: &Path) -> Result<File, AddressError> {
    let failed = |cause| AddressError::Io {
        socket: path.to_path_buf(),
        cause,
    };
    let file = File::open(folder).map_err(failed)?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
            Err(Errno::WOULDBLOCK) => return Err(AddressError::Locked(folder.to_path_buf())),
            Err(errno) => return Err(failed(errno.into())),
        }
    }
}

/// Removes the socket that a dead server left behind.
fn clear(path: &Path) -> Result<(), AddressError> {
    let failed = |cause| AddressError::Io {
        socket: path.to_path_buf(),
        cause,
    };
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(failed)?,
    };
    if !found.file_type().is_socket() {
        return Err(AddressError::Taken(path.to_path_buf()));
    }
    match listening(path).map_err(|errno| failed(errno.into()))? {
        Some(who) => Err(AddressError::Live {
            socket: path.to_path_buf(),
            who,
        }),
        None => fs::remove_file(path).map_err(failed),
    }
}

/// Who listens on the socket, if anyone does. A server whose queue is full lives.
fn listening(path: &Path) -> Result<Option<String>, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) => {
            let peer = Stream::from(socket).peer_creds();
            let pid = peer.ok().and_then(|peer| peer.pid());
            let who = pid.map(|pid| format!("process {pid}"));
            Ok(Some(who.unwrap_or_else(|| "another process".to_string())))
        }
        Err(Errno::AGAIN) => Ok(Some("a process that accepts no connection now".to_string())),
        Err(Errno::CONNREFUSED) => Ok(None),
        Err(errno) => Err(errno),
    }
}
