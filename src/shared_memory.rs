//! Real shared memory: the balances lie in one mapping that the parent and all its workers see, and the
//! workers keep out of each other's way by primitives that work between processes.
//!
//! `mapping` is the memory and the only unsafe code. Above it all is safe code over slices of atomics,
//! which unit tests and Miri run over ordinary memory: `table` is what lies where, `lock` the ways to keep
//! others out, `intent` what a worker notes before it writes, by which the parent judges what a worker did
//! that died, and the next holder of the robust lock repairs; `operation` is one operation on all this, as
//! the steps of [`crate::sharing`].

mod cell;
mod intent;
mod lock;
mod mapping;
mod operation;
mod primitive;
mod surroundings;
mod table;
mod waiting;

use std::io;
use std::os::fd::AsRawFd;

use serde::{Deserialize, Serialize};

pub(crate) use intent::{Intent, Trace};
pub(crate) use mapping::{Extent, Inherited, Mapping};
pub(crate) use operation::MappedOperation;
pub use primitive::{MemorySharing, Primitive};
pub(crate) use surroundings::{GaveUp, Surroundings};
pub(crate) use table::{Capacity, MAX_WORKER_SLOTS, MemoryTable};

/// Where a worker finds the memory of its run, and which slot it has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryPlace {
    /// The descriptor that it inherited.
    pub descriptor: i32,
    /// Its slot, from 0.
    pub worker_slot: usize,
}

impl MemoryTable<Mapping> {
    /// The memory of a new run.
    pub(crate) fn create() -> io::Result<Self> {
        let capacity = Capacity::FULL;
        let memory = Mapping::create(capacity.extent())?;
        Ok(MemoryTable::new(memory, capacity))
    }

    /// The memory of a worker's run.
    pub(crate) fn inherited(descriptor: i32) -> io::Result<Self> {
        let capacity = Capacity::FULL;
        let memory = Mapping::open(descriptor, capacity.extent())?;
        Ok(MemoryTable::new(memory, capacity))
    }

    /// The descriptor that workers inherit.
    pub(crate) fn descriptor(&self) -> i32 {
        self.memory().file().as_raw_fd()
    }
}
