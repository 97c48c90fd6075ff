//! Applying a fitted encoder to a table.
//!
//! Deliberately free of fitting: whatever is not in the encoder is filled with what the average training row has.

use std::collections::BTreeMap;

use super::{Block, Bound, Coding, Encoder, Keys, Scale, Slots};
use crate::calendar;
use crate::linalg::Sparse;
use crate::table::{MISSING_CODE, Values};

/// One block of all rows, before the rows are put together.
enum Filled {
    /// The standardised value and the offset of the flag that is set (0 for none); `None` where unknown.
    Scale(Vec<Option<(f64, usize)>>),
    /// The offset of the level; `None` where nothing fits and the training mean stands in.
    Slots(Vec<Option<usize>>),
}

impl Scale {
    /// The transformed and clipped, but not yet standardised value.
    pub fn transform(&self, x: f64) -> f64 {
        let x = if self.log { (1.0 + x.max(0.0)).ln() } else { x };
        x.clamp(self.low, self.high)
    }

    fn fill(&self, x: f64) -> Option<(f64, usize)> {
        if x.is_nan() {
            return self
                .missing_flag
                .then_some((0.0, 1 + usize::from(self.zero_flag)));
        }
        let standard = (self.transform(x) - self.mean) / self.deviation;
        Some((standard, usize::from(self.zero_flag && x == 0.0)))
    }
}

impl Slots {
    fn other(&self) -> Option<usize> {
        self.other.then(|| self.keys.len())
    }

    fn missing(&self) -> Option<usize> {
        if self.missing {
            Some(self.keys.len() + usize::from(self.other))
        } else {
            self.other()
        }
    }

    fn fill(&self, values: Option<&Values>, rows: usize) -> Vec<Option<usize>> {
        match (&self.keys, values) {
            (Keys::Names(keys), Some(Values::Category { codes, levels })) => {
                let of_key: BTreeMap<&str, usize> = keys
                    .iter()
                    .enumerate()
                    .map(|(i, k)| (k.as_str(), i))
                    .collect();
                let of_code: Vec<Option<usize>> = levels
                    .iter()
                    .map(|l| of_key.get(l.as_str()).copied().or(self.other()))
                    .collect();
                let slot = |&c: &u32| {
                    if c == MISSING_CODE {
                        self.missing()
                    } else {
                        of_code[c as usize]
                    }
                };
                codes.iter().map(slot).collect()
            }
            (Keys::Numbers(keys), Some(Values::Number(v))) => {
                let slot = |&x: &f64| match keys.binary_search_by(|k| k.total_cmp(&(x + 0.0))) {
                    _ if x.is_nan() => self.missing(),
                    Ok(at) => Some(at),
                    Err(_) => self.other(),
                };
                v.iter().map(slot).collect()
            }
            (Keys::Months(keys), Some(Values::Date(v))) => self.of_days(keys, v, calendar::month),
            (Keys::Weekdays(keys), Some(Values::Date(v))) => {
                self.of_days(keys, v, calendar::weekday)
            }
            _ => vec![self.missing(); rows],
        }
    }

    fn of_days(
        &self,
        keys: &[u32],
        days: &[Option<i32>],
        part: fn(i32) -> u32,
    ) -> Vec<Option<usize>> {
        let slot = |day: &Option<i32>| match day {
            Some(day) => keys.binary_search(&part(*day)).ok().or(self.other()),
            None => self.missing(),
        };
        days.iter().map(slot).collect()
    }
}

/// Encoded rows and where the training mean had to stand in.
pub(crate) struct Encoded {
    pub rows: Sparse,
    /// (row, block) pairs without a value that training knew, ascending.
    pub unknown: Vec<(usize, usize)>,
}

impl Encoder {
    /// The encoded rows of a bound table, the intercept in column 0.
    pub fn apply(&self, table: &Bound<'_>) -> Encoded {
        let filled: Vec<Filled> = self.blocks.iter().map(|b| fill(b, table)).collect();
        let mut rows = Sparse::with_width(self.width, table.rows, self.blocks.len() + 1);
        let mut unknown = Vec::new();
        for row in 0..table.rows {
            rows.push(0, 1.0);
            for (at, (block, filled)) in self.blocks.iter().zip(&filled).enumerate() {
                if !put(block, filled, row, &mut rows) {
                    unknown.push((row, at));
                    (block.start..block.start + block.width())
                        .for_each(|c| rows.push(c, self.means[c]));
                }
            }
            rows.end_row();
        }
        Encoded { rows, unknown }
    }

    /// Whether training met missing values in the column often enough to learn from them.
    pub fn expects_missing(&self, column: usize) -> bool {
        self.blocks.iter().any(|b| {
            let of_column = match b.origin {
                super::Origin::Column(at) => at == column,
                super::Origin::LogPriceOverReference { reference, .. } => reference == column,
                _ => false,
            };
            of_column
                && match &b.coding {
                    Coding::Scale(s) => s.missing_flag,
                    Coding::Slots(s) => s.missing,
                }
        })
    }
}

/// Appends the block's entries of one row; false when there is nothing that training knew.
fn put(block: &Block, filled: &Filled, row: usize, rows: &mut Sparse) -> bool {
    match filled {
        Filled::Scale(cells) => {
            let Some((value, flag)) = cells[row] else {
                return false;
            };
            if value != 0.0 {
                rows.push(block.start, value);
            }
            if flag > 0 {
                rows.push(block.start + flag, 1.0);
            }
        }
        Filled::Slots(cells) => match cells[row] {
            Some(slot) => rows.push(block.start + slot, 1.0),
            None => return false,
        },
    }
    true
}

fn fill(block: &Block, table: &Bound<'_>) -> Filled {
    match &block.coding {
        Coding::Scale(scale) => {
            let numbers = table.numbers(block.origin);
            Filled::Scale(numbers.iter().map(|&x| scale.fill(x)).collect())
        }
        Coding::Slots(slots) => {
            Filled::Slots(slots.fill(table.columns[block.origin.source()], table.rows))
        }
    }
}
