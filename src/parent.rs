//! What ties a child to the process that started it.

use std::str::SplitAsciiWhitespace;
use std::sync::OnceLock;

use rustix::process::{Signal, getppid};

/// Makes the kernel send this process a signal when its parent ends. False if that one is gone
/// already.
///
/// The tie outlives an `exec`, unless the program that follows changes its user.
pub fn die_with(parent: u32, by: Signal) -> bool {
    #[cfg(target_os = "linux")]
    {
        // It cannot fail for a signal that exists.
        let _ = rustix::process::set_parent_process_death_signal(Some(by));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = by;
    is_parent(parent)
}

/// Whether this process is the parent.
pub fn is_parent(pid: u32) -> bool {
    getppid().is_some_and(|parent| parent.as_raw_nonzero().get().cast_unsigned() == pid)
}

/// Whether this process is the parent and is not just ending.
///
/// The kernel sends the death signal when the thread ends that started the child. While other threads of
/// a process that was killed are still ending, it is the parent in name.
pub fn is_living_parent(pid: u32) -> bool {
    is_parent(pid) && !is_ending(pid)
}

fn is_ending(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| says_ending(&stat))
}

/// Whether a process has ended or is just ending, reaped or not.
pub fn has_ended(pid: u32) -> bool {
    stat(pid).is_none_or(|stat| says_ending(&stat))
}

/// When a process was started that has not ended, in ticks since the machine's start: no other process that
/// has had its number was.
pub fn started(pid: u32) -> Option<u64> {
    let stat = stat(pid)?;
    let mut fields = behind_name(&stat)?;
    let is_over = matches!(fields.next()?, "Z" | "X");
    fields.nth(18)?.parse().ok().filter(|_| !is_over)
}

/// Whether the numbers in `/proc` are those by which this process knows others: in a container that kept
/// the `/proc` of its host they are not.
pub fn has_own_proc() -> bool {
    static IS_OWN: OnceLock<bool> = OnceLock::new();
    *IS_OWN.get_or_init(|| {
        let own = std::fs::read_link("/proc/self").ok();
        own.is_some_and(|own| own.to_str() == Some(&std::process::id().to_string()))
    })
}

/// What the system tells of a process, if there is one.
fn stat(pid: u32) -> Option<String> {
    if !has_own_proc() {
        return None;
    }
    std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()
}

/// Whether a line of `/proc/PID/stat` is that of a process, or of its first thread, that is ending: its
/// state is `Z` or `X`, or its flags (the seventh field behind the name) have `PF_EXITING`, which is 4
/// (see `proc_pid_stat(5)` and the kernel's `sched.h`).
fn says_ending(stat: &str) -> bool {
    const EXITING: u64 = 4;
    let Some(mut fields) = behind_name(stat) else {
        return false;
    };
    let is_dead = matches!(fields.next(), Some("Z" | "X"));
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok());
    is_dead || flags.is_some_and(|flags| flags & EXITING != 0)
}

/// What a line of `/proc/PID/stat` tells behind the name of the program, which may hold anything and ends
/// with the last bracket.
fn behind_name(stat: &str) -> Option<SplitAsciiWhitespace<'_>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_ending_is_told_from_one_that_lives() {
        assert!(!says_ending("12 (a) b) S 7 12 12 0 -1 4194560 1"));
        assert!(says_ending("12 (a) b) Z 7 12 12 0 -1 4194560 1"));
        assert!(says_ending("12 (a) b) R 7 12 12 0 -1 4194564 1"));
        assert!(!says_ending("12 (a"));
        assert!(!is_ending(std::process::id()));
    }
}
