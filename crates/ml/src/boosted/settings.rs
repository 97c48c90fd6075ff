//! What a boosted fit may be told, and sensible values for it.
//!
//! Deliberately without knowledge of data: whoever chooses between settings does so by cross-validation elsewhere.

/// Which functions a boosted model is a sum of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Functions of one feature each, every round a tree of up to `leaves` leaves on the feature that gains most.
    Additive {
        /// Leaves per round, 2 to 8.
        leaves: usize,
    },
    /// Trees over all features, grown leaf by leaf where the gain is largest.
    Trees {
        /// Most leaves of a tree, 2 to 64.
        leaves: usize,
        /// Most splits between root and leaf.
        depth: usize,
    },
}

/// Settings of one fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Drives every draw.
    pub seed: u64,
    /// What is summed up.
    pub family: Family,
    /// Pairs of features that get a function of both after an additive fit; ignored for trees.
    pub pairs: usize,
    /// Share of a tree's answer that is added (shrinkage), above 0, at most 1.
    pub learning_rate: f64,
    /// Most rounds.
    pub rounds: usize,
    /// Rounds without a better held-back log loss after which a fit with held-back rows stops.
    pub patience: usize,
    /// Most bins of a number feature, 3 to 255.
    pub bins: usize,
    /// L2 penalty on leaf values, in units of the Hessian.
    pub l2: f64,
    /// Smallest Hessian of a leaf; a row at probability one half has 0.25.
    pub leaf_hessian: f64,
    /// L2 penalty added in splits of categories.
    pub category_l2: f64,
    /// Hessian added to every category's when categories are ordered by gradient over Hessian.
    pub category_smoothing: f64,
    /// Share of rows that a round looks at, above 0, at most 1.
    pub row_share: f64,
    /// Share of features that a round looks at, above 0, at most 1.
    pub column_share: f64,
    /// Members, each fitted on its own draw of rows; with one member all rows are used.
    pub bags: usize,
    /// Share of rows that a member is fitted on, above 0, below 1.
    pub bag_share: f64,
    /// Whether a higher price may never raise the answer.
    pub monotone_price: bool,
    /// Most threads; the result does not depend on it.
    pub threads: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 0,
            family: Family::Trees {
                leaves: 15,
                depth: 12,
            },
            pairs: 0,
            learning_rate: 0.05,
            rounds: 400,
            patience: 50,
            bins: 255,
            l2: 1.0,
            leaf_hessian: 3.0,
            category_l2: 5.0,
            category_smoothing: 5.0,
            row_share: 0.7,
            column_share: 1.0,
            bags: 1,
            bag_share: 0.8,
            monotone_price: false,
            threads: 1,
        }
    }
}

impl Settings {
    /// The same with every value brought into its range, so that no later step needs to check.
    #[must_use]
    pub(crate) fn clamped(&self) -> Self {
        let share = |x: f64| {
            if x.is_finite() {
                x.clamp(0.05, 1.0)
            } else {
                1.0
            }
        };
        let positive = |x: f64| if x.is_finite() { x.max(0.0) } else { 0.0 };
        Self {
            family: match self.family {
                Family::Additive { leaves } => Family::Additive {
                    leaves: leaves.clamp(2, 8),
                },
                Family::Trees { leaves, depth } => Family::Trees {
                    leaves: leaves.clamp(2, 64),
                    depth: depth.clamp(1, 30),
                },
            },
            learning_rate: positive(self.learning_rate).clamp(1e-4, 1.0),
            bins: self.bins.clamp(3, 255),
            l2: positive(self.l2),
            leaf_hessian: positive(self.leaf_hessian).max(1e-3),
            category_l2: positive(self.category_l2),
            category_smoothing: positive(self.category_smoothing),
            row_share: share(self.row_share),
            column_share: share(self.column_share),
            bags: self.bags.clamp(1, 100),
            bag_share: share(self.bag_share).min(0.95),
            threads: self.threads.max(1),
            ..self.clone()
        }
    }
}
