//! One encoded row where the number in a column moves.
//!
//! Only what is computed from the column is encoded again. Deliberately the same numbers that [`Encoder::apply`] would give
//! for a row of its own.

use super::apply::{Encoded, entries};
use super::{Block, Bound, Encoder};

/// An encoded row, and what of it moves with a column.
pub(crate) struct Moved<'a> {
    encoder: &'a Encoder,
    table: &'a Bound<'a>,
    row: usize,
    /// Position of the schema.
    column: usize,
    /// Places of the blocks that are computed from the column.
    blocks: Vec<usize>,
    /// What the other blocks have.
    kept: Vec<(usize, f64)>,
    /// Those of the other blocks without a value that training knew.
    unknown: Vec<usize>,
}

/// An encoded row.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct EncodedRow {
    /// Ascending columns and what they hold.
    pub entries: Vec<(usize, f64)>,
    /// Blocks without a value that training knew.
    pub unknown: Vec<usize>,
}

impl Encoder {
    /// Row `row` of `encoded`, which is `table` encoded, where the number in `column` moves.
    pub fn moved<'a>(
        &'a self,
        table: &'a Bound<'_>,
        encoded: &Encoded,
        row: usize,
        column: usize,
    ) -> Moved<'a> {
        let moves = |block: &Block| block.origin.reads(column);
        let blocks: Vec<usize> = (0..self.blocks.len())
            .filter(|&at| moves(&self.blocks[at]))
            .collect();
        let stays = |&(i, _): &(usize, f64)| {
            let inside = |&at: &usize| {
                let block = &self.blocks[at];
                (block.start..block.start + block.width()).contains(&i)
            };
            !blocks.iter().any(inside)
        };
        let unknown = encoded.unknown_of(row);
        Moved {
            encoder: self,
            table,
            row,
            column,
            kept: encoded.rows.entries(row).filter(stays).collect(),
            unknown: unknown.filter(|at| !blocks.contains(at)).collect(),
            blocks,
        }
    }
}

impl Moved<'_> {
    /// Tells the entries of a block with `number` in the column; false when the training mean stands in.
    fn entries(&self, block: &Block, number: f64, tell: impl FnMut(usize, f64)) -> bool {
        let number = self
            .table
            .number_with(block.origin, self.row, (self.column, number));
        entries(self.encoder, block, block.coding.fill_one(number), tell)
    }

    /// The row with `number` in the column.
    pub fn with(&self, number: f64) -> EncodedRow {
        let mut row = EncodedRow {
            entries: self.kept.clone(),
            unknown: self.unknown.clone(),
        };
        for &at in &self.blocks {
            let block = &self.encoder.blocks[at];
            if !self.entries(block, number, |i, v| row.entries.push((i, v))) {
                row.unknown.push(at);
            }
        }
        row.entries.sort_unstable_by_key(|&(i, _)| i);
        row.unknown.sort_unstable();
        row
    }

    /// The dot product of the row with `weights` for each of `numbers` in the column.
    pub fn dots(&self, numbers: &[f64], weights: &[f64]) -> Vec<f64> {
        let kept: f64 = self.kept.iter().map(|&(i, v)| v * weights[i]).sum();
        let mut dots = vec![kept; numbers.len()];
        for &at in &self.blocks {
            let block = &self.encoder.blocks[at];
            for (sum, &number) in dots.iter_mut().zip(numbers) {
                self.entries(block, number, |i, v| *sum += v * weights[i]);
            }
        }
        dots
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Role, Table, Values};

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
            let moved = encoder.moved(&bound, &encoded, row, 0);
            let mut alone = table.select(&[row; 5]);
            alone.columns[0].values = Values::Number(prices.to_vec());
            let expected = encoder.apply(&Bound::new(&encoder, &alone).expect("its columns"));
            let sums = moved.dots(&prices, &weights);
            for (version, sum) in sums.into_iter().enumerate() {
                let alone = EncodedRow {
                    entries: expected.rows.entries(version).collect(),
                    unknown: expected.unknown_of(version).collect(),
                };
                assert_eq!(moved.with(prices[version]), alone, "row {row}");
                let whole = expected.rows.dot(version, &weights);
                assert!((sum - whole).abs() < 1e-12, "{sum} {whole}");
            }
        }
    }
}
