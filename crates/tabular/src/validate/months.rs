//! How many quotes of each month were won, lost and are open.

use std::collections::BTreeMap;

use chrono::Datelike;

use crate::cell::{Outcome, date_of};

/// The quotes of a calendar month, by their own date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Calendar year.
    pub year: i32,
    /// Month from 1.
    pub month: u32,
    /// Quotes won.
    pub won: u32,
    /// Quotes lost.
    pub lost: u32,
    /// Quotes that are not decided.
    pub open: u32,
}

impl Month {
    /// Share of the decided quotes that were won; `None` where none is decided.
    pub fn win_rate(&self) -> Option<f64> {
        let decided = self.won + self.lost;
        (decided > 0).then(|| f64::from(self.won) / f64::from(decided))
    }
}

/// Months that have quotes, in their order.
pub(super) fn count(outcomes: &[Outcome], dates: &[i32]) -> Vec<Month> {
    let mut months: BTreeMap<(i32, u32), Month> = BTreeMap::new();
    for (outcome, day) in outcomes.iter().zip(dates) {
        let Some(date) = date_of(*day) else { continue };
        let (year, month) = (date.year(), date.month());
        let entry = months.entry((year, month)).or_insert(Month {
            year,
            month,
            won: 0,
            lost: 0,
            open: 0,
        });
        match outcome {
            Outcome::Won => entry.won += 1,
            Outcome::Lost => entry.lost += 1,
            Outcome::Open => entry.open += 1,
        }
    }
    months.into_values().collect()
}
