//! How much of each candidate, and of the base rate, goes into the prediction.
//!
//! The blend is a weighted mean of log-odds, weights not negative and adding up to one, the base rate among them: what
//! the candidates do not earn goes to the base rate and dampens the prediction. Weights minimise the log loss of
//! out-of-fold predictions plus what it costs to be far from the weights that candidates have on the average of many tables:
//! few rows say little about weights, and choosing by them alone serves whichever candidate was lucky. Deliberately no
//! more of anything than the data ask for: among all subsets of candidates the smallest that costs no more than the best by a
//! standard error, nor by a thousandth, is taken, but never one that is more than 0.5 % worse than the best single candidate.
//! Where no blend beats the base rate by more than a standard error, the base rate has all the weight, unless the caller
//! knows better.

use crate::Error;
use crate::calibrate::bounded_logit;
use crate::logistic::{loss, sigmoid};
use crate::score::{Score, Units, check_rows};

/// How much worse than the best single candidate a blend may be on the rows it is fitted on.
const MARGIN: f64 = 0.005;
/// How much of the best log loss may be given away for a smaller subset, however large the standard error: over many
/// small tables, means of candidates beat either one.
const SIMPLER: f64 = 0.001;
/// How firmly weights are expected where they usually are: half of 1 / 0.27², for a standard deviation of 0.27. Less leaves few
/// rows to chance, more holds many rows back from what they show.
const FIRMNESS: f64 = 7.0;
/// Most candidates: every subset of them is tried.
const MOST_CANDIDATES: usize = 6;

/// Weights of candidates and base rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    /// One per candidate, in the order given; not negative.
    pub weights: Vec<f64>,
    /// Weight of the base rate; with `weights` it adds up to 1.
    pub base_weight: f64,
}

/// A blend and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub struct BlendChoice {
    /// The weights to serve with.
    pub blend: Blend,
    /// Mean log loss of the blend on the fitted rows.
    pub log_loss: f64,
    /// Mean log loss of every candidate alone, as it is.
    pub candidates: Vec<f64>,
    /// Mean log loss of the base rate.
    pub base_log_loss: f64,
    /// Log loss of the base rate minus that of the best blend, paired by row.
    pub gain_over_base: Score,
    /// Whether that gain exceeds one standard error; if not, the base rate has all the weight.
    pub beats_base_rate: bool,
}

impl Blend {
    /// All the weight on candidate `at` of `candidates`.
    pub(crate) fn only(at: usize, candidates: usize) -> Self {
        Self {
            weights: (0..candidates)
                .map(|k| f64::from(u8::from(k == at)))
                .collect(),
            base_weight: 0.0,
        }
    }

    /// Log-odds of the blend from the candidates' log-odds and those of the base rate.
    ///
    /// Contributions blend in the same way: every one is multiplied by the weight of its candidate, and the candidates'
    /// own bases join the base. Candidates beyond the weights are ignored.
    #[must_use]
    pub fn log_odds(&self, candidates: &[f64], base: f64) -> f64 {
        let learned: f64 = self
            .weights
            .iter()
            .zip(candidates)
            // A candidate without weight may be infinite or missing.
            .filter(|(w, _)| **w > 0.0)
            .map(|(w, z)| w * z)
            .sum();
        learned + self.base_weight * base
    }

    /// Probability of the blend from probabilities.
    #[must_use]
    pub fn probability(&self, candidates: &[f64], base: f64) -> f64 {
        let z: Vec<f64> = candidates.iter().map(|&p| bounded_logit(p)).collect();
        sigmoid(self.log_odds(&z, bounded_logit(base)))
    }
}

/// Fits the blend, without any expectation of the weights.
///
/// `candidates[k][r]` is the out-of-fold probability of row r by candidate k, `base[r]` the win rate that the base rate
/// would have answered for row r (that of its fold's fitting side). At most six candidates; none gives the base rate.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths, no rows, too many candidates, or a probability outside 0 to 1.
pub fn fit_blend(
    candidates: &[Vec<f64>],
    base: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
) -> Result<BlendChoice, Error> {
    weigh(candidates, base, (won, groups), (&[], false))
}

/// The same with the weights that are `usual`, and with weights whether the base rate is beaten or not where there is
/// a `signal` for sure.
pub(crate) fn weigh(
    candidates: &[Vec<f64>],
    base: &[f64],
    (won, groups): (&[bool], Option<&[u32]>),
    (usual, signal): (&[f64], bool),
) -> Result<BlendChoice, Error> {
    check_rows(base, won, groups)?;
    for candidate in candidates {
        check_rows(candidate, won, groups)?;
    }
    if candidates.len() > MOST_CANDIDATES {
        return Err(Error::InvalidInput {
            reason: format!(
                "{} candidates are more than {MOST_CANDIDATES}",
                candidates.len()
            ),
        });
    }
    let units = Units::new(won.len(), groups);
    let rows = Rows::new(candidates, base, won, usual);
    let single = |at: usize| {
        let mut weights = vec![0.0; candidates.len()];
        weights[at] = 1.0;
        average(&rows.losses(&weights))
    };
    let alone: Vec<f64> = (0..candidates.len()).map(single).collect();
    let base_losses = rows.losses(&vec![0.0; candidates.len()]);
    let fitted: Vec<Fitted> = (1..1usize << candidates.len())
        .map(|subset| Fitted::on(&rows, subset))
        .collect();
    let best = fitted.iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
    let gain = |from: &[f64], to: &[f64]| {
        let gains: Vec<f64> = from.iter().zip(to).map(|(f, t)| f - t).collect();
        let score = units.mean(&gains);
        (score, units.error_of_mean(&gains, score.value))
    };
    let mut choice = BlendChoice {
        blend: Blend {
            weights: vec![0.0; candidates.len()],
            base_weight: 1.0,
        },
        log_loss: average(&base_losses),
        base_log_loss: average(&base_losses),
        gain_over_base: gain(&base_losses, &base_losses).0,
        beats_base_rate: false,
        candidates: alone,
    };
    let Some(best) = best else {
        return Ok(choice);
    };
    let (gained, error) = gain(&base_losses, &best.losses);
    choice.gain_over_base = gained;
    // A single unit shows no error at all, which must not read as certainty.
    choice.beats_base_rate = units.count() > 1 && gained.value > error.max(1e-9);
    if choice.beats_base_rate || signal {
        let alone = choice.candidates.iter().copied();
        let limit = (1.0 + MARGIN) * alone.fold(f64::INFINITY, f64::min);
        let acceptable = |f: &&Fitted| {
            let (_, error) = gain(&f.losses, &best.losses);
            f.cost - best.cost <= error.min(SIMPLER * best.mean) && f.mean <= limit
        };
        let taken = fitted
            .iter()
            .filter(acceptable)
            .min_by(|a, b| {
                (a.members, a.cost)
                    .partial_cmp(&(b.members, b.cost))
                    .unwrap_or(std::cmp::Ordering::Equal)
            })
            .unwrap_or(best);
        choice.log_loss = taken.mean;
        choice.blend = Blend {
            base_weight: (1.0 - taken.weights.iter().sum::<f64>()).max(0.0),
            weights: taken.weights.clone(),
        };
    }
    Ok(choice)
}

fn average(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len().max(1) as f64
}

/// Log-odds of the base rate, and of every candidate relative to it.
struct Rows<'a> {
    base: Vec<f64>,
    /// `beyond[r * candidates + k]`.
    beyond: Vec<f64>,
    candidates: usize,
    won: &'a [bool],
    usual: &'a [f64],
}

impl<'a> Rows<'a> {
    fn new(candidates: &[Vec<f64>], base: &[f64], won: &'a [bool], usual: &'a [f64]) -> Self {
        let base: Vec<f64> = base.iter().map(|&p| bounded_logit(p)).collect();
        let beyond = (0..won.len())
            .flat_map(|r| candidates.iter().map(move |c| (r, c)))
            .map(|(r, c)| bounded_logit(c[r]) - base[r])
            .collect();
        Self {
            base,
            beyond,
            candidates: candidates.len(),
            won,
            usual,
        }
    }

    /// What it costs, per row, that weights are not the usual ones.
    fn unusual(&self, weights: &[f64]) -> f64 {
        let away = weights.iter().zip(self.usual).map(|(w, u)| (w - u).powi(2));
        FIRMNESS * away.sum::<f64>() / self.won.len() as f64
    }

    fn row(&self, r: usize) -> &[f64] {
        &self.beyond[r * self.candidates..][..self.candidates]
    }

    fn log_odds(&self, r: usize, weights: &[f64]) -> f64 {
        let learned: f64 = self.row(r).iter().zip(weights).map(|(d, w)| d * w).sum();
        self.base[r] + learned
    }

    fn losses(&self, weights: &[f64]) -> Vec<f64> {
        (0..self.won.len())
            .map(|r| loss(self.log_odds(r, weights), self.won[r]))
            .collect()
    }

    /// Gradient and Hessian (full, row-major) of the mean log loss and [`Rows::unusual`].
    fn slopes(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let k = self.candidates;
        let (mut gradient, mut hessian) = (vec![0.0; k], vec![0.0; k * k]);
        for r in 0..self.won.len() {
            let p = sigmoid(self.log_odds(r, weights));
            let error = p - f64::from(u8::from(self.won[r]));
            let row = self.row(r);
            for a in 0..k {
                gradient[a] += error * row[a];
                for b in 0..k {
                    hessian[a * k + b] += p * (1.0 - p) * row[a] * row[b];
                }
            }
        }
        let n = self.won.len() as f64;
        gradient.iter_mut().for_each(|g| *g /= n);
        hessian.iter_mut().for_each(|h| *h /= n);
        for (a, usual) in self.usual.iter().enumerate() {
            gradient[a] += 2.0 * FIRMNESS * (weights[a] - usual) / n;
            hessian[a * k + a] += 2.0 * FIRMNESS / n;
        }
        (gradient, hessian)
    }
}

/// The best weights of one subset of candidates, always with the base rate.
struct Fitted {
    weights: Vec<f64>,
    losses: Vec<f64>,
    mean: f64,
    /// The mean, and what the weights cost by being unusual.
    cost: f64,
    /// Candidates with weight.
    members: usize,
}

impl Fitted {
    /// Newton's method: the quadratic model is minimised over the allowed weights, then the step is halved until the
    /// log loss falls.
    fn on(rows: &Rows<'_>, subset: usize) -> Self {
        let mut weights = vec![0.0; rows.candidates];
        let mut losses = rows.losses(&weights);
        let mut cost = average(&losses) + rows.unusual(&weights);
        for _ in 0..60 {
            let (gradient, hessian) = rows.slopes(&weights);
            let target = minimise(&weights, &gradient, &hessian, subset);
            let mut scale = 1.0;
            let better = loop {
                let next: Vec<f64> = weights
                    .iter()
                    .zip(&target)
                    .map(|(w, t)| w + scale * (t - w))
                    .collect();
                let found = rows.losses(&next);
                let costs = average(&found) + rows.unusual(&next);
                if costs < cost {
                    break Some((next, found, costs));
                }
                scale /= 2.0;
                if scale < 1e-6 {
                    break None;
                }
            };
            let Some((next, found, costs)) = better else {
                break;
            };
            let gained = cost - costs;
            (weights, losses, cost) = (next, found, costs);
            if gained < 1e-12 {
                break;
            }
        }
        let members = weights.iter().filter(|w| **w > 0.0).count();
        Self {
            mean: average(&losses),
            weights,
            losses,
            cost,
            members,
        }
    }
}

/// Minimises g (w - from) + (w - from)' H (w - from) / 2 over w >= 0, sum of w <= 1, w = 0 outside `subset`: exact steps
/// along one weight, or from one weight to another, until nothing moves.
fn minimise(from: &[f64], gradient: &[f64], hessian: &[f64], subset: usize) -> Vec<f64> {
    let k = from.len();
    let members: Vec<usize> = (0..k).filter(|a| subset >> a & 1 == 1).collect();
    let mut w = from.to_vec();
    let mut slope = gradient.to_vec();
    for _ in 0..2000 {
        let mut moved = 0.0f64;
        for (at, &a) in members.iter().enumerate() {
            // `None` moves weight between a candidate and the base rate.
            for b in std::iter::once(None).chain(members[..at].iter().map(|&b| Some(b))) {
                let base = 1.0 - w.iter().sum::<f64>();
                let (down, up, g, h) = match b {
                    None => (-w[a], base.max(0.0), slope[a], hessian[a * k + a]),
                    Some(b) => (
                        -w[a],
                        w[b],
                        slope[a] - slope[b],
                        hessian[a * k + a] + hessian[b * k + b] - 2.0 * hessian[a * k + b],
                    ),
                };
                let step = if h > 1e-15 {
                    (-g / h).clamp(down, up)
                } else {
                    0.0
                };
                w[a] = (w[a] + step).max(0.0);
                if let Some(b) = b {
                    w[b] = (w[b] - step).max(0.0);
                }
                for c in 0..k {
                    let other = b.map_or(0.0, |b| hessian[c * k + b]);
                    slope[c] += step * (hessian[c * k + a] - other);
                }
                moved = moved.max(step.abs());
            }
        }
        if moved < 1e-10 {
            break;
        }
    }
    w
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let p = |k: f64| -> Vec<f64> {
            (0..50)
                .map(|r| 0.5 + 0.45 * (k * f64::from(r)).sin())
                .collect()
        };
        let candidates = [p(0.9), p(1.7), p(2.3)];
        let won: Vec<bool> = (0..50).map(|r| r % 5 < 2).collect();
        let rows = Rows::new(&candidates, &[0.4; 50], &won, &[0.3, 0.1, 0.4]);
        let (weights, step) = (vec![0.2, 0.5, 0.1], 1e-5);
        let value = |w: &[f64]| average(&rows.losses(w)) + rows.unusual(w);
        let moved = |at: usize, by: f64| -> Vec<f64> {
            let mut weights = weights.clone();
            weights[at] += by;
            weights
        };
        let (gradient, hessian) = rows.slopes(&weights);
        for a in 0..3 {
            let (up, down) = (moved(a, step), moved(a, -step));
            let slope = (value(&up) - value(&down)) / (2.0 * step);
            assert!((gradient[a] - slope).abs() < 1e-8, "{a}: {slope}");
            let (up, down) = (rows.slopes(&up).0, rows.slopes(&down).0);
            for b in 0..3 {
                let bend = (up[b] - down[b]) / (2.0 * step);
                assert!((hessian[a * 3 + b] - bend).abs() < 1e-7, "{a} {b}: {bend}");
            }
        }
    }
}
