//! What a model may claim that learns from so many quotes of each kind.
//!
//! Deliberately by counts alone; how good a model is, only training can tell.

use crate::validate::MIN_ROWS;

/// Fewest decided quotes, and fewest of a class, for more than an indication.
const USABLE: (u32, u32) = (80, 15);

/// Fewest quotes of each class for a solid model.
const SOLID_CLASS: u32 = 200;

/// How far a model can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Nothing can be learnt.
    Refused,
    /// Probabilities near the base rate with a wide margin; no recommendations, no ranking.
    Indicative,
    /// Probabilities and rankings with their margin.
    Usable,
    /// Margins small enough to compare quotes and prices.
    Solid,
}

impl Tier {
    /// `refused`, `indicative`, `usable` or `solid`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Indicative => "indicative",
            Self::Usable => "usable",
            Self::Solid => "solid",
        }
    }
}

/// What a model of so many quotes may claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// How far it can be trusted.
    pub tier: Tier,
    /// Why, with the numbers.
    pub reason: String,
    /// How many more quotes of the smaller class the next tier takes; 0 where they suffice.
    pub smaller_class_needs: u32,
    /// How many more decided quotes in all the next tier takes, those included.
    pub rows_needed: u32,
}

impl Claim {
    /// The claim for so many won and lost quotes.
    pub fn of(won: u32, lost: u32) -> Self {
        let (all, smaller) = (won.saturating_add(lost), won.min(lost));
        let min_rows = u32::try_from(MIN_ROWS).unwrap_or(u32::MAX);
        let (tier, (next_rows, next_class)) = if all < min_rows || smaller == 0 {
            (Tier::Refused, (min_rows, 1))
        } else if all < USABLE.0 || smaller < USABLE.1 {
            (Tier::Indicative, USABLE)
        } else if smaller < SOLID_CLASS {
            (Tier::Usable, (SOLID_CLASS * 2, SOLID_CLASS))
        } else {
            (Tier::Solid, (0, 0))
        };
        let smaller_class_needs = next_class.saturating_sub(smaller);
        let rows_needed = next_rows.saturating_sub(all).max(smaller_class_needs);
        let class = if won < lost { "won" } else { "lost" };
        let counts = format!("{won} quotes are won and {lost} lost");
        let reason = match tier {
            Tier::Refused => format!(
                "{counts}; at least {min_rows} decided quotes of both kinds are needed to learn anything"
            ),
            Tier::Solid => format!("{counts}, at least {SOLID_CLASS} of each"),
            _ if smaller_class_needs > 0 => {
                format!("{counts}; {smaller_class_needs} more that are {class} would allow more")
            }
            _ => format!("{counts}; {rows_needed} more decided quotes would allow more"),
        };
        Self {
            tier,
            reason,
            smaller_class_needs,
            rows_needed,
        }
    }
}
