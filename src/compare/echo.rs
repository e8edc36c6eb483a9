//! Messages over a link of a mode and back: the real ends of it, in the real processes, with nothing
//! decided in between.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::{ChildTask, Children, CompareError, Meter, measured_command};
use crate::comparison::{FigureSetting, Sample};
use crate::latencies::{Stopwatch, own_cpu};
use crate::link::{Arrival, Arrived, Links, Received, WorkerEnd};
use crate::poll::{PollKey, PollSet};
use crate::protocol::{Outbox, Probe, ToWorker};
use crate::sharing::Transport;
use crate::wake::{Alarm, TICK};

/// How long a message may be on its way.
const LIMIT: Duration = Duration::from_secs(10);

const ALARM: PollKey = PollKey::Own(0);
const SIGNALS: PollKey = PollKey::Own(1);

impl Meter<'_> {
    /// Messages of some size over this link.
    pub(super) fn echo(
        &mut self,
        transport: Transport,
        setting: FigureSetting,
    ) -> Result<Sample, CompareError> {
        let cpu = own_cpu();
        let (mut alarm, waker) = Alarm::new()?;
        let mut links = transport.parent(waker)?;
        let mut children = Children::default();
        for worker in 1..=setting.workers {
            let mut command = measured_command();
            let task = ChildTask::Echo {
                transport,
                address: links.prepare(worker, &mut command)?,
                in_flight: setting.in_flight as usize,
                bytes: setting.bytes.unwrap_or_default(),
            };
            let mut child = self.start(command, worker, task)?;
            let spawned = links.spawned(worker, &mut child);
            children.0.push(child);
            spawned?;
        }
        self.send_back(&mut *links, &mut alarm, &mut children)?;
        let cpu = own_cpu().saturating_sub(cpu);
        Ok(Sample::of(&self.measured(setting.workers)?, cpu))
    }

    /// Sends back what comes, until every link has ended.
    fn send_back(
        &mut self,
        links: &mut dyn Links,
        alarm: &mut Alarm,
        children: &mut Children,
    ) -> Result<(), CompareError> {
        let deadline = self.deadline();
        let mut open = children.0.len();
        let mut exited = vec![false; open];
        let mut arrivals = Vec::new();
        while open > 0 {
            let mut set = PollSet::default();
            set.read(ALARM, alarm.as_fd());
            set.read(SIGNALS, self.signals.as_fd());
            links.poll(&mut set);
            let ready = set.wait(TICK)?;
            if ready.contains(&ALARM) {
                alarm.reset();
            }
            links.receive(&ready, &mut arrivals);
            if ready.contains(&SIGNALS) || ready.is_empty() {
                self.hear();
                for (place, child) in children.0.iter_mut().enumerate() {
                    if !exited[place] && child.try_wait()?.is_some() {
                        exited[place] = true;
                        links.exited(place as u32 + 1, &mut arrivals);
                    }
                }
            }
            for arrival in arrivals.drain(..) {
                open -= usize::from(answer(links, arrival)?);
            }
            links.flush();
            if let Some(signal) = self.interrupted {
                return Err(CompareError::Interrupted(signal));
            }
            if Instant::now() > deadline {
                return Err(io::Error::from(io::ErrorKind::TimedOut).into());
            }
        }
        Ok(children.finish()?)
    }
}

/// Puts probes back on their way. Whether that was the link's end.
fn answer(links: &mut dyn Links, Arrival { worker, what }: Arrival) -> io::Result<bool> {
    match what {
        Arrived::Probes(probes) => {
            if let Some(outbox) = links.outbox(worker) {
                for probe in &probes {
                    outbox.probe(probe).map_err(io::Error::other)?;
                }
            }
            Ok(false)
        }
        Arrived::Ready => Ok(false),
        Arrived::Closed => Ok(true),
        Arrived::Broken(why) => Err(io::Error::other(why)),
        Arrived::Requests(_) | Arrived::Reports(_) | Arrived::Timings(_) => {
            Err(io::Error::other("it sent something else"))
        }
    }
}

/// The child's side: so many messages of a size under way, until its time is over.
pub(super) fn send(
    link: &mut dyn WorkerEnd,
    worker: u32,
    (in_flight, bytes): (usize, usize),
    lasting: Duration,
    stopwatch: &mut Stopwatch,
) -> io::Result<()> {
    let mut outbox = Outbox::new(worker);
    let since = Instant::now();
    let mut probe = Probe {
        number: 0,
        padding: vec![0x2e; bytes],
    };
    loop {
        if since.elapsed() < lasting {
            while stopwatch.under_way() < in_flight {
                probe.number += 1;
                stopwatch.begin();
                outbox.probe(&probe).map_err(io::Error::other)?;
            }
            link.send(&mut outbox).map_err(io::Error::other)?;
        }
        if stopwatch.under_way() == 0 {
            return Ok(());
        }
        // What is there is taken as a whole, as the raw ends take it, and then sent anew in one go.
        let mut wait = LIMIT;
        while stopwatch.under_way() > 0 {
            match link.receive(Some(wait)).map_err(io::Error::other)? {
                Received::Message(ToWorker::Probes(probes)) => stopwatch.end(probes.len()),
                Received::Nothing if wait.is_zero() => break,
                Received::Message(_) | Received::Closed | Received::Nothing => {
                    return Err(io::Error::other("a message did not come back"));
                }
            }
            wait = Duration::ZERO;
        }
    }
}
