//! What open quotes may bring: draws of their sum, as a whole and in parts.
//!
//! Outcomes are independent but for two things that move quotes together: the error of the model, which is taken to be the
//! same for all quotes (in log-odds, each by its own standard error), and the month of the decision, which has a shock of its
//! own. Both keep each quote's probability as it was said, by MacKay's (1992) approximation of a logistic mean under normal
//! noise. Deliberately from a stated seed, so that the same quotes give the same figures.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::stats;

/// The seed of every simulation.
pub const SEED: u64 = 20_250_101;
/// Draws at most, and at least.
const DRAWS: (usize, usize) = (10_000, 2_000);
/// Outcomes that are drawn in one simulation, about.
const WORK: usize = 40_000_000;

/// A quote whose outcome is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Chance {
    /// What is won, in the unit of the price.
    pub amount: f64,
    /// Probability of a win.
    pub probability: f64,
    /// Standard error of the log-odds.
    pub error: f64,
    /// Probability that it is decided in the first month, the first two and so on; empty where months are not known. What
    /// is left falls behind the last one.
    pub decided_by: Vec<f64>,
    /// A part that it belongs to.
    pub part: Option<usize>,
}

/// Where a sum falls.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Sum of probability times amount.
    pub expected: f64,
    /// One in ten is below.
    pub p10: f64,
    /// Half are below.
    pub p50: f64,
    /// One in ten is above.
    pub p90: f64,
}

/// What was drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// Draws.
    pub draws: usize,
    /// The sum of all.
    pub total: Spread,
    /// Sums of all draws, ascending.
    pub sums: Vec<f64>,
    /// The sum of each part.
    pub parts: Vec<Spread>,
    /// The sum of each month, and behind them of what is decided later or never.
    pub months: Vec<Spread>,
}

/// How quotes hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Together {
    /// Standard deviation of the shock of a month, in log-odds.
    pub shock: f64,
    /// Whether the model's own uncertainty counts.
    pub model_error: bool,
}

/// Draws the outcomes of quotes, in so many parts and months.
#[must_use]
pub fn simulate(quotes: &[Chance], parts: usize, months: usize, together: Together) -> Drawn {
    let draws = (WORK / quotes.len().max(1)).clamp(DRAWS.1, DRAWS.0);
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let set: Vec<Ready> = quotes.iter().map(|quote| ready(quote, together)).collect();
    let mut sums = vec![0.0; draws];
    let mut of_part = vec![vec![0.0; draws]; parts];
    let mut of_month = vec![vec![0.0; draws]; months + 1];
    let mut shocks = vec![0.0; months + 1];
    for draw in 0..draws {
        let model = normal(&mut random);
        for shock in &mut shocks {
            *shock = together.shock * normal(&mut random);
        }
        for (quote, ready) in quotes.iter().zip(&set) {
            let when: f64 = random.random();
            let month = quote.decided_by.partition_point(|by| *by <= when);
            // Without months all quotes share the one shock behind them.
            let month = if quote.decided_by.is_empty() {
                months
            } else {
                month.min(months)
            };
            let log_odds = ready.centre + ready.error * model + shocks[month];
            let won = random.random::<f64>() < 1.0 / (1.0 + (-log_odds).exp());
            if won {
                sums[draw] += quote.amount;
                of_month[month][draw] += quote.amount;
                if let Some(part) = quote.part.and_then(|part| of_part.get_mut(part)) {
                    part[draw] += quote.amount;
                }
            }
        }
    }
    let expected = |part: Option<usize>| -> f64 {
        let quotes = quotes.iter().filter(|q| part.is_none() || q.part == part);
        stats::total(quotes.map(|q| q.probability * q.amount))
    };
    let total = spread(&mut sums, expected(None));
    let parts = of_part.iter_mut().enumerate();
    let months = of_month.iter_mut().enumerate();
    Drawn {
        draws,
        total,
        parts: parts
            .map(|(part, sums)| spread(sums, expected(Some(part))))
            .collect(),
        months: months
            .map(|(month, sums)| spread(sums, expected_in(quotes, month)))
            .collect(),
        sums,
    }
}

/// A quote with its log-odds moved so that noise leaves the mean probability as it is.
struct Ready {
    centre: f64,
    error: f64,
}

fn ready(quote: &Chance, together: Together) -> Ready {
    let error = if together.model_error {
        quote.error
    } else {
        0.0
    };
    let noise = error * error + together.shock * together.shock;
    let p = quote.probability.clamp(1e-9, 1.0 - 1e-9);
    Ready {
        centre: (p / (1.0 - p)).ln() * (1.0 + std::f64::consts::PI * noise / 8.0).sqrt(),
        error,
    }
}

fn expected_in(quotes: &[Chance], month: usize) -> f64 {
    let share = |by: &[f64]| {
        let before = |month: usize| match month {
            0 => 0.0,
            month => by.get(month - 1).copied().unwrap_or(1.0),
        };
        match by {
            [] => 0.0,
            by if month == by.len() => 1.0 - before(month),
            by => by.get(month).copied().unwrap_or(1.0) - before(month),
        }
    };
    let quotes = quotes.iter();
    stats::total(quotes.map(|q| q.probability * q.amount * share(&q.decided_by)))
}

fn spread(sums: &mut [f64], expected: f64) -> Spread {
    sums.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * sums.len().saturating_sub(1) as f64).round() as usize;
        sums.get(place).copied().unwrap_or_default()
    };
    Spread {
        expected,
        p10: at(0.1),
        p50: at(0.5),
        p90: at(0.9),
    }
}

/// A standard normal number by Box and Muller (1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (a, b): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Together = Together {
        shock: 0.0,
        model_error: false,
    };

    fn quotes(count: usize, error: f64) -> Vec<Chance> {
        let quote = |at: usize| Chance {
            amount: 10.0,
            probability: 0.3,
            error,
            decided_by: vec![0.25, 0.5],
            part: Some(at % 2),
        };
        (0..count).map(quote).collect()
    }

    #[test]
    fn independent_quotes_of_one_size_are_binomial() {
        let drawn = simulate(&quotes(100, 0.5), 2, 2, ALONE);
        // Binomial of 100 and 0.3: 24, 30 and 36 are its 10 %, 50 % and 90 % quantiles.
        assert_eq!((drawn.total.p10, drawn.total.p50), (240.0, 300.0));
        assert_eq!(drawn.total.p90, 360.0);
        assert!((drawn.total.expected - 300.0).abs() < 1e-9);
        assert!((drawn.parts[0].expected - 150.0).abs() < 1e-9);
        let months: Vec<f64> = drawn.months.iter().map(|m| m.expected).collect();
        assert!((months[0] - 75.0).abs() < 1e-9 && (months[2] - 150.0).abs() < 1e-9);
        assert_eq!(drawn, simulate(&quotes(100, 0.5), 2, 2, ALONE));
    }

    #[test]
    fn what_moves_together_spreads_further_and_keeps_the_mean() {
        let alone = simulate(&quotes(200, 0.5), 2, 2, ALONE);
        let together = Together {
            shock: 0.3,
            model_error: true,
        };
        let drawn = simulate(&quotes(200, 0.5), 2, 2, together);
        let width = |drawn: &Drawn| drawn.total.p90 - drawn.total.p10;
        assert!(width(&drawn) > 2.0 * width(&alone), "{:?}", drawn.total);
        let mean = drawn.sums.iter().sum::<f64>() / drawn.draws as f64;
        assert!((mean - 600.0).abs() < 12.0, "{mean}");
    }
}
