//! The features that follow from the quote alone, and from its price against a usual one.
//!
//! Deliberately apart from the history, so that a price curve recomputes only these.

use chrono::{Datelike, NaiveDate};

use super::QuoteFacts;
use super::features::{DerivedFeature as D, Features};

/// Days from 0001-01-01 (day 1) to 1970-01-01.
const EPOCH_FROM_CE: i32 = 719_163;

/// Parts of a natural logarithm that are kept: sums of them are exact and in any order the same.
pub(super) const LOG_PARTS: f64 = 1_048_576.0;

impl Features {
    /// The same quote at its present `quote.price`: recomputes what depends on the price and keeps
    /// the rest, with the same result as asking the history again.
    #[must_use]
    pub fn repriced(mut self, quote: &QuoteFacts<'_>) -> Self {
        price(quote, &mut self);
        self
    }
}

/// Everything that depends on the price; the usual prices must be set before.
pub(super) fn price(quote: &QuoteFacts<'_>, into: &mut Features) {
    let price = known(quote.price);
    let list = known(quote.list_price);
    let log = log(quote.price);
    let margin = if price > 0.0 {
        (price - known(quote.cost)) / price
    } else {
        f64::NAN
    };
    into.set(D::Margin, margin);
    into.set(
        D::DiscountShare,
        discount_share(price, list, known(quote.discount)),
    );
    let to_list = if list > 0.0 { price / list } else { f64::NAN };
    into.set(D::PriceToList, to_list);
    into.set(D::LogPrice, log);
    let customer = into.get(D::CustomerUsualPrice).ln();
    into.set(D::PriceToCustomerUsual, log - customer);
    let product = into.get(D::ProductUsualPrice).ln();
    into.set(D::PriceToProductUsual, log - product);
}

/// Everything else that needs no other quote.
pub(super) fn rest(quote: &QuoteFacts<'_>, into: &mut Features) {
    into.set(D::LogQuantity, log(quote.quantity));
    into.set(
        D::Revision,
        quote.revision.map_or(f64::NAN, |number| number as f64),
    );
    let date = quote
        .day
        .and_then(|day| NaiveDate::from_num_days_from_ce_opt(day.checked_add(EPOCH_FROM_CE)?));
    if let Some(date) = date {
        into.set(D::Month, f64::from(date.month()));
        into.set(D::Quarter, f64::from(date.month0() / 3 + 1));
        into.set(D::Weekday, f64::from(date.weekday().number_from_monday()));
    }
}

/// The natural logarithm of a price in parts; `None` where it has none.
pub(super) fn log_parts(price: Option<f64>) -> Option<i32> {
    let log = log(price);
    // A logarithm lies within -745 and 710, so its parts fit.
    log.is_finite().then(|| (log * LOG_PARTS).round() as i32)
}

fn discount_share(price: f64, list: f64, discount: f64) -> f64 {
    if list > 0.0 {
        (list - price) / list
    } else if price + discount > 0.0 {
        discount / (price + discount)
    } else {
        f64::NAN
    }
}

/// The natural logarithm of a number above zero; NaN for all else.
fn log(number: Option<f64>) -> f64 {
    let number = known(number);
    if number > 0.0 { number.ln() } else { f64::NAN }
}

/// A number, or NaN where it is missing or not finite.
fn known(number: Option<f64>) -> f64 {
    number
        .filter(|number| number.is_finite())
        .unwrap_or(f64::NAN)
}
