//! The list of derived features, each with its formula, and the values of one quote.
//!
//! Deliberately only names and words; the figures are computed in `own` and `history`.

use std::fmt::Write as _;

/// The weight of the prior in a shrunk win rate, in quotes.
pub const PRIOR_WEIGHT: f64 = 10.0;

/// How many features are derived.
pub const FEATURE_COUNT: usize = FEATURES.len();

/// A derived feature; its number is its place in [`FEATURES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DerivedFeature {
    /// `derived.margin`
    Margin,
    /// `derived.discount_share`
    DiscountShare,
    /// `derived.price_to_list`
    PriceToList,
    /// `derived.log_price`
    LogPrice,
    /// `derived.price_to_customer_usual`
    PriceToCustomerUsual,
    /// `derived.price_to_product_usual`
    PriceToProductUsual,
    /// `derived.customer_usual_price`
    CustomerUsualPrice,
    /// `derived.product_usual_price`
    ProductUsualPrice,
    /// `derived.log_quantity`
    LogQuantity,
    /// `derived.customer_quotes`
    CustomerQuotes,
    /// `derived.customer_win_rate`
    CustomerWinRate,
    /// `derived.product_quotes`
    ProductQuotes,
    /// `derived.product_win_rate`
    ProductWinRate,
    /// `derived.owner_quotes`
    OwnerQuotes,
    /// `derived.owner_win_rate`
    OwnerWinRate,
    /// `derived.days_since_last_quote`
    DaysSinceLastQuote,
    /// `derived.relation_days`
    RelationDays,
    /// `derived.month`
    Month,
    /// `derived.quarter`
    Quarter,
    /// `derived.weekday`
    Weekday,
    /// `derived.revision`
    Revision,
}

/// What a derived feature is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureSpec {
    /// Which one it is.
    pub feature: DerivedFeature,
    /// Its name, beginning with `derived.`.
    pub name: &'static str,
    /// How it is computed, and when it is missing.
    pub formula: &'static str,
    /// The unit of its values.
    pub unit: &'static str,
    /// Whether it changes when the price of the quote is changed and nothing else.
    pub price_dependent: bool,
}

macro_rules! spec {
    ($feature:ident, $name:literal, $unit:literal, $price:literal, $formula:expr) => {
        FeatureSpec {
            feature: DerivedFeature::$feature,
            name: concat!("derived.", $name),
            formula: $formula,
            unit: $unit,
            price_dependent: $price,
        }
    };
}

/// Every derived feature in the order of its values. "Earlier" is defined in the module.
pub const FEATURES: &[FeatureSpec] = &[
    spec!(
        Margin,
        "margin",
        "share of the price",
        true,
        "(price - cost) / price; missing unless price > 0 and the cost is known"
    ),
    spec!(
        DiscountShare,
        "discount_share",
        "share",
        true,
        "(list_price - price) / list_price where list_price > 0; otherwise discount / (price + discount), the discount being an amount, where price + discount > 0; otherwise missing"
    ),
    spec!(
        PriceToList,
        "price_to_list",
        "ratio",
        true,
        "price / list_price; missing unless list_price > 0"
    ),
    spec!(
        LogPrice,
        "log_price",
        "natural logarithm",
        true,
        "ln(price); missing unless price > 0"
    ),
    spec!(
        PriceToCustomerUsual,
        "price_to_customer_usual",
        "natural logarithm of a ratio",
        true,
        "ln(price) - ln(derived.customer_usual_price); missing where either is, or price <= 0"
    ),
    spec!(
        PriceToProductUsual,
        "price_to_product_usual",
        "natural logarithm of a ratio",
        true,
        "ln(price) - ln(derived.product_usual_price); missing where either is, or price <= 0"
    ),
    spec!(
        CustomerUsualPrice,
        "customer_usual_price",
        "price",
        false,
        "exp(mean of ln(price)) over the customer's earlier quotes with price > 0, each logarithm rounded to 2^-20; missing without one"
    ),
    spec!(
        ProductUsualPrice,
        "product_usual_price",
        "price",
        false,
        "exp(mean of ln(price)) over the product's earlier quotes with price > 0, each logarithm rounded to 2^-20; missing without one"
    ),
    spec!(
        LogQuantity,
        "log_quantity",
        "natural logarithm",
        false,
        "ln(quantity); missing unless quantity > 0"
    ),
    spec!(
        CustomerQuotes,
        "customer_quotes",
        "quotes",
        false,
        "number of the customer's earlier quotes; missing without a customer"
    ),
    spec!(
        CustomerWinRate,
        "customer_win_rate",
        "probability",
        false,
        "(wins + 10 * prior) / (decided + 10) over the customer's earlier quotes; prior = wins / decided over all earlier quotes; missing without a customer or where no earlier quote is decided"
    ),
    spec!(
        ProductQuotes,
        "product_quotes",
        "quotes",
        false,
        "number of the product's earlier quotes; missing without a product"
    ),
    spec!(
        ProductWinRate,
        "product_win_rate",
        "probability",
        false,
        "(wins + 10 * prior) / (decided + 10) over the product's earlier quotes; prior as for the customer; missing without a product or where no earlier quote is decided"
    ),
    spec!(
        OwnerQuotes,
        "owner_quotes",
        "quotes",
        false,
        "number of the owner's earlier quotes; missing without an owner"
    ),
    spec!(
        OwnerWinRate,
        "owner_win_rate",
        "probability",
        false,
        "(wins + 10 * prior) / (decided + 10) over the owner's earlier quotes; prior as for the customer; missing without an owner or where no earlier quote is decided"
    ),
    spec!(
        DaysSinceLastQuote,
        "days_since_last_quote",
        "days",
        false,
        "day - latest day of the customer's earlier quotes, replaced revisions included; missing without one"
    ),
    spec!(
        RelationDays,
        "relation_days",
        "days",
        false,
        "day - first day of the customer's earlier quotes, replaced revisions included; 0 where the customer has none; missing without a customer"
    ),
    spec!(Month, "month", "1 to 12", false, "month of the day"),
    spec!(
        Quarter,
        "quarter",
        "1 to 4",
        false,
        "quarter of the year of the day"
    ),
    spec!(
        Weekday,
        "weekday",
        "1 to 7",
        false,
        "weekday of the day, Monday being 1"
    ),
    spec!(
        Revision,
        "revision",
        "number",
        false,
        "number of the revision as given"
    ),
];

impl DerivedFeature {
    /// Its entry in [`FEATURES`].
    pub fn spec(self) -> &'static FeatureSpec {
        &FEATURES[self.index()]
    }

    /// Its place in [`FEATURES`] and [`Features::values`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// The feature of a name such as `derived.margin`; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let spec = FEATURES.iter().find(|spec| spec.name == name)?;
        Some(spec.feature)
    }
}

/// The derived features of one quote: finite, or NaN where missing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features([f64; FEATURE_COUNT]);

impl Features {
    /// All of them missing.
    pub(super) fn missing() -> Self {
        Self([f64::NAN; FEATURE_COUNT])
    }

    /// The values in the order of [`FEATURES`].
    pub fn values(&self) -> &[f64; FEATURE_COUNT] {
        &self.0
    }

    /// One value; NaN where missing.
    pub fn get(&self, feature: DerivedFeature) -> f64 {
        self.0[feature.index()]
    }

    /// Sets a value; what is not finite becomes missing.
    pub(super) fn set(&mut self, feature: DerivedFeature, value: f64) {
        self.0[feature.index()] = if value.is_finite() { value } else { f64::NAN };
    }
}

/// The list of features as a Markdown table, for the documentation.
pub fn features_markdown() -> String {
    let mut text =
        String::from("| feature | formula | unit | changes with the price |\n|---|---|---|---|\n");
    for spec in FEATURES {
        let price = if spec.price_dependent { "yes" } else { "no" };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {price} |",
            spec.name, spec.formula, spec.unit
        );
    }
    text
}
