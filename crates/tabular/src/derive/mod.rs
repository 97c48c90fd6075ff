//! Features that follow from the earlier quotes and from the quote's own figures.
//!
//! Deliberately free of look-ahead and of the import: a [`History`] is built from plain
//! [`QuoteFacts`], and answers for a quote of the past exactly what it would have answered on that
//! quote's day, so that training and prediction compute the same. [`FEATURES`] is the one list of
//! what is derived and how; [`features_markdown`] is that list for readers.
//!
//! What counts as earlier:
//! - Quotes of a day strictly before the quote's day. Quotes of one day do not see each other.
//! - An earlier quote without a known outcome counts as a quote, but not in a win rate. The day on
//!   which an outcome became known is not among the facts, so a known outcome counts from the day
//!   after its quote.
//! - Of the revisions of one quote (the same `quote_ref`) only the newest before that day counts,
//!   with its own price and outcome: the highest revision number (none is 0), then the latest day.
//!   A revision that comes after a higher number never counts. Of equal numbers on one day the won
//!   one goes before the lost, the lost before the open, then the dearer;
//!   between rows that are still equal the choice is fixed but without meaning.
//! - Never the quote itself, that is, no row of the same `quote_ref`.
//! - Quotes without a day are in nobody's past, and have none themselves.
//!
//! Names of customers, products and owners are compared without surrounding white space and
//! without regard to case; `quote_ref` without surrounding white space. Empty ones are missing.

mod build;
mod bytes;
mod features;
mod history;
mod index;
mod key;
mod own;
mod series;

pub use bytes::HistoryError;
pub use features::{
    DerivedFeature, FEATURE_COUNT, FEATURES, FeatureSpec, Features, PRIOR_WEIGHT, features_markdown,
};
pub use history::History;

/// A discount as an amount in the unit of the price: one from 0 up to 1 is a share of the price
/// before it, so at a price p the share s is p s / (1 - s).
pub fn discount_amount(price: f64, discount: f64) -> f64 {
    if (0.0..1.0).contains(&discount) {
        price * discount / (1.0 - discount)
    } else {
        discount
    }
}

/// What is known of one quote; the default knows nothing. Numbers that are not finite are missing.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QuoteFacts<'a> {
    /// Date of the quote in days since 1970-01-01.
    pub day: Option<i32>,
    /// The quoted price.
    pub price: Option<f64>,
    /// The price before discount, in the unit of the price.
    pub list_price: Option<f64>,
    /// What the seller pays, in the unit of the price.
    pub cost: Option<f64>,
    /// The discount granted, as an amount in the unit of the price (not as a percentage).
    pub discount: Option<f64>,
    /// The number of units.
    pub quantity: Option<f64>,
    /// Who the quote is for.
    pub customer: Option<&'a str>,
    /// What is quoted.
    pub product: Option<&'a str>,
    /// Who of the seller's people made the quote.
    pub owner: Option<&'a str>,
    /// Identifier that the revisions of one quote share; a quote without one is alone.
    pub quote_ref: Option<&'a str>,
    /// Number of the revision, higher ones being newer.
    pub revision: Option<i64>,
    /// Whether the quote was won; `None` where it is open or unknown. Never read for the quote that
    /// features are asked for.
    pub outcome: Option<bool>,
}
