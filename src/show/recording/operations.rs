//! What a recording says of operations.

use super::{RecordedChange, Recording, moment, shortened};
use crate::bank::{Balance, Kind};
use crate::event::{OperationEvent, PartEvent, Repair};
use crate::show::{OperationEnd, PicturedOperation, PicturedRepair};

impl Recording {
    /// The operation that an event is about; it is new if the recording has not named it before.
    fn operation(&mut self, event: &OperationEvent) -> Option<usize> {
        let run = self.run();
        let at = moment(event.at_us);
        self.heard(run, at);
        let recorded = &self.runs[run];
        let known = match event.operation {
            0 => recorded.open.get(&event.worker),
            number => recorded.numbered.get(&number),
        };
        if let Some(known) = known {
            return Some(*known);
        }
        match self.operations.len() < self.most {
            true => self.new_operation(run, event),
            false => None,
        }
    }

    fn new_operation(&mut self, run: usize, event: &OperationEvent) -> Option<usize> {
        let kind = event.op?;
        // A group is drawn at the account of its last part.
        let last = event.parts.as_ref().and_then(|parts| parts.last());
        let account = event.account.as_ref().or(last.map(|part| &part.account));
        let account = self.account(run, account?.as_str());
        let to = event.to.as_ref();
        let to = to.map(|name| self.account(run, name.as_str()));
        let lane = self.lane(run, event.worker, event.pid);
        let at = moment(event.at_us);
        let place = self.operations.len();
        let recorded = &mut self.runs[run];
        let number = match event.operation {
            0 => recorded.last_number.saturating_add(1),
            number => number,
        };
        recorded.last_number = recorded.last_number.max(number);
        match event.operation {
            0 if event.worker > 0 => drop(recorded.open.insert(event.worker, place)),
            0 => {}
            number => drop(recorded.numbered.insert(number, place)),
        }
        self.lanes[lane].operations.push(place);
        self.operations.push(PicturedOperation {
            run,
            lane,
            number,
            kind,
            account,
            to,
            amount: event.amount.map(Balance::minor),
            id: event.id.as_ref().map(|id| shortened(id.as_str()).into()),
            line: event.line,
            begun: at.saturating_sub(moment(event.elapsed_us)),
            process_ready: None,
            waited: None,
            worked: None,
            ended: at,
            end: OperationEnd::Unfinished,
            duplicate: false,
            reason: None,
            detail: None,
            balance: None,
            seq: None,
            decided: None,
            repaired: None,
        });
        self.place_early_steps(place);
        Some(place)
    }

    pub(super) fn started(&mut self, event: &OperationEvent) {
        self.operation(event);
    }

    pub(super) fn held(&mut self, event: &OperationEvent) {
        let Some(place) = self.operation(event) else {
            return;
        };
        let at = moment(event.at_us);
        self.operations[place].worked = Some((at, at));
        self.changed(place, event, true);
    }

    pub(super) fn ended(&mut self, event: &OperationEvent, end: OperationEnd) {
        let Some(place) = self.operation(event) else {
            self.left_out += 1;
            return;
        };
        let at = moment(event.at_us);
        let run = self.run();
        self.runs[run].open.remove(&event.worker);
        let operation = &mut self.operations[place];
        operation.ended = at;
        operation.end = end;
        operation.duplicate = event.duplicate;
        operation.amount = event.amount.map(Balance::minor).or(operation.amount);
        operation.reason = event.reason.clone();
        operation.detail = event.detail.as_deref().map(|text| shortened(text).into());
        operation.balance = event.balance.map(Balance::minor);
        operation.seq = event.seq;
        operation.decided = Some(event.decided).filter(|decided| *decided > 0);
        if let Some((from, _)) = operation.worked {
            operation.worked = Some((from, at));
        }
        if end == OperationEnd::Completed && !event.duplicate {
            self.changed(place, event, false);
        }
        if end == OperationEnd::Failed {
            self.given_back(place, at);
        }
    }

    pub(super) fn repaired(&mut self, repair: &Repair) {
        let run = self.run_of_step();
        let place = self.runs[run].numbered.get(&repair.operation);
        if let Some(operation) = place.and_then(|place| self.operations.get_mut(*place)) {
            operation.repaired = Some(PicturedRepair {
                at: moment(repair.at_us),
                worker: repair.repaired_by,
            });
        }
    }

    /// The balances of an operation's accounts since an event.
    fn changed(&mut self, place: usize, event: &OperationEvent, is_hold: bool) {
        if let Some(parts) = &event.parts {
            return self.group_changed(place, event, parts);
        }
        let operation = &self.operations[place];
        let (run, own, other) = (operation.run, operation.account, operation.to);
        let change = |posted: Balance, available: Option<Balance>| RecordedChange {
            run,
            at: moment(event.at_us),
            decided: event.decided,
            posted: Some(posted.minor()),
            available: available.map(Balance::minor),
            given_back: 0,
            operation: Some(place),
            is_hold,
        };
        if let Some(balance) = event.balance {
            self.histories[own].push(change(balance, event.available));
        }
        if let (Some(balance), Some(other)) = (event.to_balance, other) {
            self.histories[other].push(change(balance, None));
        }
    }

    /// The balances of the accounts of a group after each of its parts.
    fn group_changed(&mut self, place: usize, event: &OperationEvent, parts: &[PartEvent]) {
        let run = self.operations[place].run;
        let later = (0..parts.len() as u64).rev();
        for (part, later) in parts.iter().zip(later) {
            let (own, to) = (&part.account, part.to.as_ref());
            let sides = [
                (Some(own), part.balance, part.available),
                (to, part.to_balance, None),
            ];
            for (name, posted, available) in sides {
                let (Some(name), Some(posted)) = (name, posted) else {
                    continue;
                };
                let account = self.account(run, name.as_str());
                self.histories[account].push(RecordedChange {
                    run,
                    at: moment(event.at_us),
                    decided: event.decided.saturating_sub(later),
                    posted: Some(posted.minor()),
                    available: available.map(Balance::minor),
                    given_back: 0,
                    operation: Some(place),
                    is_hold: false,
                });
            }
        }
    }

    /// What an operation had set aside is available again.
    fn given_back(&mut self, place: usize, at: u64) {
        let operation = &self.operations[place];
        let holds = matches!(operation.kind, Kind::Withdraw | Kind::Transfer);
        if operation.worked.is_none() || !holds {
            return;
        }
        self.histories[operation.account].push(RecordedChange {
            run: operation.run,
            at,
            decided: 0,
            posted: None,
            available: None,
            given_back: operation.amount.unwrap_or_default(),
            operation: Some(place),
            is_hold: false,
        });
    }
}
