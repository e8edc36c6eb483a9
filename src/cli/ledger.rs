//! The flag that says where the balance lives, the same everywhere.

use std::env;
use std::path::PathBuf;
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;

use super::Failure;
use crate::bank::{Amount, AmountError, AmountText, Balance, MAX_DECIMALS, Unit, UnitError};
use crate::child::LEDGER_VARIABLE;
use crate::report::{note, stderr_line};
#[cfg(feature = "postgres")]
use crate::store::PostgresAddress;
use crate::store::{Access, AtStake, Ledger, LedgerError, Place, until_done};

#[derive(Args)]
pub(super) struct LedgerArgs {
    /// Where the balance lives: `memory`, a FILE that lasts, `unix:SOCKET` of a running `bank-par
    /// serve`, or `postgres://...`
    #[arg(long, env = LEDGER_VARIABLE, hide_env_values = true, value_name = "LEDGER")]
    pub(super) ledger: Option<LedgerFlag>,
}

impl LedgerArgs {
    /// The ledger, if it is one that lasts.
    pub(super) fn lasting(&self) -> Option<Place> {
        match &self.ledger {
            Some(LedgerFlag::Lasting(place)) => Some(place.clone()),
            Some(LedgerFlag::Memory) | None => None,
        }
    }

    /// The ledger that lasts, for commands that are over before one in memory would be of use.
    pub(super) fn place(self) -> Result<Place, Failure> {
        let what = match self.ledger {
            Some(LedgerFlag::Lasting(place)) => return Ok(place),
            Some(LedgerFlag::Memory) => "a ledger in `memory` ends with this command",
            None => "there is no ledger",
        };
        Err(Failure::usage(anyhow!(
            "{what}: name one that lasts with `--ledger FILE`, or with `{LEDGER_VARIABLE}` for a whole script"
        )))
    }
}

/// What a ledger counts, said once when it is created.
#[derive(Args, Clone, Default)]
pub(super) struct UnitArgs {
    /// How many digits amounts have after the point, 0 to 9; a ledger keeps what it was created with [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=i64::from(MAX_DECIMALS)))]
    decimals: Option<u8>,
    /// What amounts count, such as `EUR` or `tokens`; a ledger keeps what it was created with [default: $]
    #[arg(long, value_name = "NAME", value_parser = unit_name)]
    unit: Option<String>,
}

fn unit_name(text: &str) -> Result<String, UnitError> {
    Unit::new(0, text).map(|unit| unit.name().to_string())
}

impl UnitArgs {
    /// What a new ledger counts.
    pub(super) fn new_unit(&self) -> Result<Unit, Failure> {
        let name = self.unit.as_deref().unwrap_or(Unit::NAME);
        let unit = Unit::new(self.decimals.unwrap_or(Unit::DECIMALS), name);
        unit.map_err(Failure::usage)
    }

    /// The amounts of a run in memory count what the flags say.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        settle(self.new_unit()?)
    }

    /// Refuses a ledger that counts something else than was asked for.
    fn check(&self, ledger: &str, unit: &Unit) -> Result<(), Failure> {
        let asked = |flag: &str, value: &str| {
            Failure::usage(anyhow!(
                "the amounts of the ledger `{ledger}` are {unit}, as it was created, and `{flag} {value}` asks for others: leave the flag out, or name another ledger"
            ))
        };
        match (self.decimals, &self.unit) {
            (Some(decimals), _) if decimals != unit.decimals() => {
                Err(asked("--decimals", &decimals.to_string()))
            }
            (_, Some(name)) if name != unit.name() => Err(asked("--unit", name)),
            _ => Ok(()),
        }
    }
}

/// Opens a ledger that is there. From then on amounts are by what it counts.
pub(super) fn open(place: &Place, access: Access<'_>) -> Result<Box<dyn Ledger>, Failure> {
    let ledger = open_when_there(place, access).map_err(Failure::ledger)?;
    settled(place, ledger, &UnitArgs::default())
}

/// Opens a ledger whose database may be without a primary for the moment, as while a standby takes over.
pub(super) fn open_when_there(
    place: &Place,
    access: Access<'_>,
) -> Result<Box<dyn Ledger>, LedgerError> {
    until_done(AtStake::OneAnswer, || place.open(access), wait_and_say)
}

/// Asks an open ledger, and again where its database has no primary for the moment.
pub(super) fn ask_when_there<T>(ask: impl FnMut() -> Result<T, LedgerError>) -> Result<T, Failure> {
    until_done(AtStake::OneAnswer, ask, wait_and_say).map_err(Failure::ledger)
}

/// Waits before a ledger is asked again. No signal is handled yet, so each ends the program as ever.
pub(super) fn wait_and_say(pause: Duration, words: Option<String>) -> bool {
    if let Some(words) = words {
        stderr_line(words);
    }
    sleep(pause);
    true
}

/// The same, if it counts what was asked for.
pub(super) fn open_counting(
    place: &Place,
    access: Access<'_>,
    unit: &UnitArgs,
) -> Result<Box<dyn Ledger>, Failure> {
    let ledger = open_when_there(place, access).map_err(Failure::ledger)?;
    settled(place, ledger, unit)
}

/// Opens a ledger, or creates one that counts what was asked for, if these amounts can stand in it.
pub(super) fn open_or_create(
    place: &Place,
    unit: &UnitArgs,
    amounts: &[&AmountText],
) -> Result<Box<dyn Ledger>, Failure> {
    match open_when_there(place, Access::Existing) {
        Err(LedgerError::Missing { .. } | LedgerError::Foreign { .. }) => {
            unit.settle()?;
            for amount in amounts {
                balance_of(amount)?;
            }
            open_counting(place, Access::Create(&unit.new_unit()?), unit)
        }
        opened => settled(place, opened.map_err(Failure::ledger)?, unit),
    }
}

fn settled(
    place: &Place,
    mut ledger: Box<dyn Ledger>,
    unit: &UnitArgs,
) -> Result<Box<dyn Ledger>, Failure> {
    let counted = ask_when_there(|| ledger.unit())?;
    unit.check(&place.to_string(), &counted)?;
    settle(counted)?;
    Ok(ledger)
}

/// How much this is by what the ledger counts, which is open by now.
pub(super) fn amount_of(text: &AmountText) -> Result<Amount, Failure> {
    text.amount().map_err(|error| wrong_amount(text, error))
}

/// The same, zero included.
pub(super) fn balance_of(text: &AmountText) -> Result<Balance, Failure> {
    text.balance().map_err(|error| wrong_amount(text, error))
}

/// The same of a flag, which is named where the amount is none.
pub(super) fn of_flag<T>(flag: &str, amount: Result<T, Failure>) -> Result<T, Failure> {
    amount.map_err(|failure| Failure {
        error: failure.error.context(format!("`{flag}`")),
        ..failure
    })
}

fn wrong_amount(text: &AmountText, error: AmountError) -> Failure {
    Failure::usage(anyhow!("amount `{text}`: {error}"))
}

/// From now on amounts are by this.
fn settle(unit: Unit) -> Result<(), Failure> {
    let told = unit.to_string();
    unit.settle().map_err(|current| {
        Failure::usage(anyhow!(
            "amounts that are {told} cannot stand beside those that are {current}"
        ))
    })
}

/// The flag of those modes that have no ledger but memory. The variable is for the other commands of
/// a script, so it is no reason to refuse.
#[derive(Args)]
pub(super) struct MemoryArgs {
    /// Where the balance lives: only `memory` is possible in this mode
    #[arg(long, value_name = "LEDGER")]
    ledger: Option<LedgerFlag>,
}

impl MemoryArgs {
    /// Refuses a ledger that lasts, and says why.
    pub(super) fn check(&self, mode: &str, why: &str) -> Result<(), Failure> {
        if let Some(LedgerFlag::Lasting(place)) = &self.ledger {
            return Err(Failure::usage(anyhow!(
                "`{mode}` cannot use the ledger `{place}`: {why}; `parallel`, `queue` and `pipe` can"
            )));
        }
        let variable = env::var(LEDGER_VARIABLE)
            .ok()
            .filter(|_| self.ledger.is_none());
        if let Some(ledger) = variable.filter(|ledger| ledger != "memory") {
            note(format_args!(
                "`{mode}` runs in memory and not in `{ledger}` of `{LEDGER_VARIABLE}`: {why}"
            ));
        }
        Ok(())
    }
}

/// What others write before the path of a database.
const OTHER_SCHEMES: [&str; 3] = ["file", "sqlite", "sqlite3"];

/// What `--ledger` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LedgerFlag {
    /// Nothing lasts.
    Memory,
    /// A ledger that lasts.
    Lasting(Place),
}

impl FromStr for LedgerFlag {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        #[cfg(feature = "postgres")]
        if let Some(address) = PostgresAddress::of(text) {
            return Ok(LedgerFlag::Lasting(Place::Postgres(address)));
        }
        Ok(match text.split_once(':') {
            _ if text == "memory" => LedgerFlag::Memory,
            _ if text.is_empty() => bail!(
                "the name is empty (as is a variable, such as `{LEDGER_VARIABLE}`, that is set to nothing): a ledger is `memory`, a file, `unix:SOCKET` or `postgres://...`"
            ),
            Some(("unix", "")) => bail!("`unix:` is followed by the path of a socket"),
            Some(("unix", socket)) => LedgerFlag::Lasting(Place::Server(PathBuf::from(socket))),
            Some((scheme, rest)) if rest.starts_with("//") => {
                bail!(
                    "`{scheme}:` is no kind of ledger: it is `memory`, a file, `unix:SOCKET` or `postgres://...`"
                )
            }
            Some(("postgres" | "postgresql", _)) => bail!(
                "a ledger in a database is `postgres://HOST/DATABASE` (`./{text}` for a file of that name)"
            ),
            Some((scheme, rest)) if OTHER_SCHEMES.contains(&scheme) => bail!(
                "a ledger in a file is named by its path alone, `{rest}` (`./{text}` for a file of that name)"
            ),
            _ if text == "-" => bail!(
                "`-` is no ledger: it is `memory`, a file (`./-` for one of that name), `unix:SOCKET` or `postgres://...`"
            ),
            _ => LedgerFlag::Lasting(Place::File(PathBuf::from(text))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_before_a_path_makes_no_file_of_that_name() {
        let told = |text: &str| {
            let flag = text.parse::<LedgerFlag>();
            flag.err().map(|error| error.to_string())
        };
        for (text, way_out) in [
            ("sqlite:bank.db", "its path alone, `bank.db`"),
            ("file:bank.db", "`./file:bank.db` for a file of that name"),
            ("-", "`-` is no ledger"),
            ("postgres:bank", "`postgres://HOST/DATABASE`"),
        ] {
            let told = told(text).expect("refused");
            assert!(told.contains(way_out), "{told}");
        }
        for file in ["./sqlite:bank.db", "./-", "bank:2026.db", "sqlite"] {
            assert_eq!(told(file), None, "{file}");
        }
    }
}
