//! The signals that a parent hears.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::signal::SIGXFSZ;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// What tells a worker to start no further command. No shell has those that it starts ignore it, as it
/// may have with SIGINT.
pub const ENOUGH: i32 = SIGUSR1;

/// The signals that came and were not looked at yet, on a descriptor that can be polled.
pub struct Signals(SignalDelivery<UnixStream, SignalOnly>);

impl Signals {
    /// Begins to hear the signals that end or stop a program, and those that tell of children.
    ///
    /// One that this process was started to ignore (`nohup`, a shell's background job) stays ignored.
    pub fn listen() -> io::Result<Self> {
        Signals::hear(&[SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP], ignored())
    }

    /// The same, for a process that its parent tells to begin nothing more, and to end: that it hears
    /// whatever it was started to ignore.
    pub fn listen_for_enough() -> io::Result<Self> {
        let bit = |signal: i32| 1u64 << (signal - 1);
        let ignored = ignored() & !(bit(SIGTERM) | bit(ENOUGH));
        Signals::hear(
            &[SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP, ENOUGH],
            ignored,
        )
    }

    fn hear(signals: &[i32], ignored: u64) -> io::Result<Self> {
        let heard = signals
            .iter()
            .copied()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let (read, write) = UnixStream::pair()?;
        Ok(Signals(SignalDelivery::with_pipe(
            read, write, SignalOnly, heard,
        )?))
    }

    /// Those that came since the last look.
    pub fn pending(&mut self) -> Vec<i32> {
        self.0.pending().collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get_read().as_fd()
    }
}

/// The set of signals that this process ignores, bit `n - 1` for signal `n` (see `proc(5)`, `SigIgn`).
/// Where there is no such file, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A child that nobody waits for is ours to wait for, whatever was set before.
    let ignored = line
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or_default();
    ignored & !(1 << (SIGCHLD - 1))
}

/// Lets a write beyond the limit of a file's size fail, as one to a full disk does, instead of ending
/// this process by SIGXFSZ. Those that it starts have the signal's default again.
pub fn outlive_full_files() {
    let heard = Arc::new(AtomicBool::new(false));
    // It cannot fail for a signal that may be caught.
    let _ = signal_hook::flag::register(SIGXFSZ, heard);
}

/// Stops this process as Ctrl-Z does; returns when it goes on.
pub fn stop_self() {
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
}

/// Ends this process by a signal, so that its parent sees why. Returns only if that signal cannot end
/// a process.
pub fn end_by(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}
