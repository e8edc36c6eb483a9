//! What travels between the parent and its workers, and how it is written as bytes.
//!
//! A frame is a length (u32, little endian, of what follows it), a kind (u8), the worker's number
//! (u32, little endian) and as many elements of that kind as fit, each in bincode's standard
//! encoding. Only this file knows that encoding. The types that travel are private here; what is
//! decoded is checked and turned into the bank's own types before anyone else sees it.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bank::{
    Account, Action, Amount, Answer, Balance, Cell, Id, Name, Operation, Outcome, Rejection,
    Request as BankRequest, ShareReply, ShareRequest, View,
};

/// The most bytes of a frame after its length. A longer one is refused before anything is allocated.
pub const MAX_FRAME: usize = 65_536;
/// A frame with this many bytes takes no further element. The longest element, an operation with two
/// names and an id, has some 300 bytes.
const FULL_FRAME: usize = 16_384;
const LENGTH: usize = size_of::<u32>();
const HEADER: usize = 1 + size_of::<u32>();

fn codec() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<MAX_FRAME>()
}

/// One operation for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The operation's number within the run.
    pub number: u64,
    /// What is asked for.
    pub operation: Operation,
    /// How long its simulated work takes; zero is no work at all.
    pub work: Duration,
}

/// What a worker asks about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation's number within the run.
    pub number: u64,
    /// What is asked.
    pub ask: Ask,
}

/// The two ways to ask: the bank for a decision, or the server process for shared data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The bank decides.
    Bank(BankRequest),
    /// The worker decides on data that it shares.
    Share(ShareRequest),
}

/// What the parent answers about one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The operation's number within the run.
    pub number: u64,
    /// The answer.
    pub said: Said,
}

/// The two kinds of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// What the bank decided; anything but `Held` ends the operation.
    Decided(Answer),
    /// Shared data.
    Shared(ShareReply),
}

/// A decoded frame from a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToParent {
    /// The worker is there.
    Hello,
    /// A block of requests.
    Requests(Vec<Request>),
    /// Put on a shared queue by the parent itself: whatever the worker sent stands before it.
    Gone,
}

/// A decoded frame from the parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToWorker {
    /// A block of operations.
    Assignments(Vec<Assignment>),
    /// A block of replies.
    Replies(Vec<Reply>),
}

/// What foreign bytes can be wrong about.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// A length that no frame has.
    #[error("a message claims {0} bytes, where {HEADER} to {MAX_FRAME} are possible")]
    Length(usize),
    /// A kind that does not exist, or not in this direction.
    #[error("a message has the unknown kind {0}")]
    Kind(u8),
    /// Bytes that encode no element.
    #[error("a message cannot be decoded: {0}")]
    Encoding(String),
    /// An element that decodes, but is nothing that a bank knows.
    #[error("a message names an impossible {0}")]
    Content(&'static str),
    /// The frame ended before its length did.
    #[error("a message was cut off: {0} bytes of it arrived")]
    Truncated(usize),
}

const HELLO: u8 = 1;
const REQUESTS: u8 = 2;
const GONE: u8 = 3;
const ASSIGNMENTS: u8 = 4;
const REPLIES: u8 = 5;

/// Frames on their way out, back to back.
pub struct Outbox {
    worker: u32,
    bytes: Vec<u8>,
    /// Where the frame begins that may still take elements, and its kind.
    open: Option<(usize, u8)>,
    sent: usize,
}

impl Outbox {
    /// An empty outbox of, or for, this worker.
    pub fn new(worker: u32) -> Self {
        Outbox {
            worker,
            bytes: Vec::new(),
            open: None,
            sent: 0,
        }
    }

    /// Adds the worker's first frame.
    pub fn hello(&mut self) {
        self.begin(HELLO);
        self.seal();
    }

    /// Adds the marker behind a worker's last frame.
    pub fn gone(&mut self) {
        self.begin(GONE);
        self.seal();
    }

    /// Adds a request.
    pub fn request(&mut self, request: &Request) -> Result<(), ProtocolError> {
        self.element(REQUESTS, &WireRequest::from(request))
    }

    /// Adds an operation for the worker.
    pub fn assignment(&mut self, assignment: &Assignment) -> Result<(), ProtocolError> {
        self.element(ASSIGNMENTS, &WireAssignment::from(assignment))
    }

    /// Adds a reply.
    pub fn reply(&mut self, reply: &Reply) -> Result<(), ProtocolError> {
        self.element(REPLIES, &WireReply::from(reply))
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.sent
    }

    /// The whole frames that wait to be sent, as one run of bytes.
    pub fn unsent(&mut self) -> &[u8] {
        self.seal();
        &self.bytes[self.sent..]
    }

    /// Notes that `count` of the unsent bytes are on their way.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.is_empty() {
            self.bytes.clear();
            self.sent = 0;
        }
    }

    /// Hands every waiting frame, without its length, to `send`; for links that keep messages apart.
    pub fn send_each<E>(&mut self, mut send: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.seal();
        while let Some((length, rest)) = self.bytes[self.sent..].split_first_chunk::<LENGTH>() {
            let length = u32::from_le_bytes(*length) as usize;
            send(&rest[..length])?;
            self.sent(LENGTH + length);
        }
        Ok(())
    }

    fn element(&mut self, kind: u8, element: &impl Serialize) -> Result<(), ProtocolError> {
        match self.open {
            Some((start, open)) if open == kind && self.bytes.len() - start < FULL_FRAME => {}
            _ => {
                self.seal();
                self.begin(kind);
            }
        }
        bincode::serde::encode_into_std_write(element, &mut self.bytes, codec())
            .map_err(|error| ProtocolError::Encoding(error.to_string()))?;
        Ok(())
    }

    fn begin(&mut self, kind: u8) {
        self.open = Some((self.bytes.len(), kind));
        self.bytes.extend([0; LENGTH]);
        self.bytes.push(kind);
        self.bytes.extend(self.worker.to_le_bytes());
    }

    /// Writes the length of the open frame.
    fn seal(&mut self) {
        if let Some((start, _)) = self.open.take() {
            // A frame is full long before its length leaves this range.
            let length = (self.bytes.len() - start - LENGTH) as u32;
            self.bytes[start..start + LENGTH].copy_from_slice(&length.to_le_bytes());
        }
    }
}

/// Bytes that arrived and are not a whole frame yet, or not yet taken.
#[derive(Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    /// Lets `read` put bytes into the free room; returns their number, 0 at the end.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        // Whole frames are always taken before the next reading, so this leaves room.
        self.bytes.resize(LENGTH + MAX_FRAME, 0);
        let count = read(&mut self.bytes[self.end..])?;
        self.end += count;
        Ok(count)
    }

    /// The next whole frame.
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ProtocolError> {
        let Some((length, rest)) = self.bytes[self.start..self.end].split_first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length) as usize;
        if !(HEADER..=MAX_FRAME).contains(&length) {
            return Err(ProtocolError::Length(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.start += LENGTH + length;
        Frame::new(&self.bytes[self.start - length..self.start]).map(Some)
    }

    /// At the end of the link: fails if it ended within a frame.
    pub fn check_end(&self) -> Result<(), ProtocolError> {
        match self.end - self.start {
            0 => Ok(()),
            rest => Err(ProtocolError::Truncated(rest)),
        }
    }
}

/// One frame, without its length.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    kind: u8,
    /// The worker that sent it or that it is for.
    pub worker: u32,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame in these bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Self, ProtocolError> {
        match bytes {
            [kind, a, b, c, d, body @ ..] if bytes.len() <= MAX_FRAME => Ok(Frame {
                kind: *kind,
                worker: u32::from_le_bytes([*a, *b, *c, *d]),
                body,
            }),
            _ => Err(ProtocolError::Length(bytes.len())),
        }
    }

    /// Decodes what a worker sent.
    pub fn to_parent(self) -> Result<ToParent, ProtocolError> {
        match self.kind {
            HELLO if self.body.is_empty() => Ok(ToParent::Hello),
            GONE if self.body.is_empty() => Ok(ToParent::Gone),
            REQUESTS => self.elements(WireRequest::checked).map(ToParent::Requests),
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    /// Decodes what the parent sent.
    pub fn to_worker(self) -> Result<ToWorker, ProtocolError> {
        match self.kind {
            ASSIGNMENTS => self.elements(WireAssignment::checked).map(ToWorker::Assignments),
            REPLIES => self.elements(WireReply::checked).map(ToWorker::Replies),
            kind => Err(ProtocolError::Kind(kind)),
        }
    }

    fn elements<W: Deserialize<'a>, T>(
        self,
        check: impl Fn(W) -> Result<T, ProtocolError>,
    ) -> Result<Vec<T>, ProtocolError> {
        let mut rest = self.body;
        let mut elements = Vec::new();
        while !rest.is_empty() {
            let (element, used) = bincode::serde::borrow_decode_from_slice(rest, codec())
                .map_err(|error| ProtocolError::Encoding(error.to_string()))?;
            elements.push(check(element)?);
            rest = &rest[used..];
        }
        Ok(elements)
    }
}

#[derive(Serialize, Deserialize)]
struct WireOperation<'a> {
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
struct WireAssignment<'a> {
    number: u64,
    #[serde(borrow)]
    operation: WireOperation<'a>,
    work: Duration,
}

#[derive(Serialize, Deserialize)]
struct WireRequest<'a> {
    number: u64,
    #[serde(borrow)]
    ask: WireAsk<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireAsk<'a> {
    #[serde(borrow)]
    Execute(WireOperation<'a>),
    Begin(WireOperation<'a>),
    Post,
    Void,
    Claim(WireOperation<'a>),
    Read(Vec<&'a str>),
    Lock(Vec<&'a str>),
    Write(Vec<WireCell<'a>>),
    CompareAndSet(Vec<WireCell<'a>>),
    Settle(WireOutcome),
}

#[derive(Serialize, Deserialize)]
struct WireReply<'a> {
    number: u64,
    #[serde(borrow)]
    said: WireSaid<'a>,
}

#[derive(Serialize, Deserialize)]
enum WireSaid<'a> {
    Decided(WireOutcome, bool),
    Claimed,
    #[serde(borrow)]
    Cells(Vec<WireCell<'a>>),
    Conflict(Vec<WireCell<'a>>),
    Waiting,
}

#[derive(Serialize, Deserialize)]
struct WireCell<'a> {
    name: &'a str,
    open: bool,
    account: (i64, i64, i64),
    version: u64,
    updates: u64,
}

#[derive(Serialize, Deserialize)]
enum WireOutcome {
    Held(WireView),
    Posted(u64, WireView),
    Viewed(u64, WireView),
    Voided,
    Refused(WireRejection, Option<WireView>),
}

#[derive(Serialize, Deserialize)]
struct WireView(i64, i64);

#[derive(Serialize, Deserialize)]
enum WireRejection {
    InsufficientFunds,
    UnknownAccount,
    SameAccount,
    BalanceOverflow,
    IdConflict,
    InProgress,
}

impl<'a> From<&'a Operation> for WireOperation<'a> {
    fn from(operation: &'a Operation) -> Self {
        WireOperation {
            id: operation.id.as_ref().map(Id::as_str),
            account: operation.account.as_str(),
            action: match &operation.action {
                Action::Withdraw(amount) => WireAction::Withdraw(amount.minor()),
                Action::Deposit(amount) => WireAction::Deposit(amount.minor()),
                Action::Transfer { amount, to } => WireAction::Transfer(amount.minor(), to.as_str()),
                Action::Loan(amount) => WireAction::Loan(amount.minor()),
                Action::Balance => WireAction::Balance,
            },
        }
    }
}

impl WireOperation<'_> {
    fn checked(self) -> Result<Operation, ProtocolError> {
        let amount = |minor| Amount::new(minor).ok_or(ProtocolError::Content("amount"));
        let id = |text| Id::new(text).map_err(|_| ProtocolError::Content("id"));
        Ok(Operation {
            id: self.id.map(id).transpose()?,
            account: Name::user(self.account).map_err(|_| ProtocolError::Content("account"))?,
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
            work: assignment.work,
        }
    }
}

impl WireAssignment<'_> {
    fn checked(self) -> Result<Assignment, ProtocolError> {
        Ok(Assignment {
            number: self.number,
            operation: self.operation.checked()?,
            work: self.work,
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
                Ask::Bank(BankRequest::Execute(operation)) => WireAsk::Execute(operation.into()),
                Ask::Bank(BankRequest::Begin(operation)) => WireAsk::Begin(operation.into()),
                Ask::Bank(BankRequest::Post) => WireAsk::Post,
                Ask::Bank(BankRequest::Void) => WireAsk::Void,
                Ask::Share(ShareRequest::Claim(operation)) => WireAsk::Claim(operation.into()),
                Ask::Share(ShareRequest::Read(names)) => WireAsk::Read(texts(names)),
                Ask::Share(ShareRequest::Lock(names)) => WireAsk::Lock(texts(names)),
                Ask::Share(ShareRequest::Write(all)) => WireAsk::Write(cells(all)),
                Ask::Share(ShareRequest::CompareAndSet(all)) => WireAsk::CompareAndSet(cells(all)),
                Ask::Share(ShareRequest::Settle(outcome)) => WireAsk::Settle(outcome.into()),
            },
        }
    }
}

impl WireRequest<'_> {
    fn checked(self) -> Result<Request, ProtocolError> {
        let ask = match self.ask {
            WireAsk::Execute(operation) => Ask::Bank(BankRequest::Execute(operation.checked()?)),
            WireAsk::Begin(operation) => Ask::Bank(BankRequest::Begin(operation.checked()?)),
            WireAsk::Post => Ask::Bank(BankRequest::Post),
            WireAsk::Void => Ask::Bank(BankRequest::Void),
            WireAsk::Claim(operation) => Ask::Share(ShareRequest::Claim(operation.checked()?)),
            WireAsk::Read(texts) => Ask::Share(ShareRequest::Read(names(texts)?)),
            WireAsk::Lock(texts) => Ask::Share(ShareRequest::Lock(names(texts)?)),
            WireAsk::Write(all) => Ask::Share(ShareRequest::Write(cells(all)?)),
            WireAsk::CompareAndSet(all) => Ask::Share(ShareRequest::CompareAndSet(cells(all)?)),
            WireAsk::Settle(outcome) => Ask::Share(ShareRequest::Settle(outcome.checked()?)),
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
                Said::Decided(answer) => WireSaid::Decided((&answer.outcome).into(), answer.duplicate),
                Said::Shared(ShareReply::Claimed) => WireSaid::Claimed,
                Said::Shared(ShareReply::Cells(all)) => WireSaid::Cells(cells(all)),
                Said::Shared(ShareReply::Conflict(all)) => WireSaid::Conflict(cells(all)),
                Said::Shared(ShareReply::Waiting) => WireSaid::Waiting,
            },
        }
    }
}

impl WireReply<'_> {
    fn checked(self) -> Result<Reply, ProtocolError> {
        let said = match self.said {
            WireSaid::Decided(outcome, duplicate) => Said::Decided(Answer {
                outcome: outcome.checked()?,
                duplicate,
            }),
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
            Outcome::Posted { seq, view } => WireOutcome::Posted(seq, view.into()),
            Outcome::Viewed { seq, view } => WireOutcome::Viewed(seq, view.into()),
            Outcome::Voided => WireOutcome::Voided,
            Outcome::Refused { rejection, view } => {
                WireOutcome::Refused(rejection.into(), view.map(WireView::from))
            }
        }
    }
}

impl WireOutcome {
    fn checked(self) -> Result<Outcome, ProtocolError> {
        Ok(match self {
            WireOutcome::Held(view) => Outcome::Held { view: view.into() },
            WireOutcome::Posted(seq, view) => Outcome::Posted { seq, view: view.into() },
            WireOutcome::Viewed(seq, view) => Outcome::Viewed { seq, view: view.into() },
            WireOutcome::Voided => Outcome::Voided,
            WireOutcome::Refused(rejection, view) => Outcome::Refused {
                rejection: rejection.into(),
                view: view.map(View::from),
            },
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

impl From<Rejection> for WireRejection {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::InsufficientFunds => WireRejection::InsufficientFunds,
            Rejection::UnknownAccount => WireRejection::UnknownAccount,
            Rejection::SameAccount => WireRejection::SameAccount,
            Rejection::BalanceOverflow => WireRejection::BalanceOverflow,
            Rejection::IdConflict => WireRejection::IdConflict,
            Rejection::InProgress => WireRejection::InProgress,
        }
    }
}

impl From<WireRejection> for Rejection {
    fn from(rejection: WireRejection) -> Self {
        match rejection {
            WireRejection::InsufficientFunds => Rejection::InsufficientFunds,
            WireRejection::UnknownAccount => Rejection::UnknownAccount,
            WireRejection::SameAccount => Rejection::SameAccount,
            WireRejection::BalanceOverflow => Rejection::BalanceOverflow,
            WireRejection::IdConflict => Rejection::IdConflict,
            WireRejection::InProgress => Rejection::InProgress,
        }
    }
}

/// At most how many bytes an operation takes on the wire.
pub fn weight(operation: &Operation) -> usize {
    const NUMBERS: usize = 48;
    let id = operation.id.as_ref().map_or(0, |id| id.as_str().len());
    let to = operation.to().map_or(0, |to| to.as_str().len());
    NUMBERS + id + to + operation.account.as_str().len()
}
