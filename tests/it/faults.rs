//! What happens when processes die, fall silent or send nonsense, and when signals come: no
//! operation is lost or done twice, nobody waits for ever, nothing is left.

mod bytes;
mod death;
mod queue;
mod signals;
mod silence;

use std::thread;

use crate::process::Program;

/// The modes in which the bank decides and says so when it has set money aside.
pub(crate) const ASKING: [&str; 3] = ["parallel", "queue", "pipe"];

/// All modes that start processes.
const ALL: [&str; 5] = ["parallel", "queue", "pipe", "server-share", "shared-memory"];

/// What lets the workers of a mode all be at work at one time: behind a lock one would wait for the other,
/// and for ever for one that died with it.
fn together(mode: &str) -> &'static [&'static str] {
    match mode {
        "shared-memory" => &["--sync", "cas"],
        _ => &[],
    }
}

/// Starts a mode whose workers can all be at work at one time.
pub(crate) fn start<'a>(
    mode: &'static str,
    flags: impl IntoIterator<Item = &'a &'static str>,
) -> Program {
    let flags = together(mode).iter().chain(flags).copied();
    Program::start([mode].into_iter().chain(flags))
}

/// Runs one check for every mode, all at the same time.
pub(crate) fn in_each(modes: &[&'static str], check: fn(&'static str)) {
    thread::scope(|scope| {
        for mode in modes {
            let named = thread::Builder::new().name((*mode).to_string());
            named.spawn_scoped(scope, || check(mode)).unwrap();
        }
    });
}
