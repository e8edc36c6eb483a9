//! The signals that a process of this program hears.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use nix::sys::signal::SigSet;
use signal_hook::consts::signal::SIGXFSZ;
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::Cause;

use super::requests::EndRequests;

/// What tells a worker to start no further command. No shell has those that it starts ignore it, as it
/// may have with SIGINT.
pub const START_NO_MORE: i32 = SIGUSR1;

/// What tells a worker or a guard to end its command, with a grace. It differs from SIGTERM, which may
/// reach the whole process group or control group: the parent's request and the group's signal are not
/// two requests then.
pub const END_COMMAND: i32 = SIGUSR2;

/// What tells a guard to end its command without a grace.
pub const END_AT_ONCE: i32 = SIGALRM;

/// By which a program that a signal ended is told to its parent, as shells do.
const SIGNALLED: i32 = 128;

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedSignal {
    /// Which one.
    pub signal: i32,
    /// A person typed it at the terminal, which sends it to all that run in the foreground.
    pub is_typed: bool,
}

/// The signals that came and were not looked at yet, on a descriptor that can be polled.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, WithOrigin>,
    /// Only the first of several deliveries of one request is told.
    requests: Option<EndRequests>,
    began: Instant,
}

impl Signals {
    /// Begins to hear the signals that end or stop a program, and those that tell of children.
    ///
    /// One that this process was started to ignore (`nohup`, a shell's background job) stays ignored.
    pub fn listen() -> io::Result<Self> {
        let requests = Some(EndRequests::default());
        let heard = [SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGTSTP];
        Signals::listen_for(&heard, ignored(), requests)
    }

    /// The same, for a process that its parent tells to begin nothing more, and to end: that it hears
    /// whatever it was started to ignore.
    pub fn listen_to_parent() -> io::Result<Self> {
        let from_parent = [SIGTERM, SIGCONT, START_NO_MORE, END_COMMAND, END_AT_ONCE];
        let ignored = from_parent
            .iter()
            .fold(ignored(), |ignored, signal| ignored & !bit(*signal));
        let heard = [
            SIGCHLD,
            SIGINT,
            SIGTERM,
            SIGHUP,
            SIGTSTP,
            SIGCONT,
            START_NO_MORE,
            END_COMMAND,
            END_AT_ONCE,
        ];
        Signals::listen_for(&heard, ignored, None)
    }

    fn listen_for(
        signals: &[i32],
        ignored: u64,
        requests: Option<EndRequests>,
    ) -> io::Result<Self> {
        if let Some(unheard) = UNHEARD.get() {
            unheard.store(false, Ordering::Relaxed);
        }
        let heard = signals
            .iter()
            .copied()
            .filter(|signal| ignored & bit(*signal) == 0);
        let (read, write) = UnixStream::pair()?;
        Ok(Signals {
            delivery: SignalDelivery::with_pipe(read, write, WithOrigin::default(), heard)?,
            requests,
            began: Instant::now(),
        })
    }

    /// Those that came since the last look.
    pub fn pending(&mut self) -> Vec<i32> {
        let heard = self.heard().into_iter();
        heard.map(|heard| heard.signal).collect()
    }

    /// The same, and where each came from.
    pub fn heard(&mut self) -> Vec<ReceivedSignal> {
        let now = self.began.elapsed();
        let mut signals = Vec::new();
        for origin in self.delivery.pending() {
            let heard = ReceivedSignal {
                signal: origin.signal,
                is_typed: origin.cause == Cause::Kernel && origin.signal == SIGINT,
            };
            let is_new = match &mut self.requests {
                Some(requests) if matches!(heard.signal, SIGINT | SIGTERM | SIGHUP) => {
                    requests.is_new(heard.is_typed, now)
                }
                _ => true,
            };
            if is_new {
                signals.push(heard);
            }
        }
        signals
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// The set of signals that this process ignores, bit `n - 1` for signal `n` (see `proc(5)`, `SigIgn`).
/// Where there is no such file, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // This process waits for its children itself, whatever was set before it began.
    let ignored = line
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or_default();
    ignored & !bit(SIGCHLD)
}

/// What every process of this program does first: it blocks no signal, whatever its caller had blocked,
/// so that it hears a request for its end, and so do the commands that it starts; and it has the
/// program's name, also where it was started as `/proc/self/exe`.
pub fn begin_process() {
    // Neither can fail: the set of no signals is one, and the name is short enough.
    let _ = SigSet::empty().thread_set_mask();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"bank-par");
}

/// Lets a write beyond the limit of a file's size fail, as one to a full disk does, instead of ending
/// this process by SIGXFSZ. Those that it starts have the signal's default again.
pub fn ignore_sigxfsz() {
    let heard = Arc::new(AtomicBool::new(false));
    // It cannot fail for a signal that may be caught.
    let _ = signal_hook::flag::register(SIGXFSZ, heard);
}

/// Set while the first process of a container hears no signals.
static UNHEARD: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Lets the signals that end a program end this process even if it is the first of a container, which
/// the kernel spares from those that it does not hear.
pub fn end_as_first_process() {
    if is_first_process() {
        let unheard = UNHEARD.get_or_init(|| Arc::new(AtomicBool::new(true)));
        let ignored = ignored();
        let ending = [SIGINT, SIGTERM, SIGHUP].into_iter();
        for signal in ending.filter(|signal| ignored & bit(*signal) == 0) {
            let (status, unheard) = (SIGNALLED + signal, Arc::clone(unheard));
            // It cannot fail for signals that may be caught.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, status, unheard);
        }
    }
}

/// Stops this process as Ctrl-Z does; returns when it goes on. The first process of a container cannot
/// be stopped, and lets those below it go on at once.
pub fn stop_self() {
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
    if is_first_process() {
        super::signal_descendants(rustix::process::Signal::CONT);
    }
}

/// Ends this process by a signal, so that its parent sees why.
pub fn end_by(signal: i32) -> ! {
    // The kernel spares the first process of a container from its own signals.
    if !is_first_process() {
        let _ = signal_hook::low_level::emulate_default_handler(signal);
    }
    process::exit(SIGNALLED + signal)
}

fn is_first_process() -> bool {
    process::id() == 1
}
