//! Bytes over sockets and pipes and back, by nothing but `read`, `write` and `poll`: the limit of a link.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::{ChildTask, Children, CompareError, Meter, measured_command};
use crate::comparison::{FigureSetting, Sample, Way};
use crate::latencies::{Stopwatch, own_cpu};

/// How much is read at once.
const BLOCK: usize = 64 * 1_024;
/// What one side can write although the other one reads nothing.
const ROOM: usize = 32 * 1_024;

/// The parent's ends of one conversation.
struct RawEnd {
    reader: OwnedFd,
    writer: OwnedFd,
    /// What came and was not sent back yet, from this place on.
    pending: Vec<u8>,
    sent: usize,
    is_open: bool,
}

impl Meter<'_> {
    /// Bytes to children and back.
    pub(super) fn raw(&mut self, setting: FigureSetting) -> Result<Sample, CompareError> {
        let cpu = own_cpu();
        let mut children = Children::default();
        let mut ends = Vec::new();
        let sizes = (
            setting.in_flight as usize,
            setting.bytes.unwrap_or_default(),
        );
        for worker in 1..=setting.workers {
            let (ours, stdin, stdout) = pair(setting.way)?;
            let mut command = measured_command();
            command.stdin(stdin).stdout(stdout);
            let (in_flight, bytes) = sizes;
            let task = ChildTask::Stream { in_flight, bytes };
            children.0.push(self.start(command, worker, task)?);
            ends.push(ours);
        }
        match ends.as_mut_slice() {
            [one] if sizes.0 * sizes.1 <= ROOM => send_back_one(one)?,
            all => send_back(all)?,
        }
        children.finish()?;
        let cpu = own_cpu().saturating_sub(cpu);
        Ok(Sample::of(&self.measured(setting.workers)?, cpu))
    }
}

/// The parent's ends of a conversation, and the child's.
fn pair(way: Way) -> io::Result<(RawEnd, Stdio, Stdio)> {
    let end = |reader, writer| RawEnd {
        reader,
        writer,
        pending: Vec::new(),
        sent: 0,
        is_open: true,
    };
    if way == Way::RawSocket {
        let (ours, theirs) = UnixStream::pair()?;
        let writer = ours.try_clone()?;
        let stdout = theirs.try_clone()?;
        let ours = end(ours.into(), writer.into());
        return Ok((
            ours,
            OwnedFd::from(theirs).into(),
            OwnedFd::from(stdout).into(),
        ));
    }
    let (reader, stdout) = io::pipe()?;
    let (stdin, writer) = io::pipe()?;
    Ok((
        end(reader.into(), writer.into()),
        stdin.into(),
        stdout.into(),
    ))
}

/// One conversation, in which no side can fill what the other one has not read.
fn send_back_one(end: &mut RawEnd) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match rustix::io::read(&end.reader, &mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let mut rest = &block[..count];
                while !rest.is_empty() {
                    match rustix::io::write(&end.writer, rest) {
                        Ok(count) => rest = &rest[count..],
                        Err(Errno::INTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Several conversations, or one with much under way.
fn send_back(ends: &mut [RawEnd]) -> io::Result<()> {
    for end in ends.iter() {
        rustix::io::ioctl_fionbio(&end.reader, true)?;
        rustix::io::ioctl_fionbio(&end.writer, true)?;
    }
    let mut block = vec![0; BLOCK];
    while ends.iter().any(|end| end.is_open) {
        let mut open: Vec<&mut RawEnd> = ends.iter_mut().filter(|end| end.is_open).collect();
        let mut polled = Vec::with_capacity(2 * open.len());
        for end in &open {
            polled.push(PollFd::from_borrowed_fd(end.reader.as_fd(), PollFlags::IN));
            let wanted = match end.pending.is_empty() {
                true => PollFlags::empty(),
                false => PollFlags::OUT,
            };
            polled.push(PollFd::from_borrowed_fd(end.writer.as_fd(), wanted));
        }
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready: Vec<bool> = polled.iter().map(|one| !one.revents().is_empty()).collect();
        for (end, ready) in open.iter_mut().zip(ready.chunks(2)) {
            if ready[0] {
                end.fill(&mut block)?;
            }
            end.flush()?;
        }
    }
    Ok(())
}

impl RawEnd {
    fn fill(&mut self, block: &mut [u8]) -> io::Result<()> {
        match rustix::io::read(&self.reader, &mut *block) {
            Ok(0) => self.is_open = false,
            Ok(count) => self.pending.extend(&block[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(Errno::CONNRESET) => self.is_open = false,
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.sent < self.pending.len() {
            match rustix::io::write(&self.writer, &self.pending[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                // The child is gone; its exit tells the rest.
                Err(Errno::PIPE) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        self.pending.clear();
        self.sent = 0;
        Ok(())
    }
}

/// The child's side: so many messages of a size under way, until its time is over.
pub(super) fn send(
    (in_flight, bytes): (usize, usize),
    lasting: Duration,
    stopwatch: &mut Stopwatch,
) -> io::Result<()> {
    let messages = vec![0x2e; in_flight * bytes];
    let mut block = vec![0; BLOCK.max(bytes)];
    // The kernel's own calls: a reader or writer of the standard library would add copies.
    let (stdin, stdout) = (rustix::stdio::stdin(), rustix::stdio::stdout());
    let (since, mut came) = (Instant::now(), 0);
    loop {
        if since.elapsed() < lasting {
            let free = in_flight - stopwatch.under_way();
            (0..free).for_each(|_| stopwatch.begin());
            let mut rest = &messages[..free * bytes];
            while !rest.is_empty() {
                match rustix::io::write(stdout, rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(Errno::INTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        if stopwatch.under_way() == 0 {
            return Ok(());
        }
        match rustix::io::read(stdin, &mut block[..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => came += count,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        stopwatch.end(came / bytes.max(1));
        came %= bytes.max(1);
    }
}
