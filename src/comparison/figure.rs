//! What was measured: samples as they were taken, and the medians of them.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{FigureSetting, Placement, Way};
use crate::bank::Balance;
use crate::latencies::MeasuredTimes;

/// The parts of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// One balance that many threads or processes change.
    Sharing,
    /// Messages there and back.
    Links,
    /// Starting processes.
    Processes,
    /// What lasts.
    Durable,
}

impl Section {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Section; 4] = [
        Section::Sharing,
        Section::Links,
        Section::Processes,
        Section::Durable,
    ];

    /// The stable word for it.
    pub fn word(self) -> &'static str {
        match self {
            Section::Sharing => "sharing",
            Section::Links => "links",
            Section::Processes => "processes",
            Section::Durable => "durable",
        }
    }
}

/// All that was measured.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// How many processors this program may use.
    pub processors: usize,
    /// What the processor calls itself, where the system tells that.
    pub processor: Option<String>,
    /// The system's kernel, where it tells that.
    pub kernel: Option<String>,
    /// Where processes ran.
    pub placement: Placement,
    /// How long each measurement lasted.
    pub each: Duration,
    /// How often each was taken.
    pub rounds: u32,
    /// The folder of the files that were synced, and the kind of file system if syncs do nothing there.
    pub folder: String,
    /// Nothing in that folder is on a disk.
    pub is_in_memory: bool,
    /// The figures, in the order in which they were taken.
    pub figures: Vec<Figure>,
}

/// One way in one setting.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Where it belongs.
    pub section: Section,
    /// What was measured.
    pub setting: FigureSetting,
    /// The setting of the limit that it is held against.
    pub beside: Option<FigureSetting>,
    /// What was seen in each round.
    pub samples: Vec<Sample>,
}

/// What was seen in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// How many operations, messages or processes.
    pub operations: u64,
    /// How long all of them took together.
    #[serde(rename = "elapsed_ns", serialize_with = "nanos")]
    pub elapsed: Duration,
    /// The processor's time of all processes together.
    #[serde(rename = "cpu_ns", serialize_with = "nanos")]
    pub cpu: Duration,
    /// What half of them stayed within.
    #[serde(rename = "p50_ns", serialize_with = "some_nanos")]
    pub p50: Option<Duration>,
    /// What 99 of 100 stayed within.
    #[serde(rename = "p99_ns", serialize_with = "some_nanos")]
    pub p99: Option<Duration>,
    /// Updates that were written and that the balance does not include.
    pub lost_updates: u64,
    /// By how much balances are not what they must be.
    pub off_by: Balance,
}

fn nanos<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

fn some_nanos<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => nanos(time, serializer),
        None => serializer.serialize_none(),
    }
}

impl Sample {
    /// What children measured, with the time that their parent's processor spent beside.
    pub fn of(latencies: &MeasuredTimes, cpu: Duration) -> Self {
        Sample {
            operations: latencies.operations(),
            elapsed: latencies.elapsed(),
            cpu: latencies.cpu() + cpu,
            p50: latencies.percentile(50),
            p99: latencies.percentile(99),
            ..Sample::default()
        }
    }

    /// How many in a second.
    pub fn rate(&self) -> u64 {
        let nanos = self.elapsed.as_nanos().max(1);
        let rate = u128::from(self.operations) * 1_000_000_000 / nanos;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// The processor's time of one.
    pub fn cpu_each(&self) -> Duration {
        let each = self.cpu.as_nanos() / u128::from(self.operations.max(1));
        Duration::from_nanos(u64::try_from(each).unwrap_or(u64::MAX))
    }

    /// Whether the balance is what it must be.
    fn is_right(&self) -> bool {
        self.lost_updates == 0 && self.off_by == Balance::default()
    }
}

impl Figure {
    /// The median rate, a second.
    pub fn rate(&self) -> u64 {
        self.median(Sample::rate)
    }

    /// The median of the time that half of the operations stayed within.
    pub fn p50(&self) -> Option<Duration> {
        self.median_time(|sample| sample.p50)
    }

    /// The median of the time that 99 of 100 operations stayed within.
    pub fn p99(&self) -> Option<Duration> {
        self.median_time(|sample| sample.p99)
    }

    /// The median of the processor's time of one operation.
    pub fn cpu_each(&self) -> Duration {
        self.median(Sample::cpu_each)
    }

    /// The updates that were lost in all rounds.
    pub fn lost_updates(&self) -> u64 {
        self.samples.iter().map(|sample| sample.lost_updates).sum()
    }

    /// The operations of all rounds.
    pub fn operations(&self) -> u64 {
        self.samples.iter().map(|sample| sample.operations).sum()
    }

    /// Whether every balance was what it must be.
    pub fn is_right(&self) -> bool {
        self.samples.iter().all(Sample::is_right)
    }

    fn median_time(&self, of: impl Fn(&Sample) -> Option<Duration>) -> Option<Duration> {
        let mut times: Vec<Duration> = self.samples.iter().filter_map(of).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    fn median<T: Ord + Copy + Default>(&self, of: impl Fn(&Sample) -> T) -> T {
        let mut values: Vec<T> = self.samples.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    }
}

impl Comparison {
    /// The limit that a figure is held against.
    pub fn limit(&self, figure: &Figure) -> Option<&Figure> {
        let beside = figure.beside?;
        self.figures.iter().find(|other| other.setting == beside)
    }

    /// How much of its limit a figure reaches, in thousandths: by its rate, and in shared memory by the
    /// time of one operation, since the rate is that of telling the parent.
    pub fn ratio(&self, figure: &Figure) -> Option<u64> {
        let limit = self.limit(figure)?;
        let nanos = |time: Option<Duration>| u64::try_from(time?.as_nanos()).ok();
        let (reached, most) = match figure.setting.way {
            Way::SharedMemory(_) => (nanos(limit.p50())?, nanos(figure.p50())?),
            _ => (figure.rate(), limit.rate()),
        };
        (most > 0).then(|| reached.saturating_mul(1_000) / most)
    }

    /// Whether only those ways lost updates that keep no other out.
    pub fn is_as_promised(&self) -> bool {
        let mut figures = self.figures.iter();
        figures.all(|figure| figure.is_right() || figure.setting.way.may_lose())
    }
}
