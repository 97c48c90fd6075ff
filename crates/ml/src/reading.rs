//! Rows as a model reads them: encoded once for all that is asked about them, and again only where a number of a row is
//! replaced by others. Deliberately without explanations: see `predict`.

use crate::Error;
use crate::boosted::{Binned, Ensemble};
use crate::encode::{Bound, Encoded};
use crate::logistic::{logit, sigmoid};
use crate::model::Model;
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

impl Reading<'_> {
    /// Row `row` once for each of `numbers` in place of what `column` (a position of the schema) holds.
    pub(crate) fn with(&self, row: usize, column: usize, numbers: &[f64]) -> Prepared {
        let (model, bound) = (self.model, &self.bound);
        let replaced = (column, numbers);
        let encoded = &self.prepared.encoded;
        let binned = model.weighty().zip(self.prepared.binned.as_ref());
        model.prepared(
            model.encoder.apply_with(bound, encoded, row, replaced),
            binned.map(|(boosted, binned)| binned.with(&boosted.features, bound, row, replaced)),
        )
    }

    /// Probabilities of what [`Reading::with`] answers, without explanations.
    pub(crate) fn probabilities_with(
        &self,
        row: usize,
        column: usize,
        numbers: &[f64],
    ) -> Vec<f64> {
        let (model, bound, replaced) = (self.model, &self.bound, (column, numbers));
        if model.serves_base_rate {
            return vec![model.base_rate(); numbers.len()];
        }
        let [linear, boosted, base] = model.blend();
        let encoded = &self.prepared.encoded;
        let weights = &model.weights;
        let sums = model
            .encoder
            .dot_with(bound, encoded, row, replaced, weights);
        let binned = model.weighty().zip(self.prepared.binned.as_ref());
        let trees = binned.map_or_else(
            || vec![0.0; numbers.len()],
            |(ensemble, binned)| {
                let versions = binned.with(&ensemble.features, bound, row, replaced);
                ensemble.log_odds_of_versions(&versions, column)
            },
        );
        let base = base * logit(model.base_rate());
        let log_odds = |(sum, trees): (f64, f64)| linear * sum + boosted * trees + base;
        sums.into_iter()
            .zip(trees)
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
        self.prepared(self.encoder.apply(bound), binned)
    }

    fn prepared(&self, encoded: Encoded, binned: Option<Binned>) -> Prepared {
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
