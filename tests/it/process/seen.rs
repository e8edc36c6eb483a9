//! Any process, as `/proc` shows it.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::process::{
    Pid, PidfdFlags, PidfdGetfdFlags, Signal, kill_process, pidfd_getfd, pidfd_open,
};

use super::until;

/// A process, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) i32);

/// What the kernel calls the sleep of simulated work (see `proc(5)`, `syscall`).
const CLOCK_NANOSLEEP: &str = if cfg!(target_arch = "x86_64") {
    "230"
} else {
    "115"
};

impl Process {
    pub(crate) fn signal(self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn pid(self) -> Pid {
        Pid::from_raw(self.0).expect("the pid of a process")
    }

    fn read(self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).ok()
    }

    /// Its state and its parent; nothing once it has ended.
    fn stat(self) -> Option<(char, Process)> {
        let (state, parent) = parse_stat(&self.read("stat")?);
        (!"ZX".contains(state)).then_some((state, parent))
    }

    /// What the kernel calls it.
    pub(crate) fn name(self) -> Option<String> {
        self.read("comm").map(|name| name.trim_end().to_string())
    }

    pub(crate) fn state(self) -> Option<char> {
        self.stat().map(|(state, _)| state)
    }

    pub(crate) fn parent(self) -> Option<Process> {
        self.stat().map(|(_, parent)| parent)
    }

    /// One of its children, which may have ended and not be reaped.
    pub(crate) fn any_child(self) -> Option<Process> {
        numbers().find(|process| {
            let stat = process.read("stat");
            stat.is_some_and(|stat| parse_stat(&stat).1 == self)
        })
    }

    /// Waits until it has ended, whether or not anyone has taken note of it.
    pub(crate) fn ended(self) {
        until("a process to end", || self.state().is_none().then_some(()));
    }

    /// Whether all its threads stand still.
    pub(crate) fn stopped(self) -> Option<()> {
        self.each_thread_is('T').then_some(())
    }

    /// Whether all its threads wait for something.
    pub(crate) fn sleeps(self) -> bool {
        self.each_thread_is('S')
    }

    fn each_thread_is(self, state: char) -> bool {
        let Ok(mut threads) = fs::read_dir(format!("/proc/{}/task", self.0)) else {
            return false;
        };
        threads.all(|thread| {
            let stat = thread.and_then(|thread| fs::read_to_string(thread.path().join("stat")));
            stat.is_ok_and(|stat| parse_stat(&stat).0 == state)
        })
    }

    fn words(self) -> Vec<String> {
        let line = self.read("cmdline").unwrap_or_default();
        line.split('\0').map(String::from).collect()
    }

    pub(super) fn is_worker(self) -> bool {
        self.words().get(1).is_some_and(|word| word == "__worker")
    }

    /// Its number among the workers of its run.
    pub(crate) fn number(self) -> u32 {
        let title = &self.words()[0];
        title.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn blocked_in(self) -> Option<String> {
        let syscall = self.read("syscall")?;
        let name = syscall.split(' ').next()?.trim().to_string();
        (self.state() == Some('S') && name != "running").then_some(name)
    }

    /// Whether it is at its simulated work.
    pub(crate) fn works(self) -> bool {
        self.blocked_in()
            .is_some_and(|name| name == CLOCK_NANOSLEEP)
    }

    /// Whether it waits for something other than the end of its simulated work. A worker does so only
    /// once all that it had to say is sent.
    pub(crate) fn waits(self) -> bool {
        self.blocked_in()
            .is_some_and(|name| name != CLOCK_NANOSLEEP)
    }

    /// Its sockets: the descriptor of each, and the number that tells the same one in any process.
    pub(crate) fn sockets(self) -> Vec<(i32, String)> {
        let files = fs::read_dir(format!("/proc/{}/fd", self.0))
            .into_iter()
            .flatten()
            .flatten();
        let socket = |file: fs::DirEntry| {
            let target = fs::read_link(file.path())
                .ok()?
                .into_os_string()
                .into_string()
                .ok()?;
            let number = target.strip_prefix("socket:")?.to_string();
            Some((file.file_name().to_str()?.parse().ok()?, number))
        };
        files.filter_map(socket).collect()
    }

    /// One of its open files, for this process to use as well.
    pub(crate) fn copy_of(self, descriptor: i32) -> OwnedFd {
        let process = pidfd_open(self.pid(), PidfdFlags::empty()).unwrap();
        pidfd_getfd(process, descriptor, PidfdGetfdFlags::empty()).unwrap()
    }

    /// Its standard output, for this process to write to as well.
    pub(crate) fn stdout(self) -> fs::File {
        fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/{}/fd/1", self.0))
            .unwrap()
    }
}

/// The state and the parent in a line of `/proc/PID/stat`. The name in it may contain anything.
fn parse_stat(stat: &str) -> (char, Process) {
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let mut fields = rest.split(' ');
    let state = fields
        .next()
        .and_then(|field| field.chars().next())
        .expect("a state");
    (
        state,
        Process(
            fields
                .next()
                .and_then(|field| field.parse().ok())
                .expect("a parent"),
        ),
    )
}

/// Every process.
fn numbers() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Process))
}

/// Every process that has not ended.
pub(super) fn all() -> impl Iterator<Item = Process> {
    numbers().filter(|p| p.state().is_some())
}

/// Every process that works in this folder.
pub(crate) fn all_in(folder: &Path) -> Vec<Process> {
    let folder = fs::canonicalize(folder).unwrap();
    let works_there = |process: &Process| {
        fs::read_link(format!("/proc/{}/cwd", process.0)).is_ok_and(|cwd| cwd == folder)
    };
    all().filter(works_there).collect()
}

/// The workers of this parent, whoever their parent is now.
pub(crate) fn orphans(parent: Process) -> Vec<Process> {
    let pid = parent.0.to_string();
    let is_its = |process: &Process| {
        process.parent() == Some(parent)
            || process.is_worker() && process.words().get(5) == Some(&pid)
    };
    all().filter(is_its).collect()
}
