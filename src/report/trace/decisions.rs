//! What the parents decided, on tracks of their own.
//!
//! Requests that were decided at one moment are one batch, and a batch is a span from the arrival of its
//! first request until its last reply was sent. Where the next batch is gathered while one is being made
//! durable, a second track shows it.

use std::collections::{HashMap, HashSet};

use super::event::{NANOS, TraceEvent, object};
use super::process::Tracks;
use crate::show::Picture;

/// The most tracks of a parent; beyond, batches wait in the picture for the one before.
const MAX_ROWS: usize = 8;

/// A batch: its track and its span.
#[derive(Clone, Copy)]
struct DecisionSpan {
    track: (u64, u64),
    span: (u64, u64),
    requests: u64,
}

/// The batches of all runs.
pub(super) struct Decisions {
    batches: Vec<DecisionSpan>,
    /// The batch of each request.
    of_request: Vec<usize>,
    written: HashSet<usize>,
}

impl Decisions {
    pub(super) fn new(picture: &Picture, tracks: &Tracks) -> Self {
        let mut known: HashMap<(usize, u64), usize> = HashMap::new();
        let (mut batches, mut runs): (Vec<DecisionSpan>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut of_request = Vec::with_capacity(picture.requests.len());
        for request in &picture.requests {
            let run = picture.operations[request.operation].run;
            let (from, until) = (request.received * NANOS, request.answered * NANOS);
            let batch = *known.entry((run, request.decided)).or_insert(batches.len());
            match batches.get_mut(batch) {
                Some(batch) => {
                    batch.span = (batch.span.0.min(from), batch.span.1.max(until));
                    batch.requests += 1;
                }
                None => {
                    runs.push(run);
                    batches.push(DecisionSpan {
                        track: (0, 0),
                        span: (from, until),
                        requests: 1,
                    });
                }
            }
            of_request.push(batch);
        }
        place(&mut batches, &runs, tracks);
        Decisions {
            batches,
            of_request,
            written: HashSet::new(),
        }
    }

    /// The names of the tracks beyond each parent's first.
    pub(super) fn names(&self, picture: &Picture, tracks: &Tracks) -> Vec<TraceEvent> {
        let used: HashSet<(u64, u64)> = self.batches.iter().map(|batch| batch.track).collect();
        let rows = (0..picture.runs.len()).flat_map(|run| (1..MAX_ROWS).map(move |row| (run, row)));
        let further = rows.map(|(run, row)| (tracks.of_parent(run, row), row));
        further
            .filter(|(track, _)| used.contains(track))
            .map(|(track, row)| {
                TraceEvent::called("thread_name", track, &format!("decisions {}", row + 1))
            })
            .collect()
    }

    /// The span in which a request was decided, if it is not written yet.
    pub(super) fn span(&mut self, request: usize, name: &str) -> Option<TraceEvent> {
        let number = self.of_request[request];
        if !self.written.insert(number) {
            return None;
        }
        let batch = self.batches[number];
        let name = match batch.requests {
            1 => format!("decide {name}"),
            requests => format!("decide {requests} requests"),
        };
        Some(TraceEvent {
            arguments: object(&[("requests", batch.requests.into())]),
            ..TraceEvent::span(name, batch.track, batch.span)
        })
    }

    /// Where a flow ends that arrives at some moment, or begins: within the span of the request's batch.
    pub(super) fn point(&self, request: usize, at: u64) -> ((u64, u64), u64) {
        let batch = self.batches[self.of_request[request]];
        let (from, until) = batch.span;
        (batch.track, at.clamp(from, until - 1))
    }
}

/// Gives every batch a track on which nothing overlaps it.
fn place(batches: &mut [DecisionSpan], runs: &[usize], tracks: &Tracks) {
    let mut order: Vec<usize> = (0..batches.len()).collect();
    order.sort_by_key(|batch| batches[*batch].span);
    let mut rows: HashMap<usize, Vec<u64>> = HashMap::new();
    for number in order {
        let (batch, run) = (&mut batches[number], runs[number]);
        let rows = rows.entry(run).or_default();
        let (from, until) = batch.span;
        let free = rows.iter().position(|end| *end <= from);
        let row = free.unwrap_or_else(|| match rows.len() < MAX_ROWS {
            true => {
                rows.push(0);
                rows.len() - 1
            }
            false => (0..MAX_ROWS).min_by_key(|row| rows[*row]).unwrap_or(0),
        });
        let from = from.max(rows[row]);
        batch.span = (from, until.max(from + 1));
        rows[row] = batch.span.1;
        batch.track = tracks.of_parent(run, row);
    }
}
