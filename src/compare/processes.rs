//! Starting processes: a mode that starts one for each operation, and processes of this program that end
//! at once.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::Instant;

use rustix::process::{WaitId, WaitIdOptions, waitid};

use super::{Children, CompareError, EMPTY, Meter};
use crate::child::{spawn, this_program};
use crate::comparison::{FigureSetting, Sample, Way};
use crate::driver::RunPlan;
use crate::latencies::{childrens_cpu, own_cpu};
use crate::worker::WorkerMode;

impl Meter<'_> {
    /// A process for each operation, so many at a time.
    pub(super) fn start_workers(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let Way::Starting(transport) = setting.way else {
            return Ok(Sample::default());
        };
        let plan = RunPlan {
            ops_per_worker: Some(1),
            measured: None,
            ..self.run_plan(setting, transport, WorkerMode::AskTheBank)
        };
        let run = self.run(setting, plan, None, self.plan.operations.clone())?;
        Ok(Sample {
            operations: run.summary.processes,
            elapsed: run.summary.elapsed_us.into(),
            cpu: run.own_cpu + run.childrens_cpu,
            ..Sample::default()
        })
    }

    /// Processes that end at once, so many at a time.
    pub(super) fn start_empty(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let cpu = own_cpu() + childrens_cpu();
        let since = Instant::now();
        let mut running = Children::default();
        let mut operations = 0;
        while since.elapsed() < self.plan.each {
            while running.0.len() < setting.workers as usize {
                let mut command = this_program("bank-par: empty");
                command
                    .arg(EMPTY)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null());
                running.0.push(spawn(command.process_group(0))?);
            }
            operations += u64::from(take_ended(&mut running)?);
        }
        operations += running.0.len() as u64;
        running.finish()?;
        Ok(Sample {
            operations,
            elapsed: since.elapsed(),
            cpu: (own_cpu() + childrens_cpu()).saturating_sub(cpu),
            ..Sample::default()
        })
    }
}

/// Waits until one of the processes has ended; whether it was one of these.
fn take_ended(running: &mut Children) -> io::Result<bool> {
    // It is only looked at, and then waited for by what holds it.
    waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let has_ended = |child: &mut Child| matches!(child.try_wait(), Ok(Some(_)));
    let Some(place) = running.0.iter_mut().position(has_ended) else {
        return Ok(false);
    };
    let status = running.0.swap_remove(place).wait()?;
    match status.success() {
        true => Ok(true),
        false => Err(io::Error::other(format!("a process ended with {status}"))),
    }
}
