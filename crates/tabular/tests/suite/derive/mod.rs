//! Derived features: right by their definition, without look-ahead, and the same from bytes.
//!
//! Not a test of the import; the quotes are made here.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod cases;
mod naive;
mod size;

use proptest::prelude::*;
use tabular::{FEATURES, Features, History, QuoteFacts};

/// One quote with names of its own.
#[derive(Debug, Clone)]
struct Quote {
    day: Option<i32>,
    figures: [Option<f64>; 5],
    names: [Option<String>; 4],
    revision: Option<i64>,
    outcome: Option<bool>,
}

impl Quote {
    fn facts(&self) -> QuoteFacts<'_> {
        let [price, list_price, cost, discount, quantity] = self.figures;
        QuoteFacts {
            day: self.day,
            price,
            list_price,
            cost,
            discount,
            quantity,
            customer: self.names[0].as_deref(),
            product: self.names[1].as_deref(),
            owner: self.names[2].as_deref(),
            quote_ref: self.names[3].as_deref(),
            revision: self.revision,
            outcome: self.outcome,
        }
    }
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop_oneof![
        6 => (1.0..1e4f64).prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![
            0.0, -0.0, -5.0, 1e300, -1e300, 5e-324, f64::MAX, f64::NAN, f64::INFINITY,
        ])
        .prop_map(Some),
    ]
}

fn name(of: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop::option::weighted(0.9, prop::sample::select(of).prop_map(str::to_owned))
}

fn day() -> impl Strategy<Value = Option<i32>> {
    prop_oneof![
        20 => (0..12i32).prop_map(Some),
        4 => (19_000..19_800i32).prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![i32::MIN, -1, i32::MAX]).prop_map(Some),
    ]
}

fn quote() -> impl Strategy<Value = Quote> {
    let names = [
        name(&["Acme", " acme ", "ACME", "Müller", "MÜLLER", "Bolt", " "]),
        name(&["pump", "Pump", "valve", "seal"]),
        name(&["ann", "bob"]),
        name(&["Q1", "Q2", "Q2 ", "q2", "Q3", "Q4", ""]),
    ];
    let figures = [number(), number(), number(), number(), number()];
    let revision = prop::option::of(prop_oneof![0..4i64, Just(i64::MIN), Just(i64::MAX)]);
    let outcome = prop::option::weighted(0.7, any::<bool>());
    (day(), figures, names, revision, outcome).prop_map(
        |(day, figures, names, revision, outcome)| Quote {
            day,
            figures,
            names,
            revision,
            outcome,
        },
    )
}

fn quotes() -> impl Strategy<Value = Vec<Quote>> {
    // Some without any reference, so that all kinds of history come up.
    (prop::collection::vec(quote(), 0..60), any::<bool>()).prop_map(|(mut quotes, bare)| {
        if bare {
            quotes.iter_mut().for_each(|quote| quote.names[3] = None);
        }
        distinct(&mut quotes);
        quotes
    })
}

/// Drops rows of one quote, day and number that differ in neither outcome nor price: which of them
/// counts is not defined.
fn distinct(quotes: &mut Vec<Quote>) {
    let mut seen = std::collections::HashSet::new();
    quotes.retain(|quote| {
        let reference = quote.names[3].as_deref().map_or("", str::trim).to_owned();
        let log = naive::log(quote.figures[0]);
        let number = quote.revision.unwrap_or(0);
        reference.is_empty() || seen.insert((reference, quote.day, number, quote.outcome, log))
    });
}

fn history(quotes: &[Quote]) -> History {
    History::build(quotes.iter().map(Quote::facts))
}

/// The bits of every value, so that NaN equals itself and nothing is nearly equal.
fn bits(features: &Features) -> Vec<u64> {
    features.values().iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #[test]
    fn the_definition(quotes in quotes(), new in quote()) {
        let history = history(&quotes);
        let facts: Vec<_> = quotes.iter().map(Quote::facts).collect();
        for quote in facts.iter().chain([&new.facts()]) {
            let features = history.features(quote);
            for spec in FEATURES {
                let expected = naive::feature(&facts, quote, spec.name);
                let found = features.get(spec.feature);
                prop_assert!(
                    found == expected || (found.is_nan() && expected.is_nan()),
                    "{} is {found}, not {expected}, of {quote:?}", spec.name
                );
                prop_assert!(!found.is_infinite());
            }
        }
    }

    #[test]
    fn nothing_later_matters(
        mut quotes in quotes(),
        at in any::<prop::sample::Index>(),
        outcome in any::<Option<bool>>(),
        price in number(),
    ) {
        prop_assume!(!quotes.is_empty());
        let before = history(&quotes);
        let at = at.index(quotes.len());
        quotes[at].outcome = outcome;
        quotes[at].figures[0] = price;
        let after = history(&quotes);
        for quote in &quotes {
            // Without a day there is no past; the changed quote's own price may matter to itself.
            let earlier = quote.day.is_none() || quotes[at].day.is_none() || quote.day <= quotes[at].day;
            if earlier {
                prop_assert_eq!(bits(&before.features(&quote.facts())), bits(&after.features(&quote.facts())));
            }
        }
    }

    #[test]
    fn later_quotes_change_nothing_and_the_own_outcome_is_not_read(quotes in quotes()) {
        let all = history(&quotes);
        for quote in quotes.iter().filter(|quote| quote.day.is_some()) {
            let known: Vec<Quote> = quotes.iter().filter(|q| q.day <= quote.day).cloned().collect();
            let then = history(&known);
            let mut asked = quote.clone();
            asked.outcome = quote.outcome.map(|won| !won);
            let (now, then) = (all.features(&asked.facts()), then.features(&quote.facts()));
            prop_assert_eq!(bits(&now), bits(&then));
        }
    }

    #[test]
    fn order_does_not_matter(quotes in quotes(), seed in any::<u64>()) {
        let mut shuffled = quotes.clone();
        let mut random = Random(seed);
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, (random.next() % (at as u64 + 1)) as usize);
        }
        prop_assert_eq!(history(&quotes).to_bytes(), history(&shuffled).to_bytes());
    }

    #[test]
    fn repriced_is_asked_again(quotes in quotes(), quote in quote(), price in number()) {
        let history = history(&quotes);
        let mut changed = quote.clone();
        changed.figures[0] = price;
        let (old, new) = (history.features(&quote.facts()), history.features(&changed.facts()));
        prop_assert_eq!(bits(&old.repriced(&changed.facts())), bits(&new));
        for spec in FEATURES.iter().filter(|spec| !spec.price_dependent) {
            prop_assert_eq!(old.get(spec.feature).to_bits(), new.get(spec.feature).to_bits());
        }
    }

    #[test]
    fn bytes_and_back(quotes in quotes(), new in quote()) {
        let history = history(&quotes);
        let bytes = history.to_bytes();
        let back = History::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&back, &history);
        prop_assert_eq!(back.to_bytes(), bytes);
        prop_assert_eq!(bits(&back.features(&new.facts())), bits(&history.features(&new.facts())));
    }

    #[test]
    fn altered_bytes_are_refused(quotes in quotes(), at in any::<prop::sample::Index>(), flip in 1..=255u8) {
        let mut bytes = history(&quotes).to_bytes();
        let at = at.index(bytes.len());
        prop_assert!(History::from_bytes(&bytes[..at]).is_err());
        bytes[at] ^= flip;
        prop_assert!(History::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(History::from_bytes(&bytes).is_err());
        let small = bytes.iter().map(|byte| byte % 6).collect();
        for body in [bytes, small] {
            survives(signed(&body));
        }
    }

    #[test]
    fn altered_bytes_with_a_fitting_check_sum_are_read_or_refused(
        quotes in quotes(),
        new in quote(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let bytes = history(&quotes).to_bytes();
        let mut body = bytes[4..bytes.len() - 8].to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(history) = survives(signed(&body)) {
            history.features(&new.facts());
        }
    }
}

/// Frames a body as a history with a check sum that fits.
fn signed(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"VQH\x01".to_vec();
    bytes.extend_from_slice(body);
    let check = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    bytes.extend_from_slice(&check.to_le_bytes());
    bytes
}

/// Bytes that are read make a history that answers and can be written again.
fn survives(bytes: Vec<u8>) -> Option<History> {
    let history = History::from_bytes(&bytes).ok()?;
    assert_eq!(History::from_bytes(&history.to_bytes()).unwrap(), history);
    history.features(&QuoteFacts {
        day: Some(i32::MAX),
        customer: Some("Acme"),
        quote_ref: Some("Q1"),
        ..QuoteFacts::default()
    });
    Some(history)
}

/// A small generator of random numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The page for people who import files shows every feature as it is computed.
#[test]
fn the_documentation_has_every_feature() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/import.md");
    let text = std::fs::read_to_string(page).unwrap();
    let table = tabular::features_markdown();
    assert!(
        text.contains(&table),
        "docs/import.md should have:\n{table}"
    );
}
