//! What a child does that is started to measure.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::{echo, memory, raw};
use crate::child::received;
use crate::latencies::{MeasureArgs, Stopwatch, stay_on};
use crate::parent::die_with;
use crate::report::stderr_line;
use crate::serve::{ServePlan, let_go_of_stdout, serve};
use crate::sharing::Transport;
use crate::status::Status;
use crate::store::Place;

/// The first argument of a child that measures.
pub const ENTRY: &str = "__measured";

/// The first argument of a process that ends at once.
pub const EMPTY: &str = "__empty";

/// What a child is told.
#[derive(Serialize, Deserialize)]
pub(super) struct ChildArgs {
    pub(super) parent: u32,
    /// Its number, from 1.
    pub(super) worker: u32,
    /// How long it measures.
    pub(super) lasting: Duration,
    pub(super) measure: MeasureArgs,
    pub(super) task: ChildTask,
}

/// What a child does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ChildTask {
    /// It sends messages over a link, and waits for them to come back.
    Echo {
        transport: Transport,
        address: String,
        in_flight: usize,
        bytes: usize,
    },
    /// It sends bytes from its standard output, and waits for them on its standard input.
    Stream { in_flight: usize, bytes: usize },
    /// It adds to a word of shared memory.
    Add { descriptor: i32 },
    /// It leaves bytes in shared memory, and waits for them to come back.
    Memory {
        descriptor: i32,
        bytes: usize,
        sleeps: bool,
    },
    /// It serves a ledger.
    Serve { ledger: PathBuf, socket: PathBuf },
}

/// Runs a child with the arguments after [`ENTRY`].
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Some(args) = received::<ChildArgs>(&mut arguments) else {
        stderr_line(format_args!(
            "`{ENTRY}` is how `bank-par compare` starts what it measures; see `bank-par compare --help`"
        ));
        return Status::Usage.into();
    };
    let is_server = matches!(args.task, ChildTask::Serve { .. });
    let by = if is_server {
        Signal::TERM
    } else {
        Signal::KILL
    };
    if !die_with(args.parent, by) {
        return Status::Died.into();
    }
    match perform(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            stderr_line(format_args!("cannot measure: {error}"));
            Status::Died.into()
        }
    }
}

fn perform(args: ChildArgs) -> io::Result<()> {
    let ChildArgs {
        worker,
        lasting,
        measure,
        task,
        ..
    } = args;
    match task {
        ChildTask::Serve { ledger, socket } => {
            if let Some(cpu) = measure.cpu {
                stay_on(&[cpu])?;
            }
            serve_ledger(ledger, socket)
        }
        ChildTask::Add { descriptor } => memory::add(descriptor, lasting, measure),
        ChildTask::Echo {
            transport,
            address,
            in_flight,
            bytes,
        } => {
            let mut link = transport
                .worker(worker, &address)
                .map_err(io::Error::other)?;
            let mut stopwatch = Stopwatch::start(measure)?;
            let sizes = (in_flight, bytes);
            echo::send(&mut *link, worker, sizes, lasting, &mut stopwatch)?;
            stopwatch.finish()
        }
        ChildTask::Stream { in_flight, bytes } => {
            let mut stopwatch = Stopwatch::start(measure)?;
            raw::send((in_flight, bytes), lasting, &mut stopwatch)?;
            stopwatch.finish()
        }
        ChildTask::Memory {
            descriptor,
            bytes,
            sleeps,
        } => {
            let mut stopwatch = Stopwatch::start(measure)?;
            memory::send((descriptor, bytes, sleeps), lasting, &mut stopwatch)?;
            stopwatch.finish()
        }
    }
}

/// The parent sees the end of stdout once clients can connect.
fn serve_ledger(ledger: PathBuf, socket: PathBuf) -> io::Result<()> {
    let plan = ServePlan {
        ledger: Place::File(ledger),
        socket,
        max_clients: 1_024,
    };
    let served = serve(plan, || Ok(let_go_of_stdout()?));
    served.map(drop).map_err(io::Error::other)
}
