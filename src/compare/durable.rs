//! What lasts: runs on a ledger in a file, clients of a served ledger, and appending with a sync, which is
//! the limit of both.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{ChildTask, Children, CompareError, Meter, measured_command};
use crate::bank::{Action, Amount, Asked, Balance, Name, Operation, Request, RequestContext, Unit};
use crate::comparison::{FigureSetting, Sample};
use crate::latencies::{MeasuredTimes, childrens_cpu, own_cpu};
use crate::server::RunLedger;
use crate::sharing::Transport;
use crate::store::{Access, Ledger, LedgerError, Place};
use crate::wake::host_clock;
use crate::worker::WorkerMode;

/// What is written for each record of the limit: about what a ledger writes for an entry.
const RECORD: usize = 100;

impl Meter<'_> {
    /// A run of deposits on a new ledger.
    pub(super) fn ledger_run(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let folder = self.new_folder()?;
        let place = Place::File(folder.path().join("bank.db"));
        let mut ledger = place.open(Access::Create(&Unit::default()))?;
        let run = ledger.begin_run(None)?.number;
        let name = ledger.name();
        let ledger = RunLedger { ledger, run, name };
        let plan = self.run_plan(setting, Transport::Socket, WorkerMode::AskTheBank);
        let sample = self.run_measured(setting, plan, Some(ledger), vec![deposit()])?;
        let posted = balance(&place)?;
        Ok(held_against(sample, posted))
    }

    /// Deposits by clients of a server; each has a connection of its own.
    pub(super) fn served(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let folder = self.new_folder()?;
        let file = folder.path().join("bank.db");
        // A server locks the folder of its socket for itself.
        let private = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(self.folder.path())?;
        let socket = private.path().join("socket");
        drop(Place::File(file.clone()).open(Access::Create(&Unit::default()))?);
        let cpu = own_cpu() + childrens_cpu();
        let task = ChildTask::Serve {
            ledger: file.clone(),
            socket: socket.clone(),
        };
        let mut command = measured_command();
        command.stdout(Stdio::piped());
        let mut child = self.start(command, 1, task)?;
        let stdout = child.stdout.take();
        let mut children = Children(vec![child]);
        if let Some(mut stdout) = stdout {
            // Its end tells that clients can connect, or that none ever will.
            stdout.read_to_end(&mut Vec::new())?;
        }
        let latencies = self.clients(&Place::Server(socket), setting)?;
        for child in &children.0 {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
        }
        children.finish()?;
        let cpu = (own_cpu() + childrens_cpu()).saturating_sub(cpu);
        let posted = balance(&Place::File(file))?;
        Ok(held_against(Sample::of(&latencies, cpu), posted))
    }

    /// Clients that ask again and again, each for so many deposits at a time.
    fn clients(
        &self,
        place: &Place,
        setting: FigureSetting,
    ) -> Result<MeasuredTimes, CompareError> {
        let lasting = self.plan.each;
        thread::scope(|scope| {
            let client = || ask(place, setting.in_flight as usize, lasting);
            let clients = (0..setting.workers).map(|_| scope.spawn(client));
            let clients: Vec<_> = clients.collect();
            let mut all = MeasuredTimes::empty()?;
            for client in clients {
                let died = |_| Err(io::Error::other("a client died").into());
                all.add(&client.join().unwrap_or_else(died)?);
            }
            Ok(all)
        })
    }

    /// Records that are appended to a file, so many for each sync.
    pub(super) fn append(&self, setting: FigureSetting) -> io::Result<Sample> {
        let folder = self.new_folder()?;
        let mut file = File::create(folder.path().join("appended"))?;
        let records = setting.workers * setting.in_flight;
        let block = vec![0x2e; RECORD * records as usize];
        let mut latencies = MeasuredTimes::empty()?;
        let (began, cpu, since) = (host_clock(), own_cpu(), Instant::now());
        let mut operations = 0;
        while since.elapsed() < self.plan.each {
            let before = Instant::now();
            file.write_all(&block)?;
            rustix::fs::fdatasync(file.as_fd())?;
            latencies.sample(before.elapsed());
            operations += u64::from(records);
        }
        let cpu = own_cpu().saturating_sub(cpu);
        latencies.span(operations, began, host_clock(), cpu);
        Ok(Sample::of(&latencies, Duration::ZERO))
    }

    fn new_folder(&self) -> io::Result<TempDir> {
        let mut folder = tempfile::Builder::new();
        folder
            .prefix("bank-par-compare-")
            .tempdir_in(&self.plan.folder)
    }
}

/// What one client does.
fn ask(place: &Place, at_once: usize, lasting: Duration) -> Result<MeasuredTimes, CompareError> {
    let mut ledger = place.open(Access::Existing)?;
    let asked = Asked {
        caller: RequestContext::default(),
        request: Request::Execute(deposit()),
    };
    let batch = vec![asked; at_once];
    let mut latencies = MeasuredTimes::empty()?;
    let (began, since) = (host_clock(), Instant::now());
    let mut operations = 0;
    while since.elapsed() < lasting {
        let before = Instant::now();
        let mut rest = &batch[..];
        while !rest.is_empty() {
            let answered = ledger.transact(rest)?.len().min(rest.len());
            rest = &rest[answered..];
        }
        latencies.sample(before.elapsed());
        operations += at_once as u64;
    }
    latencies.span(operations, began, host_clock(), Duration::ZERO);
    Ok(latencies)
}

/// The smallest deposit there is.
fn deposit() -> Operation {
    Operation {
        id: None,
        account: Name::default(),
        action: Action::Deposit(Amount::SMALLEST),
        detail: None,
    }
}

/// What is posted on the account of the deposits.
fn balance(place: &Place) -> Result<Balance, LedgerError> {
    let mut ledger: Box<dyn Ledger> = place.open(Access::Existing)?;
    let found = ledger.look_up(&[Name::default()])?;
    let standing = found.into_iter().flatten().next();
    Ok(standing.map_or(Balance::default(), |standing| standing.view.posted))
}

/// Every deposit that was answered must be in the balance: it has one minor unit of each.
fn held_against(sample: Sample, posted: Balance) -> Sample {
    let answered = i64::try_from(sample.operations).unwrap_or(i64::MAX);
    let off_by = answered.abs_diff(posted.minor());
    Sample {
        lost_updates: answered
            .saturating_sub(posted.minor())
            .max(0)
            .unsigned_abs(),
        off_by: Balance::new(off_by.cast_signed()),
        ..sample
    }
}
