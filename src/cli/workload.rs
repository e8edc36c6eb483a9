//! The flags that say which operations are run, the same for every mode.

use std::io::{self, IsTerminal};
use std::iter;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{anyhow, bail};
use clap::{Args, ValueEnum};
use rustix::fs::{FileType, fstat, tell};
use rustix::io::ioctl_fionread;

use super::Failure;
use super::ledger::{amount_of, balance_of, of_flag};
use super::stray_word;
use crate::bank::{AmountText, Balance, Kind, Name, Operation, WORLD};
use crate::report::{note, stderr_line};
use crate::wake::{Alarm, TICK, Waker};
use crate::workload::{Defaults, Feed, Item, Next, RunProgress, WorkloadFormat, WorkloadSource};

/// What the account starts with, in memory.
const DEFAULT_BALANCE: &str = "1000";

#[derive(Args)]
pub(super) struct WorkloadArgs {
    /// Operations as JSON Lines or CSV; `-` is stdin. Without it five operations are run as a
    /// demonstration, in memory and without a command
    #[arg(value_name = "FILE", value_parser = stray_word::file())]
    input: Option<PathBuf>,
    /// The input's format; without it the file's name or its first character tells
    #[arg(long, value_enum, requires = "input")]
    format: Option<InputFormat>,
    /// What each of the built-in operations moves
    #[arg(
        long,
        default_value = "100",
        conflicts_with = "input",
        allow_negative_numbers = true
    )]
    amount: AmountText,
    /// Run this operation instead of the five, such as `deposit`, `withdraw=300` or `'deposit=5*10'` (ten of
    /// them); may be repeated
    #[arg(
        long = "op",
        value_name = "NAME[=AMOUNT][*COUNT]",
        conflicts_with = "input"
    )]
    ops: Vec<Choice>,
    /// What the account starts with, in memory [default: 1000]
    #[arg(long, allow_negative_numbers = true)]
    balance: Option<AmountText>,
    /// How far below zero every account may go, in memory [default: 0]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    overdraft: Option<AmountText>,
    /// The account of operations that name none
    #[arg(long, default_value_t = Name::default(), value_parser = user, value_name = "NAME")]
    pub(super) account: Name,
    /// Where transfers go that do not say it [default: `@world` in memory; none in a ledger that lasts]
    #[arg(long, value_parser = other_side, value_name = "NAME")]
    to: Option<Name>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum InputFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

pub(super) fn user(text: &str) -> Result<Name, crate::bank::NameError> {
    Name::user(text)
}

pub(super) fn other_side(text: &str) -> Result<Name, crate::bank::NameError> {
    Name::other_side(text)
}

/// Any account, which is only looked at.
pub(super) fn any_account(text: &str) -> Result<Name, crate::bank::NameError> {
    Name::any(text)
}

/// One `--op`.
#[derive(Clone)]
struct Choice {
    kind: Kind,
    amount: Option<AmountText>,
    /// How many of them.
    count: usize,
}

/// The most operations of one `--op`; more are read from a file.
const MAX_COUNT: usize = 1_000_000;

impl FromStr for Choice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (text, count) = match text.split_once('*') {
            Some((text, count)) => (text, count_of(count)?),
            None => (text, 1),
        };
        let (kind, amount) = match text.split_once('=') {
            Some((kind, amount)) => (kind, Some(amount.parse()?)),
            None => (text, None),
        };
        let kind = kind.parse()?;
        if !Kind::ALL.contains(&kind) {
            bail!("`{kind}` is a line of a file of operations, or `bank-par {kind}`");
        }
        if kind == Kind::Balance && amount.is_some() {
            return Err(crate::bank::OperationError::NeedlessAmount.into());
        }
        Ok(Choice {
            kind,
            amount,
            count,
        })
    }
}

fn count_of(text: &str) -> anyhow::Result<usize> {
    match text.parse() {
        Ok(count) if (1..=MAX_COUNT).contains(&count) => Ok(count),
        _ => bail!(
            "behind `*` stands how many of the operation are run, from 1 to {MAX_COUNT}, such as `deposit*10`"
        ),
    }
}

impl WorkloadArgs {
    /// Whether the operations are the built-in ones, which have simulated work unless told otherwise.
    pub(super) fn is_built_in(&self) -> bool {
        self.input.is_none()
    }

    /// How many operations there are, where they are not read.
    pub(super) fn known(&self) -> Option<u64> {
        let given = match self.ops.is_empty() {
            true => Kind::ALL.len(),
            false => self.ops.iter().map(|choice| choice.count).sum(),
        };
        self.input.is_none().then_some(given as u64)
    }

    /// What the account starts with, in memory.
    pub(super) fn balance(&self) -> Result<Balance, Failure> {
        starting_balance(self.balance.as_ref())
    }

    /// How far below zero every account may go, in memory.
    pub(super) fn overdraft(&self) -> Result<Balance, Failure> {
        let overdraft = self.overdraft.as_ref().map(balance_of).transpose();
        Ok(of_flag("--overdraft", overdraft)?.unwrap_or_default())
    }

    /// Refuses the demonstration where it would move real money or run a real command, and what only
    /// makes sense for accounts that begin with the run.
    pub(super) fn check(&self, lasts: bool, has_command: bool) -> anyhow::Result<()> {
        if lasts {
            self.check_lasting()?;
        }
        if self.is_built_in() && self.ops.is_empty() && (lasts || has_command) {
            let way_out = match lasts {
                true => ", or use `--ledger memory` for the demonstration",
                false => "",
            };
            bail!(
                "no operations are given, and the five of the demonstration run only in memory and without a command: name the file with the operations, `-` to read them from standard input, or single ones with `--op`{way_out}"
            );
        }
        Ok(())
    }

    fn check_lasting(&self) -> anyhow::Result<()> {
        let goes_nowhere = |choice: &Choice| choice.kind == Kind::Transfer && self.to.is_none();
        if self.ops.iter().any(goes_nowhere) {
            bail!(
                "`--op transfer` does not say where the money goes: name the account with `--to NAME` (`--to @world` for money that leaves the bank)"
            );
        }
        if self.balance.is_some() {
            bail!(
                "`--balance` is for a run in memory; in a ledger that lasts, put money into `{0}` with `bank-par deposit AMOUNT --account {0}`",
                self.account
            );
        }
        if self.overdraft.is_some() {
            bail!(
                "`--overdraft` is for a run in memory; in a ledger that lasts, set the limit of `{0}` with `bank-par open {0} --overdraft AMOUNT`",
                self.account
            );
        }
        Ok(())
    }

    /// Where transfers go that do not say it; in a ledger that lasts, each must.
    fn to(&self, lasts: bool) -> Option<Name> {
        let to = self.to.clone();
        match lasts {
            true => to,
            false => Some(to.unwrap_or_else(|| WORLD.clone())),
        }
    }

    /// Opens the input, or puts the built-in operations together; whether the bank decides on them. For a
    /// named run, `done` is what it has
    /// done of the input.
    pub(super) fn feed(
        &self,
        lasts: bool,
        bank_decides: bool,
        done: Option<RunProgress>,
        waker: Waker,
    ) -> Result<Feed, Failure> {
        let defaults = Defaults {
            account: self.account.clone(),
            to: self.to(lasts),
            bank_decides,
        };
        let format = self.format.map(|format| match format {
            InputFormat::Jsonl => WorkloadFormat::JsonLines,
            InputFormat::Csv => WorkloadFormat::Csv,
        });
        let source = match self.source() {
            WorkloadSource::Operations(_) => WorkloadSource::Operations(self.operations()?),
            source => source,
        };
        if matches!(source, WorkloadSource::Stdin) {
            note_terminal("operations");
        }
        Feed::start(source, format, defaults, done, waker).map_err(Failure::usage)
    }

    /// Runs something, and tells if something waits on standard input that no operation is read from:
    /// probably the `-` was forgotten. What fills a pipe may begin later than this program, so it is
    /// looked at before and after.
    pub(super) fn telling_unread_stdin<T>(&self, run: impl FnOnce() -> T) -> T {
        let told = self.tell_unread_stdin();
        let done = run();
        if !told {
            self.tell_unread_stdin();
        }
        done
    }

    fn tell_unread_stdin(&self) -> bool {
        let is_unread =
            !matches!(self.source(), WorkloadSource::Stdin) && something_waits_on_stdin();
        if is_unread {
            note(
                "standard input holds something that was not read: to run operations from it, give `-` as the file",
            );
        }
        is_unread
    }

    /// Where the operations come from; those of the flags are put together once amounts can be read.
    pub(super) fn source(&self) -> WorkloadSource {
        match &self.input {
            None => WorkloadSource::Operations(Vec::new()),
            Some(path) => source_of(path),
        }
    }

    fn operations(&self) -> Result<Vec<Operation>, Failure> {
        let all = Kind::ALL.map(|kind| Choice {
            kind,
            amount: None,
            count: 1,
        });
        let chosen = if self.ops.is_empty() {
            &all[..]
        } else {
            &self.ops
        };
        let operation = |choice: &Choice| {
            let kind = choice.kind;
            let amount = match kind {
                Kind::Balance => None,
                _ => Some(match &choice.amount {
                    Some(amount) => of_flag("--op", amount_of(amount))?,
                    None => of_flag("--amount", amount_of(&self.amount))?,
                }),
            };
            let to = self.to(false).filter(|_| kind == Kind::Transfer);
            Operation::new(kind, None, self.account.clone(), to, amount).map_err(Failure::usage)
        };
        let all = chosen
            .iter()
            .flat_map(|choice| iter::repeat_n(choice, choice.count));
        all.map(operation).collect()
    }
}

/// Reads a workload until it ends or no more is wanted, which `take` says by false. For commands that need all
/// of it before they begin.
pub(super) fn each_item(
    feed: &mut Feed,
    alarm: &mut Alarm,
    mut take: impl FnMut(Item) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    loop {
        match feed.next() {
            Next::End => return Ok(()),
            Next::Warned(warning) => stderr_line(warning),
            Next::NotYet => alarm.wait(TICK).map_err(Failure::died)?,
            Next::Failed(error) => return Err(Failure::usage(error)),
            Next::Item(item) => {
                if !take(item)? {
                    return Ok(());
                }
            }
        }
    }
}

/// Reads the operations of a workload in which no line may be invalid.
pub(super) fn each_operation(
    feed: &mut Feed,
    alarm: &mut Alarm,
    mut take: impl FnMut(Operation) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    each_item(feed, alarm, |item| match item {
        Item::Operation { operation, .. } => take(operation),
        Item::Invalid { line, reason } => {
            Err(Failure::usage(anyhow!("line {line} is invalid: {reason}")))
        }
        // These are of named runs.
        Item::Done { .. } | Item::Skipped { .. } => Ok(true),
    })
}

/// Whether standard input is a pipe, a socket or a file, and has bytes that were not read.
fn something_waits_on_stdin() -> bool {
    let stdin = io::stdin();
    let Ok(stat) = fstat(&stdin) else {
        return false;
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo | FileType::Socket => ioctl_fionread(&stdin).is_ok_and(|count| count > 0),
        FileType::RegularFile => {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            tell(&stdin).is_ok_and(|place| place < size)
        }
        _ => false,
    }
}

/// Where the operations of this argument come from: a file, or for `-` standard input.
pub(super) fn source_of(path: &Path) -> WorkloadSource {
    match path.as_os_str() == "-" {
        true => WorkloadSource::Stdin,
        false => WorkloadSource::File(path.to_path_buf()),
    }
}

/// Says what is read from standard input where that is a terminal, at which a person would wait otherwise.
pub(super) fn note_terminal(what: &str) {
    if io::stdin().is_terminal() {
        note(format_args!(
            "reading {what} from the terminal; end with Ctrl-D"
        ));
    }
}

/// What the account starts with that no ledger has, as `--balance` says or by default.
pub(super) fn starting_balance(flag: Option<&AmountText>) -> Result<Balance, Failure> {
    match flag {
        Some(balance) => of_flag("--balance", balance_of(balance)),
        None => balance_of(&DEFAULT_BALANCE.parse().map_err(Failure::usage)?),
    }
}
