//! The types that travel, and how they become the bank's own: whatever is not possible in the bank is
//! refused here.

pub(super) mod ledger;
pub(super) mod work;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Ask, Assignment, ProtocolError, Reply, Request, Said};
use crate::bank::{
    Account, Action, Amount, Answer, Balance, Cell, Id, Name, Operation, Outcome, Rejection,
    Request as BankRequest, ShareReply, ShareRequest, View,
};
use work::WireWork;

#[derive(Serialize, Deserialize)]
pub(super) struct WireOperation<'a> {
    id: Option<&'a str>,
    account: &'a str,
    action: WireAction<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireAction<'a> {
    Withdraw(i64),
    Deposit(i64),
    Transfer(i64, &'a str),
    Loan(i64),
    Balance,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireAssignment<'a> {
    number: u64,
    #[serde(borrow)]
    operation: WireOperation<'a>,
    work: WireWork,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireRequest<'a> {
    number: u64,
    #[serde(borrow)]
    ask: WireAsk<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireAsk<'a> {
    #[serde(borrow)]
    Execute(WireOperation<'a>),
    Begin(WireOperation<'a>),
    Post(Option<i64>),
    Void,
    Unspent,
    Decline,
    Doubt,
    Keep(Option<Duration>),
    Hold(WireOperation<'a>, Option<Duration>),
    PostHold(&'a str, Option<i64>),
    VoidHold(&'a str),
    Open(&'a str, Option<i64>),
    KnownId(WireOperation<'a>),
    Read(Vec<&'a str>),
    Lock(Vec<&'a str>),
    Write(Vec<WireCell<'a>>),
    CompareAndSet(Vec<WireCell<'a>>),
    Settle(WireOutcome),
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireReply<'a> {
    number: u64,
    #[serde(borrow)]
    said: WireSaid<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireSaid<'a> {
    Decided(WireAnswer),
    Claimed,
    #[serde(borrow)]
    Cells(Vec<WireCell<'a>>),
    Conflict(Vec<WireCell<'a>>),
    Waiting,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireCell<'a> {
    name: &'a str,
    open: bool,
    account: (i64, i64, i64),
    version: u64,
    updates: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) enum WireOutcome {
    Held(WireView),
    Posted(u64, i64, WireView),
    Unspent(WireView),
    Doubted(WireView),
    Viewed(u64, WireView),
    Voided(WireView),
    Opened(WireView),
    /// By the rejection's place in [`Rejection::ALL`].
    Refused(u8, Option<WireView>),
}

/// What was decided, whether that was before, the number of the last change, and the other side.
#[derive(Serialize, Deserialize)]
pub(super) struct WireAnswer(WireOutcome, bool, u64, Option<WireView>);

#[derive(Serialize, Deserialize)]
pub(super) struct WireView(i64, i64);

impl<'a> From<&'a Operation> for WireOperation<'a> {
    fn from(operation: &'a Operation) -> Self {
        WireOperation {
            id: operation.id.as_ref().map(Id::as_str),
            account: operation.account.as_str(),
            action: match &operation.action {
                Action::Withdraw(amount) => WireAction::Withdraw(amount.minor()),
                Action::Deposit(amount) => WireAction::Deposit(amount.minor()),
                Action::Transfer { amount, to } => {
                    WireAction::Transfer(amount.minor(), to.as_str())
                }
                Action::Loan(amount) => WireAction::Loan(amount.minor()),
                Action::Balance => WireAction::Balance,
            },
        }
    }
}

impl WireOperation<'_> {
    pub(super) fn checked(self) -> Result<Operation, ProtocolError> {
        Ok(Operation {
            id: self.id.map(id).transpose()?,
            account: user(self.account)?,
            action: match self.action {
                WireAction::Withdraw(minor) => Action::Withdraw(amount(minor)?),
                WireAction::Deposit(minor) => Action::Deposit(amount(minor)?),
                WireAction::Transfer(minor, to) => Action::Transfer {
                    amount: amount(minor)?,
                    to: name(to)?,
                },
                WireAction::Loan(minor) => Action::Loan(amount(minor)?),
                WireAction::Balance => Action::Balance,
            },
        })
    }
}

fn name(text: &str) -> Result<Name, ProtocolError> {
    Name::other_side(text).map_err(|_| ProtocolError::Content("account"))
}

fn names(texts: Vec<&str>) -> Result<Vec<Name>, ProtocolError> {
    texts.into_iter().map(name).collect()
}

impl<'a> From<&'a Assignment> for WireAssignment<'a> {
    fn from(assignment: &'a Assignment) -> Self {
        WireAssignment {
            number: assignment.number,
            operation: (&assignment.operation).into(),
            work: assignment.work.into(),
        }
    }
}

impl WireAssignment<'_> {
    pub(super) fn checked(self) -> Result<Assignment, ProtocolError> {
        Ok(Assignment {
            number: self.number,
            operation: self.operation.checked()?,
            work: self.work.into(),
        })
    }
}

impl<'a> From<&'a Request> for WireRequest<'a> {
    fn from(request: &'a Request) -> Self {
        let texts = |names: &'a [Name]| names.iter().map(Name::as_str).collect();
        let cells = |cells: &'a [Cell]| cells.iter().map(WireCell::from).collect();
        WireRequest {
            number: request.number,
            ask: match &request.ask {
                Ask::Bank(request) => request.into(),
                Ask::Share(ShareRequest::KnownId(operation)) => WireAsk::KnownId(operation.into()),
                Ask::Share(ShareRequest::Read(names)) => WireAsk::Read(texts(names)),
                Ask::Share(ShareRequest::Lock(names)) => WireAsk::Lock(texts(names)),
                Ask::Share(ShareRequest::Write(all)) => WireAsk::Write(cells(all)),
                Ask::Share(ShareRequest::CompareAndSet(all)) => WireAsk::CompareAndSet(cells(all)),
                Ask::Share(ShareRequest::Settle(outcome)) => WireAsk::Settle(outcome.into()),
            },
        }
    }
}

impl<'a> From<&'a BankRequest> for WireAsk<'a> {
    fn from(request: &'a BankRequest) -> Self {
        match request {
            BankRequest::Execute(operation) => WireAsk::Execute(operation.into()),
            BankRequest::Begin(operation) => WireAsk::Begin(operation.into()),
            BankRequest::Post { amount } => WireAsk::Post(amount.map(Amount::minor)),
            BankRequest::Void => WireAsk::Void,
            BankRequest::Unspent => WireAsk::Unspent,
            BankRequest::Decline => WireAsk::Decline,
            BankRequest::Doubt => WireAsk::Doubt,
            BankRequest::Keep { lasts } => WireAsk::Keep(*lasts),
            BankRequest::Hold { operation, lasts } => WireAsk::Hold(operation.into(), *lasts),
            BankRequest::PostHold { id, amount } => {
                WireAsk::PostHold(id.as_str(), amount.map(Amount::minor))
            }
            BankRequest::VoidHold { id } => WireAsk::VoidHold(id.as_str()),
            BankRequest::Open { account, overdraft } => {
                WireAsk::Open(account.as_str(), overdraft.map(Balance::minor))
            }
        }
    }
}

impl WireAsk<'_> {
    fn checked_bank(self) -> Result<BankRequest, ProtocolError> {
        Ok(match self {
            WireAsk::Execute(operation) => BankRequest::Execute(operation.checked()?),
            WireAsk::Begin(operation) => BankRequest::Begin(operation.checked()?),
            WireAsk::Post(minor) => BankRequest::Post {
                amount: minor.map(amount).transpose()?,
            },
            WireAsk::Void => BankRequest::Void,
            WireAsk::Unspent => BankRequest::Unspent,
            WireAsk::Decline => BankRequest::Decline,
            WireAsk::Doubt => BankRequest::Doubt,
            WireAsk::Keep(lasts) => BankRequest::Keep { lasts },
            WireAsk::Hold(operation, lasts) => BankRequest::Hold {
                operation: operation.checked()?,
                lasts,
            },
            WireAsk::PostHold(text, minor) => BankRequest::PostHold {
                id: id(text)?,
                amount: minor.map(amount).transpose()?,
            },
            WireAsk::VoidHold(text) => BankRequest::VoidHold { id: id(text)? },
            WireAsk::Open(account, overdraft) => BankRequest::Open {
                account: user(account)?,
                overdraft: overdraft.map(limit).transpose()?,
            },
            _ => return Err(ProtocolError::Content("request")),
        })
    }
}

fn amount(minor: i64) -> Result<Amount, ProtocolError> {
    Amount::new(minor).ok_or(ProtocolError::Content("amount"))
}

fn limit(minor: i64) -> Result<Balance, ProtocolError> {
    let balance = (minor >= 0).then_some(Balance::new(minor));
    balance.ok_or(ProtocolError::Content("overdraft"))
}

fn id(text: &str) -> Result<Id, ProtocolError> {
    Id::new(text).map_err(|_| ProtocolError::Content("id"))
}

fn user(text: &str) -> Result<Name, ProtocolError> {
    Name::user(text).map_err(|_| ProtocolError::Content("account"))
}

impl WireRequest<'_> {
    pub(super) fn checked(self) -> Result<Request, ProtocolError> {
        let ask = match self.ask {
            WireAsk::KnownId(operation) => Ask::Share(ShareRequest::KnownId(operation.checked()?)),
            WireAsk::Read(texts) => Ask::Share(ShareRequest::Read(names(texts)?)),
            WireAsk::Lock(texts) => Ask::Share(ShareRequest::Lock(names(texts)?)),
            WireAsk::Write(all) => Ask::Share(ShareRequest::Write(cells(all)?)),
            WireAsk::CompareAndSet(all) => Ask::Share(ShareRequest::CompareAndSet(cells(all)?)),
            WireAsk::Settle(outcome) => Ask::Share(ShareRequest::Settle(outcome.checked()?)),
            bank => Ask::Bank(bank.checked_bank()?),
        };
        let number = self.number;
        Ok(Request { number, ask })
    }
}

impl<'a> From<&'a Reply> for WireReply<'a> {
    fn from(reply: &'a Reply) -> Self {
        let cells = |cells: &'a [Cell]| cells.iter().map(WireCell::from).collect();
        WireReply {
            number: reply.number,
            said: match &reply.said {
                Said::Decided(answer) => WireSaid::Decided(answer.into()),
                Said::Shared(ShareReply::Claimed) => WireSaid::Claimed,
                Said::Shared(ShareReply::Cells(all)) => WireSaid::Cells(cells(all)),
                Said::Shared(ShareReply::Conflict(all)) => WireSaid::Conflict(cells(all)),
                Said::Shared(ShareReply::Waiting) => WireSaid::Waiting,
            },
        }
    }
}

impl WireReply<'_> {
    pub(super) fn checked(self) -> Result<Reply, ProtocolError> {
        let said = match self.said {
            WireSaid::Decided(answer) => Said::Decided(answer.checked()?),
            WireSaid::Claimed => Said::Shared(ShareReply::Claimed),
            WireSaid::Cells(all) => Said::Shared(ShareReply::Cells(cells(all)?)),
            WireSaid::Conflict(all) => Said::Shared(ShareReply::Conflict(cells(all)?)),
            WireSaid::Waiting => Said::Shared(ShareReply::Waiting),
        };
        let number = self.number;
        Ok(Reply { number, said })
    }
}

impl<'a> From<&'a Cell> for WireCell<'a> {
    fn from(cell: &'a Cell) -> Self {
        WireCell {
            name: cell.name.as_str(),
            open: cell.open,
            account: cell.account.parts(),
            version: cell.version,
            updates: cell.updates,
        }
    }
}

fn cells(all: Vec<WireCell<'_>>) -> Result<Vec<Cell>, ProtocolError> {
    let checked = |cell: WireCell<'_>| {
        Ok(Cell {
            name: name(cell.name)?,
            open: cell.open,
            account: Account::from_parts(cell.account).ok_or(ProtocolError::Content("account"))?,
            version: cell.version,
            updates: cell.updates,
        })
    };
    all.into_iter().map(checked).collect()
}

impl From<&Outcome> for WireOutcome {
    fn from(outcome: &Outcome) -> Self {
        match *outcome {
            Outcome::Held { view } => WireOutcome::Held(view.into()),
            Outcome::Posted { seq, amount, view } => {
                WireOutcome::Posted(seq, amount.minor(), view.into())
            }
            Outcome::Unspent { view } => WireOutcome::Unspent(view.into()),
            Outcome::Doubted { view } => WireOutcome::Doubted(view.into()),
            Outcome::Viewed { seq, view } => WireOutcome::Viewed(seq, view.into()),
            Outcome::Voided { view } => WireOutcome::Voided(view.into()),
            Outcome::Opened { view } => WireOutcome::Opened(view.into()),
            Outcome::Refused { rejection, view } => {
                let place = Rejection::ALL.iter().position(|r| *r == rejection);
                let place = place.and_then(|place| u8::try_from(place).ok());
                WireOutcome::Refused(place.unwrap_or(u8::MAX), view.map(WireView::from))
            }
        }
    }
}

impl WireOutcome {
    fn checked(self) -> Result<Outcome, ProtocolError> {
        Ok(match self {
            WireOutcome::Held(view) => Outcome::Held { view: view.into() },
            WireOutcome::Posted(seq, minor, view) => Outcome::Posted {
                seq,
                amount: amount(minor)?,
                view: view.into(),
            },
            WireOutcome::Unspent(view) => Outcome::Unspent { view: view.into() },
            WireOutcome::Doubted(view) => Outcome::Doubted { view: view.into() },
            WireOutcome::Viewed(seq, view) => Outcome::Viewed {
                seq,
                view: view.into(),
            },
            WireOutcome::Voided(view) => Outcome::Voided { view: view.into() },
            WireOutcome::Opened(view) => Outcome::Opened { view: view.into() },
            WireOutcome::Refused(place, view) => Outcome::Refused {
                rejection: *Rejection::ALL
                    .get(usize::from(place))
                    .ok_or(ProtocolError::Content("rejection"))?,
                view: view.map(View::from),
            },
        })
    }
}

impl From<&Answer> for WireAnswer {
    fn from(answer: &Answer) -> Self {
        let other_side = answer.other_side.map(WireView::from);
        WireAnswer(
            (&answer.outcome).into(),
            answer.duplicate,
            answer.decided,
            other_side,
        )
    }
}

impl WireAnswer {
    fn checked(self) -> Result<Answer, ProtocolError> {
        let WireAnswer(outcome, duplicate, decided, other_side) = self;
        Ok(Answer {
            outcome: outcome.checked()?,
            duplicate,
            decided,
            other_side: other_side.map(View::from),
        })
    }
}

impl From<View> for WireView {
    fn from(view: View) -> Self {
        WireView(view.posted.minor(), view.available.minor())
    }
}

impl From<WireView> for View {
    fn from(WireView(posted, available): WireView) -> Self {
        View {
            posted: Balance::new(posted),
            available: Balance::new(available),
        }
    }
}
