//! Memory that processes share, without any balance in it: bytes that one process leaves there and another
//! sends back, and additions to one word. They are the limits of `shared-memory`.

use std::hint;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex;
use rustix::time::Timespec;

use super::threads;
use super::{ChildTask, Children, CompareError, Meter, PATIENCE, measured_command};
use crate::comparison::{FigureSetting, Sample};
use crate::latencies::{MeasureArgs, Stopwatch, own_cpu, stay_on};
use crate::shared_memory::{Extent, Mapping};

/// Whose turn it is.
const PARENT: u32 = 1;
const CHILD: u32 = 2;
const OVER: u32 = 3;

/// How often a process looks before it lets another have the processor.
const LOOKS: u32 = 256;

/// The largest message, as words.
const WORDS: usize = 8 * 1_024;

/// What is shared: a request and its answer, and whose turn it is.
const EXTENT: Extent = Extent {
    words: 2 * WORDS,
    futexes: 1,
};

impl Meter<'_> {
    /// Additions to one word, by processes.
    pub(super) fn add_by_processes(
        &mut self,
        setting: FigureSetting,
    ) -> Result<Sample, CompareError> {
        let memory = Mapping::create(EXTENT)?;
        let mut children = Children::default();
        let descriptor = memory.file().as_raw_fd();
        for worker in 1..=setting.workers {
            let task = ChildTask::Add { descriptor };
            children
                .0
                .push(self.start(measured_command(), worker, task)?);
        }
        children.finish()?;
        let latencies = self.measured(setting.workers)?;
        let added = memory.words()[0].load(Ordering::Relaxed);
        Ok(Sample {
            lost_updates: latencies.operations().saturating_sub(added),
            ..Sample::of(&latencies, Duration::ZERO)
        })
    }

    /// Bytes to a child and back.
    pub(super) fn memory_round_trips(
        &mut self,
        sleeps: bool,
        setting: FigureSetting,
    ) -> Result<Sample, CompareError> {
        let cpu = own_cpu();
        let memory = Mapping::create(EXTENT)?;
        let bytes = setting.bytes.unwrap_or_default();
        let task = ChildTask::Memory {
            descriptor: memory.file().as_raw_fd(),
            bytes,
            sleeps,
        };
        let mut children = Children::default();
        children.0.push(self.start(measured_command(), 1, task)?);
        let conversation = Conversation::new(&memory, bytes, sleeps);
        conversation.send_back(self.deadline())?;
        children.finish()?;
        let cpu = own_cpu().saturating_sub(cpu);
        Ok(Sample::of(&self.measured(1)?, cpu))
    }
}

/// The child's side of the additions.
pub(super) fn add(descriptor: i32, lasting: Duration, measure: MeasureArgs) -> io::Result<()> {
    if let Some(cpu) = measure.cpu {
        stay_on(&[cpu])?;
    }
    let memory = Mapping::open(descriptor, EXTENT)?;
    let cpu = own_cpu();
    let mut added = threads::add(&memory.words()[0], lasting)?;
    added.used(own_cpu().saturating_sub(cpu));
    added.write(&measure.file)
}

/// The child's side of the round trips.
pub(super) fn send(
    (descriptor, bytes, sleeps): (i32, usize, bool),
    lasting: Duration,
    stopwatch: &mut Stopwatch,
) -> io::Result<()> {
    let memory = Mapping::open(descriptor, EXTENT)?;
    let conversation = Conversation::new(&memory, bytes, sleeps);
    let deadline = Instant::now() + lasting + PATIENCE;
    let since = Instant::now();
    while since.elapsed() < lasting {
        stopwatch.begin();
        conversation.put(conversation.request, 0);
        conversation.pass_to(PARENT)?;
        conversation.await_turn(CHILD, deadline)?;
        conversation.get(conversation.answer);
        stopwatch.end(1);
    }
    conversation.pass_to(OVER)
}

/// Two processes that take turns.
struct Conversation<'a> {
    request: &'a [AtomicU64],
    answer: &'a [AtomicU64],
    turn: &'a AtomicU32,
    sleeps: bool,
}

impl<'a> Conversation<'a> {
    fn new(memory: &'a Mapping, bytes: usize, sleeps: bool) -> Self {
        let words = bytes.div_ceil(size_of::<u64>()).min(WORDS);
        let (request, answer) = memory.words().split_at(WORDS);
        Conversation {
            request: &request[..words],
            answer: &answer[..words],
            turn: &memory.futexes()[0],
            sleeps,
        }
    }

    fn send_back(&self, deadline: Instant) -> io::Result<()> {
        while self.await_turn(PARENT, deadline)? {
            let sum = self.get(self.request);
            self.put(self.answer, sum);
            self.pass_to(CHILD)?;
        }
        Ok(())
    }

    fn put(&self, words: &[AtomicU64], with: u64) {
        words
            .iter()
            .for_each(|word| word.store(with, Ordering::Relaxed));
    }

    fn get(&self, words: &[AtomicU64]) -> u64 {
        let load = |word: &AtomicU64| word.load(Ordering::Relaxed);
        hint::black_box(words.iter().map(load).fold(0, u64::wrapping_add))
    }

    /// What was put before is seen by the one whose turn it is then.
    fn pass_to(&self, turn: u32) -> io::Result<()> {
        self.turn.store(turn, Ordering::Release);
        if self.sleeps {
            futex::wake(self.turn, futex::Flags::empty(), 1)?;
        }
        Ok(())
    }

    /// Waits for a turn; false if there is none any more.
    fn await_turn(&self, mine: u32, deadline: Instant) -> io::Result<bool> {
        let pause = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        for look in 1_u32.. {
            let turn = self.turn.load(Ordering::Acquire);
            if turn == mine || turn == OVER {
                return Ok(turn == mine);
            }
            if self.sleeps {
                match futex::wait(self.turn, futex::Flags::empty(), turn, Some(&pause)) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
                    Err(errno) => return Err(errno.into()),
                }
            } else if look.is_multiple_of(LOOKS) {
                thread::yield_now();
            } else {
                hint::spin_loop();
            }
            if (self.sleeps || look.is_multiple_of(LOOKS)) && Instant::now() > deadline {
                break;
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}
