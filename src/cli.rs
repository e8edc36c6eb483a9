//! The command line: flags become a plan, the plan is run, the ending becomes an exit status.

mod arguments;
mod backup;
mod check;
mod command;
mod compare;
mod completions;
mod copy;
mod doctor;
mod examples;
mod explore;
mod flags;
mod help;
mod history;
mod init;
mod ledger;
mod man;
mod modes;
mod moment;
mod named;
mod one;
mod pacing;
mod pictures;
mod progress;
mod rehearse;
mod replay;
mod runs;
mod serve;
mod shared_memory;
mod show;
mod stray_word;
mod sync;
#[cfg(any(test, fuzzing))]
pub(crate) mod untrusted;
mod verify;
mod web;
mod workload;

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::builder::{OsStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::event::Mode;
use crate::report::{
    self, Destination, Detail, Format, Outputs, Pictures, ProtectedFiles, check_streams,
};
use crate::sharing::SharingChoice;
use crate::status::Status;
use crate::store::Place;
use crate::supervisor::{end_as_first_process, end_by, ignore_sigxfsz};
use crate::workload::WorkloadSource;
use flags::Flags;

/// What every command returns: an ending, or an error with the status that it stands for.
type CliResult = Result<crate::status::Ending, Failure>;

/// Why a command could not be run.
struct Failure {
    status: Status,
    error: anyhow::Error,
}

impl Failure {
    /// The user can mend it: flags, files, input.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        let (status, error) = (Status::Usage, error.into());
        Failure { status, error }
    }

    /// The ledger does not answer.
    fn ledger(error: crate::store::LedgerError) -> Self {
        let (status, error) = (Status::Ledger, error.into());
        Failure { status, error }
    }

    /// The parent itself could not go on.
    fn died(error: impl Into<anyhow::Error>) -> Self {
        let (status, error) = (Status::Died, error.into());
        Failure { status, error }
    }
}

/// Run bank operations, each in its own process, against one balance that is never lost, duplicated
/// or overdrawn.
///
/// Exit status: 0 all posted; 1 the bank said no to something; 2 usage or unreadable input; 3 a check
/// found a violation (a lost update, a wrong order, or what `verify` finds); 4 a command failed; 5 an id was reused with
/// other content; 6 a deadline passed; 7 a worker or the server died; 8 the ledger is unavailable or
/// damaged, or something in it is in doubt; 9 a check left something open; 10 ended early with work left; 128+n ended by signal n. With
/// `-- COMMAND` on one operation the command's own, or 75 the money is not there or busy; 76 the id was
/// used before; 77 an unknown or the same account; 78 in doubt; 126 it may not be executed; 127 there is no
/// such command.
#[derive(Parser)]
#[command(
    name = "bank-par",
    version,
    long_version = VERSION,
    max_term_width = 80,
    arg_required_else_help = true,
    disable_help_flag = true
)]
struct Cli {
    /// Say less: no progress and no notes, and of a run only what went wrong and how it ended
    #[arg(long, short, global = true, help_heading = GENERAL)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

/// What `--version` says.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit: ",
    env!("BANK_PAR_COMMIT"),
    "\nbuild: ",
    env!("BANK_PAR_BUILD"),
    ", ",
    env!("BANK_PAR_TARGET")
);

/// The heading of the flags that every command has.
const GENERAL: &str = "General";

#[derive(Subcommand)]
enum Command {
    /// One process per operation; each asks the server process over a local socket
    Parallel(Flags<modes::BankArgs>),
    /// One process per operation; the workers read and write shared data through the server process
    ServerShare(Flags<modes::ServerShareArgs>),
    /// One process per operation; all put their requests on one queue
    Queue(Flags<modes::BankArgs>),
    /// One process per operation; each has a pair of anonymous pipes
    Pipe(Flags<modes::BankArgs>),
    /// One process per operation; the workers read and write the same memory, with each primitive
    SharedMemory(Flags<shared_memory::SharedMemoryArgs>),
    /// Threads of one process on one balance, without synchronisation and with each remedy
    Sync(Flags<sync::SyncArgs>),
    /// Every order of the steps of some operations: how many lose money, and the shortest that does
    Explore(Flags<explore::ExploreArgs>),
    /// Let real processes take an order that `explore` found, step by step
    Replay(Flags<replay::ReplayArgs>),
    /// Draw what `--events FILE` recorded: a timeline, a trace for Perfetto, a page, a table
    Show(Flags<show::ShowArgs>),
    /// Whether recorded histories can be true: sums, ids, the claimed order, balances
    Check(Flags<check::CheckArgs>),
    /// Try on copies whether a command pays once when processes are killed and commands fail
    Rehearse(Flags<rehearse::RehearseArgs>),
    /// Measure every way to share: how fast, how right, and beside which limit
    Compare(Flags<compare::CompareArgs>),
    /// Open a page with screens to click, on which real processes run
    Web(Flags<web::WebArgs>),
    /// Create a ledger, and say what its amounts count
    Init(Flags<init::InitArgs>),
    /// Open an account in a ledger that lasts, or set its overdraft limit
    Open(Flags<one::OpenArgs>),
    /// Put money into an account
    Deposit(Flags<one::MoveArgs>),
    /// Take money out of an account
    Withdraw(Flags<one::MoveArgs>),
    /// Move money from one account to another
    Transfer(Flags<one::TransferArgs>),
    /// Lend an account money of the bank's
    Loan(Flags<one::MoveArgs>),
    /// Show what accounts hold, or what is set aside
    Balance(Flags<one::BalanceArgs>),
    /// Set money aside, and print the id with which it is posted or voided later
    Hold(Flags<one::HoldArgs>),
    /// Move what was set aside, or a part of it
    Post(Flags<one::PostArgs>),
    /// Give back what was set aside
    Void(Flags<one::VoidArgs>),
    /// Post the opposite of an entry, once
    Reverse(Flags<one::ReverseArgs>),
    /// List what was posted
    History(Flags<history::HistoryArgs>),
    /// List the named runs of a ledger, and how many lines of each came to what
    Runs(Flags<runs::RunsArgs>),
    /// Give a line of a named run up for good: it is never run
    Skip(Flags<runs::SkipArgs>),
    /// Check a ledger: every row, every sum, every id, and the chain over all of them
    Verify(Flags<verify::VerifyArgs>),
    /// Copy a ledger to a new file, also while it is written to
    Backup(Flags<backup::BackupArgs>),
    /// Copy a ledger from a file to a PostgreSQL database or back, with all that it says
    Copy(Flags<copy::CopyArgs>),
    /// Name the settings of a ledger's server that can lose what was acknowledged
    Doctor(Flags<doctor::DoctorArgs>),
    /// Serve a ledger to many clients at a time, on a local socket
    Serve(Flags<serve::ServeArgs>),
    /// Print what lets a shell complete the words of this program
    Completions(Flags<completions::CompletionsArgs>),
    /// Print a page of the manual for `man`, or write all pages into a folder
    Man(Flags<man::ManArgs>),
}

/// Where results go.
#[derive(Args, Clone)]
struct OutputArgs {
    /// How results are written to stdout [default: text]
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// Also record the run as JSON Lines: in a FILE, which is appended to, in the open descriptor `fd:N`,
    /// or with `-` on stdout instead of text
    #[arg(long, value_name = "FILE", value_parser = destination())]
    events: Option<Destination>,
}

fn destination() -> impl TypedValueParser<Value = Destination> {
    OsStringValueParser::new().try_map(|text| match text.to_str() {
        Some("") => bail!("the name of the file is empty"),
        Some(name) if name.starts_with("fd:") && name[3..].parse::<u16>().is_err() => {
            bail!("`fd:` is followed by the number of an open descriptor; a file of that name is `./{name}`")
        }
        _ => Ok(Destination::from(text.as_os_str())),
    })
}

/// One of these ways, by its word.
fn choice<T: SharingChoice>(all: &'static [T]) -> impl TypedValueParser<Value = T> {
    let values = all.iter();
    let values = values.map(|choice| PossibleValue::new(choice.word()).help(choice.help()));
    PossibleValuesParser::new(values).try_map(|word| {
        let chosen = all.iter().find(|choice| choice.word() == word);
        chosen.copied().context("there is no such way")
    })
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Format::Text, Format::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Format::Text => PossibleValue::new("text").help("For people"),
            Format::Json => {
                PossibleValue::new("json").help("For programs: JSON, one object a line")
            }
        })
    }
}

impl OutputArgs {
    /// The outputs, none of which may be written to what is protected.
    fn outputs(self, protected: ProtectedFiles) -> anyhow::Result<Outputs> {
        let (stdout, events) = match (self.events, self.output) {
            (Some(Destination::Stdout), Some(Format::Text)) => bail!(
                "stdout takes the text or the events: leave `--output text` out, or name a file for the events"
            ),
            (Some(Destination::Stdout), _) => (Format::Json, None),
            (events, Some(Format::Json)) => (Format::Json, events),
            (events, _) => (Format::Text, events),
        };
        check_streams(&protected)?;
        if let Some(events) = &events {
            events.check(&protected)?;
        }
        Ok(Outputs {
            stdout,
            events,
            detail: Detail::Results,
            text_shows_steps: false,
            pictures: Pictures::default(),
            lists_repeats: false,
            live: None,
            protected,
        })
    }
}

/// What no output of a run may be written to.
fn protected(source: &WorkloadSource, place: Option<&Place>) -> ProtectedFiles {
    let protected = match source {
        WorkloadSource::File(path) => ProtectedFiles::default().input(path),
        WorkloadSource::Stdin => ProtectedFiles::default().stdin(),
        WorkloadSource::Operations(_) => ProtectedFiles::default(),
    };
    match place {
        Some(place) => protected.ledger(place),
        None => protected,
    }
}

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    ignore_sigxfsz();
    end_as_first_process();
    let arguments = arguments::read();
    if arguments.quiet {
        report::be_quiet();
    }
    let outcome = match arguments.command {
        Command::Parallel(Flags(args)) => modes::ask_the_bank(Mode::Parallel, args),
        Command::ServerShare(Flags(args)) => modes::server_share(args),
        Command::Queue(Flags(args)) => modes::ask_the_bank(Mode::Queue, args),
        Command::Pipe(Flags(args)) => modes::ask_the_bank(Mode::Pipe, args),
        Command::SharedMemory(Flags(args)) => shared_memory::shared_memory(args),
        Command::Sync(Flags(args)) => sync::sync(args),
        Command::Explore(Flags(args)) => explore::explore(args),
        Command::Replay(Flags(args)) => replay::replay(args),
        Command::Show(Flags(args)) => show::show(args),
        Command::Check(Flags(args)) => check::check(args),
        Command::Rehearse(Flags(args)) => rehearse::rehearse(args),
        Command::Compare(Flags(args)) => compare::compare(args),
        Command::Web(Flags(args)) => web::web(args),
        Command::Init(Flags(args)) => init::init(args),
        Command::Open(Flags(args)) => one::open(args),
        Command::Deposit(Flags(args)) => one::deposit(args),
        Command::Withdraw(Flags(args)) => one::withdraw(args),
        Command::Transfer(Flags(args)) => one::transfer(args),
        Command::Loan(Flags(args)) => one::loan(args),
        Command::Balance(Flags(args)) => one::balance(args),
        Command::Hold(Flags(args)) => one::hold(args),
        Command::Post(Flags(args)) => one::post(args),
        Command::Void(Flags(args)) => one::void(args),
        Command::Reverse(Flags(args)) => one::reverse(args),
        Command::History(Flags(args)) => history::history(args),
        Command::Runs(Flags(args)) => runs::runs(args),
        Command::Skip(Flags(args)) => runs::skip(args),
        Command::Verify(Flags(args)) => verify::verify(args),
        Command::Backup(Flags(args)) => backup::backup(args),
        Command::Copy(Flags(args)) => copy::copy(args),
        Command::Doctor(Flags(args)) => doctor::doctor(args),
        Command::Serve(Flags(args)) => serve::serve(args),
        Command::Completions(Flags(args)) => completions::completions(args),
        Command::Man(Flags(args)) => man::man(args),
    };
    match outcome {
        Ok(ending) => {
            if let Some(signal) = ending.signal {
                end_by(signal);
            }
            match ending.passed_on {
                Some(status) => ExitCode::from(status),
                None => ending.status.into(),
            }
        }
        Err(Failure { status, error }) => {
            report::stderr_line(format_args!("error: {error:#}"));
            status.into()
        }
    }
}
