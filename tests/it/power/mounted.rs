//! A disk on which the real program works and which loses, at a command, what was not synced: a file system in
//! this process (FUSE). What becomes of that is drawn by the same model as for recordings; what the program did is
//! seen by the kernel here, and not by `strace`.

mod files;

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};

use super::crash::lay_out;
use super::disk::Unsynced;
use files::{File, Files};

/// The kernel asks each time: what it remembers would outlive a power loss.
const ASK_AGAIN: Duration = Duration::ZERO;

/// Whether a file system of this process can be mounted; without one a test says so and checks nothing, unless every
/// test must be run (`BANK_PAR_ALL_TESTS`), as in `.ci/run`.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
pub(crate) fn can_mount() -> bool {
    static MOUNTED: OnceLock<bool> = OnceLock::new();
    *MOUNTED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let Err(error) = Mounted::over(folder.path(), Syncs::Kept) else {
            return true;
        };
        let missing = format!("this test needs FUSE (`/dev/fuse`, and to be root): {error}");
        assert!(
            std::env::var_os("BANK_PAR_ALL_TESTS").is_none(),
            "{missing}"
        );
        eprintln!("not checked: {missing}");
        false
    })
}

/// What the disk makes of syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syncs {
    Kept,
    /// It says that all is durable and does nothing.
    Faked,
}

/// The disk, for as long as it is mounted.
pub(crate) struct Mounted {
    files: Arc<Mutex<Files>>,
    _session: BackgroundSession,
}

impl Mounted {
    /// Mounts a disk with nothing on it over this folder.
    pub(crate) fn over(folder: &Path, syncs: Syncs) -> std::io::Result<Self> {
        let files = Arc::new(Mutex::new(Files::new(syncs)));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("unsynced".to_string())];
        let session = fuser::spawn_mount(Shared(files.clone()), folder, &config)?;
        Ok(Mounted {
            files,
            _session: session,
        })
    }

    /// Loses what was not synced, or some of it, and lays a copy of what is left into a folder. No process may have a
    /// file of the disk open.
    pub(crate) fn lose_power(&self, unsynced: Unsynced, copy: &Path) {
        lay_out(&self.files.lock().unwrap().lose_power(unsynced), copy);
    }
}

/// What the kernel asks.
struct Shared(Arc<Mutex<Files>>);

impl Shared {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }
}

fn end(reply: ReplyEmpty, ended: Result<(), Errno>) {
    match ended {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn enter(reply: ReplyEntry, files: &Files, about: Result<FileAttr, Errno>) {
    match about {
        Ok(about) => reply.entry(&ASK_AGAIN, &about, Generation(files.losses())),
        Err(error) => reply.error(error),
    }
}

fn tell(reply: ReplyAttr, about: Result<FileAttr, Errno>) {
    match about {
        Ok(about) => reply.attr(&ASK_AGAIN, &about),
        Err(error) => reply.error(error),
    }
}

impl Filesystem for Shared {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let files = self.files();
        let about = files
            .named(name)
            .and_then(|(_, number)| files.about(number));
        enter(reply, &files, about);
    }

    fn getattr(&self, _: &Request, number: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        tell(reply, self.files().about(number));
    }

    fn setattr(
        &self,
        _: &Request,
        number: INodeNo,
        mode: Option<u32>,
        user: Option<u32>,
        group: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let mut files = self.files();
        files.set_access(number, mode, user, group);
        let resized = size.map_or(Ok(()), |size| files.resize(number, size));
        tell(reply, resized.and_then(|()| files.about(number)));
    }

    fn create(
        &self,
        asking: &Request,
        _: INodeNo,
        name: &OsStr,
        mode: u32,
        mask: u32,
        _: i32,
        reply: ReplyCreate,
    ) {
        let mut files = self.files();
        let file = File::new(mode & !mask, (asking.uid(), asking.gid()));
        match files.create(name, file) {
            Ok(about) => reply.created(
                &ASK_AGAIN,
                &about,
                Generation(files.losses()),
                FileHandle(0),
                FopenFlags::empty(),
            ),
            Err(error) => reply.error(error),
        }
    }

    fn read(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        at: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let files = self.files();
        match files.read(number, at, size) {
            Ok(bytes) => reply.data(bytes),
            Err(error) => reply.error(error),
        }
    }

    fn write(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        at: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.files().write(number, at, bytes) {
            Ok(length) => reply.written(length),
            Err(error) => reply.error(error),
        }
    }

    fn unlink(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        end(reply, self.files().remove(name));
    }

    fn rename(
        &self,
        _: &Request,
        _: INodeNo,
        from: &OsStr,
        _: INodeNo,
        to: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        end(reply, self.files().rename(from, to, flags));
    }

    fn link(&self, _: &Request, number: INodeNo, _: INodeNo, to: &OsStr, reply: ReplyEntry) {
        let mut files = self.files();
        let about = files.link(number, to);
        enter(reply, &files, about);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, number: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.files().sync(Some(number));
        reply.ok();
    }

    fn fsyncdir(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.files().sync(None);
        reply.ok();
    }

    fn fallocate(
        &self,
        _: &Request,
        number: INodeNo,
        _: FileHandle,
        at: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        match mode {
            0 => end(reply, self.files().grow(number, at + length)),
            _ => reply.error(Errno::EOPNOTSUPP),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        after: u64,
        mut reply: ReplyDirectory,
    ) {
        let files = self.files();
        for (place, (name, number)) in (1..).zip(files.names()).skip(after as usize) {
            if reply.add(number, place, FileType::RegularFile, name) {
                break;
            }
        }
        reply.ok();
    }
}
