//! What a command is told about its operation.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

use crate::bank::{Annotations, Id, Kind, Name, Operation};

/// What the variables of `meta` begin with.
const META: &str = "BANK_PAR_META_";

/// An operation, as its command is told of it.
pub(super) struct CommandEnv<'a> {
    pub(super) operation: &'a Operation,
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
    /// Where the command may write what it has really spent.
    pub(super) actual: &'a Path,
    /// The name of its run.
    pub(super) run: Option<&'a str>,
    /// Its line of the input.
    pub(super) line: Option<u64>,
}

/// The operation as one JSON object. A field that does not apply is left out.
#[derive(Serialize)]
struct CommandInput<'a> {
    v: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    op: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(flatten)]
    added: Annotations,
    /// The operations of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<Vec<PartInput<'a>>>,
}

/// An operation of a group.
#[derive(Serialize)]
struct PartInput<'a> {
    op: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    #[serde(flatten)]
    added: Annotations,
}

impl<'a> PartInput<'a> {
    fn of(part: &'a Operation) -> Self {
        PartInput {
            op: part.kind().word(),
            account: part.account.as_str(),
            to: part.to().map(Name::as_str),
            amount: part.amount().map(|amount| amount.to_string()),
            added: part.annotations(),
        }
    }
}

impl CommandEnv<'_> {
    /// Puts it into the environment of its command.
    pub(super) fn give_to(&self, command: &mut Command) {
        for name in inherited() {
            command.env_remove(name);
        }
        command.envs(self.environment());
    }

    /// What the command finds in its environment; what does not apply is empty.
    fn environment(&self) -> Vec<(OsString, OsString)> {
        let CommandInput {
            id,
            op,
            account,
            to,
            amount,
            attempt,
            run,
            line,
            added,
            ..
        } = self.object();
        let text = |text: Option<&str>| OsString::from(text.unwrap_or_default());
        let own = [
            ("BANK_PAR_ID", text(id)),
            ("BANK_PAR_OP", text(Some(op))),
            ("BANK_PAR_ACCOUNT", text(account)),
            ("BANK_PAR_TO", text(to)),
            ("BANK_PAR_AMOUNT", amount.unwrap_or_default().into()),
            ("BANK_PAR_ATTEMPT", attempt.to_string().into()),
            ("BANK_PAR_RUN", text(run)),
            (
                "BANK_PAR_LINE",
                line.map(|line| line.to_string()).unwrap_or_default().into(),
            ),
            ("BANK_PAR_MEMO", text(added.memo.as_deref())),
            ("BANK_PAR_DATE", text(added.date.as_deref())),
            ("BANK_PAR_ACTUAL", self.actual.into()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.into(), value));
        let meta = added.meta.into_iter();
        let meta = meta.map(|(name, value)| (variable(&name).into(), value.into()));
        own.chain(meta).collect()
    }

    /// What the command finds on its standard input: one line.
    pub(super) fn json(&self) -> Vec<u8> {
        // Memory takes every byte, and there is nothing in it that JSON cannot say.
        let mut line = serde_json::to_vec(&self.object()).unwrap_or_default();
        line.push(b'\n');
        line
    }

    fn object(&self) -> CommandInput<'_> {
        let operation = self.operation;
        let is_group = operation.kind() == Kind::Group;
        let all = || operation.parts().iter().map(PartInput::of).collect();
        CommandInput {
            v: 1,
            id: operation.id.as_ref().map(Id::as_str),
            op: operation.kind().word(),
            account: Some(operation.account.as_str()).filter(|_| !is_group),
            to: operation.to().map(Name::as_str),
            amount: operation.amount().map(|amount| amount.to_string()),
            all: is_group.then(all),
            attempt: self.attempt,
            run: self.run,
            line: self.line,
            added: operation.annotations(),
        }
    }
}

/// The variable of a value of `meta`: no letter of it is small, and what no variable has becomes `_`.
pub(super) fn variable(name: &str) -> String {
    let letter = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    META.chars().chain(name.chars().map(letter)).collect()
}

/// The variables of another operation, whose command this process is: those of `meta` that this one may not
/// have.
fn inherited() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(META.as_bytes()))
}
