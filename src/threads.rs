//! Threads, and what they hand work to each other with: those of the standard library. `cargo prove threads` puts
//! others in their place, where a scheduler draws at each access which thread goes on.

#[cfg(all(test, feature = "shuttle"))]
pub(crate) use shuttle::sync;
#[cfg(not(all(test, feature = "shuttle")))]
pub(crate) use std::{sync, thread};

#[cfg(all(test, feature = "shuttle"))]
pub(crate) mod thread {
    use std::time::Duration;

    pub(crate) use shuttle::thread::*;

    /// There is no time: another thread goes on.
    pub(crate) fn sleep(_: Duration) {
        yield_now();
    }
}

#[cfg(test)]
pub(crate) mod tests;
