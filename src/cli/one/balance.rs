//! How accounts stand, and what is set aside.

mod at;

use clap::{Args, ValueEnum};

use super::{Single, SingleArgs, ended};
use crate::bank::{Answer, Moment, Name, NameError, Outcome, Rejection};
use crate::cli::ledger::{LedgerArgs, UnitArgs, ask_when_there};
use crate::cli::moment::moment;
use crate::cli::named::all_runs;
use crate::cli::workload::any_account;
use crate::cli::{CliResult, Failure};
use crate::report::{Format, Subject};
use crate::status::Status;
use crate::store::{Access, MAX_PAGE};

#[derive(Args)]
pub(in crate::cli) struct BalanceArgs {
    /// Which accounts; all of them without this
    #[arg(value_name = "ACCOUNT", value_parser = any_account)]
    accounts: Vec<Name>,
    /// Only accounts whose names begin like this
    #[arg(long, value_name = "NAME", conflicts_with_all = ["accounts", "holds", "at"], value_parser = begun_name)]
    prefix: Option<Name>,
    /// Only accounts whose names come behind this one, in the order of the list
    #[arg(long, value_name = "NAME", conflicts_with_all = ["accounts", "holds", "at"], value_parser = any_account)]
    after: Option<Name>,
    /// List what is set aside instead: id, op, account, to, amount, since, expires, run, line
    #[arg(long)]
    holds: bool,
    /// Show what was posted before this moment instead: `2026-11-23`, `2026-11-23 10:00` (UTC), `today`, or `2h` ago
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with = "holds")]
    at: Option<Moment>,
    /// How the list is written to stdout
    #[arg(long, short, value_enum, default_value_t = BalanceFormat::Text, value_name = "FORMAT")]
    output: BalanceFormat,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BalanceFormat {
    /// For people
    Text,
    /// For programs: JSON, one object a line
    Json,
    /// Comma-separated values with a header
    Csv,
}

/// The beginning of the names of accounts, which could be a name itself.
fn begun_name(text: &str) -> Result<Name, NameError> {
    match Name::user(text) {
        Err(NameError::Reserved) => Err(NameError::NotTheBanks),
        name => name,
    }
}

/// `bank-par balance`
pub(in crate::cli) fn balance(args: BalanceArgs) -> CliResult {
    let output = match args.output {
        BalanceFormat::Json => Format::Json,
        BalanceFormat::Text | BalanceFormat::Csv => Format::Text,
    };
    let ledger = args.ledger;
    let single = SingleArgs { ledger, output };
    let mut single = Single::open(single, Access::Read, &UnitArgs::default())?;
    if args.output == BalanceFormat::Csv {
        single.answers.list_as_csv();
    }
    if let Some(at) = args.at {
        return single.accounts_at(at, &args.accounts);
    }
    let status = match (args.holds, args.accounts.is_empty()) {
        (true, _) => single.holds(&args.accounts)?,
        (false, true) => single.all_accounts(args.prefix.as_ref(), args.after)?,
        (false, false) => single.accounts(&args.accounts)?,
    };
    ended(status.worse(single.answers.finish()))
}

impl Single {
    /// The accounts that were named, all as of one moment as far as a page reaches. An unknown one is
    /// refused, and the others are shown all the same.
    fn accounts(&mut self, names: &[Name]) -> Result<Status, Failure> {
        self.answers.accounts();
        let mut status = Status::Posted;
        for names in names.chunks(MAX_PAGE) {
            let standings = ask_when_there(|| self.ledger.look_up(names))?;
            for (name, standing) in names.iter().zip(standings) {
                match standing {
                    Some(standing) => self.answers.account(&standing),
                    None => status = status.worse(self.unknown(name)),
                }
            }
            if !self.answers.write() {
                break;
            }
        }
        Ok(status)
    }

    fn unknown(&mut self, name: &Name) -> Status {
        let rejection = Rejection::UnknownAccount;
        let refused = Outcome::Refused {
            rejection,
            view: None,
        };
        let overdraft = None;
        let subject = Subject::Account { name, overdraft };
        self.answers.answer(subject, &Answer::from(refused))
    }

    /// The accounts whose names begin with `prefix` and come behind `after`, in the order of their names.
    fn all_accounts(
        &mut self,
        prefix: Option<&Name>,
        after: Option<Name>,
    ) -> Result<Status, Failure> {
        let begins =
            |name: &Name| prefix.is_none_or(|prefix| name.as_str().starts_with(prefix.as_str()));
        let mut after = after;
        self.answers.accounts();
        if let Some(prefix) =
            prefix.filter(|prefix| after.as_ref().is_none_or(|after| after < prefix))
        {
            // The first that can begin so has the beginning as its name.
            let first = std::slice::from_ref(prefix);
            let first = ask_when_there(|| self.ledger.look_up(first))?;
            for standing in first.iter().flatten() {
                self.answers.account(standing);
            }
            after = Some(prefix.clone());
        }
        loop {
            let page = ask_when_there(|| self.ledger.accounts(after.as_ref()))?;
            let wanted = page.iter().take_while(|standing| begins(&standing.name));
            let wanted = wanted
                .inspect(|standing| self.answers.account(standing))
                .count();
            if !self.answers.write() || page.is_empty() || wanted < page.len() {
                return Ok(Status::Posted);
            }
            after = page.into_iter().next_back().map(|standing| standing.name);
        }
    }

    /// What is set aside on these accounts, or on all of them.
    fn holds(&mut self, accounts: &[Name]) -> Result<Status, Failure> {
        self.answers.holds();
        let mut after = 0;
        loop {
            let page = ask_when_there(|| self.ledger.holds(after))?;
            let runs = match page.iter().any(|hold| hold.run.is_some()) {
                true => all_runs(&mut *self.ledger)?,
                false => Vec::new(),
            };
            for hold in &page {
                let mut parts = hold.operation.parts().iter();
                if accounts.is_empty() || parts.any(|part| accounts.contains(&part.account)) {
                    let run = runs.iter().find(|run| Some(run.number) == hold.run);
                    self.answers.hold(hold, run.map(|run| &run.name));
                }
            }
            let Some(last) = page.last() else {
                return Ok(Status::Posted);
            };
            if !self.answers.write() {
                return Ok(Status::Posted);
            }
            after = last.number;
        }
    }
}
