//! Sums that are right to the cent, however many values there are.
//!
//! Deliberately two ways at once: whole hundredths are added as integers, which is exact; anything
//! finer with the error carried along (Neumaier).

/// Up to here a float tells hundredths apart with room to spare.
const MAX_EXACT: f64 = 1e12;

/// A running sum.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    cents: i128,
    is_whole: bool,
    total: f64,
    carried: f64,
    count: u64,
}

impl Sum {
    pub(super) fn new() -> Self {
        Self {
            cents: 0,
            is_whole: true,
            total: 0.0,
            carried: 0.0,
            count: 0,
        }
    }

    /// Adds a value.
    pub(super) fn add(&mut self, value: f64) {
        self.count += 1;
        let cents = (value * 100.0).round();
        // The nearest float to a whole number of hundredths is exactly this quotient.
        self.is_whole &= value.abs() <= MAX_EXACT && cents / 100.0 == value;
        if self.is_whole {
            self.cents += cents as i128;
        }
        let next = self.total + value;
        self.carried += if self.total.abs() >= value.abs() {
            (self.total - next) + value
        } else {
            (value - next) + self.total
        };
        self.total = next;
    }

    /// Number of values.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The sum, rounded once.
    pub(super) fn value(&self) -> f64 {
        if self.is_whole {
            self.cents as f64 / 100.0
        } else {
            self.total + self.carried
        }
    }

    /// The mean; `None` of nothing.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.value() / self.count as f64)
    }
}
