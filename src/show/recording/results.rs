//! What runs say of themselves at their end.

use super::{Recording, moment, shortened};
use crate::bank::Balance;
use crate::event::{Race, Summary};
use crate::show::picture::{PicturedTotals, RunBalance};

impl Recording {
    pub(super) fn summary(&mut self, summary: &Summary) {
        let run = self.run();
        self.open = self.open.saturating_sub(1);
        self.heard(run, moment(summary.elapsed_us));
        let recorded = &mut self.runs[run];
        recorded.has_ended = true;
        let picture = &mut recorded.picture;
        if picture.mode.is_unknown() {
            picture.mode = summary.mode.clone();
        }
        let balances = summary.balances.iter().map(|account| RunBalance {
            account: account.account.as_str().to_string(),
            balance: account.balance.minor(),
            expected: account.expected.map(Balance::minor),
            lost_updates: account.lost_updates,
        });
        picture.totals = Some(PicturedTotals {
            status: summary.status.code(),
            elapsed: moment(summary.elapsed_us),
            sequential: moment(summary.sequential_us),
            processes: summary.processes,
            lost_updates: summary.lost_updates,
            ended_early: summary.ended_early.as_deref().map(shortened),
            balances: balances.collect(),
        });
    }

    /// Each remedy begins anew with the balance that the run was given, and no operation of it is told, so that
    /// there is no line to draw.
    pub(super) fn raced(&mut self, race: &Race) {
        let run = self.run();
        self.runs[run].picture.races.push(race.clone());
        for history in &mut self.histories {
            history.retain(|change| change.run != run);
        }
    }
}
