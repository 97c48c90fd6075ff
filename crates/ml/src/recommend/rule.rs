//! What a tenant lets be changed of a field: whether at all, which way, in which steps, within which limits.
//!
//! Deliberately no knowledge of history: a rule says what is allowed, not what is known.

/// Most values that a rule with a step yields; a finer step is thinned out.
const MOST_STEPS: usize = 400;
/// How far from a whole number of steps a value may be, as a share of a step.
const STEP_TOLERANCE: f64 = 1e-6;

/// Which way a field may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Either way.
    #[default]
    Both,
    /// To larger numbers; of categories, to later ones in the list of allowed values.
    Up,
    /// To smaller numbers; of categories, to earlier ones in the list of allowed values.
    Down,
}

/// An amount, by itself or by the quote's own value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// In the unit of the column.
    Absolute(f64),
    /// As a share of the quote's value: 0.9 is a tenth below it as a limit, 0.01 a hundredth of it as a step.
    OfValue(f64),
}

/// What may be changed of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRule {
    /// Whether the field may be changed at all.
    pub changeable: bool,
    /// Which way.
    pub direction: Direction,
    /// A changed number is a whole number of steps away from the quote's.
    pub step: Option<Amount>,
    /// The smallest number.
    pub lower: Option<Amount>,
    /// The largest number.
    pub upper: Option<Amount>,
    /// The categories, in an order of the user's; empty for all of them.
    pub allowed: Vec<String>,
}

impl Default for FieldRule {
    /// Both ways, without a limit.
    fn default() -> Self {
        Self {
            changeable: true,
            direction: Direction::Both,
            step: None,
            lower: None,
            upper: None,
            allowed: Vec::new(),
        }
    }
}

impl Amount {
    fn step(self, value: f64) -> f64 {
        match self {
            Self::Absolute(step) => step,
            Self::OfValue(share) => share * value.abs(),
        }
    }

    fn limit(self, value: f64) -> f64 {
        match self {
            Self::Absolute(limit) => limit,
            Self::OfValue(share) => value + (share - 1.0) * value.abs(),
        }
    }
}

impl FieldRule {
    /// Whether nothing at all is restricted.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the number `from` may become `to`, another one.
    #[must_use]
    pub fn allows_number(&self, from: f64, to: f64) -> bool {
        let way = match self.direction {
            Direction::Both => to != from,
            Direction::Up => to > from,
            Direction::Down => to < from,
        };
        let stepped = self.step.is_none_or(|step| {
            let steps = (to - from) / step.step(from);
            steps.is_finite() && (steps - steps.round()).abs() <= STEP_TOLERANCE
        });
        self.changeable
            && to.is_finite()
            && way
            && stepped
            && self.lower.is_none_or(|lower| to >= lower.limit(from))
            && self.upper.is_none_or(|upper| to <= upper.limit(from))
    }

    /// Whether the category `from` may become `to`, another one.
    #[must_use]
    pub fn allows_text(&self, from: Option<&str>, to: &str) -> bool {
        let place = |text: &str| self.allowed.iter().position(|a| a == text);
        let way = match (self.direction, from.and_then(place), place(to)) {
            (Direction::Both, _, at) => self.allowed.is_empty() || at.is_some(),
            (Direction::Up, Some(from), Some(to)) => to > from,
            (Direction::Down, Some(from), Some(to)) => to < from,
            (Direction::Up | Direction::Down, ..) => false,
        };
        self.changeable && from != Some(to) && way
    }

    /// The part of `low` to `high` that may hold a number in place of `from`; empty where its first end is above its second.
    pub(crate) fn range(&self, from: f64, low: f64, high: f64) -> (f64, f64) {
        let low = self.lower.map_or(low, |l| low.max(l.limit(from)));
        let high = self.upper.map_or(high, |u| high.min(u.limit(from)));
        match self.direction {
            Direction::Both => (low, high),
            Direction::Up => (low.max(from), high),
            Direction::Down => (low, high.min(from)),
        }
    }

    /// The numbers between `low` and `high` that lie whole steps away from `from`, ascending; `None` without a step.
    #[must_use]
    pub fn steps_within(&self, from: f64, low: f64, high: f64) -> Option<Vec<f64>> {
        let step = self.step?.step(from);
        if !(step.is_finite() && step > 0.0 && from.is_finite()) {
            return Some(Vec::new());
        }
        let (first, last) = (((low - from) / step).ceil(), ((high - from) / step).floor());
        if !(first.is_finite() && last.is_finite() && first <= last) {
            return Some(Vec::new());
        }
        let every = ((last - first + 1.0) / MOST_STEPS as f64).ceil().max(1.0);
        let count = ((last - first) / every).floor() as usize;
        let at = |k: usize| from + (first + k as f64 * every) * step;
        let inside = |x: &f64| *x >= low && *x <= high && *x != from;
        Some((0..=count).map(at).filter(inside).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(change: impl FnOnce(&mut FieldRule)) -> FieldRule {
        let mut rule = FieldRule::default();
        change(&mut rule);
        rule
    }

    #[test]
    fn numbers_keep_to_way_limits_and_steps() {
        let down = rule(|r| {
            r.direction = Direction::Down;
            r.lower = Some(Amount::OfValue(0.9));
            r.step = Some(Amount::Absolute(5.0));
        });
        assert!(down.allows_number(100.0, 95.0) && down.allows_number(100.0, 90.0));
        assert!(!down.allows_number(100.0, 85.0), "below the limit");
        assert!(!down.allows_number(100.0, 93.0), "between two steps");
        assert!(!down.allows_number(100.0, 105.0) && !down.allows_number(100.0, 100.0));
        assert_eq!(
            down.steps_within(100.0, 82.0, 111.0),
            Some(vec![85.0, 90.0, 95.0, 105.0, 110.0])
        );
        let negative = rule(|r| r.lower = Some(Amount::OfValue(0.9)));
        assert!(negative.allows_number(-10.0, -11.0) && !negative.allows_number(-10.0, -11.5));
        let fixed = rule(|r| r.changeable = false);
        assert!(!fixed.allows_number(1.0, 2.0) && !fixed.allows_text(None, "a"));
    }

    #[test]
    fn steps_never_explode() {
        let fine = rule(|r| r.step = Some(Amount::Absolute(1e-9)));
        assert!(fine.steps_within(0.0, -1e6, 1e6).unwrap().len() <= MOST_STEPS + 1);
        let none = rule(|r| r.step = Some(Amount::OfValue(0.1)));
        assert_eq!(none.steps_within(0.0, -1.0, 1.0), Some(Vec::new()));
        assert_eq!(none.steps_within(f64::NAN, -1.0, 1.0), Some(Vec::new()));
        assert_eq!(none.steps_within(1.0, 5.0, 4.0), Some(Vec::new()));
        assert_eq!(FieldRule::default().steps_within(1.0, 0.0, 2.0), None);
    }

    #[test]
    fn categories_follow_the_order_of_the_list() {
        let terms = |direction| {
            rule(|r| {
                r.allowed = ["14 days", "30 days", "60 days"]
                    .map(str::to_owned)
                    .to_vec();
                r.direction = direction;
            })
        };
        let both = terms(Direction::Both);
        assert!(both.allows_text(Some("90 days"), "30 days"));
        assert!(!both.allows_text(Some("30 days"), "90 days"));
        assert!(!both.allows_text(Some("30 days"), "30 days"));
        assert!(terms(Direction::Up).allows_text(Some("14 days"), "60 days"));
        assert!(!terms(Direction::Up).allows_text(Some("60 days"), "14 days"));
        assert!(!terms(Direction::Down).allows_text(None, "14 days"));
        assert!(FieldRule::default().allows_text(None, "x"));
    }
}
