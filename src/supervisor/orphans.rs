//! Ending what others left behind.
//!
//! A subreaper inherits the children of those that end below it, even of those that went to a session of
//! their own. So killing one's children again and again until there are none ends all that was started
//! below. What forks faster than it can be looked for is killed by its process group, whose members the
//! kernel kills in one step, none of them forking meanwhile.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use rustix::process::{Pid, Signal, WaitOptions};

use crate::exit::Exit;
use crate::parent::has_own_proc;

/// How long the dead are waited for. A process that the kernel cannot end now is left to it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one waits for the next to die.
const STEP: Duration = Duration::from_micros(200);
/// How many numbers behind that of a process those of its descendants are looked for at first, and then.
/// A thousand workers that each looked at every process would take seconds.
const NEAR: [i32; 2] = [64, 1_024];

/// Makes this process inherit the orphans of those below it. Tells which children it has already: those
/// of a shell that became this program, which are none of its own.
pub fn adopt_orphans() -> HashSet<Pid> {
    #[cfg(target_os = "linux")]
    {
        // Only kernels before 3.4 do not know it.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }
    match rustix::process::wait(WaitOptions::NOHANG) {
        Err(rustix::io::Errno::CHILD) => HashSet::new(),
        _ => children().into_iter().collect(),
    }
}

/// Kills and reaps every child of this process but those to spare, and theirs, until there are none. Most
/// are descendants of `first`, if that is given. Tells how each ended, and at last whether all are gone:
/// there is no end to what always forks again before it can be killed.
pub fn end_children(
    first: Option<Pid>,
    spared: &HashSet<Pid>,
    mut ended: impl FnMut(Pid, Exit),
) -> bool {
    let began = Instant::now();
    let mut widths = NEAR.into_iter();
    let mut near = first.and_then(|first| Some((first, widths.next()?)));
    let mut groups = Groups::default();
    loop {
        let reaped = reap_all(spared, &mut groups, &mut ended);
        if reaped == Reaped::Last {
            return true;
        }
        if began.elapsed() >= PATIENCE {
            return false;
        }
        let mut children = match near {
            Some((first, width)) => children_near(first, width),
            None => children(),
        };
        children.retain(|child| !spared.contains(child));
        match near {
            _ if !children.is_empty() => {}
            Some((first, _)) => {
                near = widths.next().map(|width| (first, width));
                continue;
            }
            // What forks and exits all the time is not in a list that takes longer to read.
            None if reaped == Reaped::Some => continue,
            // Only those to spare are left.
            None => return true,
        }
        for child in children {
            groups.kill_that_of(child);
            // It may have ended just now.
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
        if reaped == Reaped::None {
            thread::sleep(STEP);
        }
    }
}

/// What became of the children when those that had ended were reaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reaped {
    /// Some were, and there are others.
    Some,
    /// None was, and there are others.
    None,
    /// There are no others.
    Last,
}

/// Reaps those children that have ended, and kills what goes on in their place: the others of their
/// process groups, and their children, which mostly have the next numbers.
fn reap_all(
    spared: &HashSet<Pid>,
    groups: &mut Groups,
    ended: &mut impl FnMut(Pid, Exit),
) -> Reaped {
    /// How many reaped ones make one look: what forks all the time must not hold this up for ever.
    const AT_MOST: usize = 1_024;
    let mut reaped = Reaped::None;
    for _ in 0..AT_MOST {
        if let Some(dead) = dead_child()
            && !spared.contains(&dead)
            && !groups.kill_that_of(dead)
        {
            kill_next(dead);
        }
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((child, status))) => {
                reaped = Reaped::Some;
                if let Some(exit) = Exit::of(status) {
                    ended(child, exit);
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return reaped,
            Err(_) => return Reaped::Last,
        }
    }
    reaped
}

/// A child that has ended and was not reaped.
fn dead_child() -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::All, flags).ok()?;
    Pid::from_raw(status.pid()?.as_raw())
}

/// The process groups that were killed. None of them comes to life again.
#[derive(Default)]
struct Groups {
    killed: HashSet<Pid>,
}

impl Groups {
    /// Kills the process group of a child, unless it is that of this process, which may be the caller's.
    /// Any other one was made below this process. False if it is not killed.
    fn kill_that_of(&mut self, child: Pid) -> bool {
        let own = nix::unistd::getpgrp();
        let child = nix::unistd::Pid::from_raw(child.as_raw_nonzero().get());
        let group = nix::unistd::getpgid(Some(child)).ok();
        // In a container, a group that was made outside has the number 0.
        let group = group.filter(|group| *group != own);
        let Some(group) = group.and_then(|group| Pid::from_raw(group.as_raw())) else {
            return false;
        };
        if self.killed.insert(group) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        true
    }
}

/// Kills those children of this process that have the numbers behind that of one that has ended.
fn kill_next(dead: Pid) {
    /// How many numbers are looked at.
    const NEXT: i32 = 3;
    let after = dead.as_raw_nonzero().get().saturating_add(1);
    if let Some(next) = Pid::from_raw(after) {
        for child in children_near(next, NEXT) {
            let _ = rustix::process::kill_process(child, Signal::KILL);
        }
    }
}

/// The children of this process among so many numbers behind that of another process.
fn children_near(first: Pid, width: i32) -> Vec<Pid> {
    let own = rustix::process::getpid();
    let first = first.as_raw_nonzero().get();
    if !has_own_proc() {
        return Vec::new();
    }
    let near = (first..first.saturating_add(width)).filter_map(Pid::from_raw);
    near.filter(|pid| parent_of(*pid) == Some(own)).collect()
}

/// The children of this process.
pub(super) fn children() -> Vec<Pid> {
    children_of(rustix::process::getpid())
}

/// The children of a process, those that have ended and are not reaped among them.
pub fn children_of(process: Pid) -> Vec<Pid> {
    let all = processes().into_iter();
    all.filter(|(_, parent)| *parent == process)
        .map(|(child, _)| child)
        .collect()
}

/// Sends a signal to all that was started below this process.
pub fn signal_descendants(signal: Signal) {
    let mut above = HashSet::from([rustix::process::getpid()]);
    let mut rest = processes();
    loop {
        let (below, others): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|(_, parent)| above.contains(parent));
        if below.is_empty() {
            return;
        }
        for (pid, _) in below {
            above.insert(pid);
            let _ = rustix::process::kill_process(pid, signal);
        }
        rest = others;
    }
}

/// Every process with its parent.
///
/// `/proc/PID/stat` tells it; `/proc/PID/task/TID/children` would be shorter and is not in every
/// kernel. Where there is no such folder, none.
fn processes() -> Vec<(Pid, Pid)> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    if !has_own_proc() {
        return Vec::new();
    }
    let process = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        let pid = Pid::from_raw(name.to_str()?.parse().ok()?)?;
        Some((pid, parent_of(pid)?))
    };
    entries.filter_map(process).collect()
}

/// The parent of a process.
pub fn parent_of(pid: Pid) -> Option<Pid> {
    /// More than what stands before the parent: a number, a name, and a letter.
    const ENOUGH: usize = 256;
    let mut stat = [0; ENOUGH];
    let file = File::open(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    let count = file.ok()?.read(&mut stat).ok()?;
    Pid::from_raw(parent(&String::from_utf8_lossy(&stat[..count]))?)
}

/// The parent that a line of `/proc/PID/stat` tells. The program's name before it may hold anything,
/// so the last bracket counts.
fn parent(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_hides_no_parent() {
        assert_eq!(parent("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a) R 5 (b)) S 7 12"), Some(7));
        assert_eq!(parent("12 (sh"), None);
    }
}
