//! `... -- COMMAND`: the flags of a command as work, the same wherever operations are given.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use rustix::fs::{Access, access};

use super::Failure;
use super::moment::duration;
use crate::bank::Operation;
use crate::command::{RetryPolicy, check_fields, filled};

#[derive(Args)]
pub(super) struct CommandArgs {
    /// Set the money aside, run this, then post it if the command succeeds and give it back if not; in its
    /// arguments stand `{id}`, `{op}`, `{account}`, `{to}`, `{amount}`, `{memo}` and `{meta.NAME}` for what the
    /// operation has
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) words: Vec<OsString>,
    /// Run a command that failed again, up to so many times, with the same id
    #[arg(long, default_value_t = 0, value_name = "N", requires = "words")]
    retries: u32,
    /// The pause before a second attempt; before each further one it doubles, up to a minute
    #[arg(long, default_value = "1s", value_parser = duration, value_name = "DURATION", requires = "words")]
    backoff: Duration,
}

impl CommandArgs {
    pub(super) fn is_given(&self) -> bool {
        !self.words.is_empty()
    }

    pub(super) fn retry(&self, timeout: Option<Duration>) -> RetryPolicy {
        RetryPolicy {
            timeout,
            retries: self.retries,
            backoff: self.backoff,
        }
    }

    /// The words of the command for this operation.
    pub(super) fn words_for(&self, operation: &Operation) -> Result<Vec<OsString>, Failure> {
        filled(&self.words, operation).map_err(Failure::usage)
    }

    /// Refuses a flag, or nothing, in the place of the command, which begins behind `--`, and fields that
    /// no operation has in its arguments.
    pub(super) fn check_words(&self) -> anyhow::Result<()> {
        match self.words.first() {
            Some(word) if word.as_bytes().starts_with(b"-") => bail!(
                "`{0}` stands where the command begins: flags stand before `--`, and a program of that name is called `./{0}`",
                word.display()
            ),
            // `-- $COMMAND` with an empty variable must not move money as if no command were meant.
            None if env::args_os().skip_while(|word| word != "--").count() == 1 => bail!(
                "no command stands behind `--`; nothing was done (if it came from a variable, that is empty)"
            ),
            _ => Ok(check_fields(&self.words)?),
        }
    }

    /// Refuses a command that is not there: a run would fail every one of its operations.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.check_words()?;
        match self.words.first() {
            Some(program) if !is_there(program, env::var_os("PATH").as_deref()) => bail!(
                "there is no command `{}`: name a program in `PATH`, or a file that may be executed such as `./pay.sh`",
                program.display()
            ),
            _ => Ok(()),
        }
    }
}

/// Whether a shell would find this program.
fn is_there(program: &OsStr, path: Option<&OsStr>) -> bool {
    let may_run = |file: &Path| file.is_file() && access(file, Access::EXEC_OK).is_ok();
    if program.as_bytes().contains(&b'/') {
        return may_run(Path::new(program));
    }
    let folders = path.map(env::split_paths).into_iter().flatten();
    !program.is_empty()
        && folders
            .into_iter()
            .any(|folder| may_run(&folder.join(program)))
}

/// What becomes of operations whose work was begun, and whose end was not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum InDoubtAction {
    /// Nothing: you must `post` or `void` it first
    #[default]
    Stop,
    /// Run the command again, under the same id
    Retry,
    /// They count as done: what is set aside is posted
    Post,
    /// They count as not done: what is set aside is given back, and they are run like any other
    Void,
}

/// For one operation: `bank-par post ID` and `void ID` are the other ways out.
pub(super) fn stop_or_retry() -> impl TypedValueParser<Value = InDoubtAction> {
    let actions = [InDoubtAction::Stop, InDoubtAction::Retry];
    let values = actions.iter().filter_map(ValueEnum::to_possible_value);
    PossibleValuesParser::new(values).try_map(|word| InDoubtAction::from_str(&word, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let path = Some(OsStr::new("/nowhere:/usr/bin:/bin"));
        for (program, there) in [
            ("sh", true),
            ("/bin/sh", true),
            ("no-such-program", false),
            ("/nowhere/sh", false),
            ("/etc/passwd", false),
            ("/usr", false),
            ("", false),
        ] {
            assert_eq!(is_there(OsStr::new(program), path), there, "{program}");
        }
        assert!(!is_there(OsStr::new("sh"), None));
    }
}
