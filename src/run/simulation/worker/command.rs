//! The command that a simulated worker runs, as it is seen from outside.

use super::*;

impl SimWorker {
    pub(super) fn run_command(
        &mut self,
        attempt: u32,
        failed: u32,
        sent: &mut Sent,
        chance: &mut Chance,
    ) {
        if self.no_more_commands || self.ends_command {
            let asked = AttemptEnd {
                trouble: Some("the run was asked to end".to_string()),
                termination: Some(Termination::Asked),
                ..AttemptEnd::default()
            };
            return self.attempted(asked, NextAction::End(WorkEnd::Void), sent);
        }
        self.failed = failed;
        self.report(CommandEvent::Starting { attempt }, sent);
        self.wait(At::Running, chance.millis(2_000));
    }

    fn attempted(&mut self, ended: AttemptEnd, follows: NextAction, sent: &mut Sent) {
        self.report(CommandEvent::Ended(ended), sent);
        if let NextAction::End(end) = &follows {
            self.worked = Some(end.clone());
        }
        if let Some(operation) = &mut self.operation {
            operation.attempted(follows);
        }
    }

    pub(super) fn command_ended(&mut self, sent: &mut Sent, chance: &mut Chance) {
        let mut ended = AttemptEnd {
            exit: Some(Exit::Status(0)),
            ..AttemptEnd::default()
        };
        let operation = self.operation.as_ref();
        let part = operation.and_then(|operation| operation.assignment().operation.amount());
        let failed = |status| Some(Exit::Status(status));
        let end = match chance.below(8) {
            _ if self.ends_command => {
                (ended.exit, ended.termination) =
                    (Some(Exit::Signal(15)), Some(Termination::Asked));
                WorkEnd::Void
            }
            0 => WorkEnd::Unspent,
            1 => {
                ended.exit = failed(DECLINED.into());
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
            4 if self.failed < 2 => {
                let pause = chance.millis(500);
                (ended.exit, ended.again) = (failed(1), Some(pause));
                return self.attempted(ended, NextAction::Again(pause), sent);
            }
            5 => WorkEnd::Post { amount: part },
            _ => WorkEnd::Post { amount: None },
        };
        self.attempted(ended, NextAction::End(end), sent);
    }

    fn report(&mut self, event: CommandEvent, sent: &mut Sent) {
        let number = self.number;
        let reports = vec![Report { number, event }];
        sent.arrived.push(Arrived::Reports(reports));
    }
}
