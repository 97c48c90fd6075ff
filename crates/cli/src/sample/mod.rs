//! A generated quote history whose true win probabilities are known, to try things with and to
//! measure models against. Deliberately no claim that any real market looks like it.
//!
//! The truth is logistic in price over list price, region, segment, competitors and delivery days.
//! Two effects interact: public buyers mind the price twice as much, and a long delivery costs more
//! where there are many competitors. Customer, product and quantity have no effect of their own.

use chrono::{Days, NaiveDate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

pub mod command;
pub mod csv;

/// Days over which quotes are spread.
const SPAN_DAYS: u64 = 3 * 365;

const REGIONS: [(&str, f64, f64); 4] = [
    ("North", 0.30, 0.10),
    ("South", 0.25, -0.20),
    ("East", 0.25, -0.55),
    ("West", 0.20, 0.65),
];
const SEGMENTS: [(&str, f64, f64); 4] = [
    ("Enterprise", 0.20, -0.45),
    ("Mid-market", 0.35, 0.15),
    ("Small business", 0.30, 0.35),
    ("Public sector", 0.15, -0.25),
];
const PUBLIC_SECTOR: usize = 3;
// Name, list price of one unit, and what the unit costs as a share of that.
const PRODUCTS: [(&str, f64, f64); 6] = [
    ("Pump P100", 1_180.0, 0.58),
    ("Pump P250", 2_640.0, 0.61),
    ("Valve V20", 145.0, 0.52),
    ("Valve V80", 410.0, 0.55),
    ("Control unit C3", 890.0, 0.47),
    ("Service contract", 3_900.0, 0.66),
];
const QUANTITIES: [u32; 10] = [1, 1, 2, 3, 5, 8, 10, 20, 50, 100];
const FIRST_NAMES: [&str; 16] = [
    "Alder",
    "Birch",
    "Cedar",
    "Delta",
    "Elm",
    "Falcon",
    "Garnet",
    "Harbor",
    "Iris",
    "Juniper",
    "Kestrel",
    "Linden",
    "Maple",
    "Northgate",
    "Oak",
    "Pine",
];
const LAST_NAMES: [&str; 12] = [
    "Metals",
    "Foods",
    "Works",
    "Logistics",
    "Energy",
    "Textiles",
    "Chemicals",
    "Dairy",
    "Paper",
    "Glass",
    "Motors",
    "Water",
];

// Chosen so that about 40 % are won.
const INTERCEPT: f64 = -0.50;
const PRICE_SLOPE: f64 = -11.0;
const USUAL_PRICE_RATIO: f64 = 0.89;
const COMPETITOR_SLOPE: f64 = -0.40;
const DELIVERY_SLOPE: f64 = -0.035;
const DELIVERY_PER_COMPETITOR_SLOPE: f64 = -0.015;
const USUAL_COMPETITORS: f64 = 2.0;
const USUAL_DELIVERY_DAYS: f64 = 21.0;

/// One generated quote.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleQuote {
    /// Identifier, `Q-000001` and on.
    pub quote_id: String,
    /// Day of the quote; quotes are in the order of their days.
    pub quote_date: NaiveDate,
    /// Who asked; without effect.
    pub customer: String,
    /// Where the customer is.
    pub region: &'static str,
    /// What kind of customer it is.
    pub segment: &'static str,
    /// What was asked for; without effect.
    pub product: &'static str,
    /// Units; without effect.
    pub quantity: u32,
    /// List price of a unit, in cents.
    pub list_price_cents: i64,
    /// Cost of a unit, in cents.
    pub unit_cost_cents: i64,
    /// Quoted price of a unit, in cents.
    pub price_cents: i64,
    /// Days until delivery.
    pub delivery_days: u32,
    /// Rivals that quoted too.
    pub competitors: u32,
    /// The probability that `won` was drawn with.
    pub true_probability: f64,
    /// Whether it was won.
    pub won: bool,
}

impl SampleQuote {
    /// Discount against the list price, in percent.
    #[must_use]
    pub fn discount_percent(&self) -> f64 {
        (1.0 - ratio(self.price_cents, self.list_price_cents)) * 100.0
    }
}

/// The last day of a history, unless told otherwise.
#[must_use]
pub fn default_until() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 6, 30).unwrap_or_default()
}

/// A history of so many quotes that ends at [`default_until`]; the same seed gives the same one.
#[must_use]
pub fn generate(rows: usize, seed: u64) -> Vec<SampleQuote> {
    generate_until(rows, seed, default_until())
}

/// A history of so many quotes that ends on a day; the same seed gives the same one.
#[must_use]
pub fn generate_until(rows: usize, seed: u64, until: NaiveDate) -> Vec<SampleQuote> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let customers = customers(&mut rng, rows);
    let first = until
        .checked_sub_days(Days::new(SPAN_DAYS - 1))
        .unwrap_or(NaiveDate::MIN);
    (0..rows)
        .map(|index| {
            // The last row falls on the last day whatever the number of rows.
            let day = (index as u64 + 1) * SPAN_DAYS / rows as u64;
            let date = first
                .checked_add_days(Days::new(day.saturating_sub(1)))
                .unwrap_or(until);
            quote(&mut rng, index, date, &customers)
        })
        .collect()
}

struct Customer {
    name: String,
    region: usize,
    segment: usize,
}

fn customers(rng: &mut ChaCha20Rng, rows: usize) -> Vec<Customer> {
    let names = FIRST_NAMES.len() * LAST_NAMES.len();
    (0..(rows / 15).clamp(12, names))
        .map(|index| {
            // Both counts are coprime enough that the first names do not repeat in a row.
            let (first, last) = (index % FIRST_NAMES.len(), index / FIRST_NAMES.len());
            let last = (last + index) % LAST_NAMES.len();
            Customer {
                name: format!("{} {}", FIRST_NAMES[first], LAST_NAMES[last]),
                region: pick(rng, &REGIONS),
                segment: pick(rng, &SEGMENTS),
            }
        })
        .collect()
}

fn quote(
    rng: &mut ChaCha20Rng,
    index: usize,
    quote_date: NaiveDate,
    customers: &[Customer],
) -> SampleQuote {
    let customer = &customers[below(rng, customers.len())];
    let (product, list_price, cost_share) = PRODUCTS[below(rng, PRODUCTS.len())];
    let list_price_cents = cents(list_price * (1.0 + 0.04 * normal(rng)));
    let unit_cost_cents = cents(list_price * cost_share * (1.0 + 0.03 * normal(rng)));
    let competitors = [0, 1, 1, 2, 2, 2, 3, 3, 4, 5][below(rng, 10)];
    let delivery_days = 5 + rng.random_range(0..=32_u32);
    // Sellers give a little more where rivals are about, so that price and rivals are correlated.
    let wanted = USUAL_PRICE_RATIO + 0.085 * normal(rng) - 0.01 * (f64::from(competitors) - 2.0);
    #[expect(clippy::cast_precision_loss, reason = "cents of one unit")]
    let price_cents = cents(list_price_cents as f64 / 100.0 * wanted.clamp(0.66, 1.0));
    let true_probability = truth(
        ratio(price_cents, list_price_cents),
        customer,
        f64::from(competitors),
        f64::from(delivery_days),
    );
    SampleQuote {
        quote_id: format!("Q-{:06}", index + 1),
        quote_date,
        customer: customer.name.clone(),
        region: REGIONS[customer.region].0,
        segment: SEGMENTS[customer.segment].0,
        product,
        quantity: QUANTITIES[below(rng, QUANTITIES.len())],
        list_price_cents,
        unit_cost_cents,
        price_cents,
        delivery_days,
        competitors,
        true_probability,
        won: rng.random::<f64>() < true_probability,
    }
}

fn truth(price_ratio: f64, customer: &Customer, competitors: f64, delivery_days: f64) -> f64 {
    let price_slope = match customer.segment {
        PUBLIC_SECTOR => 2.0 * PRICE_SLOPE,
        _ => PRICE_SLOPE,
    };
    let rivals = competitors - USUAL_COMPETITORS;
    let delay = delivery_days - USUAL_DELIVERY_DAYS;
    let log_odds = INTERCEPT
        + price_slope * (price_ratio - USUAL_PRICE_RATIO)
        + REGIONS[customer.region].2
        + SEGMENTS[customer.segment].2
        + COMPETITOR_SLOPE * rivals
        + DELIVERY_SLOPE * delay
        + DELIVERY_PER_COMPETITOR_SLOPE * delay * rivals;
    1.0 / (1.0 + (-log_odds).exp())
}

#[expect(clippy::cast_precision_loss, reason = "cents of one unit")]
fn ratio(part: i64, whole: i64) -> f64 {
    part as f64 / whole as f64
}

#[expect(clippy::cast_possible_truncation, reason = "prices of one unit")]
fn cents(amount: f64) -> i64 {
    (amount * 100.0).round() as i64
}

// `usize` ranges draw differently on 32 bit machines.
fn below(rng: &mut ChaCha20Rng, count: usize) -> usize {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    rng.random_range(0..count) as usize
}

fn pick(rng: &mut ChaCha20Rng, choices: &[(&str, f64, f64)]) -> usize {
    let mut left = rng.random::<f64>();
    for (index, choice) in choices.iter().enumerate() {
        left -= choice.1;
        if left < 0.0 {
            return index;
        }
    }
    choices.len() - 1
}

// A sum of uniforms is the same on every platform, which logarithm and cosine are not.
fn normal(rng: &mut ChaCha20Rng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_precision_loss, reason = "small counts")]
    fn rates(quotes: &[SampleQuote]) -> (f64, f64) {
        let count = quotes.len() as f64;
        let won = quotes.iter().filter(|q| q.won).count() as f64;
        let truth: f64 = quotes.iter().map(|q| q.true_probability).sum();
        (won / count, truth / count)
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(generate(300, 7), generate(300, 7));
        assert_ne!(generate(300, 7), generate(300, 8));
    }

    #[test]
    fn wins_follow_the_truth_at_about_forty_percent() {
        for seed in 1..=3 {
            let quotes = generate(20_000, seed);
            let (won, truth) = rates(&quotes);
            assert!((won - truth).abs() < 0.012, "{seed}: {won} against {truth}");
            assert!((0.36..0.44).contains(&truth), "{seed}: {truth}");
            for (low, high) in [(0.0, 0.2), (0.4, 0.6), (0.8, 1.0)] {
                let of = |q: &&SampleQuote| (low..high).contains(&q.true_probability);
                let part: Vec<_> = quotes.iter().filter(of).cloned().collect();
                assert!(part.len() > 500, "{low}: {}", part.len());
                let (won, truth) = rates(&part);
                assert!((won - truth).abs() < 0.05, "{low}: {won} against {truth}");
            }
        }
    }

    #[test]
    fn quotes_are_plausible_and_in_order() {
        let quotes = generate(1_000, 3);
        assert!(
            quotes
                .windows(2)
                .all(|w| w[0].quote_date <= w[1].quote_date)
        );
        assert_eq!(quotes[999].quote_date, default_until());
        let span = quotes[999].quote_date - quotes[0].quote_date;
        assert!((1_080..1_095).contains(&span.num_days()), "{span}");
        for quote in &quotes {
            assert!(quote.price_cents > 0 && quote.price_cents <= quote.list_price_cents);
            assert!((0.0..=35.0).contains(&quote.discount_percent()));
            assert!(quote.true_probability > 0.0 && quote.true_probability < 1.0);
        }
        assert_eq!(generate(1, 1).len(), 1);
        assert!(generate(0, 1).is_empty());
    }
}
