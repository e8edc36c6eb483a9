//! Workloads as JSON Lines and as CSV.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a broken promise is told by a panic"
)]

use std::collections::BTreeMap;

use super::lines::LineSplitter;
use super::parse::Parser;
use super::{Defaults, Item, WorkloadFormat};
use crate::bank::{Name, WORLD};

/// The same items are found however the bytes arrive, each line is told once, and why one is none is short. The
/// first byte says in which format, and whether lines open accounts.
pub(crate) fn workload(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let format = match how % 3 {
        0 => None,
        1 => Some(WorkloadFormat::JsonLines),
        _ => Some(WorkloadFormat::Csv),
    };
    let defaults = Defaults {
        account: Name::default(),
        to: (how & 8 != 0).then(|| WORLD.clone()),
        bank_decides: how & 16 != 0,
    };
    let items = read(bytes, bytes.len().max(1), format, &defaults);
    assert_eq!(items, read(bytes, 3, format, &defaults));
    let mut seen = BTreeMap::new();
    for item in items.iter().flatten() {
        let line = match item {
            Item::Operation { line, .. } => line.as_ref().map(|line| line.number),
            Item::Invalid { line, reason } => {
                assert!(
                    reason.len() < 4_096 && !reason.chars().any(char::is_control),
                    "{reason}"
                );
                Some(*line)
            }
            Item::Done { .. } | Item::Skipped { .. } => panic!("no run was named"),
        };
        assert!(
            seen.insert(line.expect("it stands on a line"), ())
                .is_none()
        );
    }
}

/// The items, and at last why the rest cannot be read.
fn read(
    bytes: &[u8],
    piece: usize,
    format: Option<WorkloadFormat>,
    defaults: &Defaults,
) -> Vec<Result<Item, String>> {
    let mut parser = Parser::new(format, defaults.clone());
    let mut lines = LineSplitter::default();
    let mut items = Vec::new();
    let mut each = |line: super::lines::InputLine<'_>| {
        items.extend(parser.item(&line)?);
        Ok(())
    };
    let mut chunks = bytes.chunks(piece);
    let read: Result<(), String> = chunks
        .try_for_each(|chunk| lines.split(chunk, &mut each))
        .and_then(|()| lines.finish(&mut each));
    items.extend(parser.finish());
    let mut found: Vec<_> = items.into_iter().map(Ok).collect();
    found.extend(read.err().map(Err));
    found
}
