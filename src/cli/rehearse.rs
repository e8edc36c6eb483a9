//! `rehearse`: whether a script keeps what it promises when processes die, tried on copies.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use tempfile::TempDir;

use super::command::{CommandArgs, InDoubtAction};
use super::ledger::{LedgerArgs, LedgerFlag, UnitArgs, open_counting};
use super::moment::duration;
use super::workload::{InputFormat, note_terminal, other_side, source_of, starting_balance, user};
use super::{CliResult, Failure, protected};
use crate::bank::{Action, Amount, AmountText, Asked, Name, Operation, Request, RequestContext};
use crate::ids;
use crate::link::Folder;
use crate::rehearse::{PAYMENTS, RehearsalError, RehearsalPlan, rehearse as run_rehearsal};
use crate::report::{Format, Output, RehearsalReport, note};
use crate::status::{Ending, Status};
use crate::store::{Access, Ledger, Place, RunName};
use crate::supervisor::Signals;
use crate::workload::WorkloadSource;

const EXAMPLES: &str = "\
Examples:
  bank-par rehearse payouts.jsonl --ledger bank.db -- ./pay.sh
      on copies of both; a stand-in takes the place of ./pay.sh
  bank-par rehearse payouts.jsonl --ledger bank.db --run-command -- ./pay.sh
      with ./pay.sh itself, which pays to a test account while
      BANK_PAR_REHEARSAL is set
  bank-par rehearse payouts.jsonl --in-doubt retry --seed 17 --rounds 1 \\
    --run-command -- ./pay.sh
      on a new ledger; the same round once more

Exit status: 0 kept; 3 broken: something was paid twice, or posted and not
paid; 9 open: only the receiver knows; 2 usage.";

/// The largest workload, in bytes.
const MAX_WORKLOAD: u64 = 64 << 20;
/// So much of a script is searched for the variable that tells it of a rehearsal.
const MAX_SCRIPT: u64 = 1 << 20;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct RehearseArgs {
    /// Operations as JSON Lines or CSV; `-` is stdin
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The input's format; without it the file's name or its first character tells
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    /// The account of operations that name none
    #[arg(long, default_value_t = Name::default(), value_parser = user, value_name = "NAME")]
    account: Name,
    /// Where transfers go that do not say it
    #[arg(long, value_parser = other_side, value_name = "NAME")]
    to: Option<Name>,
    /// What the account starts with, where no ledger is named [default: 1000]
    #[arg(long, allow_negative_numbers = true)]
    balance: Option<AmountText>,
    /// Refuse accounts that `bank-par open` has not opened
    #[arg(long)]
    strict: bool,
    /// The most worker processes at a time
    #[arg(long, short, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: u32,
    /// End a command that takes longer, and with it its attempt [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    ledger: LedgerArgs,
    #[command(flatten)]
    unit: UnitArgs,
    /// Go on with the run of this name that the ledger has, in each round anew [default: a run of its own in
    /// each round]
    #[arg(long, value_name = "NAME")]
    run: Option<RunName>,
    #[command(flatten)]
    command: CommandArgs,
    /// Run the command itself, and not a stand-in that always succeeds. It finds a file's name in
    /// BANK_PAR_REHEARSAL, must pay to nothing but a test account then, and adds a line that begins with
    /// `$BANK_PAR_ID` to that file for each payment
    #[arg(long)]
    run_command: bool,
    /// The command cannot reach anything but test accounts, although neither its words nor its script
    /// mention BANK_PAR_REHEARSAL
    #[arg(long, requires = "run_command")]
    only_test_accounts: bool,
    /// The status by which the command says no, which is a refusal and no failure
    #[arg(long, default_value_t = 75, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    declined_code: u8,
    /// What is done with operations whose command was not seen to its end, when their run goes on
    #[arg(long, value_enum, default_value_t = InDoubtAction::Stop, value_name = "HOW")]
    in_doubt: InDoubtAction,
    /// What repeats what goes wrong [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How often all of it is run, each time with the next seed
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rounds: u32,
    /// The most time that all rounds take
    #[arg(long = "for", default_value = "60s", value_name = "DURATION", value_parser = duration)]
    lasting: Duration,
    /// Where the copies are made, and removed again [default: the folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
}

/// `bank-par rehearse`
pub(super) fn rehearse(args: RehearseArgs) -> CliResult {
    args.check().map_err(Failure::usage)?;
    let source = source_of(&args.input);
    source.check().map_err(Failure::usage)?;
    let place = args.ledger.lasting();
    let output = Output::open(&protected(&source, place.as_ref())).map_err(Failure::usage)?;
    let folder = args.folder().map_err(Failure::usage)?;
    let mut signals = Signals::listen().map_err(Failure::died)?;
    let plan = args.plan(folder.path(), place)?;
    args.announce(&plan);
    let mut report = RehearsalReport::new(output, args.output);
    let rehearsed = run_rehearsal(&plan, &mut signals, |round| report.round(round));
    // What the killed runs have left is removed as by any later run.
    drop(Folder::create());
    folder.close().map_err(Failure::died)?;
    match rehearsed {
        Ok(rehearsed) => Ok(report.finish(&rehearsed).into()),
        Err(RehearsalError::Interrupted(signal)) => Ok(Ending {
            status: Status::EndedEarly,
            signal: Some(signal),
            passed_on: None,
        }),
        Err(error @ RehearsalError::Run { status, .. }) if status == Status::Ledger.code() => {
            let (status, error) = (Status::Ledger, error.into());
            Err(Failure { status, error })
        }
        Err(error @ (RehearsalError::Run { .. } | RehearsalError::UnknownPayment { .. })) => {
            Err(Failure::usage(error))
        }
        Err(RehearsalError::Ledger(error)) => Err(Failure::ledger(error)),
        Err(error @ RehearsalError::Io { .. }) => Err(Failure::died(error)),
    }
}

impl RehearseArgs {
    fn check(&self) -> anyhow::Result<()> {
        if !self.command.is_given() {
            bail!(
                "a rehearsal is of a command: `-- COMMAND`; a stand-in takes its place unless `--run-command` is given"
            );
        }
        self.command.check()?;
        if self.ledger.lasting().is_some() && self.balance.is_some() {
            bail!("`--balance` is for a new ledger, and the accounts are those of the ledger");
        }
        if self.run.is_some() && self.ledger.lasting().is_none() {
            bail!("`--run` goes on with a run of a ledger: name that with `--ledger`");
        }
        if self.run_command && !self.only_test_accounts && !self.knows_of_rehearsals() {
            bail!(
                "`{}` does not mention `{PAYMENTS}`, so it would pay as always: have it pay to a test account where that variable is set, and add a line that begins with `$BANK_PAR_ID` to the file that it names",
                self.program().display()
            );
        }
        Ok(())
    }

    fn program(&self) -> &Path {
        let program = self.command.words.first();
        Path::new(program.map_or(self.input.as_os_str(), |program| program))
    }

    /// Whether the command's words, or a script that is one of them, mention the variable that tells of a
    /// rehearsal.
    fn knows_of_rehearsals(&self) -> bool {
        let mentions = |bytes: &[u8]| {
            bytes
                .windows(PAYMENTS.len())
                .any(|part| part == PAYMENTS.as_bytes())
        };
        let in_script = |word: &OsString| {
            let mut script = Vec::new();
            let path = Path::new(word);
            // What cannot be read mentions nothing.
            let read = path.is_file() && {
                let file = File::open(path);
                file.is_ok_and(|file| file.take(MAX_SCRIPT).read_to_end(&mut script).is_ok())
            };
            read && mentions(&script)
        };
        let words = &self.command.words;
        words
            .iter()
            .any(|word| mentions(word.as_bytes()) || in_script(word))
    }

    /// A private folder.
    fn folder(&self) -> anyhow::Result<TempDir> {
        let within = self.dir.clone().unwrap_or_else(env::temp_dir);
        let folder = tempfile::Builder::new()
            .prefix("bank-par-rehearsal-")
            .tempdir_in(&within);
        folder.with_context(|| format!("cannot make a folder in `{}`", within.display()))
    }

    fn plan(&self, folder: &Path, place: Option<Place>) -> Result<RehearsalPlan, Failure> {
        let workload = self.copy_workload(folder).map_err(Failure::usage)?;
        // No process may have another working directory.
        let folder = fs::canonicalize(folder).map_err(Failure::died)?;
        let ledger = folder.join("ledger.db");
        let last_entry = match place {
            Some(place) => {
                let mut own = open_counting(&place, Access::Read, &self.unit)?;
                own.backup(&ledger).map_err(Failure::ledger)?.end.seq
            }
            None => self.new_ledger(&ledger)?,
        };
        let seed = match self.seed {
            Some(seed) => seed,
            None => ids::random_seed().map_err(Failure::died)?,
        };
        Ok(RehearsalPlan {
            workload: folder.join(workload),
            folder,
            ledger,
            last_entry,
            flags: self.flags(),
            run: self.run.clone(),
            stops_in_doubt: self.in_doubt == InDoubtAction::Stop,
            words: match self.run_command {
                true => self.command.words.clone(),
                false => Vec::new(),
            },
            seed,
            rounds: self.rounds,
            lasting: self.lasting,
        })
    }

    /// A ledger with nothing in it but what the account starts with; the number of its last entry.
    fn new_ledger(&self, path: &Path) -> Result<u64, Failure> {
        let unit = self.unit.new_unit()?;
        let place = Place::File(path.to_path_buf());
        let mut ledger: Box<dyn Ledger> = open_counting(&place, Access::Create(&unit), &self.unit)?;
        let balance = starting_balance(self.balance.as_ref())?;
        let Some(amount) = Amount::new(balance.minor()) else {
            return Ok(0);
        };
        let deposit = Operation {
            id: None,
            account: self.account.clone(),
            action: Action::Deposit(amount),
            detail: None,
        };
        let caller = RequestContext::default();
        let request = Request::Execute(deposit);
        ledger
            .transact(&[Asked { caller, request }])
            .map_err(Failure::ledger)?;
        Ok(1)
    }

    /// Copies the workload, so that all rounds run the same; the copy's name.
    fn copy_workload(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        let mut name = PathBuf::from("workload");
        let from: Box<dyn Read> = match source_of(&self.input) {
            WorkloadSource::File(path) => {
                name.set_extension(path.extension().unwrap_or_default());
                let shown = path.display();
                Box::new(File::open(&path).with_context(|| format!("cannot read `{shown}`"))?)
            }
            _ => {
                note_terminal("operations");
                Box::new(io::stdin())
            }
        };
        let mut to = File::create(folder.join(&name)).context("cannot copy the workload")?;
        let copied = io::copy(&mut from.take(MAX_WORKLOAD + 1), &mut to);
        if copied.context("cannot copy the workload")? > MAX_WORKLOAD {
            let most = MAX_WORKLOAD >> 20;
            return Err(anyhow!(
                "the workload is larger than {most} MiB: rehearse a part of it, such as its first thousand lines"
            ));
        }
        Ok(name)
    }

    /// The flags of each run.
    fn flags(&self) -> Vec<OsString> {
        let mut flags: Vec<OsString> = Vec::new();
        let mut flag = |name: &str, value: String| flags.extend([name.into(), value.into()]);
        flag("--account", self.account.to_string());
        flag("--jobs", self.jobs.to_string());
        flag("--declined-code", self.declined_code.to_string());
        for (name, value) in [
            ("--in-doubt", self.in_doubt.to_possible_value()),
            (
                "--format",
                self.format.and_then(|format| format.to_possible_value()),
            ),
        ] {
            if let Some(value) = value {
                flag(name, value.get_name().to_string());
            }
        }
        if let Some(to) = &self.to {
            flag("--to", to.to_string());
        }
        let policy = self.command.retry(self.timeout);
        flag("--retries", policy.retries.to_string());
        flag("--backoff", format!("{}us", policy.backoff.as_micros()));
        if let Some(timeout) = policy.timeout {
            flag("--timeout", format!("{}us", timeout.as_micros()));
        }
        if self.strict {
            flags.push("--strict".into());
        }
        flags.extend(["--progress".into(), "never".into()]);
        flags
    }

    /// Says what is rehearsed on what, and what is run.
    fn announce(&self, plan: &RehearsalPlan) {
        let ledger = match &self.ledger.ledger {
            Some(LedgerFlag::Lasting(place)) => format!("copies of `{place}`, which is only read"),
            _ => "new ledgers".to_string(),
        };
        let program = self.program().display();
        let command = match self.run_command {
            true => format!("`{program}` is run, with `{PAYMENTS}` set"),
            false => format!("a stand-in takes the place of `{program}` (`--run-command` runs it)"),
        };
        note(format_args!(
            "rehearsing on {ledger}, with the seed {}; {command}",
            plan.seed
        ));
    }
}
