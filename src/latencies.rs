//! How long single operations took, in a histogram of bounded size, and how a process that measured them
//! hands them to its parent: in a file, so that what is measured travels over no link of its own.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use crate::wake::host_clock;

/// Three digits of every value are kept, which is finer than two runs agree.
const DIGITS: u8 = 3;
/// What takes longer counts as so long, in nanoseconds.
const LONGEST: u64 = 600_000_000_000;

/// What a process is told that measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureArgs {
    /// Where it leaves what it measured.
    pub file: PathBuf,
    /// The processor that it stays on; `None`: any.
    pub cpu: Option<usize>,
}

/// How long operations took, one by one, and all together.
#[derive(Clone, Debug)]
pub struct MeasuredTimes {
    histogram: Histogram<u64>,
    /// How many operations there were; of very short ones not each is timed.
    operations: u64,
    began: Duration,
    ended: Duration,
    /// The processor's time in between.
    cpu: Duration,
}

/// The same as it stands in a file. Times are nanoseconds.
#[derive(Serialize, Deserialize)]
struct LatencyFile {
    operations: u64,
    began: u64,
    ended: u64,
    cpu: u64,
    /// Values, and how often each was seen.
    counts: Vec<(u64, u64)>,
}

impl MeasuredTimes {
    /// None so far.
    ///
    /// # Errors
    ///
    /// Never, since these bounds are possible.
    pub fn empty() -> io::Result<Self> {
        let histogram = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        Ok(MeasuredTimes {
            histogram: histogram.map_err(io::Error::other)?,
            operations: 0,
            began: Duration::MAX,
            ended: Duration::ZERO,
            cpu: Duration::ZERO,
        })
    }

    /// One more operation took so long.
    pub fn record(&mut self, took: Duration) {
        self.operations += 1;
        self.sample(took);
    }

    /// One of the operations, which are counted elsewhere, took so long.
    pub fn sample(&mut self, took: Duration) {
        self.histogram.saturating_record(nanos(took).max(1));
    }

    /// So many operations were done between these moments of the host's clock.
    pub fn span(&mut self, operations: u64, began: Duration, ended: Duration, cpu: Duration) {
        self.operations = operations;
        (self.began, self.ended, self.cpu) = (began, ended, cpu);
    }

    /// So much of the processor's time was used.
    pub fn used(&mut self, cpu: Duration) {
        self.cpu = cpu;
    }

    /// Adds what another process or thread measured at the same time.
    pub fn add(&mut self, other: &MeasuredTimes) {
        // Both have the same bounds, so nothing can be out of them.
        let _ = self.histogram.add(&other.histogram);
        self.operations += other.operations;
        self.began = self.began.min(other.began);
        self.ended = self.ended.max(other.ended);
        self.cpu += other.cpu;
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// From the first beginning to the last end.
    pub fn elapsed(&self) -> Duration {
        self.ended.saturating_sub(self.began)
    }

    /// The processor's time.
    pub fn cpu(&self) -> Duration {
        self.cpu
    }

    /// What so many of a hundred operations stay within; `None` if none was timed.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let quantile = match percent {
            50 => 0.5,
            _ => 0.99,
        };
        let value = || Duration::from_nanos(self.histogram.value_at_quantile(quantile));
        (!self.histogram.is_empty()).then(value)
    }

    /// Leaves them for the parent.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let counts = self.histogram.iter_recorded();
        let counts = counts.map(|value| (value.value_iterated_to(), value.count_at_value()));
        let text = serde_json::to_vec(&LatencyFile {
            operations: self.operations,
            began: nanos(self.began),
            ended: nanos(self.ended),
            cpu: nanos(self.cpu),
            counts: counts.collect(),
        })?;
        fs::write(file, text)
    }

    /// What a child left.
    pub fn read(file: &Path) -> io::Result<Self> {
        let read: LatencyFile = serde_json::from_slice(&fs::read(file)?)?;
        let mut latencies = MeasuredTimes::empty()?;
        for (value, count) in read.counts {
            latencies.histogram.saturating_record_n(value, count);
        }
        latencies.operations = read.operations;
        latencies.began = Duration::from_nanos(read.began);
        latencies.ended = Duration::from_nanos(read.ended);
        latencies.cpu = Duration::from_nanos(read.cpu);
        Ok(latencies)
    }
}

/// Measures the operations of this process, in the order in which their answers come.
#[derive(Debug)]
pub struct Stopwatch {
    file: PathBuf,
    latencies: MeasuredTimes,
    under_way: VecDeque<Instant>,
    began: Option<(Duration, Duration)>,
}

impl Stopwatch {
    /// Begins with the first operation, on the processor that it is told.
    pub fn start(args: MeasureArgs) -> io::Result<Self> {
        if let Some(cpu) = args.cpu {
            stay_on(&[cpu])?;
        }
        Ok(Stopwatch {
            file: args.file,
            latencies: MeasuredTimes::empty()?,
            under_way: VecDeque::new(),
            began: None,
        })
    }

    /// An operation begins.
    pub fn begin(&mut self) {
        self.began.get_or_insert_with(|| (host_clock(), own_cpu()));
        self.under_way.push_back(Instant::now());
    }

    /// How many operations have begun and not ended.
    pub fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// The first so many of those under way have ended.
    pub fn end(&mut self, count: usize) {
        let now = Instant::now();
        for began in self.under_way.drain(..count.min(self.under_way.len())) {
            self.latencies.record(now - began);
        }
    }

    /// Leaves what was measured for the parent.
    pub fn finish(mut self) -> io::Result<()> {
        let (began, cpu) = self.began.unwrap_or_default();
        let operations = self.latencies.operations;
        let cpu = own_cpu().saturating_sub(cpu);
        self.latencies.span(operations, began, host_clock(), cpu);
        self.latencies.write(&self.file)
    }
}

/// Lets this thread, and all processes and threads that it starts from now on, run on these processors
/// alone.
pub fn stay_on(cpus: &[usize]) -> io::Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// The processors that this thread may run on.
pub fn own_cpus() -> io::Result<Vec<usize>> {
    let set = rustix::thread::sched_getaffinity(None)?;
    let all = 0..rustix::thread::CpuSet::MAX_CPU;
    Ok(all.filter(|cpu| set.is_set(*cpu)).collect())
}

/// The processor's time that this process has taken, in user and in kernel mode.
pub fn own_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_SELF)
}

/// The processor's time of all children that have ended and were waited for.
pub fn childrens_cpu() -> Duration {
    cpu_of(UsageWho::RUSAGE_CHILDREN)
}

fn cpu_of(who: UsageWho) -> Duration {
    let micros = |time: nix::sys::time::TimeVal| {
        let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
        seconds * 1_000_000 + u64::try_from(time.tv_usec()).unwrap_or_default()
    };
    // It cannot fail for these two.
    let usage = getrusage(who).ok();
    usage.map_or(Duration::ZERO, |usage| {
        Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
    })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_leaves_is_what_its_parent_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("1");
        let args = MeasureArgs {
            file: file.clone(),
            cpu: None,
        };
        let mut watch = Stopwatch::start(args).expect("bounds");
        for _ in 0..3 {
            watch.begin();
        }
        assert_eq!(watch.under_way(), 3);
        watch.end(2);
        // More cannot have ended than began.
        watch.end(5);
        assert_eq!(watch.under_way(), 0);
        watch.finish().expect("a file");
        let mut read = MeasuredTimes::read(&file).expect("what was left");
        assert_eq!(read.operations(), 3);
        assert!(read.percentile(50) <= read.percentile(99));
        assert!(read.percentile(50) > Some(Duration::ZERO));
        read.add(&read.clone());
        assert_eq!(read.operations(), 6);
        assert!(MeasuredTimes::read(&folder.path().join("2")).is_err());
    }

    #[test]
    fn percentiles_are_those_of_all_that_were_measured() {
        let mut one = MeasuredTimes::empty().expect("bounds");
        assert_eq!(one.percentile(99), None);
        let mut other = one.clone();
        for n in 1..=90 {
            one.record(Duration::from_micros(n));
        }
        for n in 91..=100 {
            other.record(Duration::from_micros(n));
        }
        one.add(&other);
        let within = |percent, micros: u64| {
            let found = one.percentile(percent).expect("some");
            found.abs_diff(Duration::from_micros(micros)) < Duration::from_nanos(100)
        };
        assert!(within(50, 50) && within(99, 99));
        assert_eq!(one.operations(), 100);
    }

    #[test]
    fn the_span_is_from_the_first_beginning_to_the_last_end() {
        let at = Duration::from_secs;
        let mut one = MeasuredTimes::empty().expect("bounds");
        one.span(10, at(5), at(8), at(1));
        let mut other = MeasuredTimes::empty().expect("bounds");
        other.span(20, at(4), at(7), at(2));
        one.add(&other);
        assert_eq!(
            (one.operations(), one.elapsed(), one.cpu()),
            (30, at(4), at(3))
        );
    }
}
