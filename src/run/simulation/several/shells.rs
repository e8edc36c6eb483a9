//! Single commands that ask between the runs, each in a process of its own.

use super::*;
use crate::bank::{
    Amount, Asked, Balance, Id, Kind, Name, Operation, Outcome, Request, RequestContext,
};

/// What the accounts start with.
const START: i64 = 300;

fn id(text: &str) -> Id {
    Id::new(text).expect("an id")
}

fn operation(kind: Kind, id: Option<Id>, account: &Name, minor: i64) -> Request {
    let amount = Amount::new(minor);
    let operation = Operation::new(kind, id, account.clone(), None, amount).expect("fits");
    Request::Execute(operation)
}

impl SharedWorld {
    /// The accounts are opened, before anything goes wrong.
    pub(super) fn begin(&mut self) -> Result<(), Broken> {
        let process = self.open(0);
        for account in [Name::default(), Name::user("other").expect("a name")] {
            let request = operation(Kind::Deposit, None, &account, START);
            let caller = RequestContext::default();
            let asked = [Asked { caller, request }];
            let done = process.with(|ledger| ledger.transact(&asked).map(drop));
            done.map_err(|error| format!("it does not begin: {error}"))?;
        }
        Ok(())
    }

    /// A single command asks about one of a few ids, or looks at the accounts.
    pub(super) fn ask_from_shell(&mut self) -> Result<(), Broken> {
        let host = self.chance.below(self.hosts.len());
        if self.hosts[host].stopped_until > self.now {
            return Ok(());
        }
        let number = self.chance.below(4);
        let held = format!("hold-{number}");
        let account = Name::default();
        let paid = |kind: Kind, id: Id| operation(kind, Some(id), &account, 7 + number as i64);
        let (id, request) = match self.chance.below(6) {
            0 => {
                let id = id(&format!("deposit-{number}"));
                (id.clone(), paid(Kind::Deposit, id))
            }
            1 => {
                let id = id(&format!("withdraw-{number}"));
                (id.clone(), paid(Kind::Withdraw, id))
            }
            2 => {
                let Request::Execute(operation) = paid(Kind::Withdraw, id(&held)) else {
                    return Ok(());
                };
                // Half of them end by themselves.
                let lasts = (number % 2 == 1).then_some(Duration::from_secs(20));
                (id(&held), Request::Hold { operation, lasts })
            }
            3 => (
                id(&held),
                Request::PostHold {
                    id: id(&held),
                    amount: None,
                },
            ),
            4 => (id(&held), Request::VoidHold { id: id(&held) }),
            _ => return self.look(host),
        };
        self.draw_fate();
        let process = self.open(host);
        let caller = RequestContext::default();
        let asked = [Asked {
            caller,
            request: request.clone(),
        }];
        let answered = process.with(|ledger| ledger.transact(&asked));
        process.end();
        self.note(|| format!("a command asks {request:?}: {answered:?}"));
        match answered {
            Ok(answers) => {
                let answer = answers.into_iter().flatten().next();
                let answer = answer.ok_or("a single command was not answered")?;
                self.judge_shell(&id, &request, &answer)
            }
            Err(LedgerError::Damaged { what, .. }) => Err(format!("it is damaged: {what}")),
            Err(_) => {
                // What became of a hold is not known from now on.
                if matches!(request, Request::PostHold { .. } | Request::VoidHold { .. }) {
                    self.known.held.remove(id.as_str());
                }
                Ok(())
            }
        }
    }

    fn judge_shell(
        &mut self,
        id: &Id,
        request: &Request,
        answer: &crate::bank::Answer,
    ) -> Result<(), Broken> {
        let is_posted = matches!(answer.outcome, Outcome::Posted { .. });
        let was_posted = self.known.is_posted(id);
        let may_end = !matches!(request, Request::VoidHold { .. } | Request::Hold { .. });
        hold!(
            is_posted || !may_end || !was_posted,
            "`{}` was posted, and then {request:?} was answered by {answer:?}",
            id.as_str()
        );
        let is_held = self.known.held.get(id.as_str()) == Some(&true);
        let is_end = matches!(request, Request::PostHold { .. });
        hold!(
            !is_held || !is_end || is_posted,
            "`{}` was set aside, and then {request:?} was answered by {answer:?}",
            id.as_str()
        );
        match (request, answer.outcome) {
            (Request::Hold { lasts, .. }, Outcome::Held { .. }) => {
                self.known
                    .held
                    .insert(id.as_str().to_string(), lasts.is_none());
            }
            (Request::Hold { .. }, _) => {}
            _ => drop(self.known.held.remove(id.as_str())),
        }
        self.known.answered(&self.rows, id, answer)
    }

    /// The accounts, read beside those who write.
    fn look(&mut self, host: usize) -> Result<(), Broken> {
        let process = self.open(host);
        let found = process.with(|ledger| ledger.accounts(None));
        process.end();
        let found = match found {
            Ok(found) => found,
            Err(LedgerError::Damaged { what, .. }) => return Err(format!("it is damaged: {what}")),
            Err(_) => return Ok(()),
        };
        let sum: i64 = found.iter().map(|one| one.view.posted.minor()).sum();
        hold!(sum == 0, "the sum that is read is {sum}");
        for one in found.iter().filter(|one| !one.name.is_the_banks()) {
            let available = one.view.available;
            hold!(
                available >= Balance::default(),
                "`{}` is read to have {available} available",
                one.name
            );
        }
        Ok(())
    }
}
