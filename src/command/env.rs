//! What a command is told about its operation.

use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use crate::bank::{Id, Name, Operation};

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
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<String>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

impl CommandEnv<'_> {
    /// What the command finds in its environment; what does not apply is empty.
    pub(super) fn environment(&self) -> [(&'static str, OsString); 9] {
        let CommandInput {
            id,
            op,
            account,
            to,
            amount,
            attempt,
            run,
            line,
            ..
        } = self.object();
        let text = |text: Option<&str>| OsString::from(text.unwrap_or_default());
        [
            ("BANK_PAR_ID", text(id)),
            ("BANK_PAR_OP", text(Some(op))),
            ("BANK_PAR_ACCOUNT", text(Some(account))),
            ("BANK_PAR_TO", text(to)),
            ("BANK_PAR_AMOUNT", amount.unwrap_or_default().into()),
            ("BANK_PAR_ATTEMPT", attempt.to_string().into()),
            ("BANK_PAR_RUN", text(run)),
            (
                "BANK_PAR_LINE",
                line.map(|line| line.to_string()).unwrap_or_default().into(),
            ),
            ("BANK_PAR_ACTUAL", self.actual.into()),
        ]
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
        CommandInput {
            v: 1,
            id: operation.id.as_ref().map(Id::as_str),
            op: operation.kind().word(),
            account: operation.account.as_str(),
            to: operation.to().map(Name::as_str),
            amount: operation.amount().map(|amount| amount.to_string()),
            attempt: self.attempt,
            run: self.run,
            line: self.line,
        }
    }
}
