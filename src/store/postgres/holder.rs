//! Which process has a lease, as its row tells the others: where it can be seen that the process and all that
//! worked for it are gone, its lease need not be waited for.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::parent::started;
use crate::store::clock::{BOOT, read_short};

/// A process that has leases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaseProcess {
    /// What its machine calls itself.
    host: String,
    /// The start of the machine, and the numbering in which the process has its number.
    boot: String,
    namespace: String,
    user: u32,
    process: u32,
    /// When it was started, in ticks since the machine's start: no other process of that number was.
    started: u64,
}

impl LeaseProcess {
    /// This process, where the system tells all of it.
    pub(super) fn this() -> Option<Self> {
        let short = |path: &str| {
            let text = read_short(path).ok()?;
            Some(text.trim().to_string())
        };
        let process = std::process::id();
        Some(LeaseProcess {
            host: short("/proc/sys/kernel/hostname")?,
            boot: short(BOOT)?,
            namespace: fs::read_link("/proc/self/ns/pid")
                .ok()?
                .to_str()?
                .to_string(),
            user: rustix::process::geteuid().as_raw(),
            process,
            started: started(process)?,
        })
    }

    /// The process of a row.
    pub(super) fn read(row: &str) -> Option<Self> {
        serde_json::from_str(row).ok()
    }

    /// As a row has it.
    pub(super) fn row(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        format!("the process {} on `{}`", self.process, self.host)
    }

    /// What the file is called by which those who work for it see how long its leases last.
    pub(super) fn file_name(&self) -> String {
        format!("lease-{}-{}", self.process, self.started)
    }

    /// Whether it is surely there.
    pub(super) fn is_here(&self) -> bool {
        self.is_seen_from_here() && started(self.process) == Some(self.started)
    }

    /// Whether it is surely gone, and each process that rests on its leases is too.
    pub(super) fn is_gone(&self) -> bool {
        // None can begin to rest on them once it is gone.
        self.is_seen_from_here()
            && started(self.process) != Some(self.started)
            && !is_open_anywhere(&self.file_name())
    }

    /// Whether it would be seen if it were there.
    fn is_seen_from_here(&self) -> bool {
        LeaseProcess::this().is_some_and(|this| {
            (&self.boot, &self.namespace, self.user) == (&this.boot, &this.namespace, this.user)
        })
    }
}

/// Whether a process that this one may look into has the memory file of this name open.
fn is_open_anywhere(name: &str) -> bool {
    let target = format!("/memfd:{name} (deleted)");
    let is_it = |link: &Path| fs::read_link(link).is_ok_and(|file| file == Path::new(&target));
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        let files = fs::read_dir(process.path().join("fd"));
        files
            .into_iter()
            .flatten()
            .flatten()
            .any(|file| is_it(&file.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lease::LeaseEnd;

    #[test]
    fn a_process_is_gone_with_all_that_rest_on_its_leases() {
        let this = LeaseProcess::this().expect("a process");
        assert_eq!(
            this.row().and_then(|row| LeaseProcess::read(&row)),
            Some(this.clone())
        );
        assert!(this.is_here() && !this.is_gone());

        let child = std::process::Command::new("true").spawn();
        let mut child = child.expect("a process");
        let gone = LeaseProcess {
            process: child.id(),
            ..this.clone()
        };
        // Until it is reaped, nothing else can have its number.
        child.wait().expect("ended");
        assert!(gone.is_gone() && !gone.is_here());
        let kept = LeaseEnd::new(&gone.file_name()).expect("a file");
        assert!(!gone.is_gone());
        drop(kept);
        assert!(gone.is_gone());

        // What cannot be seen from here is not known to be gone.
        let boot = String::from("another");
        assert!(
            !LeaseProcess {
                boot,
                ..gone.clone()
            }
            .is_gone()
        );
        let namespace = String::from("another");
        assert!(!LeaseProcess { namespace, ..gone }.is_gone());
    }
}
