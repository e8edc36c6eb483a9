//! The balance as a line below the lanes.

use std::collections::BTreeSet;
use std::fmt;

use super::{Drawing, money};
use crate::show::BalanceHistory;

/// How high the line is drawn.
const ROWS: usize = 5;

/// The glyphs of a line.
struct LineGlyphs {
    level: char,
    upright: char,
    /// From a level down, and then along.
    down: [char; 2],
    /// From a level up, and then along.
    up: [char; 2],
}

const ASCII: LineGlyphs = LineGlyphs {
    level: '-',
    upright: '|',
    down: ['+', '+'],
    up: ['+', '+'],
};

const BOXES: LineGlyphs = LineGlyphs {
    level: '─',
    upright: '│',
    down: ['╮', '╰'],
    up: ['╯', '╭'],
};

impl Drawing<'_> {
    /// How the balance of the account went that changed most; where runs have accounts of their own, of each
    /// run's.
    pub(super) fn balances(&self, out: &mut String) -> fmt::Result {
        let accounts = &self.picture.accounts;
        let mut seen = BTreeSet::new();
        let mut chosen = Vec::new();
        for account in accounts {
            let runs = self.runs_of(account);
            let first = runs.first().copied();
            let others = seen.len();
            seen.extend(runs);
            if seen.len() > others {
                chosen.push((first, account));
            }
        }
        chosen.sort_by_key(|(run, _)| *run);
        if chosen.is_empty() {
            let unchanged = accounts.iter().find(|account| !account.changes.is_empty());
            chosen.extend(unchanged.map(|account| (None, account)));
        }
        for (_, account) in chosen {
            self.balance(out, account)?;
        }
        Ok(())
    }

    /// Whose operations of those that are drawn changed it.
    fn runs_of(&self, history: &BalanceHistory) -> BTreeSet<usize> {
        let operations = history.changes.iter().filter_map(|change| change.operation);
        operations
            .filter(|operation| self.is_drawn(*operation))
            .map(|operation| self.picture.operations[operation].run)
            .collect()
    }

    fn balance(&self, out: &mut String, history: &BalanceHistory) -> fmt::Result {
        let drawn = || {
            history
                .changes
                .iter()
                .filter(|change| change.at <= self.axis.end())
        };
        let values = || drawn().map(|change| change.posted);
        let (least, most) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
        let rows = if least == most { 1 } else { ROWS };
        let place = |value: i64| {
            let range = (i128::from(most) - i128::from(least)).max(1);
            let from_top = i128::from(most) - i128::from(value);
            usize::try_from((from_top * (rows as i128 - 1) + range / 2) / range).unwrap_or(0)
        };
        let grid = self.line(history, rows, &place);
        let fits =
            |value: i64| history.name.len() + 1 + money(value).to_string().len() <= self.label;
        let name = match fits(most) {
            true => history.name.as_str(),
            false => {
                self.row(out, &history.name, "", "")?;
                ""
            }
        };
        let last = values().next_back().map(|value| (place(value), value));
        for (number, cells) in grid.iter().enumerate() {
            let label = match number {
                0 => self.level_label(name, most),
                _ if number + 1 == rows => self.level_label("", least),
                _ => String::new(),
            };
            let end = last.filter(|(row, _)| *row == number);
            let end = end.map_or(String::new(), |(_, value)| money(value).to_string());
            let cells: String = cells.iter().collect();
            self.row(out, &label, &cells, &end)?;
        }
        Ok(())
    }

    /// A name at the left and an amount at the right.
    fn level_label(&self, name: &str, value: i64) -> String {
        let room = self.label.saturating_sub(name.len());
        format!("{name}{:>room$}", money(value).to_string())
    }

    fn line(
        &self,
        history: &BalanceHistory,
        rows: usize,
        place: &dyn Fn(i64) -> usize,
    ) -> Vec<Vec<char>> {
        let glyphs = if self.style.ascii { ASCII } else { BOXES };
        let mut grid = vec![vec![' '; self.axis.columns()]; rows];
        let mut changes = history.changes.iter().peekable();
        let mut now: Option<usize> = None;
        for column in 0..self.axis.columns() {
            let (before, mut reached) = (now, Vec::new());
            let until = self.axis.last_moment(column);
            while let Some(change) = changes.next_if(|change| change.at <= until) {
                now = Some(place(change.posted));
                reached.extend(now);
            }
            let (Some(after), Some(before)) = (now, before.or(reached.first().copied())) else {
                continue;
            };
            let top = reached.iter().copied().fold(before.min(after), usize::min);
            let bottom = reached.iter().copied().fold(before.max(after), usize::max);
            for row in grid.iter_mut().take(bottom + 1).skip(top) {
                row[column] = glyphs.upright;
            }
            let corners = match after.cmp(&before) {
                std::cmp::Ordering::Equal if top == bottom => [glyphs.level, glyphs.level],
                std::cmp::Ordering::Equal => continue,
                std::cmp::Ordering::Greater => glyphs.down,
                std::cmp::Ordering::Less => glyphs.up,
            };
            grid[before][column] = corners[0];
            grid[after][column] = corners[1];
        }
        grid
    }
}
