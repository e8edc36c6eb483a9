//! What a worker is told when it is started, as the arguments of its process.

use std::ffi::OsString;

use super::ENTRY;
use crate::command::CommandSpec;
use crate::link::Transport;

/// How workers of `server-share` keep out of each other's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Not at all: updates are lost.
    None,
    /// Each holds a lease on its cells from its read to its write.
    Lock,
    /// Each writes only over what it read, and decides again where that has changed.
    Cas,
    /// Each holds a lease on its one cell and then on its other one too, until its write.
    LockPerAccount {
        /// The cell whose name comes first is taken first, and not the debit side's.
        in_order: bool,
    },
}

/// How a worker has its operations decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct {
    /// It asks the bank.
    AskTheBank,
    /// It shares the bank's data.
    ShareData(Sync),
}

impl Conduct {
    const ALL: [(Conduct, &'static str); 6] = [
        (Conduct::AskTheBank, "ask"),
        (Conduct::ShareData(Sync::None), "share-none"),
        (Conduct::ShareData(Sync::Lock), "share-lock"),
        (Conduct::ShareData(Sync::Cas), "share-cas"),
        (
            Conduct::ShareData(Sync::LockPerAccount { in_order: false }),
            "share-mutex",
        ),
        (
            Conduct::ShareData(Sync::LockPerAccount { in_order: true }),
            "share-mutex-in-order",
        ),
    ];

    fn word(self) -> &'static str {
        Conduct::ALL
            .iter()
            .find(|(conduct, _)| *conduct == self)
            .map_or("ask", |(_, word)| word)
    }
}

/// What a worker is told when it is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerArgs {
    /// How it talks to its parent.
    pub transport: Transport,
    /// Where it finds its parent.
    pub address: String,
    /// Its number within the run, from 1.
    pub worker: u32,
    /// Its parent's process.
    pub parent: u32,
    /// How it has its operations decided.
    pub conduct: Conduct,
    /// The command that it runs for operations that have one as their work.
    pub command_spec: Option<CommandSpec>,
}

impl WorkerArgs {
    /// The arguments that tell a process all this.
    pub fn arguments(&self) -> Vec<OsString> {
        let own = [
            ENTRY.to_string(),
            self.transport.word().to_string(),
            self.address.clone(),
            self.worker.to_string(),
            self.parent.to_string(),
            self.conduct.word().to_string(),
        ];
        let command_spec = self.command_spec.iter().flat_map(CommandSpec::arguments);
        own.into_iter()
            .map(OsString::from)
            .chain(command_spec)
            .collect()
    }

    /// What the arguments after [`ENTRY`] tell; nothing if they are none of ours.
    pub(super) fn parse(arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let mut word = || arguments.next()?.into_string().ok();
        let transport = Transport::from_word(&word()?)?;
        let address = word()?;
        let (worker, parent) = (word()?.parse().ok()?, word()?.parse().ok()?);
        let conduct = word()?;
        let (conduct, _) = Conduct::ALL
            .into_iter()
            .find(|(_, word)| *word == conduct)?;
        let command_spec = match arguments.peek() {
            None => None,
            Some(_) => Some(CommandSpec::parse(arguments)?),
        };
        Some(WorkerArgs {
            transport,
            address,
            worker,
            parent,
            conduct,
            command_spec,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command::RetryPolicy;
    use crate::limits::Limits;

    #[test]
    fn orders_survive_their_arguments() {
        let command_spec = CommandSpec {
            words: vec!["./pay.sh".into(), "".into(), "--".into()],
            retry: RetryPolicy {
                timeout: Some(Duration::from_millis(1_500)),
                retries: 3,
                backoff: Duration::from_secs(1),
            },
            declined: 75,
            run: Some("november".to_string()),
            run_file: None,
            folder: "/tmp/x y".into(),
            limits: Limits::default(),
        };
        for command_spec in [None, Some(command_spec)] {
            for (conduct, _) in Conduct::ALL {
                let orders = WorkerArgs {
                    transport: Transport::Queue,
                    address: "/tmp/x y".to_string(),
                    worker: 7,
                    parent: 42,
                    conduct,
                    command_spec: command_spec.clone(),
                };
                let arguments = orders.arguments().into_iter().skip(1);
                assert_eq!(WorkerArgs::parse(arguments), Some(orders));
            }
        }
        assert_eq!(WorkerArgs::parse(["socket".into()].into_iter()), None);
    }
}
