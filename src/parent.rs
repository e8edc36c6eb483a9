//! What ties a child to the process that started it.

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
