//! Choosing a boosted candidate by cross-validation: which family, and how many rounds.
//!
//! Families are tried on the same folds as the penalties, from simple to rich; a richer one has to be better by a
//! thousandth. Large tables race the families on one fold and give the others to the winner only. Deliberately no
//! weighing against the logistic candidate: see `blend`.

use crate::Error;
use crate::boosted::{Binned, Family, Plan, Rounds, Sample, Settings, Trial, features};
use crate::encode::{Bound, Encoder};
use crate::logistic::sigmoid;
use crate::parallel;
use crate::table::TrainingSet;
use crate::trained::FamilyScore;

/// Rows from which families race on one fold, and folds that the winner gets.
const LARGE: usize = 20_000;
const FOLDS_WHEN_LARGE: usize = 3;
/// By how much a richer family has to lower the log loss, as a share of it.
const RICHER: f64 = 0.001;

/// The chosen candidate.
pub(crate) struct BoostedCandidate {
    pub plan: Plan,
    /// Held-back probabilities, fold after fold, of the last folds; of all where rows are not very many.
    pub probabilities: Vec<f64>,
    /// Every family tried.
    pub tried: Vec<FamilyScore>,
}

/// Settings of the families for a fit on `rows` rows, from simple to rich.
fn families(rows: usize, seed: u64, monotone_price: bool) -> Vec<Settings> {
    let common = Settings {
        seed,
        monotone_price,
        learning_rate: if rows < LARGE { 0.05 } else { 0.1 },
        rounds: if rows < LARGE { 800 } else { 600 },
        patience: 40,
        leaf_hessian: if rows < 400 { 2.0 } else { 3.0 },
        bags: if rows < LARGE { 10 } else { 5 },
        ..Settings::default()
    };
    let trees = |leaves, depth| Settings {
        family: Family::Trees { leaves, depth },
        ..common.clone()
    };
    let additive = Settings {
        family: Family::Additive { leaves: 3 },
        pairs: if rows < 150 { 0 } else { 10 },
        ..common.clone()
    };
    let mut families = vec![additive];
    if rows < LARGE {
        families.push(trees(4, 2));
    }
    if rows >= 400 {
        families.push(trees(15, 12));
    }
    families
}

/// A family in words.
pub(crate) fn family_text(settings: &Settings, rounds: Rounds) -> String {
    match settings.family {
        Family::Additive { .. } if rounds.pairs > 0 => "additive with pairs".to_owned(),
        Family::Additive { .. } => "additive".to_owned(),
        Family::Trees { leaves, depth } => format!("trees of depth {depth}, {leaves} leaves"),
    }
}

/// Trials of one family with the rounds that suit them.
struct Explored {
    trials: Vec<Trial>,
    rounds: Rounds,
    /// Of the last stage, per trial: what suits the others.
    each: Vec<usize>,
    log_loss: f64,
    /// The same without pairs.
    without_pairs: Option<f64>,
}

impl Explored {
    /// Finds the rounds of `trials`, whose first stage has been run.
    fn of(mut trials: Vec<Trial>, settings: &Settings, threads: usize) -> Self {
        trials.iter_mut().for_each(Trial::forget_pairs);
        let first = Trial::settle(&mut trials, threads);
        let mut found = Self {
            rounds: Rounds {
                first: first.rounds,
                pairs: 0,
            },
            each: first.each,
            log_loss: first.log_loss,
            without_pairs: None,
            trials,
        };
        let additive = matches!(settings.family, Family::Additive { .. });
        if settings.pairs > 0 && first.rounds > 0 && additive {
            Trial::add_pairs(&mut found.trials, first.rounds, threads);
            let with = Trial::settle(&mut found.trials, threads);
            if with.rounds > 0 && with.log_loss < first.log_loss * (1.0 - RICHER) {
                found.without_pairs = Some(first.log_loss);
                found.rounds.pairs = with.rounds;
                (found.each, found.log_loss) = (with.each, with.log_loss);
            } else {
                found.trials.iter_mut().for_each(Trial::forget_pairs);
            }
        }
        found
    }

    fn probabilities(&self) -> Vec<f64> {
        self.trials
            .iter()
            .zip(&self.each)
            .flat_map(|(t, &rounds)| t.held_log_odds(rounds))
            .map(sigmoid)
            .collect()
    }
}

/// Fitting and held-back side of a fold, binned by the fitting side.
fn sides(
    set: &TrainingSet,
    fold: &(Vec<usize>, Vec<usize>),
    settings: &Settings,
) -> Result<(Sample, Sample), Error> {
    let (table, won) = set.select(&fold.0);
    let (held_table, held_won) = set.select(&fold.1);
    let encoder = Encoder::fit(&table);
    let bound = Bound::new(&encoder, &table)?;
    let features = features(&encoder, &bound, settings);
    let train = Sample {
        binned: Binned::of(&features, &bound),
        won,
    };
    let held = Sample {
        binned: Binned::of(&features, &Bound::new(&encoder, &held_table)?),
        won: held_won,
    };
    Ok((train, held))
}

/// What is told of the families, `best` the chosen one.
fn tried(families: &[Settings], explored: &[Explored], best: usize) -> Vec<FamilyScore> {
    let mut tried = Vec::new();
    for (at, (family, found)) in families.iter().zip(explored).enumerate() {
        if let Some(log_loss) = found.without_pairs {
            tried.push(FamilyScore {
                family: family_text(family, Rounds::default()),
                log_loss,
                chosen: false,
            });
        }
        tried.push(FamilyScore {
            family: family_text(family, found.rounds),
            log_loss: found.log_loss,
            chosen: at == best,
        });
    }
    tried
}

/// The best boosted candidate over `folds`; `None` where no family beats the constant in any round.
///
/// `tick` is told between the steps, with the share that is done, and may stop.
pub(crate) fn choose_boosted(
    set: &TrainingSet,
    folds: &[(Vec<usize>, Vec<usize>)],
    (seed, monotone_price): (u64, bool),
    threads: usize,
    tick: &mut dyn FnMut(f64) -> Result<(), Error>,
) -> Result<Option<BoostedCandidate>, Error> {
    let rows = folds.iter().map(|f| f.0.len()).max().unwrap_or(0);
    let families = families(rows, seed, monotone_price);
    let large = rows >= LARGE;
    let used = if large {
        FOLDS_WHEN_LARGE.min(folds.len())
    } else {
        folds.len()
    };
    // The last folds are the newest where folds follow time.
    let folds = &folds[folds.len() - used..];
    let samples: Vec<(Sample, Sample)> =
        parallel::map(used, threads, |f| sides(set, &folds[f], &families[0]))
            .into_iter()
            .collect::<Result<_, _>>()?;
    if samples.iter().any(|(train, _)| train.binned.width == 0) {
        return Ok(None);
    }
    let racing = if large { 1 } else { used };
    let trial = |family: &Settings, fold: usize| {
        let (train, held) = samples[fold].clone();
        Trial::new(train, held, family)
    };
    tick(0.05)?;
    let mut explored: Vec<Explored> = Vec::new();
    let first = used - racing;
    let mut trials = parallel::map(families.len() * racing, threads, |at| {
        trial(&families[at / racing], first + at % racing)
    });
    tick(0.4)?;
    for family in families.iter().rev() {
        let own = trials.split_off(trials.len() - racing);
        explored.push(Explored::of(own, family, threads));
    }
    explored.reverse();
    tick(0.6)?;
    let mut best = 0;
    for at in 1..explored.len() {
        if explored[at].log_loss < explored[best].log_loss * (1.0 - RICHER) {
            best = at;
        }
    }
    let tried = tried(&families, &explored, best);
    let family = &families[best];
    let mut found = explored.swap_remove(best);
    drop(explored);
    if racing < used {
        let mut all = parallel::map(first, threads, |fold| trial(family, fold));
        all.append(&mut found.trials);
        found = Explored::of(all, family, threads);
    }
    tick(1.0)?;
    Ok((found.rounds.first > 0).then(|| BoostedCandidate {
        probabilities: found.probabilities(),
        plan: Plan {
            settings: Settings {
                threads,
                ..family.clone()
            },
            rounds: found.rounds,
        },
        tried,
    }))
}
