//! The operations of one account as the edges of a graph: each leads from the balance that it found to the
//! balance that it left. They can have come one after another if there is an Euler trail: one that takes
//! every edge once. What only looks at a balance is an edge from it to itself.

mod search;

use std::collections::HashMap;

use super::contradiction::Disagreement;
use search::Searched;

/// An operation of an account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    /// The balance that it found.
    pub(super) from: i64,
    /// The balance that it left.
    pub(super) to: i64,
    /// When it was asked for, at the earliest.
    pub(super) call: u64,
    /// When it was answered, at the latest.
    pub(super) returned: u64,
    /// The answer.
    pub(super) answer: u32,
}

/// What was found about one account.
#[derive(Debug)]
pub(super) enum Trail {
    /// The answers one after another; whether they had no other choice.
    Found { answers: Vec<u32>, is_forced: bool },
    /// There is none, and some of the answers that show it.
    None {
        why: Disagreement,
        answers: Vec<u32>,
        is_smallest: bool,
    },
    /// There are too many to try.
    Unknown,
}

/// The most answers that are shown of a contradiction.
const MAX_SHOWN: usize = 8;

/// Looks for a trail over all edges of an account, which begins with this balance if that is known.
pub(super) fn find(account: u32, start: Option<i64>, mut edges: Vec<Edge>) -> Trail {
    edges.sort_by_key(|edge| (edge.call, edge.returned));
    let (mut found, mut forced) = (Vec::new(), true);
    let mut current = start;
    let mut rest = &edges[..];
    while !rest.is_empty() {
        let (part, later) = rest.split_at(until_quiet(rest));
        rest = later;
        let from = match beginning(account, current, part) {
            Ok(from) => from,
            Err(none) => return none,
        };
        match search::search(from, part) {
            Searched::Found { order, is_forced } => {
                forced &= is_forced;
                found.extend(order.iter().map(|edge| part[*edge].answer));
                let last = order.last().map(|edge| part[*edge].to);
                current = last.or(Some(from));
            }
            Searched::None => {
                let shown = part.iter().take(MAX_SHOWN).map(|edge| edge.answer);
                return Trail::None {
                    why: Disagreement::NoOrderInTime { account },
                    answers: shown.collect(),
                    is_smallest: false,
                };
            }
            Searched::TooMany => return Trail::Unknown,
        }
    }
    Trail::Found {
        answers: found,
        is_forced: forced,
    }
}

/// How many of the first edges come before a moment at which no operation was under way.
fn until_quiet(edges: &[Edge]) -> usize {
    let mut latest = 0;
    for (place, edge) in edges.iter().enumerate() {
        if place > 0 && edge.call > latest {
            return place;
        }
        latest = latest.max(edge.returned);
    }
    edges.len()
}

/// With which balance the trail over these edges begins, or why there is none.
fn beginning(account: u32, current: Option<i64>, edges: &[Edge]) -> Result<i64, Trail> {
    let mut ends: HashMap<i64, (u64, u64)> = HashMap::new();
    for edge in edges {
        ends.entry(edge.from).or_default().0 += 1;
        ends.entry(edge.to).or_default().1 += 1;
    }
    let surplus = |balance: i64, (found, left): (u64, u64)| {
        found.saturating_sub(left + u64::from(current == Some(balance)))
    };
    let mut over: Vec<i64> = ends
        .iter()
        .filter(|(balance, ends)| surplus(**balance, **ends) > 0)
        .map(|(balance, _)| *balance)
        .collect();
    // In the order in which they were found.
    over.sort_by_key(|balance| edges.iter().position(|edge| edge.from == *balance));
    let may_begin = usize::from(current.is_none());
    let first = over.iter().find(|balance| {
        let ends = ends.get(balance).copied().unwrap_or_default();
        surplus(**balance, ends) > may_begin as u64
    });
    let wrong = first.or(over.get(may_begin));
    if let Some(balance) = wrong {
        let (found, left) = ends.get(balance).copied().unwrap_or_default();
        let left = left + u64::from(current == Some(*balance));
        let leaving = edges
            .iter()
            .filter(|edge| edge.from == *balance && edge.to != *balance);
        return Err(Trail::None {
            why: match left {
                0 => Disagreement::Unreachable {
                    account,
                    balance: *balance,
                },
                _ => Disagreement::FoundTooOften {
                    account,
                    balance: *balance,
                    found: found - looks(edges, *balance),
                    left: left - looks(edges, *balance),
                },
            },
            answers: leaving.take(MAX_SHOWN).map(|edge| edge.answer).collect(),
            is_smallest: true,
        });
    }
    let from = current.or(over.first().copied()).unwrap_or(edges[0].from);
    match unreachable(from, edges) {
        None => Ok(from),
        Some(edge) => Err(Trail::None {
            why: Disagreement::Unreachable {
                account,
                balance: edge.from,
            },
            answers: vec![edge.answer],
            is_smallest: true,
        }),
    }
}

/// How many only looked at this balance.
fn looks(edges: &[Edge], balance: i64) -> u64 {
    let is_look = |edge: &&Edge| edge.from == balance && edge.to == balance;
    edges.iter().filter(is_look).count() as u64
}

/// An edge to which no path leads.
fn unreachable(from: i64, edges: &[Edge]) -> Option<&Edge> {
    let mut next: HashMap<i64, Vec<i64>> = HashMap::new();
    for edge in edges {
        next.entry(edge.from).or_default().push(edge.to);
    }
    let mut reached = HashMap::from([(from, ())]);
    let mut open = vec![from];
    while let Some(balance) = open.pop() {
        for to in next.remove(&balance).unwrap_or_default() {
            if reached.insert(to, ()).is_none() {
                open.push(to);
            }
        }
    }
    edges.iter().find(|edge| !reached.contains_key(&edge.from))
}

#[cfg(test)]
mod tests;
