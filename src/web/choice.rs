//! What was chosen on the page, and the words of the command that does it.

use serde::Deserialize;

use crate::bank::{AmountText, Id, Kind};
use crate::event::Mode;
use crate::explore::{TokenError, read_token};

/// The most operations of one click.
const MAX_OPERATIONS: u64 = 1_000_000;
/// The most operations of which each step is told.
const MAX_WITH_STEPS: u64 = 200;
/// The most operations that have a process each.
const MAX_PROCESSES: u64 = 1_000;
/// The most operations that are put in every order.
const MAX_EXPLORED: u64 = 12;
/// The most kinds of operations, one behind the other.
const MAX_LINES: usize = 64;

/// The longest end of a ledger: two numbers and a hash.
const MAX_END: usize = 128;

/// A run that was chosen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunChoice {
    mode: Mode,
    /// How the processes or threads keep out of each other's way, where a mode has a choice.
    sync: Option<String>,
    balance: String,
    /// How long the work takes, as a multiple of the classic durations.
    time_scale: String,
    operations: Vec<OperationChoice>,
    threads: Option<u16>,
    rounds: Option<u32>,
}

/// Operations of which every order is looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExploreChoice {
    sync: String,
    balance: String,
    operations: Vec<OperationChoice>,
}

/// An order, which may have only begun.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OrderChoice {
    pub(super) token: String,
}

/// What is held and is to be posted. The amount is that which the page has shown, so that no more moves than
/// a person has seen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostChoice {
    id: Id,
    amount: String,
}

/// What is held and is to be given back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VoidChoice {
    id: Id,
}

/// A check of the whole ledger.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyChoice {
    /// The end that an earlier check told and that was kept elsewhere.
    expect: Option<String>,
}

/// Some operations that were chosen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationChoice {
    op: String,
    amount: Option<String>,
    count: u64,
}

/// Why a choice is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ChoiceError {
    #[error("there is no screen for this mode")]
    Mode,
    #[error("`{0}` is no amount: write one such as 100 or 12.50")]
    Amount(String),
    #[error("`{0}` is no operation")]
    Operation(String),
    #[error("choose 1 to {MAX_OPERATIONS} operations")]
    Count,
    #[error("choose 1 to {MAX_EXPLORED} operations to put in every order")]
    Explored,
    #[error("`{0}` is no speed: write a factor such as 1 or 0.25")]
    Speed(String),
    #[error("this is no end of a ledger: paste what `bank-par verify` printed behind `end`")]
    End,
    #[error("`{0}` is no way to share")]
    Sync(String),
}

impl RunChoice {
    /// The words of the command. Whatever came from the page stands behind a `=`, so that it is no flag.
    pub(super) fn words(&self) -> Result<Vec<String>, ChoiceError> {
        let is_race = self.mode == Mode::Sync;
        let mut words = vec![self.command()?.to_string()];
        words.push(format!("--balance={}", amount(&self.balance)?));
        for operation in &self.operations {
            words.push(operation.word()?);
        }
        if let Some(sync) = &self.sync {
            let flag = if is_race { "--lock" } else { "--sync" };
            words.push(format!("{flag}={}", sync_word(sync)?));
        }
        let total = self.total()?;
        if is_race {
            words.extend(self.threads.map(|threads| format!("--threads={threads}")));
            words.extend(self.rounds.map(|rounds| format!("--rounds={rounds}")));
        } else {
            words.push(format!("--time-scale={}", speed(&self.time_scale)?));
            if total <= MAX_WITH_STEPS {
                words.push("--detail=steps".to_string());
            }
            if total > MAX_PROCESSES {
                words.push("--ops-per-worker=0".to_string());
            }
        }
        Ok(words)
    }

    fn command(&self) -> Result<&str, ChoiceError> {
        match &self.mode {
            Mode::Replay | Mode::Other(_) => Err(ChoiceError::Mode),
            mode => Ok(mode.word()),
        }
    }

    fn total(&self) -> Result<u64, ChoiceError> {
        let counts = self.operations.iter().map(|operation| operation.count);
        let total = counts.fold(0, u64::saturating_add);
        let has_none = self.operations.iter().any(|operation| operation.count == 0);
        match self.operations.len() <= MAX_LINES
            && !has_none
            && (1..=MAX_OPERATIONS).contains(&total)
        {
            true => Ok(total),
            false => Err(ChoiceError::Count),
        }
    }
}

impl ExploreChoice {
    /// The words of the command.
    pub(super) fn words(&self) -> Result<Vec<String>, ChoiceError> {
        let mut words = vec!["explore".to_string()];
        words.push(format!("--sync={}", sync_word(&self.sync)?));
        words.push(format!("--balance={}", amount(&self.balance)?));
        let counts = self.operations.iter().map(|operation| operation.count);
        let total = counts.fold(0, u64::saturating_add);
        if self.operations.len() > MAX_LINES || !(1..=MAX_EXPLORED).contains(&total) {
            return Err(ChoiceError::Explored);
        }
        for operation in &self.operations {
            words.push(operation.word()?);
        }
        Ok(words)
    }
}

impl OrderChoice {
    /// The words of the command that lets real processes take the order.
    pub(super) fn words(&self) -> Result<Vec<String>, TokenError> {
        read_token(&self.token)?;
        Ok(vec!["replay".to_string(), self.token.clone()])
    }
}

impl PostChoice {
    /// The words of the command.
    pub(super) fn words(&self) -> Result<Vec<String>, ChoiceError> {
        let amount = format!("--amount={}", amount(&self.amount)?);
        let words = ["post", &amount, "--", self.id.as_str()];
        Ok(words.map(String::from).to_vec())
    }
}

impl VoidChoice {
    /// The words of the command.
    pub(super) fn words(&self) -> Result<Vec<String>, ChoiceError> {
        let words = ["void", "--", self.id.as_str()];
        Ok(words.map(String::from).to_vec())
    }
}

impl VerifyChoice {
    /// The words of the command, which says of an end that is none how one looks.
    pub(super) fn words(&self) -> Result<Vec<String>, ChoiceError> {
        let is_end = |text: &&String| text.len() <= MAX_END && text.is_ascii();
        let expect = match &self.expect {
            None => None,
            Some(end) => Some(Some(end).filter(is_end).ok_or(ChoiceError::End)?),
        };
        let expect = expect.map(|end| format!("--expect={end}"));
        Ok([Some("verify".to_string()), expect]
            .into_iter()
            .flatten()
            .collect())
    }
}

impl OperationChoice {
    fn word(&self) -> Result<String, ChoiceError> {
        if !Kind::ALL.iter().any(|kind| kind.word() == self.op) {
            return Err(ChoiceError::Operation(self.op.clone()));
        }
        let moved = match &self.amount {
            Some(text) => format!("={}", amount(text)?),
            None => String::new(),
        };
        let times = match self.count {
            1 => String::new(),
            count => format!("*{count}"),
        };
        Ok(format!("--op={}{moved}{times}", self.op))
    }
}

fn amount(text: &str) -> Result<&str, ChoiceError> {
    let is_amount = text.len() <= 20 && text.parse::<AmountText>().is_ok();
    is_amount
        .then_some(text)
        .ok_or_else(|| ChoiceError::Amount(text.chars().take(40).collect()))
}

/// The command says of a word that is one which words there are.
fn sync_word(text: &str) -> Result<&str, ChoiceError> {
    let is_word = (1..=20).contains(&text.len())
        && text
            .bytes()
            .all(|letter| letter.is_ascii_lowercase() || letter == b'-');
    is_word
        .then_some(text)
        .ok_or_else(|| ChoiceError::Sync(text.chars().take(40).collect()))
}

fn speed(text: &str) -> Result<&str, ChoiceError> {
    let is_factor = (1..=6).contains(&text.len())
        && text
            .bytes()
            .all(|letter| letter.is_ascii_digit() || letter == b'.');
    is_factor
        .then_some(text)
        .ok_or_else(|| ChoiceError::Speed(text.chars().take(40).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(choice: &str) -> Result<String, String> {
        let choice: RunChoice = serde_json::from_str(choice).map_err(|error| error.to_string())?;
        let words = choice.words().map_err(|error| error.to_string())?;
        Ok(words.join(" "))
    }

    fn choice(mode: &str, operations: &str, more: &str) -> String {
        format!(
            r#"{{"mode":"{mode}","balance":"1000","time_scale":"0.5","operations":[{operations}]{more}}}"#
        )
    }

    #[test]
    fn a_choice_is_a_command() {
        let two = r#"{"op":"withdraw","amount":"300","count":2},{"op":"balance","count":1}"#;
        assert_eq!(
            words(&choice("server-share", two, r#","sync":"lock""#)).as_deref(),
            Ok(
                "server-share --balance=1000 --op=withdraw=300*2 --op=balance --sync=lock --time-scale=0.5 --detail=steps"
            )
        );
        let many = r#"{"op":"deposit","amount":"1","count":5000}"#;
        assert_eq!(
            words(&choice("pipe", many, "")).as_deref(),
            Ok("pipe --balance=1000 --op=deposit=1*5000 --time-scale=0.5 --ops-per-worker=0")
        );
        let race = choice(
            "sync",
            r#"{"op":"loan","count":1}"#,
            r#","threads":4,"rounds":9"#,
        );
        assert_eq!(
            words(&race).as_deref(),
            Ok("sync --balance=1000 --op=loan --threads=4 --rounds=9")
        );
    }

    #[test]
    fn orders_are_explored_and_replayed_by_commands_too() {
        let explored = r#"{"sync":"lock","balance":"1000","operations":[{"op":"loan","amount":"5","count":2}]}"#;
        let explored: ExploreChoice = serde_json::from_str(explored).expect("a choice");
        assert_eq!(
            explored.words().map(|words| words.join(" ")).as_deref(),
            Ok("explore --sync=lock --balance=1000 --op=loan=5*2")
        );
        let order = |token: &str| OrderChoice {
            token: token.to_string(),
        };
        let whole = order("x1/none/main=1000/w500,d500/1221");
        assert_eq!(whole.words().map(|words| words.len()), Ok(2));
        assert!(order("x1/none/main=1000/w500,d500/12").words().is_err());
        assert!(order("--ledger").words().is_err());
    }

    #[test]
    fn what_is_held_is_ended_by_its_id_whatever_that_is() {
        let post: PostChoice =
            serde_json::from_str(r#"{"id":"--ledger=x y","amount":"2.50"}"#).expect("a choice");
        let expected = ["post", "--amount=2.50", "--", "--ledger=x y"];
        assert_eq!(post.words(), Ok(expected.map(String::from).to_vec()));
        let void: VoidChoice = serde_json::from_str(r#"{"id":"a"}"#).expect("a choice");
        assert_eq!(
            void.words().map(|words| words.join(" ")).as_deref(),
            Ok("void -- a")
        );
        for none in [
            r#"{"id":"","amount":"1"}"#,
            r#"{"id":"a\u0000","amount":"1"}"#,
            r#"{"id":"a"}"#,
            r#"{"id":"a","amount":"1","to":"me"}"#,
        ] {
            assert!(serde_json::from_str::<PostChoice>(none).is_err(), "{none}");
        }
        let none: PostChoice = serde_json::from_str(r#"{"id":"a","amount":"-1"}"#).expect("words");
        assert!(none.words().is_err());
    }

    #[test]
    fn what_is_none_is_refused() {
        let one = r#"{"op":"deposit","count":1}"#;
        let cases = [
            choice("replay", one, ""),
            choice("serve", one, ""),
            choice("pipe", "", ""),
            choice("pipe", r#"{"op":"deposit","count":0}"#, ""),
            choice("pipe", r#"{"op":"deposit","count":1000001}"#, ""),
            choice(
                "pipe",
                r#"{"op":"deposit","count":18446744073709551615},{"op":"deposit","count":2}"#,
                "",
            ),
            choice("pipe", r#"{"op":"--ledger","count":1}"#, ""),
            choice(
                "pipe",
                r#"{"op":"deposit","amount":"1 --ledger","count":1}"#,
                "",
            ),
            choice("pipe", r#"{"op":"deposit","amount":"-1","count":1}"#, ""),
            choice("pipe", one, r#","sync":"--x y""#),
            choice("pipe", one, r#","command":"rm""#),
        ];
        for case in cases {
            assert!(words(&case).is_err(), "{case}");
        }
    }
}
