//! What to serve: candidates tried on the same held-back rows, their blend, and a calibration map where it helps.
//!
//! Everything is decided on the training side alone, out of fold. Before anything but the base rate is served, a candidate
//! has to beat it by some standard errors, or by the fewer the clearer the signal is that a test of all columns together finds
//! (see `signal`): a model of noise is worse than none. Deliberately no fitting of what is served; that is `model`.

use crate::Error;
use crate::blend::{Blend, weigh};
use crate::calibrate::{Calibration, choose_calibration};
use crate::candidates::{BoostedCandidate, choose_boosted};
use crate::crossval::{CrossValidation, cross_validate};
use crate::doubt::{Doubt, HeldBack, doubt};
use crate::model::Recipe;
use crate::score::{Units, losses};
use crate::signal::clear_signal;
use crate::split::{Split, folds};
use crate::table::{Role, TrainingSet};
use crate::train::TrainOptions;

/// By how many standard errors the logistic and the boosted candidate have to beat the base rate. The choice of families is
/// richer than that of penalties, and flatters more.
const CLEARLY: [f64; 2] = [2.0, 2.5];
/// The chance of a signal's being none, by a test of all columns together, up to which it is believed where a candidate is
/// better than the base rate at all; and after how many standard errors by which it is, ten times that chance will do.
const BELIEVED: (f64, f64) = (0.001, 2.0);
/// Weights of the two on the average of many tables.
const USUAL: [f64; 2] = [0.7, 0.3];
/// A single candidate is taken undamped where that costs at most this share of its log loss.
const UNDAMPED: f64 = 0.001;
/// Share of the choosing after which the logistic candidate is done.
const LOGISTIC_DONE: f64 = 0.35;

/// What was chosen, and on what grounds.
pub(crate) struct Chosen {
    pub recipe: Recipe,
    pub logistic: CrossValidation,
    pub boosted: Option<BoostedCandidate>,
    /// Held-back log loss of the base rate, the logistic and the boosted candidate on the same rows.
    pub log_losses: [Option<f64>; 3],
    /// The same of what is served.
    pub served_log_loss: Option<f64>,
    /// Held-back probabilities of the chosen blend, and the outcomes of those rows.
    pub probabilities: Vec<f64>,
    pub outcomes: Vec<bool>,
}

/// Whether a higher price may never raise the answer: as wished, else wherever a list price or cost tells a dear quote
/// from a large one.
fn falling(set: &TrainingSet, options: &TrainOptions) -> bool {
    let has = |role: Role| set.features.columns.iter().any(|c| c.role == role);
    let by_itself = has(Role::ListPrice) || has(Role::Cost);
    has(Role::Price) && options.monotone_price.unwrap_or(by_itself)
}

/// Chooses on the training side of `sides`; `tick` is told the share that is done and may stop.
pub(crate) fn choose(
    set: &TrainingSet,
    options: &TrainOptions,
    sides: &Split,
    tick: &mut dyn FnMut(f64) -> Result<(), Error>,
) -> Result<Chosen, Error> {
    let draw = |by_time: bool| folds(set, &sides.train, options.folds, by_time, options.seed);
    let mut parts = draw(sides.by_time);
    let by_time = parts.len() >= 2;
    if !by_time {
        parts = draw(false);
    }
    let falling = falling(set, options);
    let fits = (parts.len() * options.penalties.len()).max(1) as f64;
    let mut done = 0.0;
    tick(0.0)?;
    let how = (falling, options.threads.max(1));
    let logistic = cross_validate(set, &parts, &options.penalties, how, &mut || {
        done += 1.0;
        tick(LOGISTIC_DONE * done / fits)
    })?;
    let boosted = if parts.is_empty() {
        None
    } else {
        let threads = options.threads.max(1);
        choose_boosted(
            set,
            &parts,
            (options.seed, falling),
            threads,
            &mut |share| tick(LOGISTIC_DONE + (1.0 - LOGISTIC_DONE) * share),
        )?
    };
    let mut chosen = decide(set, options, (falling, &sides.train), logistic, boosted)?;
    let from = chosen.logistic.rows.len() - chosen.outcomes.len();
    let in_time = sides.by_time && by_time;
    let part = |at: usize| parts[at].1.iter().map(move |_| at);
    let held = HeldBack {
        rows: &chosen.logistic.rows[from..],
        probabilities: &chosen.probabilities,
        won: &chosen.outcomes,
        parts: in_time.then(|| (0..parts.len()).flat_map(part).skip(from).collect()),
    };
    chosen.recipe.doubt = doubt(set, &sides.train, &held)?;
    Ok(chosen)
}

/// Blends what cross-validation found.
fn decide(
    set: &TrainingSet,
    options: &TrainOptions,
    (falling, known): (bool, &[usize]),
    logistic: CrossValidation,
    boosted: Option<BoostedCandidate>,
) -> Result<Chosen, Error> {
    // The boosted candidate may have been tried on the last folds only.
    let from = boosted
        .as_ref()
        .map_or(0, |b| logistic.outcomes.len() - b.probabilities.len());
    let outcomes = logistic.outcomes[from..].to_vec();
    let base = &logistic.base[from..];
    let groups: Option<Vec<u32>> = set
        .group
        .as_ref()
        .map(|g| logistic.rows[from..].iter().map(|&r| g[r]).collect());
    let groups = groups.as_deref();
    let told = [
        Some(&logistic.probabilities[from..]),
        boosted.as_ref().map(|b| b.probabilities.as_slice()),
    ];
    let candidates: Vec<Vec<f64>> = told.into_iter().flatten().map(<[f64]>::to_vec).collect();
    let beyond: Vec<f64> = candidates
        .iter()
        .map(|p| errors_beyond(p, base, &outcomes, groups))
        .collect();
    let mut signal = beyond
        .iter()
        .zip(CLEARLY)
        .any(|(found, asked)| *found > asked);
    let best = beyond.iter().copied().fold(0.0, f64::max);
    if !signal && best > 0.0 {
        let chance = BELIEVED.0 * 10f64.powf(best / BELIEVED.1);
        signal = clear_signal(set, known, chance, options.seed)?;
    }
    let mut recipe = Recipe {
        penalty: logistic.penalty,
        plan: boosted.as_ref().map(|b| b.plan.clone()),
        blend: Blend {
            weights: vec![0.0, 0.0],
            base_weight: 1.0,
        },
        calibration: Calibration::Identity,
        falling,
        serves_base_rate: true,
        doubt: Doubt::default(),
    };
    let mut probabilities = base.to_vec();
    if signal {
        let usual = if candidates.len() > 1 {
            &USUAL[..]
        } else {
            &[1.0]
        };
        let choice = weigh(&candidates, base, (&outcomes, groups), (usual, true))?;
        let blend = undamped(choice.blend, &choice.candidates, choice.log_loss);
        recipe.serves_base_rate = blend.weights.iter().all(|w| *w == 0.0);
        recipe.blend.weights[..candidates.len()].copy_from_slice(&blend.weights);
        recipe.blend.base_weight = blend.base_weight;
        let of = |r: usize| -> Vec<f64> { candidates.iter().map(|c| c[r]).collect() };
        probabilities = (0..outcomes.len())
            .map(|r| blend.probability(&of(r), base[r]))
            .collect();
        if !recipe.serves_base_rate {
            let map = choose_calibration(&probabilities, &outcomes, groups, options.seed)?.map;
            probabilities
                .iter_mut()
                .for_each(|p| *p = map.probability(*p));
            recipe.calibration = map;
        }
    }
    let mean = |p: &[f64]| {
        let total: f64 = losses(p, &outcomes).iter().sum();
        (!outcomes.is_empty()).then(|| total / outcomes.len() as f64)
    };
    Ok(Chosen {
        log_losses: [
            mean(base),
            mean(&logistic.probabilities[from..]),
            boosted.as_ref().and_then(|b| mean(&b.probabilities)),
        ],
        served_log_loss: mean(&probabilities),
        recipe,
        logistic,
        boosted,
        probabilities,
        outcomes,
    })
}

/// By how many standard errors `p` beats the base rate; 0 where fewer than two units show no error.
fn errors_beyond(p: &[f64], base: &[f64], won: &[bool], groups: Option<&[u32]>) -> f64 {
    let units = Units::new(won.len(), groups);
    if units.count() < 2 {
        return 0.0;
    }
    let gains: Vec<f64> = losses(base, won)
        .iter()
        .zip(losses(p, won))
        .map(|(b, l)| b - l)
        .collect();
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    mean / units.error_of_mean(&gains, mean).max(1e-9)
}

/// A blend of one candidate and a little of the base rate becomes that candidate alone where it is as good.
fn undamped(blend: Blend, alone: &[f64], log_loss: f64) -> Blend {
    let mut used = (0..alone.len()).filter(|&k| blend.weights[k] > 0.0);
    let (Some(only), None) = (used.next(), used.next()) else {
        return blend;
    };
    if alone[only] > log_loss * (1.0 + UNDAMPED) {
        return blend;
    }
    Blend::only(only, blend.weights.len())
}
