//! Monotone maps that bring predicted probabilities to the observed rates, kept only where they help.
//!
//! All maps act on log-odds and never fall, so the order of quotes, and with it the AUC, stays. Explanations stay exact:
//! contributions are scaled by (mapped log-odds - mapped base) / (log-odds - base), the mean slope of the map between the
//! average row and this one, so they still add up to the prediction, and under Platt's map every one is simply
//! multiplied by the slope. Ends of intervals are mapped like the estimate. Deliberately not a repair for a model that
//! ranks badly.

mod choose;
mod fit;

pub use choose::{CalibrationChoice, choose_calibration};

use crate::Error;
use crate::logistic::{logit, sigmoid};

/// Log-odds are kept inside this distance from 0, the log-odds of 1e-15.
const MOST: f64 = 34.5;

/// A map of log-odds, monotone and never falling.
#[derive(Debug, Clone, PartialEq)]
pub enum Calibration {
    /// Leaves everything as it is.
    Identity,
    /// slope * log-odds + intercept (Platt 1999), slope not negative.
    Platt {
        /// Above 1 sharpens, below 1 dampens.
        slope: f64,
        /// Shifts all log-odds.
        intercept: f64,
    },
    /// won * ln(p) - lost * ln(1 - p) + intercept (Kull et al. 2017), both weights not negative.
    Beta {
        /// Weight of ln(p).
        won: f64,
        /// Weight of -ln(1 - p).
        lost: f64,
        /// Shifts all log-odds.
        intercept: f64,
    },
    /// Straight lines between knots (log-odds in, log-odds out), both ascending; beyond the knots the slope is 1.
    Isotonic {
        /// At least one, in strictly ascending order of the first part, the second never falling.
        knots: Vec<(f64, f64)>,
    },
}

impl Calibration {
    /// The name, as in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Identity => "none",
            Self::Platt { .. } => "platt",
            Self::Beta { .. } => "beta",
            Self::Isotonic { .. } => "isotonic",
        }
    }

    /// The mapped log-odds; NaN stays NaN.
    #[must_use]
    pub fn log_odds(&self, z: f64) -> f64 {
        match self {
            Self::Identity => z,
            Self::Platt { slope, intercept } => slope * z + intercept,
            Self::Beta {
                won,
                lost,
                intercept,
            } => {
                let [a, b] = beta_features(z);
                won * a + lost * b + intercept
            }
            Self::Isotonic { knots } => between(knots, z),
        }
    }

    /// The mapped probability.
    #[must_use]
    pub fn probability(&self, p: f64) -> f64 {
        match self {
            Self::Identity => p,
            map => sigmoid(map.log_odds(bounded_logit(p))),
        }
    }

    /// Contributions in log-odds around `base`, carried through the map: (mapped base, mapped contributions), which add
    /// up to the mapped log-odds of `base` plus the sum of `contributions`.
    #[must_use]
    pub fn contributions(&self, base: f64, contributions: &[f64]) -> (f64, Vec<f64>) {
        let moved: f64 = contributions.iter().sum();
        let (from, to) = (self.log_odds(base), self.log_odds(base + moved));
        let slope = match self {
            Self::Identity => 1.0,
            Self::Platt { slope, .. } => *slope,
            // Contributions that cancel out leave nothing to take a mean slope over: take the slope at the base.
            _ if moved.abs() < 1e-9 => {
                (self.log_odds(base + 1e-4) - self.log_odds(base - 1e-4)) / 2e-4
            }
            _ => (to - from) / moved,
        };
        (from, contributions.iter().map(|c| c * slope).collect())
    }

    /// The map as numbers to store: a kind and its parameters.
    #[must_use]
    pub fn parts(&self) -> (u32, Vec<f64>) {
        match self {
            Self::Identity => (0, Vec::new()),
            Self::Platt { slope, intercept } => (1, vec![*slope, *intercept]),
            Self::Beta {
                won,
                lost,
                intercept,
            } => (2, vec![*won, *lost, *intercept]),
            Self::Isotonic { knots } => (3, knots.iter().flat_map(|&(x, y)| [x, y]).collect()),
        }
    }

    /// The map from [`Calibration::parts`].
    ///
    /// # Errors
    /// [`Error::CorruptArtefact`] for an unknown kind, a wrong number of parameters, or parameters that are not finite
    /// or would let the map fall.
    pub fn from_parts(kind: u32, parameters: &[f64]) -> Result<Self, Error> {
        let corrupt = || Error::CorruptArtefact {
            reason: "its calibration is not a monotone map".to_owned(),
        };
        if parameters.iter().any(|v| !v.is_finite()) {
            return Err(corrupt());
        }
        let map = match (kind, parameters) {
            (0, []) => Self::Identity,
            (1, &[slope, intercept]) => Self::Platt { slope, intercept },
            (2, &[won, lost, intercept]) => Self::Beta {
                won,
                lost,
                intercept,
            },
            (3, flat) if !flat.is_empty() && flat.len().is_multiple_of(2) => Self::Isotonic {
                knots: flat.chunks_exact(2).map(|k| (k[0], k[1])).collect(),
            },
            _ => return Err(corrupt()),
        };
        if map.monotone() {
            Ok(map)
        } else {
            Err(corrupt())
        }
    }

    fn monotone(&self) -> bool {
        match self {
            Self::Identity => true,
            Self::Platt { slope, .. } => *slope >= 0.0,
            Self::Beta { won, lost, .. } => *won >= 0.0 && *lost >= 0.0,
            Self::Isotonic { knots } => knots
                .windows(2)
                .all(|k| k[0].0 < k[1].0 && k[0].1 <= k[1].1),
        }
    }
}

/// ln(p) and -ln(1 - p) of a probability given as log-odds, without overflow.
fn beta_features(z: f64) -> [f64; 2] {
    let soft = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    [-soft(-z), soft(z)]
}

/// Log-odds of a probability, kept finite.
pub(crate) fn bounded_logit(p: f64) -> f64 {
    logit(p).clamp(-MOST, MOST)
}

fn between(knots: &[(f64, f64)], z: f64) -> f64 {
    let above = knots.partition_point(|k| k.0 <= z);
    match (
        above.checked_sub(1).and_then(|b| knots.get(b)),
        knots.get(above),
    ) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (z - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1 + (z - end.0),
        (None, None) => z,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps() -> [Calibration; 4] {
        [
            Calibration::Identity,
            Calibration::Platt {
                slope: 0.7,
                intercept: -0.2,
            },
            Calibration::Beta {
                won: 0.4,
                lost: 1.3,
                intercept: 0.1,
            },
            Calibration::Isotonic {
                knots: vec![(-2.0, -1.5), (0.0, -1.0), (0.5, -1.0), (2.0, 1.0)],
            },
        ]
    }

    #[test]
    fn maps_never_fall_and_survive_storage() {
        for map in maps() {
            let (kind, parameters) = map.parts();
            assert_eq!(Calibration::from_parts(kind, &parameters), Ok(map.clone()));
            let values: Vec<f64> = (-400..=400)
                .map(|k| map.log_odds(f64::from(k) / 10.0))
                .collect();
            assert!(values.windows(2).all(|w| w[0] <= w[1]), "{}", map.name());
            assert!((0.0..=1.0).contains(&map.probability(0.0)));
            assert!((0.0..=1.0).contains(&map.probability(1.0)));
            assert!(map.log_odds(f64::NAN).is_nan());
        }
        // Beta with equal weights is Platt's map.
        let equal = Calibration::Beta {
            won: 0.7,
            lost: 0.7,
            intercept: -0.2,
        };
        assert!((equal.log_odds(1.3) - maps()[1].log_odds(1.3)).abs() < 1e-12);
    }

    #[test]
    fn contributions_still_add_up() {
        for map in maps() {
            for parts in [
                vec![0.4, -1.1, 0.2],
                vec![0.5, -0.5],
                vec![],
                vec![3.0, 2.0],
            ] {
                let (base, mapped) = map.contributions(-0.3, &parts);
                let z = -0.3 + parts.iter().sum::<f64>();
                let sum = base + mapped.iter().sum::<f64>();
                assert!((sum - map.log_odds(z)).abs() < 1e-9, "{}", map.name());
            }
        }
    }

    #[test]
    fn damaged_parameters_are_refused() {
        for (kind, parameters) in [
            (0, vec![1.0]),
            (1, vec![-0.5, 0.0]),
            (1, vec![f64::NAN, 0.0]),
            (2, vec![1.0, -1.0, 0.0]),
            (3, vec![]),
            (3, vec![0.0, 1.0, 2.0]),
            (3, vec![0.0, 1.0, 1.0, 0.5]),
            (9, vec![]),
        ] {
            assert!(Calibration::from_parts(kind, &parameters).is_err());
        }
    }
}
