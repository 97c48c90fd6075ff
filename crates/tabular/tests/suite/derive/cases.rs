//! Derived features in single cases with figures worked out by hand, on noise, and at full size.
//!
//! Not the definition; that is in `naive.rs`.

use super::Random;
use tabular::{
    DerivedFeature as D, FEATURES, Features, History, HistoryError, QuoteFacts, features_markdown,
};

pub(super) fn build(quotes: &[QuoteFacts<'_>]) -> History {
    History::build(quotes.iter().copied())
}

pub(super) fn quote(day: i32, customer: &str, price: f64, outcome: Option<bool>) -> QuoteFacts<'_> {
    QuoteFacts {
        day: Some(day),
        customer: Some(customer),
        price: Some(price),
        outcome,
        ..QuoteFacts::default()
    }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
}

fn missing(features: &Features, which: &[D]) {
    for feature in which {
        let value = features.get(*feature);
        assert!(value.is_nan(), "{} is {value}", feature.spec().name);
    }
}

const PAST: [D; 12] = [
    D::PriceToCustomerUsual,
    D::PriceToProductUsual,
    D::CustomerUsualPrice,
    D::ProductUsualPrice,
    D::CustomerQuotes,
    D::CustomerWinRate,
    D::ProductQuotes,
    D::ProductWinRate,
    D::OwnerQuotes,
    D::OwnerWinRate,
    D::DaysSinceLastQuote,
    D::RelationDays,
];

#[test]
fn the_list_is_documented() {
    let text = features_markdown();
    assert_eq!(text.lines().count(), FEATURES.len() + 2);
    for (at, spec) in FEATURES.iter().enumerate() {
        assert_eq!(spec.feature.index(), at, "{}", spec.name);
        assert_eq!(spec.feature.spec(), spec);
        assert_eq!(D::parse(spec.name), Some(spec.feature));
        let price = if spec.price_dependent { "yes" } else { "no" };
        let row = format!(
            "| `{}` | {} | {} | {price} |",
            spec.name, spec.formula, spec.unit
        );
        assert!(text.lines().any(|line| line == row), "{row}");
        // A bar or a line break in a text would break the table.
        assert_eq!(row.matches('|').count(), 5, "{row}");
        assert!(spec.name.starts_with("derived."));
    }
    assert_eq!(D::parse("derived.luck"), None);
    // The weight stands in the formulas as a number.
    assert_eq!(tabular::derive::PRIOR_WEIGHT, 10.0);
}

#[test]
fn own_figures() {
    let quote = QuoteFacts {
        // Thursday, 29 February 2024.
        day: Some(19_782),
        price: Some(80.0),
        list_price: Some(100.0),
        cost: Some(60.0),
        quantity: Some(1.0),
        revision: Some(3),
        ..QuoteFacts::default()
    };
    let features = build(&[]).features(&quote);
    close(features.get(D::Margin), 0.25);
    close(features.get(D::DiscountShare), 0.2);
    close(features.get(D::PriceToList), 0.8);
    close(features.get(D::LogPrice), 80f64.ln());
    close(features.get(D::LogQuantity), 0.0);
    close(features.get(D::Month), 2.0);
    close(features.get(D::Quarter), 1.0);
    close(features.get(D::Weekday), 4.0);
    close(features.get(D::Revision), 3.0);
    missing(&features, &PAST);
    let by_amount = QuoteFacts {
        list_price: None,
        discount: Some(20.0),
        ..quote
    };
    close(build(&[]).features(&by_amount).get(D::DiscountShare), 0.2);
}

#[test]
fn the_past_of_a_customer() {
    let quotes = [
        quote(10, "Acme", 100.0, Some(true)),
        quote(10, "Bolt", 7.0, Some(false)),
        quote(20, " acme ", 400.0, None),
        quote(20, "Bolt", 7.0, Some(false)),
        quote(20, "Bolt", 7.0, Some(false)),
    ];
    let history = build(&quotes);
    let new = history.features(&quote(31, "ACME", 400.0, None));
    close(new.get(D::CustomerQuotes), 2.0);
    // One of one decided is won; of all, one of four.
    close(new.get(D::CustomerWinRate), (1.0 + 10.0 * 0.25) / 11.0);
    assert!((new.get(D::CustomerUsualPrice) - 200.0).abs() < 1e-3);
    close(new.get(D::PriceToCustomerUsual), 2f64.ln());
    close(new.get(D::DaysSinceLastQuote), 11.0);
    close(new.get(D::RelationDays), 21.0);
    let first = history.features(&quotes[0]);
    close(first.get(D::CustomerQuotes), 0.0);
    close(first.get(D::RelationDays), 0.0);
    missing(
        &first,
        &[
            D::CustomerWinRate,
            D::CustomerUsualPrice,
            D::DaysSinceLastQuote,
        ],
    );
}

#[test]
fn revisions_replace_each_other() {
    let revision = |day, number, customer, price, outcome| QuoteFacts {
        quote_ref: Some("Q-1"),
        revision: Some(number),
        ..quote(day, customer, price, outcome)
    };
    let quotes = [
        quote(1, "Bolt", 10.0, Some(true)),
        revision(2, 1, "Acme", 100.0, Some(false)),
        revision(4, 2, "Acme", 300.0, Some(true)),
        // An old number that turns up late, and a move to another customer.
        revision(5, 1, "Acme", 900.0, Some(false)),
        revision(8, 3, "Bolt", 20.0, Some(true)),
    ];
    let history = build(&quotes);
    let acme = |day| history.features(&quote(day, "Acme", 1.0, None));
    assert!((acme(3).get(D::CustomerUsualPrice) - 100.0).abs() < 1e-3);
    close(acme(3).get(D::CustomerWinRate), (0.0 + 5.0) / 11.0);
    for day in [5, 6, 8] {
        close(acme(day).get(D::CustomerQuotes), 1.0);
        assert!((acme(day).get(D::CustomerUsualPrice) - 300.0).abs() < 1e-3);
        close(acme(day).get(D::CustomerWinRate), 1.0);
    }
    close(acme(9).get(D::CustomerQuotes), 0.0);
    close(acme(9).get(D::DaysSinceLastQuote), 5.0);
    close(acme(9).get(D::RelationDays), 7.0);
    let bolt = history.features(&quote(9, "Bolt", 1.0, None));
    close(bolt.get(D::CustomerQuotes), 2.0);
    // A further revision sees nothing of its own quote.
    let own = history.features(&revision(9, 4, "Acme", 1.0, None));
    close(own.get(D::CustomerQuotes), 0.0);
    close(own.get(D::RelationDays), 0.0);
    missing(&own, &[D::DaysSinceLastQuote, D::CustomerUsualPrice]);
}

#[test]
fn the_same_row_twice_counts_once_where_it_has_a_reference() {
    let row = QuoteFacts {
        quote_ref: Some("Q-1"),
        ..quote(1, "Acme", 10.0, Some(true))
    };
    let count = |row| {
        let history = build(&[row, row, row]);
        let features = history.features(&quote(2, "Acme", 1.0, None));
        features.get(D::CustomerQuotes)
    };
    assert_eq!(count(row), 1.0);
    let alone = QuoteFacts {
        quote_ref: Some(" "),
        ..row
    };
    assert_eq!(count(alone), 3.0);
}

#[test]
fn without_dates_there_is_no_past() {
    let undated = |outcome| QuoteFacts {
        day: None,
        product: Some("pump"),
        owner: Some("ann"),
        ..quote(0, "Acme", 5.0, Some(outcome))
    };
    let quotes = [undated(true), undated(false), undated(true)];
    let history = build(&quotes);
    assert!(history.is_empty());
    let dated = QuoteFacts {
        day: Some(7),
        ..quotes[0]
    };
    for quote in quotes.iter().chain([&dated]) {
        missing(&history.features(quote), &PAST);
    }
    assert_eq!(History::from_bytes(&history.to_bytes()), Ok(history));
}

#[test]
fn one_quote_and_extreme_figures() {
    for price in [0.0, -1.0, 1e300, f64::MAX, 5e-324, f64::NAN, f64::INFINITY] {
        for day in [i32::MIN, 0, i32::MAX] {
            let one = QuoteFacts {
                list_price: Some(5e-324),
                cost: Some(-1e300),
                discount: Some(-price),
                ..quote(day, "Acme", price, Some(true))
            };
            let history = build(&[one]);
            assert_eq!(history.len(), 1);
            assert_eq!(
                History::from_bytes(&history.to_bytes()),
                Ok(history.clone())
            );
            let own = history.features(&one);
            close(own.get(D::CustomerQuotes), 0.0);
            let later = history.features(&quote(i32::MAX, "Acme", price, None));
            let seen = f64::from(u8::from(day < i32::MAX));
            close(later.get(D::CustomerQuotes), seen);
            for value in own.values().iter().chain(later.values()) {
                assert!(!value.is_infinite());
            }
            if day < i32::MAX {
                let distance = f64::from(i32::MAX) - f64::from(day);
                assert_eq!(later.get(D::RelationDays), distance);
            }
            let usual = later.get(D::CustomerUsualPrice);
            // The mean of the highest number's rounded logarithm lies beyond all numbers.
            let known = seen > 0.0 && price > 0.0 && price < f64::MAX;
            assert_eq!(usual.is_nan(), !known);
        }
    }
}

#[test]
fn what_is_wrong_with_bytes_is_said() {
    let bytes = build(&[quote(1, "Acme", 2.0, None)]).to_bytes();
    assert_eq!(History::from_bytes(b""), Err(HistoryError::NotAHistory));
    assert_eq!(
        History::from_bytes(b"PK\x03\x04"),
        Err(HistoryError::NotAHistory)
    );
    let mut newer = bytes.clone();
    newer[3] = 2;
    let error = History::from_bytes(&newer);
    assert_eq!(error, Err(HistoryError::Version(2)));
    let mut altered = bytes;
    altered[6] ^= 1;
    let error = History::from_bytes(&altered).map_err(|error| error.to_string());
    assert!(error.is_err_and(|text| text.contains("damaged") && text.contains("fetch it again")));
}

/// The share of pairs of a won and a lost quote in which the won one has the higher value.
fn auc(values: &[(f64, bool)]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut pairs) = (0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let won = tied.iter().filter(|(_, won)| *won).count() as f64;
        let lost = tied.len() as f64 - won;
        pairs += won * (below + lost / 2.0);
        below += lost;
    }
    pairs / (below * (values.len() as f64 - below))
}

#[test]
fn noise_stays_noise() {
    // Customers seen once, a few times and often: none says anything of a coin's next side.
    for customers in [u64::MAX, 2_000, 20] {
        let mut random = Random(11);
        let names: Vec<String> = (0..8_000)
            .map(|_| format!("c{}", random.below(customers)))
            .collect();
        let quotes: Vec<_> = names
            .iter()
            .map(|name| QuoteFacts {
                product: Some(&name[..2]),
                owner: Some(name),
                ..quote(
                    random.below(400) as i32,
                    name,
                    1.0 + random.below(50) as f64,
                    Some(random.below(10) < 4),
                )
            })
            .collect();
        let history = build(&quotes);
        for feature in PAST {
            let values: Vec<(f64, bool)> = quotes
                .iter()
                .map(|quote| (history.features(quote).get(feature), quote.outcome))
                .filter_map(|(value, won)| Some((value, won?)))
                .filter(|(value, _)| !value.is_nan())
                .collect();
            // Four standard errors of the area at 4 won of 10 are 0.026 with all 8,000 values.
            if values.len() > 5_000 {
                let auc = auc(&values);
                let name = feature.spec().name;
                assert!(
                    (auc - 0.5).abs() < 0.026 * (8_000.0 / values.len() as f64).sqrt(),
                    "{name}: {auc}"
                );
            }
        }
    }
}

#[test]
fn a_customer_that_wins_shows() {
    // The counterpart of noise: what really tells of the outcome is found.
    let mut random = Random(3);
    let names = ["a", "b", "c", "d"];
    let quotes: Vec<_> = (0..4_000)
        .map(|i| {
            let customer = random.below(4);
            let won = random.below(10) < 2 + 2 * customer;
            quote(i / 10, names[customer as usize], 1.0, Some(won))
        })
        .collect();
    let history = build(&quotes);
    let values: Vec<(f64, bool)> = quotes[400..]
        .iter()
        .map(|quote| {
            (
                history.features(quote).get(D::CustomerWinRate),
                quote.outcome == Some(true),
            )
        })
        .collect();
    assert!(auc(&values) > 0.7, "{}", auc(&values));
}
