//! Applying a fitted encoder to a table.
//!
//! Deliberately free of fitting: whatever is not in the encoder is filled with what the average training row has.

use std::ops::Range;

use super::{Block, Bound, Coding, Encoder, Keys, Scale, Slots};
use crate::calendar;
use crate::linalg::Sparse;
use crate::table::{MISSING_CODE, Values};

/// Rows whose numbers are filled before they are put together: of all rows at once they would take as much memory as the
/// encoded rows.
const STRETCH: usize = 16_384;

/// One block of a row: as in [`Filled`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell {
    Scale(Option<(f64, Flag)>),
    Slot(Option<u32>),
}

/// One block of rows, before they are put together.
enum Filled {
    /// The standardised value and the flag that is set; `None` where unknown.
    Scale(Vec<Option<(f64, Flag)>>),
    /// The offset of the level; `None` where nothing fits and the training mean stands in.
    Slots(Vec<Option<u32>>),
}

/// The flag of a number that is set, by its offset behind the number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Flag {
    None,
    First,
    Second,
}

impl Scale {
    /// The transformed and clipped, but not yet standardised value.
    pub fn transform(&self, x: f64) -> f64 {
        let x = if self.log { (1.0 + x.max(0.0)).ln() } else { x };
        x.clamp(self.low, self.high)
    }

    fn fill(&self, x: f64) -> Option<(f64, Flag)> {
        if x.is_nan() {
            let flag = if self.zero_flag {
                Flag::Second
            } else {
                Flag::First
            };
            return self.missing_flag.then_some((0.0, flag));
        }
        let standard = (self.transform(x) - self.mean) / self.deviation;
        let flag = if self.zero_flag && x == 0.0 {
            Flag::First
        } else {
            Flag::None
        };
        Some((standard, flag))
    }
}

impl Slots {
    fn other(&self) -> Option<u32> {
        self.other.then(|| self.keys.len() as u32)
    }

    fn missing(&self) -> Option<u32> {
        if self.missing {
            Some(self.keys.len() as u32 + u32::from(self.other))
        } else {
            self.other()
        }
    }

    /// The offset of a key that was looked for.
    fn found(&self, place: Option<usize>) -> Option<u32> {
        place.map(|at| at as u32).or(self.other())
    }

    fn fill(&self, values: Option<&Values>, rows: usize) -> Vec<Option<u32>> {
        match (&self.keys, values) {
            (Keys::Names(keys), Some(Values::Category { codes, levels })) => {
                let of_level = |level: &String| self.found(keys.binary_search(level).ok());
                let of_code: Vec<Option<u32>> = levels.iter().map(of_level).collect();
                let slot = |&c: &u32| {
                    if c == MISSING_CODE {
                        self.missing()
                    } else {
                        of_code[c as usize]
                    }
                };
                codes.iter().map(slot).collect()
            }
            (Keys::Numbers(_), Some(Values::Number(v))) => {
                v.iter().map(|&x| self.of_number(x)).collect()
            }
            (Keys::Months(keys), Some(Values::Date(v))) => self.of_days(keys, v, calendar::month),
            (Keys::Weekdays(keys), Some(Values::Date(v))) => {
                self.of_days(keys, v, calendar::weekday)
            }
            _ => vec![self.missing(); rows],
        }
    }

    fn of_number(&self, x: f64) -> Option<u32> {
        match &self.keys {
            Keys::Numbers(keys) if !x.is_nan() => {
                let place = keys.binary_search_by(|k| k.total_cmp(&(x + 0.0)));
                self.found(place.ok())
            }
            _ => self.missing(),
        }
    }

    fn of_days(
        &self,
        keys: &[u32],
        days: &[Option<i32>],
        part: fn(i32) -> u32,
    ) -> Vec<Option<u32>> {
        let slot = |day: &Option<i32>| match day {
            Some(day) => self.found(keys.binary_search(&part(*day)).ok()),
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

impl Encoded {
    /// Blocks of a row without a value that training knew.
    pub fn unknown_of(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        let from = self.unknown.partition_point(|&(r, _)| r < row);
        let of_row = self.unknown[from..]
            .iter()
            .take_while(move |(r, _)| *r == row);
        of_row.map(|&(_, block)| block)
    }
}

impl Encoder {
    /// The encoded rows of a bound table, the intercept in column 0.
    pub fn apply(&self, table: &Bound<'_>) -> Encoded {
        let mut filled: Vec<Filled> = self.blocks.iter().map(|b| fill(b, table)).collect();
        let mut rows = Sparse::with_width(self.width, table.rows, self.blocks.len() + 1);
        let mut unknown = Vec::new();
        for row in 0..table.rows {
            if row % STRETCH == 0 {
                self.fill_numbers(table, row..table.rows.min(row + STRETCH), &mut filled);
            }
            rows.push(0, 1.0);
            for (at, (block, filled)) in self.blocks.iter().zip(&filled).enumerate() {
                let cell = match filled {
                    Filled::Scale(cells) => Cell::Scale(cells[row % STRETCH]),
                    Filled::Slots(cells) => Cell::Slot(cells[row]),
                };
                if !entries(self, block, cell, |i, v| rows.push(i, v)) {
                    unknown.push((row, at));
                }
            }
            rows.end_row();
        }
        Encoded { rows, unknown }
    }

    /// Fills the blocks of numbers for some rows.
    fn fill_numbers(&self, table: &Bound<'_>, rows: Range<usize>, filled: &mut [Filled]) {
        for (block, filled) in self.blocks.iter().zip(filled) {
            if matches!(block.coding, Coding::Scale(_)) {
                let numbers = table.numbers_of(block.origin, rows.clone());
                *filled = block.coding.fill(&numbers);
            }
        }
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

/// Tells the block's entries of one row; false when the training mean stands in, since there is nothing that training knew.
pub(super) fn entries(
    encoder: &Encoder,
    block: &Block,
    cell: Cell,
    mut tell: impl FnMut(usize, f64),
) -> bool {
    match cell {
        Cell::Scale(Some((value, flag))) => {
            if value != 0.0 {
                tell(block.start, value);
            }
            if flag != Flag::None {
                tell(block.start + flag as usize, 1.0);
            }
        }
        Cell::Slot(Some(slot)) => tell(block.start + slot as usize, 1.0),
        Cell::Scale(None) | Cell::Slot(None) => {
            (block.start..block.start + block.width()).for_each(|c| tell(c, encoder.means[c]));
            return false;
        }
    }
    true
}

/// A block of all rows; numbers are filled stretch after stretch.
fn fill(block: &Block, table: &Bound<'_>) -> Filled {
    match &block.coding {
        Coding::Scale(_) => Filled::Scale(Vec::new()),
        Coding::Slots(slots) => {
            Filled::Slots(slots.fill(table.columns[block.origin.source()], table.rows))
        }
    }
}

impl Coding {
    fn fill(&self, numbers: &[f64]) -> Filled {
        match self {
            Self::Scale(scale) => Filled::Scale(numbers.iter().map(|&x| scale.fill(x)).collect()),
            Self::Slots(slots) => {
                Filled::Slots(numbers.iter().map(|&x| slots.of_number(x)).collect())
            }
        }
    }

    /// One number.
    pub(super) fn fill_one(&self, number: f64) -> Cell {
        match self {
            Self::Scale(scale) => Cell::Scale(scale.fill(number)),
            Self::Slots(slots) => Cell::Slot(slots.of_number(number)),
        }
    }
}
