//! What happens to commands.

use super::*;

/// What happened to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run::simulation) enum CommandStep {
    Started,
    /// It paid.
    Paid,
    /// It surely did not.
    Unpaid,
}

/// What a worker tells of its command.
pub(super) fn command_steps<'a>(
    arrived: &'a Arrived,
    worked: Option<&'a WorkEnd>,
) -> impl Iterator<Item = (u64, CommandStep)> + 'a {
    let reports = match arrived {
        Arrived::Reports(reports) => reports.as_slice(),
        _ => &[],
    };
    reports.iter().filter_map(move |report| {
        let step = match &report.event {
            CommandEvent::Starting { .. } => CommandStep::Started,
            CommandEvent::Ended(ended) if ended.again.is_some() => CommandStep::Unpaid,
            CommandEvent::Ended(_) => match worked {
                Some(WorkEnd::Post { .. }) => CommandStep::Paid,
                Some(WorkEnd::Doubt) | None => return None,
                Some(_) => CommandStep::Unpaid,
            },
            CommandEvent::Wrote { .. } => return None,
        };
        Some((report.number, step))
    })
}

/// Whether a worker tells that it starts a command.
pub(super) fn starts_command(arrived: &Arrived) -> bool {
    let starting = |report: &Report| matches!(report.event, CommandEvent::Starting { .. });
    matches!(arrived, Arrived::Reports(reports) if reports.iter().any(starting))
}
