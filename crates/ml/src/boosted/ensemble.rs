//! The members of a model together: their mean, their spread, and what each column adds.
//!
//! A member is fitted on a share f of the rows, drawn without replacement. The variance between such members is
//! (1 - f) / f of the variance that a fit on all rows has (Politis and Romano 1994), so it is divided by that; what else
//! differs between members (their draws) makes it larger, never smaller. Deliberately unaware of blends.

use super::binning::{Binned, Feature, features};
use super::boost::Sample;
use super::fit::{Rounds, fit_members};
use super::lookup::Lookup;
use super::member::Member;
use super::moving::Moving;
use super::settings::Settings;
use crate::encode::{Bound, Encoder};

/// How an ensemble is to be fitted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub settings: Settings,
    pub rounds: Rounds,
}

/// The boosted part of a model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ensemble {
    pub features: Vec<Feature>,
    pub members: Vec<Member>,
    /// Share of the rows that a member was fitted on.
    pub share: f64,
    /// Mean log-odds when nothing of a row is known.
    pub expected: f64,
    lookup: Lookup,
}

impl Ensemble {
    pub fn new(features: Vec<Feature>, members: Vec<Member>, share: f64) -> Self {
        let sum: f64 = members.iter().map(Member::expected).sum();
        Self {
            expected: sum / members.len().max(1) as f64,
            lookup: Lookup::of(&features, &members),
            features,
            members,
            share,
        }
    }

    /// Fits `plan` on the rows of `bound`, which `encoder` was fitted on.
    pub fn fit(encoder: &Encoder, bound: &Bound<'_>, won: &[bool], plan: &Plan) -> Self {
        let features = features(encoder, bound, &plan.settings);
        let sample = Sample {
            binned: Binned::of(&features, bound),
            won: won.to_vec(),
        };
        let members = fit_members(&sample, &plan.settings, plan.rounds);
        Self::new(features, members, plan.settings.clamped().bag_share)
    }

    /// Log-odds of a row under every member.
    pub fn answers(&self, row: &[u8]) -> Vec<f64> {
        self.lookup.answers(row)
    }

    /// The same; adds what every schema column adds to the mean of them, times `weight`, to `into`.
    ///
    /// With weight 1 it adds up to the mean minus `expected`.
    pub fn explain(&self, row: &[u8], weight: f64, into: &mut [f64]) -> Vec<f64> {
        let mut parts = vec![0.0; self.features.len()];
        let scale = weight / self.members.len().max(1) as f64;
        let answers = self.lookup.explain(row, scale, &mut parts);
        for (feature, part) in self.features.iter().zip(parts) {
            into[feature.origin.source()] += part;
        }
        answers
    }

    /// Mean log-odds of all rows.
    pub fn log_odds_of_all(&self, binned: &Binned) -> Vec<f64> {
        let count = self.members.len().max(1) as f64;
        let sums = self.lookup.sums(binned).into_iter();
        sums.map(|sum| sum / count).collect()
    }

    /// A row where the features of one column (a position of the schema) vary.
    pub fn moving(&self, row: &[u8], column: usize) -> Moving<'_> {
        let features = self.features.iter();
        let varying = features.map(|f| f.origin.reads(column)).collect();
        Moving::new(&self.lookup, row, varying)
    }

    /// Standard error of the mean of one figure per member.
    pub fn error(&self, figures: &[f64]) -> f64 {
        let count = figures.len() as f64;
        if count < 2.0 {
            return 0.0;
        }
        let mean = figures.iter().sum::<f64>() / count;
        let squares: f64 = figures.iter().map(|x| (x - mean).powi(2)).sum();
        (squares / (count - 1.0) * self.share / (1.0 - self.share)).sqrt()
    }

    /// How many values all members hold together: a measure of what a prediction costs.
    pub fn trees(&self) -> usize {
        self.members.iter().map(|m| m.trees.len()).sum()
    }

    /// How many tables its members are looked up in, how many numbers these hold, and how many trees have leaves outside of them.
    pub fn sizes(&self) -> [usize; 3] {
        self.lookup.sizes()
    }
}
