//! Rows as a model reads them: encoded once for all that is asked about them, and again only where a number of a row is
//! replaced by others. Deliberately without explanations: see `predict`.

use crate::Error;
use crate::boosted::{Binned, Ensemble, Moving};
use crate::encode::{Bound, Encoded, EncodedRow, Moved};
use crate::logistic::{logit, sigmoid};
use crate::model::Model;
use crate::predict::Said;
use crate::table::Table;

/// Rows encoded for a model, with the variance that unknown values add.
pub(crate) struct Prepared {
    pub encoded: Encoded,
    /// Bins for the boosted part, where there is one.
    pub binned: Option<Binned>,
    pub unknown_variance: Vec<f64>,
}

/// Rows as a model reads them: encoded once for all that is asked about them.
pub struct Reading<'a> {
    pub(crate) model: &'a Model,
    pub(crate) bound: Bound<'a>,
    pub(crate) prepared: Prepared,
}

/// A row that was read, where the number in one column moves.
pub(crate) struct MovedRow<'r> {
    model: &'r Model,
    bound: &'r Bound<'r>,
    row: usize,
    column: usize,
    encoded: Moved<'r>,
    /// Of the boosted part, where it has weight.
    binned: Option<(&'r Ensemble, &'r Binned, Moving<'r>)>,
}

impl Reading<'_> {
    /// Row `row` where the number in `column` (a position of the schema) moves.
    pub(crate) fn moved(&self, row: usize, column: usize) -> MovedRow<'_> {
        let (model, bound) = (self.model, &self.bound);
        let binned = model.weighty().zip(self.prepared.binned.as_ref());
        MovedRow {
            model,
            bound,
            row,
            column,
            encoded: model
                .encoder
                .moved(bound, &self.prepared.encoded, row, column),
            binned: binned.map(|(ensemble, binned)| {
                let moving = ensemble.moving(binned.row(row), column);
                (ensemble, binned, moving)
            }),
        }
    }
}

impl MovedRow<'_> {
    /// What the parts of the model say with `number` in the column.
    pub fn said(&self, number: f64) -> Said {
        let EncodedRow { entries, unknown } = self.encoded.with(number);
        let weights = &self.model.weights;
        let binned = self.binned.as_ref();
        Said {
            linear: entries.iter().map(|&(i, v)| v * weights[i]).sum(),
            unknown: unknown.iter().map(|&at| self.model.spreads[at]).sum(),
            entries,
            answers: binned.map_or_else(Vec::new, |(ensemble, binned, moving)| {
                let replaced = (self.column, &[number][..]);
                let version = binned.with(&ensemble.features, self.bound, self.row, replaced);
                moving.answers(version.row(0))
            }),
        }
    }

    /// Probabilities with each of `numbers` in the column.
    pub fn probabilities(&self, numbers: &[f64]) -> Vec<f64> {
        let model = self.model;
        if model.serves_base_rate {
            return vec![model.base_rate(); numbers.len()];
        }
        let [linear, boosted, base] = model.blend();
        let sums = self.encoded.dots(numbers, &model.weights);
        let binned = self.binned.as_ref();
        let members = binned.map_or_else(
            || vec![0.0; numbers.len()],
            |(ensemble, binned, moving)| {
                let replaced = (self.column, numbers);
                moving.log_odds(&binned.with(&ensemble.features, self.bound, self.row, replaced))
            },
        );
        let base = base * logit(model.base_rate());
        let log_odds = |(sum, members): (f64, f64)| linear * sum + boosted * members + base;
        sums.into_iter()
            .zip(members)
            .map(|parts| sigmoid(model.calibration.log_odds(log_odds(parts))))
            .collect()
    }
}

impl Model {
    /// Reads every row of `table`.
    ///
    /// Columns that the table lacks count as missing values, columns that the model does not know are ignored.
    ///
    /// # Errors
    /// [`Error::InvalidTable`], [`Error::ColumnType`].
    pub fn read<'a>(&'a self, table: &'a Table) -> Result<Reading<'a>, Error> {
        table.validate()?;
        let bound = Bound::new(&self.encoder, table)?;
        Ok(Reading {
            model: self,
            prepared: self.prepare(&bound),
            bound,
        })
    }

    pub(crate) fn prepare(&self, bound: &Bound<'_>) -> Prepared {
        let binned = self.weighty().map(|b| Binned::of(&b.features, bound));
        let encoded = self.encoder.apply(bound);
        let mut unknown_variance = vec![0.0; encoded.rows.rows()];
        encoded
            .unknown
            .iter()
            .for_each(|&(row, block)| unknown_variance[row] += self.spreads[block]);
        Prepared {
            encoded,
            binned,
            unknown_variance,
        }
    }

    /// The boosted part, where it has weight: without, whatever it says is multiplied by zero.
    pub(crate) fn weighty(&self) -> Option<&Ensemble> {
        let [_, boosted, _] = self.blend();
        self.boosted.as_ref().filter(|_| boosted > 0.0)
    }
}
