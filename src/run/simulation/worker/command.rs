//! The command that a simulated worker runs, as it is seen from outside.

use super::*;

impl SimWorker {
    pub(super) fn run_command(&mut self, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        if self.no_more_commands || self.ends_command {
            let trouble = Some("the run was asked to end".to_string());
            let termination = Some(Termination::Asked);
            self.report(
                CommandEvent::Ended(AttemptEnd {
                    trouble,
                    termination,
                    ..AttemptEnd::default()
                }),
                sent,
            );
            return self.ask(Ask::End(WorkEnd::Void), sent);
        }
        self.attempt += 1;
        self.report(
            CommandEvent::Starting {
                attempt: self.attempt,
            },
            sent,
        );
        self.at = At::Running;
        self.timer = Some(now + chance.millis(2_000));
    }

    pub(super) fn command_ended(&mut self, now: Duration, sent: &mut Sent, chance: &mut Chance) {
        let mut ended = AttemptEnd {
            exit: Some(Exit::Status(0)),
            ..AttemptEnd::default()
        };
        let part = self
            .current
            .as_ref()
            .and_then(|current| current.operation.amount());
        let failed = |status| Some(Exit::Status(status));
        let end = match chance.below(8) {
            _ if self.ends_command => {
                (ended.exit, ended.termination) =
                    (Some(Exit::Signal(15)), Some(Termination::Asked));
                WorkEnd::Void
            }
            0 => WorkEnd::Unspent,
            1 => {
                ended.exit = failed(75);
                WorkEnd::Decline
            }
            2 => {
                ended.trouble = Some("what it spent cannot be read".to_string());
                WorkEnd::Doubt
            }
            3 => {
                ended.exit = failed(1);
                WorkEnd::Void
            }
            4 if self.attempt < 3 => {
                let pause = chance.millis(500);
                (ended.exit, ended.again) = (failed(1), Some(pause));
                self.report(CommandEvent::Ended(ended), sent);
                self.at = At::Pausing;
                self.timer = Some(now + pause);
                return;
            }
            5 => WorkEnd::Post { amount: part },
            _ => WorkEnd::Post { amount: None },
        };
        self.report(CommandEvent::Ended(ended), sent);
        self.ask(Ask::End(end), sent);
    }

    fn report(&mut self, news: CommandEvent, sent: &mut Sent) {
        if let Some(current) = &self.current {
            let number = current.number;
            sent.arrived
                .push(Arrived::Reports(vec![Report { number, news }]));
        }
    }
}
