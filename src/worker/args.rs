//! What a worker is told when it is started.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::ENTRY;
use crate::bank::Unit;
use crate::child::{pass, received};
use crate::command::CommandSpec;
use crate::latencies::MeasureArgs;
use crate::shared_memory::{MemoryPlace, MemorySharing};
use crate::sharing::{SharingChoice, SharingMethod, Transport};

/// How a worker has its operations decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerMode {
    /// It asks the bank.
    AskTheBank,
    /// It shares the bank's data.
    ShareData(SharingMethod),
    /// It shares the memory that the bank's data lies in.
    ShareMemory(MemorySharing),
}

impl WorkerMode {
    /// How workers keep out of each other's way, where that can be chosen.
    pub fn sync(self) -> Option<&'static str> {
        match self {
            WorkerMode::AskTheBank => None,
            WorkerMode::ShareData(method) => Some(method.word()),
            WorkerMode::ShareMemory(sharing) => Some(sharing.primitive.word()),
        }
    }
}

/// What a worker is told when it is started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerArgs {
    /// How it talks to its parent.
    pub transport: Transport,
    /// Where it finds its parent.
    pub address: String,
    /// Its number within the run, from 1.
    pub worker: u32,
    /// Its parent's process.
    pub parent: u32,
    /// How it has its operations decided.
    pub conduct: WorkerMode,
    /// What amounts count.
    pub unit: Unit,
    /// The memory that it shares, if it does.
    pub memory: Option<MemoryPlace>,
    /// It measures how long its operations take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<MeasureArgs>,
    /// It tells when it sent each request and had its answer.
    pub tells_times: bool,
    /// The command that it runs for operations that have one as their work.
    pub command_spec: Option<CommandSpec>,
}

impl WorkerArgs {
    /// Tells a process all this that is about to be started.
    ///
    /// # Errors
    ///
    /// None that can be expected: see [`pass`].
    pub fn pass_to(&self, command: &mut Command) -> io::Result<()> {
        pass(command, ENTRY, self)?;
        command.args(self.command_spec.iter().flat_map(|spec| &spec.words));
        Ok(())
    }

    /// What the arguments after [`ENTRY`] tell; `None` if they are none of ours.
    pub(super) fn received(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut args: WorkerArgs = received(&mut arguments)?;
        if let Some(spec) = &mut args.command_spec {
            spec.words = arguments.collect();
        }
        Some(args)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::time::Duration;

    use super::*;
    use crate::command::RetryPolicy;
    use crate::limits::Limits;
    use crate::sharing::Sharing;

    #[test]
    fn a_worker_is_told_all_of_its_arguments() {
        let not_utf8 = OsStr::from_bytes(b"/tmp/x y\xff");
        let command_spec = CommandSpec {
            words: vec!["./pay.sh".into(), "".into(), "--".into(), not_utf8.into()],
            retry: RetryPolicy {
                timeout: Some(Duration::from_millis(1_500)),
                retries: 3,
                backoff: Duration::MAX,
            },
            declined: 75,
            run: Some("november".to_string()),
            lease: None,
            folder: not_utf8.into(),
            limits: Limits::now(),
        };
        for command_spec in [None, Some(command_spec)] {
            for conduct in [
                WorkerMode::AskTheBank,
                WorkerMode::ShareData(SharingMethod::of(Sharing::CompareAndSet)),
            ] {
                let args = WorkerArgs {
                    tells_times: true,
                    transport: Transport::Queue,
                    address: "/tmp/x y".to_string(),
                    worker: 7,
                    parent: 42,
                    conduct,
                    unit: Unit::new(6, "USD").expect("a unit"),
                    memory: None,
                    measure: None,
                    command_spec: command_spec.clone(),
                };
                let mut command = Command::new("worker");
                args.pass_to(&mut command).expect("it can be passed");
                let arguments = command.get_args().skip(1).map(OsString::from);
                assert_eq!(WorkerArgs::received(arguments), Some(args));
            }
        }
        assert_eq!(WorkerArgs::received(["socket".into()].into_iter()), None);
    }
}
