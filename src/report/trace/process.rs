//! Tracks: which process and which of its threads an event belongs to.

use std::collections::HashSet;

use super::decisions::Decisions;
use super::event::{NANOS, TraceEvent, decimal_argument, object};
use super::nested::{SpanRow, beside};
use super::{operation_arguments, operation_name};
use crate::report::shown::word;
use crate::show::{Lane, Picture, Stroke};

/// Above every number that a system gives to a process.
const NO_PROCESS: u64 = 1 << 32;

/// The tracks of a picture.
pub(super) struct Tracks {
    /// The parent of each run.
    parents: Vec<u64>,
    /// The track of each lane; `None` for what needed no process.
    lanes: Vec<Option<(u64, u64)>>,
    /// From the start of each lane's process to its end.
    lives: Vec<(u64, u64)>,
    /// When each operation is drawn in its process: a worker is given several at once, and does one after
    /// the other.
    spans: Vec<Option<(u64, u64)>>,
}

impl Tracks {
    pub(super) fn new(picture: &Picture) -> Self {
        let made_up = |number: usize| NO_PROCESS + number as u64;
        let parents: Vec<u64> = (0..)
            .zip(&picture.runs)
            .map(|(number, run)| {
                if run.pid > 0 {
                    run.pid.into()
                } else {
                    made_up(number)
                }
            })
            .collect();
        let mut taken: HashSet<u64> = parents.iter().copied().collect();
        let lanes = (parents.len()..).zip(&picture.lanes).map(|(number, lane)| {
            let pid = if lane.pid > 0 {
                lane.pid.into()
            } else {
                made_up(number)
            };
            // A number that the system gave twice, or to threads, has a track each time.
            let tid = if taken.insert(pid) {
                pid
            } else {
                made_up(number)
            };
            (lane.worker > 0).then_some((pid, tid))
        });
        let ends = ends(picture);
        let lives: Vec<(u64, u64)> = picture
            .lanes
            .iter()
            .map(|lane| life(picture, lane, &ends))
            .collect();
        let mut spans = vec![None; picture.operations.len()];
        for (lane, life) in picture.lanes.iter().zip(&lives) {
            let mut row = SpanRow::within(*life);
            for place in &lane.operations {
                let begun = picture.operations[*place].begun * NANOS;
                spans[*place] = row.take((begun, ends[*place] * NANOS));
            }
        }
        Tracks {
            lanes: lanes.collect(),
            parents,
            lives,
            spans,
        }
    }

    /// The track of a parent's batches, of which it has some.
    pub(super) fn of_parent(&self, run: usize, row: usize) -> (u64, u64) {
        let pid = self.parents[run];
        match row {
            0 => (pid, pid),
            row => (pid, (NO_PROCESS << 1) + (run as u64 * 16 + row as u64)),
        }
    }

    /// The names of the parents.
    pub(super) fn parents(&self, picture: &Picture) -> Vec<TraceEvent> {
        let mut names = Vec::new();
        for (run, pid) in picture.runs.iter().zip(&self.parents) {
            let mode = if run.mode.is_unknown() {
                "parent"
            } else {
                run.mode.word()
            };
            let name = format!("bank-par {mode}");
            names.push(TraceEvent::called("process_name", (*pid, *pid), &name));
            names.push(TraceEvent::called("thread_name", (*pid, *pid), "decisions"));
        }
        names
    }

    /// A process: its name, and its life.
    pub(super) fn lane(&self, picture: &Picture, place: usize) -> Vec<TraceEvent> {
        let Some(track) = self.lanes[place] else {
            return Vec::new();
        };
        let lane = &picture.lanes[place];
        let name = format!("worker {}", lane.worker);
        vec![
            TraceEvent::called("process_name", track, &name),
            TraceEvent::called("thread_name", track, &name),
            TraceEvent {
                arguments: object(&[("worker", u64::from(lane.worker).into())]),
                ..TraceEvent::span(name, track, self.lives[place])
            },
        ]
    }

    /// An operation, what it did, and the flows of its requests and replies.
    pub(super) fn operation(
        &self,
        picture: &Picture,
        place: usize,
        requests: &[usize],
        decisions: &mut Decisions,
        events: &mut Vec<TraceEvent>,
    ) {
        let operation = &picture.operations[place];
        let name = operation_name(picture, operation);
        let arguments = operation_arguments(operation);
        let Some(track) = self.lanes[operation.lane] else {
            let parent = self.of_parent(operation.run, 0);
            events.push(TraceEvent {
                at: operation.ended * NANOS,
                arguments,
                ..TraceEvent::new("i", name, parent)
            });
            return;
        };
        let Some(span) = self.spans[place] else {
            return;
        };
        events.push(TraceEvent {
            arguments,
            ..TraceEvent::span(name, track, span)
        });
        let mut row = SpanRow::within(span);
        let mut asked = Vec::new();
        for number in requests {
            let request = &picture.requests[*number];
            let Some(span) = row.take((request.sent * NANOS, request.returned * NANOS)) else {
                continue;
            };
            let name = word(&request.request);
            asked.push(span);
            events.push(TraceEvent::span(&name, track, span));
            events.extend(decisions.span(*number, &name));
            let flow = (*number as u64 + 1) * 2;
            let (parent, received) = decisions.point(*number, request.received * NANOS);
            // The reply is there before the worker goes on with it.
            let arrived = span.1 - 1;
            let (_, answered) = decisions.point(*number, (request.answered * NANOS).min(arrived));
            events.push(TraceEvent::flow("s", track, span.0, flow));
            events.push(TraceEvent::flow("f", parent, received, flow));
            events.push(TraceEvent::flow("s", parent, answered, flow + 1));
            events.push(TraceEvent::flow("f", track, arrived, flow + 1));
        }
        for (stroke, from, until) in operation.strokes() {
            let is_asking = matches!(stroke, Stroke::Begin | Stroke::Settle | Stroke::Execute);
            if is_asking && !asked.is_empty() {
                continue;
            }
            let (from, until) = ((from * NANOS).max(span.0), (until * NANOS).min(span.1));
            for piece in beside((from, until), &asked) {
                events.push(TraceEvent::span(stroke.word(), track, piece));
            }
        }
    }

    /// What an account holds from a moment on.
    pub(super) fn counter(&self, picture: &Picture, account: usize, change: usize) -> TraceEvent {
        let history = &picture.accounts[account];
        let change = history.changes[change];
        let run = change
            .operation
            .map_or(0, |place| picture.operations[place].run);
        let held = change.posted.saturating_sub(change.available);
        TraceEvent {
            at: change.at * NANOS,
            arguments: object(&[
                ("posted", decimal_argument(change.posted)),
                ("held", decimal_argument(held)),
                ("available", decimal_argument(change.available)),
            ]),
            ..TraceEvent::new("C", &history.name, self.of_parent(run, 0))
        }
    }
}

/// When each operation's last reply had arrived, or its end was known.
fn ends(picture: &Picture) -> Vec<u64> {
    let ended = picture.operations.iter().map(|operation| operation.ended);
    let mut ends: Vec<u64> = ended.collect();
    for request in &picture.requests {
        let end = &mut ends[request.operation];
        *end = (*end).max(request.returned);
    }
    ends
}

/// From a process's start to its end, as far as the recording has them.
fn life(picture: &Picture, lane: &Lane, ends: &[u64]) -> (u64, u64) {
    let begun = lane
        .operations
        .iter()
        .map(|place| picture.operations[*place].begun);
    let begun = begun.min().unwrap_or(0);
    let ended = lane.operations.iter().map(|place| ends[*place]);
    let ended = ended.max().unwrap_or(begun);
    let from = lane.spawned.unwrap_or(begun).min(begun) * NANOS;
    // Each operation takes a nanosecond at least.
    let until = lane.exited.unwrap_or(ended).max(ended) * NANOS + lane.operations.len() as u64;
    (from, until.max(from + 1))
}
