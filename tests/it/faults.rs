//! What happens when processes die, fall silent or send nonsense, and when signals come: no
//! operation is lost or done twice, nobody waits for ever, nothing is left.

mod bytes;
mod death;
mod queue;
mod signals;
mod silence;

use std::thread;

/// The modes in which the bank decides and says so when it has set money aside.
pub(crate) const ASKING: [&str; 3] = ["parallel", "queue", "pipe"];

/// All modes that start processes.
const ALL: [&str; 4] = ["parallel", "queue", "pipe", "server-share"];

/// Runs one check for every mode, all at the same time.
pub(crate) fn in_each(modes: &[&'static str], check: fn(&'static str)) {
    thread::scope(|scope| {
        for mode in modes {
            let named = thread::Builder::new().name((*mode).to_string());
            named.spawn_scoped(scope, || check(mode)).unwrap();
        }
    });
}
