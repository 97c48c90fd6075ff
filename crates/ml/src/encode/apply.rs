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

/// One block of rows, before they are put together.
enum Filled {
    /// The standardised value and the flag that is set; `None` where unknown.
    Scale(Vec<Option<(f64, Flag)>>),
    /// The offset of the level; `None` where nothing fits and the training mean stands in.
    Slots(Vec<Option<u32>>),
}

/// The flag of a number that is set, by its offset behind the number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Flag {
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
            (Keys::Numbers(_), Some(Values::Number(v))) => self.of_numbers(v),
            (Keys::Months(keys), Some(Values::Date(v))) => self.of_days(keys, v, calendar::month),
            (Keys::Weekdays(keys), Some(Values::Date(v))) => {
                self.of_days(keys, v, calendar::weekday)
            }
            _ => vec![self.missing(); rows],
        }
    }

    fn of_numbers(&self, numbers: &[f64]) -> Vec<Option<u32>> {
        let Keys::Numbers(keys) = &self.keys else {
            return vec![self.missing(); numbers.len()];
        };
        let slot = |&x: &f64| match keys.binary_search_by(|k| k.total_cmp(&(x + 0.0))) {
            _ if x.is_nan() => self.missing(),
            place => self.found(place.ok()),
        };
        numbers.iter().map(slot).collect()
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
                let place = match filled {
                    Filled::Scale(_) => row % STRETCH,
                    Filled::Slots(_) => row,
                };
                if !entries(self, block, filled, place, |i, v| rows.push(i, v)) {
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

    /// Row `row` of `encoded`, which is `table` encoded, once for each of `numbers` in place of what `column` holds: as
    /// [`Encoder::apply`] would encode it, at the cost of the blocks that are computed from the column.
    pub fn apply_with(
        &self,
        table: &Bound<'_>,
        encoded: &Encoded,
        row: usize,
        (column, numbers): (usize, &[f64]),
    ) -> Encoded {
        let changed: Vec<Option<Filled>> = self
            .blocks
            .iter()
            .map(|block| {
                let replaced = table.numbers_with(block.origin, row, column, numbers)?;
                Some(block.coding.fill(&replaced))
            })
            .collect();
        let unknown_here: Vec<usize> = encoded.unknown_of(row).collect();
        let (index, value) = encoded.rows.row(row);
        let mut rows = Sparse::with_width(self.width, numbers.len(), self.blocks.len() + 1);
        let mut unknown = Vec::new();
        for version in 0..numbers.len() {
            rows.push(0, 1.0);
            let mut next = 1;
            for (at, (block, changed)) in self.blocks.iter().zip(&changed).enumerate() {
                let end = block.start + block.width();
                let kept = next;
                next += index[next..]
                    .iter()
                    .take_while(|&&i| (i as usize) < end)
                    .count();
                let known = match changed {
                    Some(filled) => entries(self, block, filled, version, |i, v| rows.push(i, v)),
                    None => {
                        rows.extend(&index[kept..next], &value[kept..next]);
                        !unknown_here.contains(&at)
                    }
                };
                if !known {
                    unknown.push((version, at));
                }
            }
            rows.end_row();
        }
        Encoded { rows, unknown }
    }

    /// The dot products of what [`Encoder::apply_with`] answers with `weights`, without making it.
    pub fn dot_with(
        &self,
        table: &Bound<'_>,
        encoded: &Encoded,
        row: usize,
        (column, numbers): (usize, &[f64]),
        weights: &[f64],
    ) -> Vec<f64> {
        let mut changed = vec![0.0; numbers.len()];
        let mut left_out = Vec::new();
        for block in &self.blocks {
            let Some(replaced) = table.numbers_with(block.origin, row, column, numbers) else {
                continue;
            };
            left_out.push(block.start..block.start + block.width());
            let filled = block.coding.fill(&replaced);
            for (version, sum) in changed.iter_mut().enumerate() {
                entries(self, block, &filled, version, |i, v| *sum += v * weights[i]);
            }
        }
        let kept = encoded.rows.entries(row);
        let kept = kept.filter(|(i, _)| !left_out.iter().any(|range| range.contains(i)));
        let kept: f64 = kept.map(|(i, v)| v * weights[i]).sum();
        changed.iter_mut().for_each(|sum| *sum += kept);
        changed
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
fn entries(
    encoder: &Encoder,
    block: &Block,
    filled: &Filled,
    row: usize,
    mut tell: impl FnMut(usize, f64),
) -> bool {
    match filled {
        Filled::Scale(cells) => {
            if let Some((value, flag)) = cells[row] {
                if value != 0.0 {
                    tell(block.start, value);
                }
                if flag != Flag::None {
                    tell(block.start + flag as usize, 1.0);
                }
                return true;
            }
        }
        Filled::Slots(cells) => {
            if let Some(slot) = cells[row] {
                tell(block.start + slot as usize, 1.0);
                return true;
            }
        }
    }
    (block.start..block.start + block.width()).for_each(|c| tell(c, encoder.means[c]));
    false
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
            Self::Slots(slots) => Filled::Slots(slots.of_numbers(numbers)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Role, Table};

    /// Quotes with a few unknown values, of which prices are compared with list prices, costs and usual prices.
    fn quotes() -> Table {
        let number = |of: &dyn Fn(usize) -> f64| Values::Number((0..90).map(of).collect());
        let unknown = |row: usize, every: usize, x: f64| match row % every {
            0 => f64::NAN,
            _ => x,
        };
        let regions: Vec<Option<&str>> = (0..90)
            .map(|row| ["north", "south"].get(row % 3).copied())
            .collect();
        let price = |row: usize| 50.0 + (row * 37 % 90) as f64;
        let columns = vec![
            Column::new("Price", Role::Price, number(&price)),
            Column::new(
                "List",
                Role::ListPrice,
                number(&|row| unknown(row, 7, price(row) * 1.2 + (row % 5) as f64)),
            ),
            Column::new(
                "Cost",
                Role::Cost,
                number(&|row| unknown(row, 11, price(row) * 0.6 - (row % 4) as f64)),
            ),
            Column::new(
                "Usual",
                Role::ReferencePrice,
                number(&|row| unknown(row, 5, 60.0 + (row % 13) as f64)),
            ),
            Column::from_texts("Region", Role::Feature, &regions),
        ];
        Table { columns }
    }

    #[test]
    fn a_row_with_another_price_is_encoded_as_a_row_of_its_own() {
        let table = quotes();
        let encoder = Encoder::fit(&table);
        let bound = Bound::new(&encoder, &table).expect("its own columns");
        let encoded = encoder.apply(&bound);
        let prices = [40.0, 77.5, 200.0, f64::NAN, 0.0];
        let weights: Vec<f64> = (0..encoder.width).map(|i| 0.3 - 0.1 * i as f64).collect();
        for row in 0..table.rows() {
            let found = encoder.apply_with(&bound, &encoded, row, (0, &prices));
            let mut alone = table.select(&[row; 5]);
            alone.columns[0].values = Values::Number(prices.to_vec());
            let expected = encoder.apply(&Bound::new(&encoder, &alone).expect("its columns"));
            assert_eq!(found.unknown, expected.unknown, "row {row}");
            let sums = encoder.dot_with(&bound, &encoded, row, (0, &prices), &weights);
            for (version, sum) in sums.into_iter().enumerate() {
                assert_eq!(found.rows.row(version), expected.rows.row(version));
                let whole = expected.rows.dot(version, &weights);
                assert!((sum - whole).abs() < 1e-12, "{sum} {whole}");
            }
        }
    }
}
