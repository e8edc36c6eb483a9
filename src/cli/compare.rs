//! `compare`: every way to share, measured beside its limit.

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::moment::duration;
use super::one::ended;
use super::pictures::ReportArg;
use super::workload::{each_operation, source_of};
use super::{CliResult, Failure, protected};
use crate::bank::{Action, Amount, Balance, Kind, MAX_BALANCE, Name, Operation, WORLD};
use crate::compare::{CompareError, compare as measure};
use crate::comparison::{ComparePlan, Placement, Section};
use crate::report::{self, ComparisonFormat, FoundOut};
use crate::status::{Ending, Status};
use crate::supervisor::Signals;
use crate::wake::Alarm;
use crate::workload::{Defaults, Feed, WorkloadSource};

const EXAMPLES: &str = "\
Examples:
  bank-par compare --quick
      all ways at a glance, in about ten seconds
  bank-par compare --report comparison.html
      properly measured, with a picture of speed beside correctness
  bank-par compare --only durable --dir /var/lib/app
      what a ledger on that disk reaches, beside append and sync
  bank-par compare ops.jsonl --only sharing --workers 8 --pin spread

Exit status: 0; 3 if a way lost an update that must lose none (`none` may).";

/// The most operations that are run again and again.
const MAX_OPERATIONS: usize = 10_000;
/// The largest message that every link takes.
const MAX_BYTES: u32 = 32 * 1_024;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct CompareArgs {
    /// Operations that the runs in memory do again and again, as JSON Lines or CSV; `-` is stdin
    /// [default: a deposit of the smallest amount]
    #[arg(value_name = "WORKLOAD", value_parser = super::stray_word::file())]
    input: Option<PathBuf>,
    /// The account of operations that name none
    #[arg(long, default_value_t = Name::default(), value_parser = super::workload::user, value_name = "NAME")]
    account: Name,
    /// What it starts with
    #[arg(
        long,
        default_value = "1000000",
        value_name = "AMOUNT",
        allow_negative_numbers = true
    )]
    balance: Balance,
    /// Once, shortly, and with two sizes of messages: about ten seconds in all
    #[arg(long, conflicts_with_all = ["each", "rounds"])]
    quick: bool,
    /// How many workers several are; every way is measured with one and with so many [default: the number
    /// of processors, at least 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=256))]
    workers: Option<u32>,
    /// How long each measurement lasts
    #[arg(long, default_value = "100ms", value_name = "DURATION", value_parser = duration)]
    each: Duration,
    /// How often each is taken, all of them in turn; the medians are shown
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// The size of a message in bytes, up to 32768; may be repeated [default: 32, 512, 4096 and 16384]
    #[arg(long = "size", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BYTES)))]
    sizes: Vec<u32>,
    /// Measure this part alone; may be repeated
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Section>,
    /// Where processes run
    #[arg(long, value_enum, default_value_t = Placement::Free, value_name = "HOW")]
    pin: Placement,
    /// Where the files are made that are written and synced, and removed again [default: the folder for
    /// temporary files]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// How the figures are written to stdout
    #[arg(long, short, value_enum, default_value_t = ComparisonFormat::Text, value_name = "FORMAT")]
    output: ComparisonFormat,
    #[command(flatten)]
    report: ReportArg,
}

impl ValueEnum for Section {
    fn value_variants<'a>() -> &'a [Self] {
        &Section::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Section::Sharing => "One balance that threads or processes change",
            Section::Links => "Messages there and back, of several sizes",
            Section::Processes => "Starting processes",
            Section::Durable => "What lasts: a ledger in a file, and a served one",
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

impl ValueEnum for Placement {
    fn value_variants<'a>() -> &'a [Self] {
        &[Placement::Free, Placement::OneCore, Placement::Spread]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Placement::Free => "Wherever the system puts them",
            Placement::OneCore => "All on one processor",
            Placement::Spread => {
                "The parent on the first processor, and each worker on the next one in turn"
            }
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

impl ValueEnum for ComparisonFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            ComparisonFormat::Text,
            ComparisonFormat::Json,
            ComparisonFormat::Markdown,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            ComparisonFormat::Text => PossibleValue::new("text").help("For people"),
            ComparisonFormat::Json => {
                PossibleValue::new("json").help("For programs: JSON Lines, with every sample")
            }
            ComparisonFormat::Markdown => PossibleValue::new("markdown").help("For documents"),
        })
    }
}

/// `bank-par compare`
pub(super) fn compare(args: CompareArgs) -> CliResult {
    let protected = protected(&args.source(), None);
    let output = args.report.open(&protected)?;
    let plan = args.plan()?;
    report::announce_comparison(&plan);
    let mut signals = Signals::listen().map_err(Failure::died)?;
    let comparison = match measure(&plan, &mut signals) {
        Ok(comparison) => comparison,
        Err(CompareError::Interrupted(signal)) => {
            return Ok(Ending {
                status: Status::EndedEarly,
                signal: Some(signal),
                passed_on: None,
            });
        }
        Err(error @ CompareError::Race(_)) => return Err(Failure::usage(error)),
        Err(error @ CompareError::Ledger(_)) => {
            let (status, error) = (Status::Ledger, error.into());
            return Err(Failure { status, error });
        }
        Err(error) => return Err(Failure::died(error)),
    };
    let status = report::compared(output, args.output, &comparison);
    let found = FoundOut::Comparison(&comparison);
    ended(status.worse(args.report.write(found, &protected)))
}

impl CompareArgs {
    fn source(&self) -> WorkloadSource {
        match &self.input {
            None => WorkloadSource::Operations(vec![self.deposit()]),
            Some(path) => source_of(path),
        }
    }

    /// The smallest deposit, of which each one that is lost makes the balance wrong by one minor unit.
    fn deposit(&self) -> Operation {
        Operation {
            id: None,
            account: self.account.clone(),
            action: Action::Deposit(Amount::SMALLEST),
            detail: None,
        }
    }

    fn plan(&self) -> Result<ComparePlan, Failure> {
        if self.balance.minor() > MAX_BALANCE {
            let most = Balance::new(MAX_BALANCE);
            let why = anyhow!(
                "an account is one word of memory for threads and shared memory, which holds {most} at most, and `--balance {}` does not fit",
                self.balance
            );
            return Err(Failure::usage(why));
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let several = u32::try_from(processors).unwrap_or(2).clamp(2, 256);
        let sizes = match (self.sizes.is_empty(), self.quick) {
            (true, true) => vec![32, 16_384],
            (true, false) => vec![32, 512, 4_096, 16_384],
            (false, _) => self.sizes.iter().map(|size| *size as usize).collect(),
        };
        Ok(ComparePlan {
            operations: self.operations()?,
            account: self.account.clone(),
            balance: self.balance,
            overdraft: Balance::default(),
            several: self.workers.unwrap_or(several),
            each: if self.quick { QUICK } else { self.each },
            rounds: if self.quick { 1 } else { self.rounds },
            sizes,
            placement: self.pin,
            folder: self.folder().map_err(Failure::usage)?,
            sections: match self.only.is_empty() {
                true => Section::ALL.to_vec(),
                false => self.only.clone(),
            },
        })
    }

    fn folder(&self) -> anyhow::Result<PathBuf> {
        let folder = self.dir.clone().unwrap_or_else(env::temp_dir);
        if !Path::new(&folder).is_dir() {
            bail!(
                "`{}` is no folder: name one with `--dir`, in which files may be made",
                folder.display()
            );
        }
        Ok(folder)
    }

    /// What the runs do. An id would make every repeat a duplicate, so ids are left out.
    fn operations(&self) -> Result<Vec<Operation>, Failure> {
        let (mut alarm, waker) = Alarm::new().map_err(Failure::died)?;
        let defaults = Defaults {
            account: self.account.clone(),
            to: Some(WORLD.clone()),
            bank_decides: false,
        };
        let feed = Feed::start(self.source(), None, defaults, None, waker);
        let mut feed = feed.map_err(Failure::usage)?;
        let mut operations = Vec::new();
        each_operation(&mut feed, &mut alarm, |operation| {
            let id = None;
            operations.push(Operation { id, ..operation });
            match operations.len() <= MAX_OPERATIONS {
                true => Ok(true),
                false => Err(Failure::usage(anyhow!(
                    "there are more than {MAX_OPERATIONS} operations, and the runs do them again and again: give fewer"
                ))),
            }
        })?;
        let moves = |operation: &Operation| operation.kind() != Kind::Balance;
        match operations.iter().any(moves) {
            true => Ok(operations),
            false => Err(Failure::usage(anyhow!(
                "no operation of the workload moves money, so nothing can be lost: give one that does"
            ))),
        }
    }
}

/// How long each measurement of a quick comparison lasts.
const QUICK: Duration = Duration::from_millis(20);
