//! Every step of an operation on shared balances, as it is told.

use super::*;
use crate::bank::{Account, Cell};
use crate::event::{CellEvent, LeaseEvent, Micros, RequestEvent, RequestName};
use crate::protocol::{ShareReply, ShareRequest, Timing};

const SECOND: Duration = Duration::from_secs(1);
const NUMBER: u64 = 1 << 32 | 1;

fn cell(posted: i64, version: u64) -> Cell {
    let mut account = Account::new(Balance::default());
    account.posted = posted;
    Cell {
        name: Name::default(),
        open: true,
        account,
        version,
        updates: version,
    }
}

fn seconds(count: u64) -> Micros {
    Micros(count * 1_000_000)
}

impl Bench {
    /// The steps that are told of this input.
    fn steps(&mut self, input: Input) -> Vec<Event> {
        let effects = self.run.handle(input, self.now);
        let events = effects.into_iter().filter_map(|effect| match effect {
            Effect::Tell(events) => Some(events),
            _ => None,
        });
        events.flatten().collect()
    }

    fn asks_share(&mut self, ask: ShareRequest) {
        let asks = self.ask(Ask::Share(ask));
        assert_eq!(asks, ["submit 1"]);
    }

    fn steps_answered(&mut self, outgoing: Outgoing) -> Vec<Event> {
        self.settled += 1;
        let (outgoing, settled) = (vec![outgoing], self.settled);
        self.steps(Input::Decided { outgoing, settled })
    }
}

#[test]
fn every_step_of_an_operation_is_told_with_its_times() {
    let mut bench = Bench::new(1, 1);
    (bench.run.settings.steps, bench.run.settings.clock_us) = (true, Micros(1_000));
    // The clock stood still for ten seconds, which count where times are told.
    bench.run.stood_still(10 * SECOND);
    bench.arrived(1, Arrived::Ready);
    bench.turn();

    bench.now = SECOND;
    bench.asks_share(ShareRequest::Lock(vec![Name::default()]));
    let waits = bench.steps_answered(Outgoing::Waits(NUMBER));
    assert!(
        matches!(&waits[..], [Event::LeaseWait(LeaseEvent { at_us, .. })] if *at_us == seconds(11)),
        "{waits:?}"
    );
    bench.now = 3 * SECOND;
    let cells = ShareReply::Cells(vec![cell(100, 3)]);
    let reply = Outgoing::Reply(NUMBER, ReplyBody::Shared(cells));
    let told = bench.steps_answered(reply);
    let [
        Event::LeaseGranted(LeaseEvent { waited_us, .. }),
        Event::Read(CellEvent { version, .. }),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!((*waited_us, *version), (Some(seconds(2)), Some(3)));

    // It asks for more before it tells when it had the answer.
    bench.now = 4 * SECOND;
    bench.asks_share(ShareRequest::Write(vec![cell(101, 3)]));
    assert!(bench.steps(Input::Sending).is_empty());
    bench.now = 5 * SECOND;
    let posted = ReplyBody::Decided(POSTED().into());
    let told = bench.steps_answered(Outgoing::Reply(NUMBER, posted));
    let [
        Event::Wrote(CellEvent {
            balance, version, ..
        }),
        Event::Completed(_),
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!((*balance, *version), (Balance::new(101), Some(1)));
    bench.now = 6 * SECOND;
    assert!(bench.steps(Input::Sending).is_empty());

    let timing = |sent_us| Timing {
        number: NUMBER,
        sent_us,
        returned_us: sent_us + 500,
    };
    let timings = Arrived::Timings(vec![timing(1_100), timing(2_100), timing(9)]);
    let arrivals = vec![Arrival {
        worker: 1,
        what: timings,
    }];
    let told = bench.steps(Input::Arrived(arrivals));
    let [Event::Request(lock), Event::Request(write)] = &told[..] else {
        panic!("{told:?}");
    };
    let expected = |request, times: [u64; 3], sent, decided| {
        let [received_us, decided_us, answered_us] = times.map(seconds);
        RequestEvent {
            operation: 1,
            worker: 1,
            pid: 1,
            request,
            sent_us: Some(Micros(sent)),
            received_us,
            decided_us,
            answered_us,
            returned_us: Some(Micros(sent + 500)),
            decided,
        }
    };
    let all = [
        expected(RequestName::Lock, [11, 13, 14], 100, None),
        expected(RequestName::Write, [14, 15, 16], 1_100, write.decided),
    ];
    assert_eq!([lock, write], [&all[0], &all[1]]);
}
