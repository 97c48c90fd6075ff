//! Histogram gradient boosting on log loss.
//!
//! Numbers are binned at quantiles, missing values and categories are split as they are, the price can be held to "dearer
//! is never likelier". A model is a mean of members, each fitted on its own draw of rows; their spread is the uncertainty.
//! Three families: functions of one feature each, the same with functions of a few pairs, and trees; which one serves is
//! for cross-validation to say. Contributions are exact Shapley values. Everything follows from the seed, whatever the
//! number of threads. Deliberately binary outcomes and log loss only.

mod alone;
mod binning;
mod boost;
mod ensemble;
mod fit;
mod games;
mod grid;
mod grow;
mod histogram;
mod lookup;
mod masks;
mod member;
mod merge;
mod moving;
mod pairs;
mod quadrature;
mod settings;
mod shap;
mod split;
mod terms;
#[cfg(test)]
mod tests;
mod tree;

pub use alone::Boosted;
pub(crate) use binning::{Binned, Bins, Feature, features};
pub(crate) use boost::Sample;
pub(crate) use ensemble::{Ensemble, Plan};
pub(crate) use fit::{Rounds, Trial};
pub(crate) use member::{Grid, Member, Pair, Shape};
pub(crate) use moving::Moving;
pub use settings::{Family, Settings};
pub(crate) use split::{BinKind, BinSet};
pub(crate) use tree::{Node, Tree};
