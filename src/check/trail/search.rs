//! An order of the edges that is a trail and that time allows.

use std::collections::HashMap;

use super::Edge;

/// The most edges that are tried, one way or another, in one part of an account.
const MAX_TRIED: u64 = 500_000;

pub(super) enum Searched {
    /// The places of the edges, one after another; whether no other was possible at any point.
    Found { order: Vec<usize>, is_forced: bool },
    /// There is no such order.
    None,
    /// There are too many to try.
    TooMany,
}

/// Tries the edges from this balance on: next comes one that starts there, and that no other one which is
/// still to come had been answered before it was asked for.
pub(super) fn search(from: i64, edges: &[Edge]) -> Searched {
    let mut search = Search::new(edges);
    let mut order = Vec::new();
    // For each place of the order the choices that were not tried.
    let mut choices: Vec<Vec<usize>> = Vec::new();
    let (mut tried, mut is_forced) = (0, true);
    let mut at = from;
    loop {
        if order.len() == edges.len() {
            return Searched::Found { order, is_forced };
        }
        if choices.len() == order.len() {
            let possible = search.possible(at);
            is_forced &= possible.len() <= 1;
            choices.push(possible);
        }
        tried += 1;
        if tried > MAX_TRIED {
            return Searched::TooMany;
        }
        match choices.last_mut().and_then(Vec::pop) {
            Some(edge) => {
                search.take(edge);
                order.push(edge);
                at = edges[edge].to;
            }
            None => {
                choices.pop();
                let Some(edge) = order.pop() else {
                    return Searched::None;
                };
                search.put_back(edge);
                at = edges[edge].from;
            }
        }
    }
}

struct Search<'a> {
    edges: &'a [Edge],
    taken: Vec<bool>,
    /// The edges that start at a balance, in the order of their ends in time.
    starting: HashMap<i64, Vec<usize>>,
    /// All edges in the order of their ends in time, and how many of the first are taken.
    by_return: Vec<usize>,
    /// The place of each edge in that order.
    places: Vec<usize>,
    first_open: usize,
}

impl<'a> Search<'a> {
    fn new(edges: &'a [Edge]) -> Self {
        let mut by_return: Vec<usize> = (0..edges.len()).collect();
        by_return.sort_by_key(|edge| edges[*edge].returned);
        let mut starting: HashMap<i64, Vec<usize>> = HashMap::new();
        let mut places = vec![0; edges.len()];
        for (place, edge) in by_return.iter().enumerate() {
            starting.entry(edges[*edge].from).or_default().push(*edge);
            places[*edge] = place;
        }
        Search {
            edges,
            taken: vec![false; edges.len()],
            starting,
            by_return,
            places,
            first_open: 0,
        }
    }

    /// The edges that may come next at this balance, the best last. A look is taken at once, since it leads
    /// nowhere else; of equal edges only the first in time is tried.
    fn possible(&self, at: i64) -> Vec<usize> {
        let Some(first) = self.by_return.get(self.first_open) else {
            return Vec::new();
        };
        let latest_call = self.edges[*first].returned;
        let mut possible: Vec<usize> = Vec::new();
        for edge in self.starting.get(&at).into_iter().flatten() {
            let Edge { from, to, call, .. } = self.edges[*edge];
            if self.taken[*edge] || call > latest_call {
                continue;
            }
            if from == to {
                return vec![*edge];
            }
            if !possible.iter().any(|other| self.edges[*other].to == to) {
                possible.push(*edge);
            }
        }
        possible.reverse();
        possible
    }

    fn take(&mut self, edge: usize) {
        self.taken[edge] = true;
        while let Some(first) = self.by_return.get(self.first_open)
            && self.taken[*first]
        {
            self.first_open += 1;
        }
    }

    fn put_back(&mut self, edge: usize) {
        self.taken[edge] = false;
        self.first_open = self.first_open.min(self.places[edge]);
    }
}
