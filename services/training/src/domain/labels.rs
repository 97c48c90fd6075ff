//! What derived columns are called before people: in scores, contributions, notes and warnings alike,
//! and which of them grow. Deliberately only names: how the features are computed is written where that is done.

/// The names of derived features, each with its words.
const WORDS: [(&str, &str); 15] = [
    (
        "derived.customer_usual_price",
        "price against this customer's usual price",
    ),
    (
        "derived.product_usual_price",
        "price against this product's usual price",
    ),
    ("derived.log_quantity", "quantity on a logarithmic scale"),
    ("derived.customer_quotes", "earlier quotes to this customer"),
    (
        "derived.customer_win_rate",
        "share of earlier quotes to this customer that were won",
    ),
    ("derived.product_quotes", "earlier quotes of this product"),
    (
        "derived.product_win_rate",
        "share of earlier quotes of this product that were won",
    ),
    ("derived.owner_quotes", "earlier quotes by this owner"),
    (
        "derived.owner_win_rate",
        "share of earlier quotes by this owner that were won",
    ),
    (
        "derived.days_since_last_quote",
        "days since the last quote to this customer",
    ),
    (
        "derived.relation_days",
        "days since the first quote to this customer",
    ),
    ("derived.month", "month of the quote"),
    ("derived.quarter", "quarter of the quote"),
    ("derived.weekday", "weekday of the quote"),
    ("derived.revision", "revision of the quote"),
];

/// Derived features that only ever grow with time.
const GROWING: [&str; 4] = [
    "derived.customer_quotes",
    "derived.product_quotes",
    "derived.owner_quotes",
    "derived.relation_days",
];

/// Whether a derived column is larger for later quotes as a matter of course.
#[must_use]
pub fn grows(name: &str) -> bool {
    GROWING.contains(&name)
}

/// The words for a derived column; its name where there are none.
#[must_use]
pub fn words(name: &str) -> &str {
    let known = WORDS.iter().find(|(derived, _)| *derived == name);
    known.map_or(name, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart_and_unknown_names_stay() {
        let mut all: Vec<&str> = WORDS.iter().map(|(name, _)| words(name)).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), WORDS.len());
        assert_eq!(words("derived.of_tomorrow"), "derived.of_tomorrow");
    }
}
