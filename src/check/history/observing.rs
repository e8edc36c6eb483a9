//! What one answer tells.

use super::super::text_table::NO_TEXT;
use super::reading::{LineFault, LinePlace};
use super::{
    LOANS_NUMBER, Observed, ObservedEvent, ObservedHistory, UNTOLD, WORLD_NUMBER, kind_of,
    missing_field,
};
use crate::bank::{BUDGET, Balance, Kind};
use crate::event::{Cause, OperationEvent, Reason};

impl ObservedHistory {
    /// An answer that tells nothing.
    pub(super) fn unknown(&self, (file, line): LinePlace, event: ObservedEvent) -> Observed {
        Observed {
            file,
            line,
            event,
            kind: Kind::Balance,
            reason: None,
            duplicate: false,
            has_work: false,
            ran: false,
            may_count: false,
            is_part: false,
            window: 0,
            run: self.state.run,
            pid: 0,
            operation: 0,
            account: NO_TEXT,
            other: WORLD_NUMBER,
            comes_in: false,
            id: NO_TEXT,
            elapsed_us: u32::MAX,
            return_us: u64::MAX,
            amount: 0,
            asked: 0,
            overdraft: UNTOLD,
            balance: UNTOLD,
            available: UNTOLD,
            other_balance: UNTOLD,
            seq: 0,
            decided: 0,
        }
    }

    /// The other account of an operation.
    fn other(&mut self, kind: Kind, told: &OperationEvent) -> u32 {
        match (kind, told.to.as_ref().or(told.from.as_ref())) {
            (Kind::Transfer | Kind::Reverse, Some(other)) => self.names.number(other.as_str()),
            (Kind::Refill | Kind::Lapse, _) => self.names.number(BUDGET.as_str()),
            (Kind::Loan, _) => LOANS_NUMBER,
            _ => WORLD_NUMBER,
        }
    }

    pub(super) fn observe(
        &mut self,
        place: LinePlace,
        event: ObservedEvent,
        told: &OperationEvent,
    ) -> Result<Observed, LineFault> {
        if let Some(field) = missing_field(event, told) {
            let line = u64::from(place.1);
            return Err(LineFault::Missing { line, field });
        }
        let kind = kind_of(told);
        let money = |balance: Option<Balance>| balance.map_or(UNTOLD, Balance::minor);
        let amount = told.amount.map_or(0, Balance::minor);
        let ran = told.exit.is_some() || told.signal.is_some() || told.attempts.is_some();
        // A reversal that is refused tells what the account has that would give.
        let is_of_other =
            kind == Kind::Reverse && told.from.is_some() && event == ObservedEvent::Refused;
        let elapsed = told.elapsed_us.and_then(|us| u32::try_from(us.0).ok());
        Ok(Observed {
            kind,
            reason: match told.reason {
                Some(Reason::Rejected(rejection)) => Some(rejection),
                _ => None,
            },
            duplicate: told.duplicate,
            has_work: ran,
            ran,
            may_count: match told.reason {
                Some(Reason::Faulty(cause)) => cause == Cause::Ledger,
                Some(Reason::Foreign(_)) => event == ObservedEvent::Failed,
                _ => false,
            },
            pid: told.pid,
            operation: number_in_run(place.1, told)?,
            account: match &told.account {
                Some(account) => self.names.number(account.as_str()),
                None => NO_TEXT,
            },
            comes_in: kind.comes_in() || kind == Kind::Reverse && told.from.is_some(),
            other: self.other(kind, told),
            id: match &told.id {
                Some(id) => self.ids.number(id.as_str()),
                None => NO_TEXT,
            },
            elapsed_us: elapsed.unwrap_or(u32::MAX),
            return_us: self.moment(told.at_us).unwrap_or(u64::MAX),
            amount,
            asked: told.set_aside.map_or(amount, Balance::minor),
            overdraft: money(told.overdraft),
            balance: money(told.balance.filter(|_| !is_of_other)),
            available: money(told.available.filter(|_| !is_of_other)),
            other_balance: match is_of_other {
                true => money(told.balance),
                false => money(told.to_balance),
            },
            seq: told.seq.unwrap_or(0),
            decided: told.decided,
            ..self.unknown(place, event)
        })
    }
}

/// What a run calls its operation; histories of old call it by the line of the input.
pub(super) fn number_in_run(line: u32, told: &OperationEvent) -> Result<u32, LineFault> {
    let number = match told.operation {
        0 => told.line.unwrap_or(0),
        number => number,
    };
    let line = line.into();
    u32::try_from(number).map_err(|_| LineFault::TooMany { line })
}
