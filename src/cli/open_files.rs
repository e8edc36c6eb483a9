//! The system's limit of open files.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one, and fails where that is not enough.
pub(super) fn make_room(needed: u64) -> anyhow::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    match limit {
        Some(limit) if limit < needed => bail!(
            "that needs {needed} open files and the system allows {limit}: use fewer, or raise the limit (`ulimit -Hn`)"
        ),
        _ => Ok(()),
    }
}
