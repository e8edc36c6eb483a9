use super::*;

fn edge(from: i64, to: i64, times: (u64, u64), answer: u32) -> Edge {
    Edge {
        from,
        to,
        call: times.0,
        returned: times.1,
        answer,
    }
}

/// The answers in their order, or the word for what is wrong.
fn check(start: Option<i64>, edges: &[Edge]) -> Result<Vec<u32>, &'static str> {
    match find(2, start, edges.to_vec()) {
        Trail::Found { answers, .. } => Ok(answers),
        Trail::None { why, .. } => Err(why.word()),
        Trail::Unknown => Err("unknown"),
    }
}

const ALL: (u64, u64) = (0, u64::MAX);

#[test]
fn balances_lead_from_one_operation_to_the_next() {
    let edges = [
        edge(110, 100, ALL, 2),
        edge(100, 110, ALL, 1),
        edge(100, 70, ALL, 3),
    ];
    assert_eq!(check(Some(100), &edges), Ok(vec![1, 2, 3]));
    assert_eq!(check(None, &edges), Ok(vec![1, 2, 3]));
    assert_eq!(check(Some(70), &edges), Err("found_too_often"));
}

#[test]
fn two_cannot_find_what_was_left_once() {
    let lost = [edge(100, 90, ALL, 1), edge(100, 120, ALL, 2)];
    assert_eq!(check(Some(100), &lost), Err("found_too_often"));
    assert_eq!(check(None, &lost), Err("unreachable"));
    let invented = [edge(100, 90, ALL, 1), edge(70, 60, ALL, 2)];
    assert_eq!(check(None, &invented), Err("unreachable"));
    let island = [
        edge(100, 90, ALL, 1),
        edge(70, 60, ALL, 2),
        edge(60, 70, ALL, 3),
    ];
    assert_eq!(check(Some(100), &island), Err("unreachable"));
    let stale = [edge(100, 90, ALL, 1), edge(80, 80, ALL, 2)];
    assert_eq!(check(None, &stale), Err("unreachable"));
}

#[test]
fn time_decides_between_trails() {
    let late = [edge(100, 90, (10, 20), 1), edge(90, 100, (1, 5), 2)];
    assert_eq!(check(Some(100), &late), Err("unreachable"));
    assert_eq!(check(Some(90), &late), Ok(vec![2, 1]));
    // Each overlaps with the next, and the last one was over before the first was asked for.
    let chain = [
        edge(100, 90, (10, 20), 1),
        edge(90, 80, (4, 12), 2),
        edge(80, 70, (1, 5), 3),
    ];
    assert_eq!(check(Some(100), &chain), Err("no_order_in_time"));
    let seen = [
        edge(100, 90, (1, 9), 1),
        edge(100, 100, (2, 8), 2),
        edge(90, 90, (2, 3), 3),
        edge(100, 100, (5, 6), 4),
    ];
    assert_eq!(check(None, &seen), Err("no_order_in_time"));
}

#[test]
fn many_equal_operations_are_no_many_orders() {
    let mut edges = Vec::new();
    for answer in 0..2_000 {
        let (from, to) = if answer % 2 == 0 {
            (100, 110)
        } else {
            (110, 100)
        };
        edges.push(edge(from, to, ALL, answer));
    }
    assert!(check(Some(100), &edges).is_ok());
}

/// Whether any order of the edges is a trail from this balance that time allows, by trying all.
fn exists(at: i64, edges: &[Edge]) -> bool {
    edges.is_empty()
        || (0..edges.len()).any(|next| {
            let mut rest = edges.to_vec();
            let first = rest.remove(next);
            let in_time = rest.iter().all(|other| other.returned >= first.call);
            first.from == at && in_time && exists(first.to, &rest)
        })
}

#[test]
fn a_trail_is_found_where_trying_every_order_finds_one() {
    let mut state = 1_u64;
    let mut below = |count: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % count
    };
    let (mut found, mut none) = (0, 0);
    for _ in 0..4_000 {
        let edges: Vec<Edge> = (0..6)
            .map(|answer| {
                let (from, to) = (below(3) as i64, below(3) as i64);
                let call = below(20);
                edge(from, to, (call, call + 1 + below(12)), answer)
            })
            .collect();
        let expected = exists(0, &edges);
        assert_eq!(check(Some(0), &edges).is_ok(), expected, "{edges:?}");
        found += u32::from(expected);
        none += u32::from(!expected);
    }
    assert!(found > 100 && none > 100, "{found}, {none}");
}
