//! How long quotes take to be decided: the estimator of Kaplan and Meier (1958), quotes that are still open being censored.
//!
//! Deliberately one curve for all quotes, won or lost, of whatever kind.

/// Decided quotes with known days that it takes.
pub const LEAST_DECIDED: usize = 30;

/// How long quotes take, from their day to the day of the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Cycle {
    /// Days and the share of quotes that take longer, ascending by days.
    steps: Vec<(i32, f64)>,
    /// Decided quotes that it was made of.
    pub decided: usize,
    /// Open quotes that it was made of.
    pub open: usize,
}

impl Cycle {
    /// Of the days that decided quotes took and those that open ones have waited; `None` with fewer than
    /// [`LEAST_DECIDED`] decided ones. Negative days count as none.
    #[must_use]
    pub fn of(decided: &[i32], open: &[i32]) -> Option<Self> {
        if decided.len() < LEAST_DECIDED {
            return None;
        }
        let mut days: Vec<(i32, bool)> = decided
            .iter()
            .map(|days| (*days.max(&0), true))
            .chain(open.iter().map(|days| (*days.max(&0), false)))
            .collect();
        days.sort_unstable();
        let (mut left, mut longer) = (days.len() as f64, 1.0);
        let mut steps = Vec::new();
        for same in days.chunk_by(|a, b| a.0 == b.0) {
            let ended = same.iter().filter(|(_, ended)| *ended).count() as f64;
            if ended > 0.0 {
                longer *= 1.0 - ended / left;
                steps.push((same[0].0, longer));
            }
            left -= same.len() as f64;
        }
        Some(Self {
            steps,
            decided: decided.len(),
            open: open.len(),
        })
    }

    /// Share of quotes that take longer than so many days.
    #[must_use]
    pub fn longer(&self, days: i32) -> f64 {
        let below = self.steps.partition_point(|(at, _)| *at <= days);
        match below.checked_sub(1) {
            Some(at) => self.steps[at].1,
            None => 1.0,
        }
    }

    /// Days after which a share of the quotes is decided; `None` where fewer ever are.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<i32> {
        let mut steps = self.steps.iter();
        steps
            .find(|(_, longer)| *longer <= 1.0 - share + 1e-12)
            .map(|(days, _)| *days)
    }

    /// Probability that a quote which has waited `age` days is decided within `days` more.
    #[must_use]
    pub fn within(&self, age: i32, days: i32) -> f64 {
        let now = self.longer(age);
        if now <= 1e-9 {
            return 0.0;
        }
        1.0 - self.longer(age.saturating_add(days)) / now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_open_quotes_it_is_the_share_that_took_longer() {
        let days: Vec<i32> = (1..=100).collect();
        let cycle = Cycle::of(&days, &[]).expect("enough");
        assert!((cycle.longer(0) - 1.0).abs() < 1e-12);
        assert!((cycle.longer(30) - 0.7).abs() < 1e-12);
        assert_eq!(cycle.quantile(0.5), Some(50));
        assert!((cycle.within(50, 25) - 0.5).abs() < 1e-12);
        assert_eq!(cycle.within(100, 10), 0.0);
        assert!(Cycle::of(&days[..29], &[]).is_none());
    }

    #[test]
    fn quotes_that_wait_count_as_long_as_they_have_waited() {
        // Thirty are decided on day 10; thirty have waited 5 days, thirty 20: half of those at risk on day 10 are decided.
        let cycle = Cycle::of(&[10; 30], &[[5; 30], [20; 30]].concat()).expect("enough");
        assert!((cycle.longer(9) - 1.0).abs() < 1e-12);
        assert!((cycle.longer(10) - 0.5).abs() < 1e-12);
        assert_eq!(cycle.quantile(0.9), None);
    }
}
