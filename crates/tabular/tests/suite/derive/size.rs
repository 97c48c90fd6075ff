//! Derived features at full size: how much they take and that nothing grows out of bounds.
//!
//! Not a benchmark: times are printed and not judged.

use super::cases::{build, quote};
use super::{Random, bits};
use tabular::{DerivedFeature as D, History, QuoteFacts};

/// Quotes of 1,000 days with a customer, a product and an owner; every fifth row revises another.
fn large(count: u64, customers: u64) -> Vec<([String; 4], i32, i64, Option<bool>)> {
    let mut random = Random(5);
    (0..count)
        .map(|i| {
            let quote = if i % 5 == 4 { i - 1 } else { i };
            let names = [
                format!("Customer {}", random.below(customers)),
                format!("Product {}", random.below(2_000)),
                format!("Owner {}", random.below(50)),
                format!("Q-{quote}"),
            ];
            let outcome = (random.below(5) > 0).then(|| random.below(10) < 3);
            // Roughly in the order of days, as files are.
            let day = i * 950 / count + random.below(50);
            (names, day as i32, (i % 5) as i64, outcome)
        })
        .collect()
}

fn facts(
    (names, day, revision, outcome): &([String; 4], i32, i64, Option<bool>),
) -> QuoteFacts<'_> {
    QuoteFacts {
        product: Some(&names[1]),
        owner: Some(&names[2]),
        quote_ref: Some(&names[3]),
        revision: Some(*revision),
        ..quote(
            *day,
            &names[0],
            3.0 + (names[0].len() * names[1].len()) as f64,
            *outcome,
        )
    }
}

#[test]
fn a_large_history_is_small_and_the_same_from_bytes() {
    for customers in [20_000, u64::MAX] {
        let rows = large(500_000, customers);
        let start = std::time::Instant::now();
        let history = History::build(rows.iter().map(facts));
        println!("built in {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let sum: f64 = rows
            .iter()
            .map(|row| history.features(&facts(row)).get(D::OwnerQuotes))
            .sum();
        println!("all features in {:?}", start.elapsed());
        assert!(sum > 0.0);
        let bytes = history.to_bytes();
        println!("{} bytes a quote", bytes.len() as f64 / 500_000.0);
        assert!(bytes.len() <= 500_000 * 3 * 12, "{} bytes", bytes.len());
        let start = std::time::Instant::now();
        let back = History::from_bytes(&bytes);
        println!("read in {:?}", start.elapsed());
        assert!(back.is_ok_and(|back| back == history));
    }
}

#[test]
fn one_reference_on_every_row_stays_quick() {
    // A column taken for the reference by mistake: every row is a revision of every other one.
    let rows = large(60_000, 1);
    let quotes: Vec<_> = (0i32..)
        .zip(&rows)
        .map(|(day, row)| QuoteFacts {
            day: Some(day),
            quote_ref: Some("EUR"),
            revision: None,
            ..facts(row)
        })
        .collect();
    let history = build(&quotes);
    assert_eq!(history.len(), 60_000);
    for quote in &quotes {
        let features = history.features(quote);
        assert_eq!(features.get(D::CustomerQuotes), 0.0);
        assert_eq!(features.get(D::RelationDays), 0.0);
    }
    let other = QuoteFacts {
        day: Some(60_000),
        quote_ref: None,
        ..quotes[0]
    };
    let features = history.features(&other);
    assert_eq!(features.get(D::CustomerQuotes), 1.0);
    assert_eq!(features.get(D::RelationDays), 60_000.0);
    let again = history.features(&other);
    assert_eq!(bits(&features), bits(&again));
}
