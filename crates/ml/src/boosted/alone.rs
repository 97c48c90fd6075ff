//! Boosting alone, for single questions and for comparisons with other libraries.
//!
//! Deliberately without what [`crate::train`] adds: no choice of family, no blend, no test rows, no storing.

use super::binning::{Binned, Feature, features};
use super::boost::Sample;
use super::fit::{Rounds, Trial, fit_members};
use super::member::Member;
use super::settings::{Family, Settings};
use crate::Error;
use crate::encode::{Bound, Encoder};
use crate::logistic::sigmoid;
use crate::table::Table;

/// A boosted model alone, without the logistic part and the choices that [`crate::train`] makes.
#[derive(Debug, Clone)]
pub struct Boosted {
    encoder: Encoder,
    pub(crate) features: Vec<Feature>,
    pub(crate) members: Vec<Member>,
}

impl Boosted {
    /// Fits `settings.bags` members on all rows of `table`, which has one outcome per row.
    ///
    /// With `hold_back` above 0 that share of the rows, the last ones, first tells how many rounds are good; without it
    /// all `settings.rounds` are made.
    ///
    /// # Errors
    /// [`Error::InvalidTable`], [`Error::OneOutcome`], [`Error::NoUsableColumn`].
    pub fn fit(
        table: &Table,
        won: &[bool],
        settings: &Settings,
        hold_back: f64,
    ) -> Result<Self, Error> {
        table.validate()?;
        let (rows, wins) = (won.len(), won.iter().filter(|&&y| y).count());
        if table.rows() != rows {
            let reason = format!("{rows} outcomes belong to {} rows", table.rows());
            return Err(Error::InvalidTable { reason });
        }
        if wins == 0 || wins == rows {
            return Err(Error::OneOutcome { rows, wins });
        }
        let encoder = Encoder::fit(table);
        if encoder.blocks.is_empty() {
            return Err(Error::NoUsableColumn {
                reason: encoder.notes.join(" "),
            });
        }
        let bound = Bound::new(&encoder, table)?;
        let settings = settings.clamped();
        let features = features(&encoder, &bound, &settings);
        let sample = Sample {
            binned: Binned::of(&features, &bound),
            won: won.to_vec(),
        };
        let held = ((hold_back.clamp(0.0, 0.9) * rows as f64) as usize).min(rows - 1);
        let rounds = if held == 0 {
            Rounds {
                first: settings.rounds,
                pairs: settings.rounds,
            }
        } else {
            good_rounds(&sample, rows - held, &settings)
        };
        let members = fit_members(&sample, &settings, rounds);
        Ok(Self {
            encoder,
            features,
            members,
        })
    }

    /// Probability of a win for every row.
    ///
    /// # Errors
    /// [`Error::InvalidTable`], [`Error::ColumnType`].
    pub fn predict(&self, table: &Table) -> Result<Vec<f64>, Error> {
        table.validate()?;
        let binned = Binned::of(&self.features, &Bound::new(&self.encoder, table)?);
        let count = self.members.len() as f64;
        let mean = |row: &[u8]| self.members.iter().map(|m| m.log_odds(row)).sum::<f64>() / count;
        Ok((0..table.rows())
            .map(|r| sigmoid(mean(binned.row(r))))
            .collect())
    }

    /// Trees of all members.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.members.iter().map(|m| m.trees.len()).sum()
    }
}

fn good_rounds(sample: &Sample, train: usize, settings: &Settings) -> Rounds {
    let side = |rows: std::ops::Range<usize>| {
        let rows: Vec<usize> = rows.collect();
        Sample {
            binned: sample.binned.select(&rows),
            won: rows.iter().map(|&r| sample.won[r]).collect(),
        }
    };
    let (fitted, held) = (side(0..train), side(train..sample.won.len()));
    let mut trials = [Trial::new(fitted, held, settings)];
    let first = Trial::best_rounds(&trials);
    let mut pairs = 0;
    if settings.pairs > 0 && matches!(settings.family, Family::Additive { .. }) {
        Trial::add_pairs(&mut trials, first, 1);
        pairs = Trial::best_rounds(&trials);
    }
    Rounds { first, pairs }
}
