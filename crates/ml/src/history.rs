//! What prices were quoted and how often they won: a compact histogram that a model keeps.
//!
//! Deliberately no single quote is kept, only counts per bin. Prices are measured on a yardstick where there is one, so
//! that quotes of different size can be compared.

use crate::table::{Role, Table, Values};

/// What a price is divided by before it is compared with other prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceBasis {
    /// The list price of the quote.
    ListPrice,
    /// The cost of the quote.
    Cost,
    /// Nothing.
    Price,
}

impl PriceBasis {
    /// The basis in words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::ListPrice => "price divided by list price",
            Self::Cost => "price divided by cost",
            Self::Price => "price",
        }
    }
}

/// Quotes and wins per bin of price.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceHistory {
    /// What the prices are divided by.
    pub basis: PriceBasis,
    /// Ascending edges, one more than bins.
    pub edges: Vec<f64>,
    /// Quotes per bin.
    pub quotes: Vec<u32>,
    /// Won quotes per bin.
    pub won: Vec<u32>,
    /// 1 %, 5 %, 95 % and 99 % quantiles.
    pub quantiles: [f64; 4],
}

/// Fewest quotes in a bin for a price in it to count as supported.
pub(crate) const FEWEST_SIMILAR: u32 = 10;

impl PriceHistory {
    /// The history of a training table; `None` without a price column or with fewer than 20 usable prices.
    pub(crate) fn of(table: &Table, won: &[bool]) -> Option<Self> {
        let numbers = |role: Role| match table
            .columns
            .iter()
            .find(|c| c.role == role)
            .map(|c| &c.values)
        {
            Some(Values::Number(v)) => Some(v),
            _ => None,
        };
        let price = numbers(Role::Price)?;
        let (basis, yardstick) = match (numbers(Role::ListPrice), numbers(Role::Cost)) {
            (Some(list), _) => (PriceBasis::ListPrice, Some(list)),
            (None, Some(cost)) => (PriceBasis::Cost, Some(cost)),
            _ => (PriceBasis::Price, None),
        };
        let relative = |(row, &p): (usize, &f64)| {
            let by = yardstick.map_or(1.0, |y| y[row]);
            (p > 0.0 && by > 0.0).then(|| (p / by, won[row]))
        };
        Self::of_numbers(
            price.iter().enumerate().filter_map(relative).collect(),
            basis,
        )
    }

    /// The history of numbers and outcomes in any order; `None` with fewer than 20 of them, or where they do not vary.
    pub(crate) fn of_numbers(mut known: Vec<(f64, bool)>, basis: PriceBasis) -> Option<Self> {
        if known.len() < 20 {
            return None;
        }
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let at = |q: f64| known[(q * (known.len() - 1) as f64).round() as usize].0;
        let bins = (known.len() / 20).clamp(1, 20);
        let mut edges: Vec<f64> = (0..=bins).map(|b| at(b as f64 / bins as f64)).collect();
        edges.dedup();
        if edges.len() < 2 {
            return None;
        }
        let bins = edges.len() - 1;
        let mut history = Self {
            basis,
            edges,
            quotes: vec![0; bins],
            won: vec![0; bins],
            quantiles: [at(0.01), at(0.05), at(0.95), at(0.99)],
        };
        for (x, won) in known {
            if let Some(bin) = history.bin(x) {
                history.quotes[bin] += 1;
                history.won[bin] += u32::from(won);
            }
        }
        Some(history)
    }

    /// The bin of a price on the basis; `None` outside all edges.
    pub(crate) fn bin(&self, x: f64) -> Option<usize> {
        let (low, high) = (*self.edges.first()?, *self.edges.last()?);
        if !(low..=high).contains(&x) {
            return None;
        }
        let above = self.edges.partition_point(|&e| e <= x);
        Some(above.saturating_sub(1).min(self.quotes.len() - 1))
    }

    /// Whether the history supports statements about a price on the basis: between its 5 % and 95 % quantiles, and
    /// ten quotes in the bin.
    pub(crate) fn supports(&self, x: f64) -> bool {
        let inside = x >= self.quantiles[1] && x <= self.quantiles[2];
        inside
            && self
                .bin(x)
                .is_some_and(|b| self.quotes[b] >= FEWEST_SIMILAR)
    }
}
