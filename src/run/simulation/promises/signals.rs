//! What signals do to a run.

use super::super::world::HANGUP;
use super::*;
use crate::run::Effect;

/// The first signal lets what is under way finish, but for commands whose terminal is gone; the second ends it;
/// the third ends this process by the first.
pub(in crate::run::simulation) fn obeys_signals<'a>(
    signals: &[i32],
    has_command: bool,
    effects: impl Iterator<Item = &'a Effect> + Clone,
) -> Result<(), Broken> {
    let any = |is: fn(&Effect) -> bool| effects.clone().any(is);
    let kills = any(|effect| matches!(effect, Effect::KillAll));
    let ends_commands = any(|effect| matches!(effect, Effect::EndCommands));
    let no_more = any(|effect| matches!(effect, Effect::StartNoMoreCommands(_)));
    let waits_no_longer = any(|effect| matches!(effect, Effect::StopLedgerRetries));
    let ends_by = effects.clone().find_map(|effect| match effect {
        Effect::EndNow(signal) => Some(*signal),
        _ => None,
    });
    let done = (kills, ends_commands, no_more, waits_no_longer, ends_by);
    let first = signals.first().copied().unwrap_or_default();
    let wanted = match signals.len() {
        1 if has_command && first == HANGUP => (false, true, false, false, None),
        1 => (false, false, has_command, false, None),
        2 => (!has_command, has_command, false, true, None),
        _ => (false, false, false, true, Some(first)),
    };
    hold!(
        done == wanted,
        "the signals {signals:?} kill, end commands, start no more, wait no longer for the ledger, end by: {done:?}, and not {wanted:?}"
    );
    Ok(())
}
