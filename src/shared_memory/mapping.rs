//! Memory that the processes of a run share: a file in memory, sized and sealed by the parent and
//! inherited by its workers, which each of them maps; and the one lock in it that needs the C library.
//!
//! This is the only unsafe code of the program. It hands out slices of atomics, and a lock; all that is
//! done with them is safe code in the modules beside it.
#![allow(
    unsafe_code,
    reason = "mapping memory, and a robust mutex of the C library in it, have no safe form"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use nix::libc::{self, c_int, pthread_mutex_t};
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

/// How many words and half-words a mapping has, beside its mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Words of 64 bits.
    pub(crate) words: usize,
    /// Words of 32 bits, on which the kernel lets a process wait.
    pub(crate) futexes: usize,
}

/// Memory that several processes see, and the file that it is.
///
/// It begins with the mutex; the words and then the half-words follow.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    extent: Extent,
    file: File,
}

/// The bytes before the words: more than a mutex takes on any machine, and whole cache lines.
const MUTEX_BYTES: usize = 128;
const _: () = assert!(size_of::<pthread_mutex_t>() <= MUTEX_BYTES);

/// Neither its size nor these seals can be changed: no process can take away pages that another reads.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

/// How the robust mutex was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inherited {
    /// No process held it.
    Clean,
    /// Its holder died with it: what it guards may be half-written.
    FromTheDead,
}

impl Extent {
    fn bytes(self) -> Option<usize> {
        let words = self.words.checked_mul(size_of::<u64>())?;
        let futexes = self.futexes.checked_mul(size_of::<u32>())?;
        MUTEX_BYTES.checked_add(words)?.checked_add(futexes)
    }
}

impl Mapping {
    /// New memory, all of it zero, in a file that a child process inherits.
    pub(crate) fn create(extent: Extent) -> io::Result<Self> {
        // Without `CLOEXEC`: a run that shares memory starts no other process than its workers.
        let file = File::from(rustix::fs::memfd_create(
            "bank-par",
            MemfdFlags::ALLOW_SEALING,
        )?);
        let bytes = extent.bytes().ok_or(io::ErrorKind::OutOfMemory)?;
        rustix::fs::ftruncate(&file, bytes as u64)?;
        rustix::fs::fcntl_add_seals(&file, SEALS)?;
        let mapping = Mapping::map(file, extent)?;
        mapping.create_mutex()?;
        Ok(mapping)
    }

    /// The memory of the parent, which a worker inherited under this descriptor.
    ///
    /// It is opened anew, so that this process has an open file of its own, and with it file locks of its
    /// own.
    pub(crate) fn open(descriptor: i32, extent: Extent) -> io::Result<Self> {
        let mut options = File::options();
        let file = options.read(true).write(true);
        let file = file.open(format!("/proc/self/fd/{descriptor}"))?;
        let sealed = rustix::fs::fcntl_get_seals(&file)?.contains(SEALS);
        if !sealed || extent.bytes().map(|bytes| bytes as u64) != Some(file.metadata()?.len()) {
            let what = "the memory that was inherited has another size, or is not sealed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Mapping::map(file, extent)
    }

    fn map(file: File, extent: Extent) -> io::Result<Self> {
        let bytes = extent.bytes().ok_or(io::ErrorKind::OutOfMemory)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so no memory that is in use is replaced. The file has at
        // least so many bytes, and its seals keep it so: no access within them can fault.
        let start = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                bytes,
                access,
                MapFlags::SHARED,
                &file,
                0,
            )?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping {
            start,
            extent,
            file,
        })
    }

    /// The file, for its number and for locks on it.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The words.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: these bytes are mapped as long as `self` lives, and a page's start is aligned for what
        // follows a multiple of eight bytes. Any bytes are a valid `AtomicU64`, and every access to these
        // in any process is by one, since no process reaches them in another way than through here.
        unsafe {
            let first = self.start.add(MUTEX_BYTES).cast::<AtomicU64>();
            std::slice::from_raw_parts(first.as_ptr(), self.extent.words)
        }
    }

    /// The half-words.
    pub(crate) fn futexes(&self) -> &[AtomicU32] {
        let before = MUTEX_BYTES + self.extent.words * size_of::<u64>();
        // SAFETY: as for the words, behind which these lie; `before` is a multiple of eight.
        unsafe {
            let first = self.start.add(before).cast::<AtomicU32>();
            std::slice::from_raw_parts(first.as_ptr(), self.extent.futexes)
        }
    }

    /// The mutex: a page's start is aligned for it, and it is reached by the C library's functions alone.
    fn mutex(&self) -> *mut pthread_mutex_t {
        self.start.as_ptr().cast()
    }

    /// Makes the mutex one that processes share, and that tells when its holder has died.
    fn create_mutex(&self) -> io::Result<()> {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: the attributes are initialised by the first call and used by the others only then. The
        // mutex is mapped, and no process knows of it yet.
        unsafe {
            done(libc::pthread_mutexattr_init(attributes))?;
            done(libc::pthread_mutexattr_setpshared(
                attributes,
                libc::PTHREAD_PROCESS_SHARED,
            ))?;
            done(libc::pthread_mutexattr_setrobust(
                attributes,
                libc::PTHREAD_MUTEX_ROBUST,
            ))?;
            done(libc::pthread_mutex_init(self.mutex(), attributes))?;
            done(libc::pthread_mutexattr_destroy(attributes))
        }
    }

    /// Takes the robust mutex; `None` if it is not free in this time. Who took it from the dead must
    /// repair what it guards, and then say so ([`Mapping::mark_consistent`]).
    ///
    /// The C library measures by the wall clock. Callers wait in short slices by a clock of their own, so
    /// that a wall clock that is set makes one slice longer or shorter and nothing else.
    pub(crate) fn try_robust(&self, slice: Duration) -> io::Result<Option<Inherited>> {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let until = Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32) + slice;
        let until = libc::timespec {
            tv_sec: until.as_secs() as i64,
            tv_nsec: i64::from(until.subsec_nanos()),
        };
        // SAFETY: the parent initialised the mutex before any worker existed, and it stays mapped.
        match unsafe { libc::pthread_mutex_timedlock(self.mutex(), &until) } {
            libc::ETIMEDOUT => Ok(None),
            libc::EOWNERDEAD => Ok(Some(Inherited::FromTheDead)),
            status => done(status).map(|()| Some(Inherited::Clean)),
        }
    }

    /// Says that what the mutex guards is whole again. Only its holder may.
    pub(crate) fn mark_consistent(&self) -> io::Result<()> {
        // SAFETY: as in `try_robust`; for any but the holder it is an error and nothing else.
        done(unsafe { libc::pthread_mutex_consistent(self.mutex()) })
    }

    /// Gives the robust mutex back. Only its holder may.
    pub(crate) fn unlock_robust(&self) -> io::Result<()> {
        // SAFETY: as in `try_robust`; for any but the holder it is an error and nothing else, since a
        // robust mutex knows its holder.
        done(unsafe { libc::pthread_mutex_unlock(self.mutex()) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(bytes) = self.extent.bytes() {
            // SAFETY: it was mapped with this length, and nothing that borrows from it outlives it.
            let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast::<c_void>(), bytes) };
        }
    }
}

/// What a function of the C library's threads returned.
fn done(status: c_int) -> io::Result<()> {
    match status {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::Ordering;

    const SMALL: Extent = Extent {
        words: 512,
        futexes: 3,
    };
    const SOON: Duration = Duration::from_millis(1);

    // Miri has neither files in memory nor robust mutexes.
    #[test]
    #[cfg_attr(miri, ignore)]
    fn what_one_writes_the_other_reads_and_both_sizes_are_checked() {
        let parent = Mapping::create(SMALL).expect("memory");
        let worker = Mapping::open(parent.file().as_raw_fd(), SMALL).expect("the same");
        assert_eq!((worker.words().len(), worker.futexes().len()), (512, 3));
        parent.words()[511].store(7, Ordering::Relaxed);
        parent.futexes()[2].store(8, Ordering::Relaxed);
        let (word, futex) = (&worker.words()[511], &worker.futexes()[2]);
        assert_eq!(word.load(Ordering::Relaxed), 7);
        assert_eq!(futex.load(Ordering::Relaxed), 8);
        assert_eq!(worker.futexes()[0].load(Ordering::Relaxed), 0);
        let larger = Extent {
            words: 513,
            ..SMALL
        };
        assert!(Mapping::open(parent.file().as_raw_fd(), larger).is_err());
        assert!(parent.file().set_len(8).is_err(), "its size is sealed");
        let null = File::open("/dev/null").expect("a device");
        assert!(Mapping::open(null.as_raw_fd(), SMALL).is_err());
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn a_robust_mutex_tells_that_its_holder_died() {
        let parent = Mapping::create(SMALL).expect("memory");
        let descriptor = parent.file().as_raw_fd();
        let other = move || Mapping::open(descriptor, SMALL).expect("the same");
        assert_eq!(parent.try_robust(SOON).ok(), Some(Some(Inherited::Clean)));
        // A thread that waits in vain, and then one that ends with the mutex in its hands.
        let waits = std::thread::spawn(move || other().try_robust(SOON).ok());
        assert_eq!(waits.join().expect("no panic"), Some(None));
        parent.unlock_robust().expect("its holder");
        assert!(parent.unlock_robust().is_err(), "it holds it no more");
        // The kernel looks for the mutex when the thread ends, so it stays mapped until then.
        let kept = std::thread::spawn(move || {
            let other = other();
            let taken = other.try_robust(SOON).ok();
            std::mem::forget(other);
            taken
        });
        assert_eq!(kept.join().expect("no panic"), Some(Some(Inherited::Clean)));
        let taken = parent.try_robust(SOON).ok();
        assert_eq!(taken, Some(Some(Inherited::FromTheDead)));
        parent.mark_consistent().expect("its holder");
        parent.unlock_robust().expect("its holder");
        assert_eq!(parent.try_robust(SOON).ok(), Some(Some(Inherited::Clean)));
    }
}
