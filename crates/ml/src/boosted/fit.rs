//! Fitting members and choosing how many rounds they need.
//!
//! The number of rounds is the one with the lowest held-back log loss, averaged over the trials it is given: the folds of
//! a cross-validation, or one trial on the newest rows. Then members are fitted without held-back rows for exactly that
//! many rounds. Deliberately no choice between families: see `candidates`.

use rand::SeedableRng;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use super::boost::{Run, Sample, Stage, log_odds, run};
use super::histogram::gradients;
use super::member::{Member, Pair};
use super::pairs::strongest;
use super::settings::{Family, Settings};
use super::split::Rules;
use crate::logistic::logit;
use crate::parallel;

/// How often trials go on; each time makes fewer rounds good, as a rule.
const MOST_EXTENSIONS: usize = 3;
/// Stage of the seed with which a trial goes on.
const GOING_ON: u64 = 1 << 20;

/// Rounds of the two stages of a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Rounds {
    /// Of one-feature functions, or of trees.
    pub first: usize,
    /// Of functions of pairs.
    pub pairs: usize,
}

fn constant(won: &[bool]) -> Member {
    let wins = won.iter().filter(|&&y| y).count() as f64;
    Member {
        base: logit((wins + 0.5) / (won.len() as f64 + 1.0)),
        ..Member::default()
    }
}

/// The pairs that explain most of what `additive` leaves open.
fn pairs_for(train: &Sample, additive: &Member, settings: &Settings) -> Vec<Pair> {
    let mut slopes = Vec::new();
    gradients(&log_odds(additive, &train.binned), &train.won, &mut slopes);
    let rules = Rules::of(settings);
    strongest(&train.binned, &slopes, additive, settings.pairs, &rules)
}

fn with_rounds(settings: &Settings, rounds: usize) -> Settings {
    Settings {
        rounds,
        ..settings.clone()
    }
}

/// A seed of its own for every member and stage.
fn seed_of(settings: &Settings, member: usize, stage: u64) -> u64 {
    settings.seed ^ ((member as u64 + 1) * 2 + stage).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// One member, fitted on all rows of `train` for a fixed number of rounds.
fn member(train: &Sample, settings: &Settings, rounds: Rounds, at: usize) -> Member {
    let first = with_rounds(settings, rounds.first);
    let base = constant(&train.won);
    let found = run(
        train,
        None,
        &base,
        Stage::of(settings),
        &first,
        seed_of(settings, at, 0),
    );
    let additive = base.extended(&found.steps, &[], &train.binned);
    if rounds.pairs == 0 || !matches!(settings.family, Family::Additive { .. }) {
        return additive;
    }
    let pairs = pairs_for(train, &additive, settings);
    let second = with_rounds(settings, rounds.pairs);
    let seed = seed_of(settings, at, 1);
    let found = run(train, None, &additive, Stage::Pairs(&pairs), &second, seed);
    additive.extended(&found.steps, &pairs, &train.binned)
}

/// `settings.bags` members, each on its own draw of rows (all rows with a single member).
pub(crate) fn fit_members(train: &Sample, settings: &Settings, rounds: Rounds) -> Vec<Member> {
    let settings = settings.clamped();
    parallel::map(settings.bags, settings.threads, |at| {
        if settings.bags == 1 {
            return member(train, &settings, rounds, at);
        }
        let count = train.won.len();
        let wanted = (settings.bag_share * count as f64).ceil() as usize;
        let mut rng = ChaCha8Rng::seed_from_u64(seed_of(&settings, at, 7));
        let mut rows = index::sample(&mut rng, count, wanted.min(count)).into_vec();
        rows.sort_unstable();
        let drawn = Sample {
            binned: train.binned.select(&rows),
            won: rows.iter().map(|&r| train.won[r]).collect(),
        };
        member(&drawn, &settings, rounds, at)
    })
}

/// What is chosen of a stage of some trials.
pub(crate) struct Settled {
    /// Rounds that suit all trials together.
    pub rounds: usize,
    /// Per trial the rounds that suit the others.
    pub each: Vec<usize>,
    /// Mean held-back log loss under the latter.
    pub log_loss: f64,
}

/// What the second stage of a trial found.
struct Second {
    additive: Member,
    pairs: Vec<Pair>,
    run: Run,
}

/// A fit with held-back rows, to find out how many rounds are good.
pub(crate) struct Trial {
    train: Sample,
    held: Sample,
    settings: Settings,
    base: Member,
    first: Run,
    second: Option<Second>,
}

impl Trial {
    /// Runs the first stage.
    pub fn new(train: Sample, held: Sample, settings: &Settings) -> Self {
        let settings = settings.clamped();
        let base = constant(&train.won);
        let stage = Stage::of(&settings);
        let seed = seed_of(&settings, 0, 0);
        let first = run(&train, Some(&held), &base, stage, &settings, seed);
        Self {
            base,
            first,
            train,
            held,
            settings,
            second: None,
        }
    }

    /// Runs the second stage of every trial on top of the first `rounds` steps of its first.
    pub fn add_pairs(trials: &mut [Self], rounds: usize, threads: usize) {
        let found = parallel::map(trials.len(), threads, |at| trials[at].second_stage(rounds));
        for (trial, second) in trials.iter_mut().zip(found) {
            trial.second = Some(second);
        }
    }

    fn second_stage(&self, rounds: usize) -> Second {
        let additive = self.after(&self.first, &self.base, rounds, &[]);
        let pairs = pairs_for(&self.train, &additive, &self.settings);
        let run = run(
            &self.train,
            Some(&self.held),
            &additive,
            Stage::Pairs(&pairs),
            &self.settings,
            seed_of(&self.settings, 0, 1),
        );
        Second {
            additive,
            pairs,
            run,
        }
    }

    fn after(&self, run: &Run, start: &Member, rounds: usize, pairs: &[Pair]) -> Member {
        let steps = &run.steps[..rounds.min(run.steps.len())];
        start.clone().extended(steps, pairs, &self.train.binned)
    }

    /// The last stage that was run: the run, what it started from, and its pairs.
    fn last(&self) -> (&Run, &Member, &[Pair]) {
        match &self.second {
            Some(second) => (&second.run, &second.additive, &second.pairs),
            None => (&self.first, &self.base, &[]),
        }
    }

    /// What brings the last stage to `rounds` steps where it stopped before.
    fn further(&self, rounds: usize) -> Option<Run> {
        let (so_far, start, pairs) = self.last();
        let missing = rounds.saturating_sub(so_far.steps.len());
        if missing == 0 {
            return None;
        }
        let stage = match &self.second {
            Some(_) => Stage::Pairs(pairs),
            None => Stage::of(&self.settings),
        };
        let to_the_end = Settings {
            patience: missing,
            ..with_rounds(&self.settings, missing)
        };
        Some(run(
            &self.train,
            Some(&self.held),
            &self.after(so_far, start, so_far.steps.len(), pairs),
            stage,
            &to_the_end,
            seed_of(&self.settings, 0, GOING_ON),
        ))
    }

    fn go_on(&mut self, found: Run) {
        let run = self.second.as_mut().map_or(&mut self.first, |s| &mut s.run);
        run.steps.extend(found.steps);
        run.curve.extend(found.curve.into_iter().skip(1));
    }

    /// Goes back to the first stage.
    pub fn forget_pairs(&mut self) {
        self.second = None;
    }

    /// Held-back log loss before the first and after every step of the last stage that was run.
    fn curve(&self) -> &[f64] {
        &self.last().0.curve
    }

    /// Log-odds of the held-back rows after so many rounds of the last stage that was run.
    pub fn held_log_odds(&self, rounds: usize) -> Vec<f64> {
        let (run, start, pairs) = self.last();
        log_odds(&self.after(run, start, rounds, pairs), &self.held.binned)
    }

    /// The number of rounds of the last stage with the lowest mean log loss over `trials`, weighted by held-back rows.
    ///
    /// A trial that stopped early counts with its last figure.
    pub fn best_rounds(trials: &[Self]) -> usize {
        best_of(trials, None)
    }

    /// Finds the rounds of the last stage of `trials`.
    ///
    /// A trial that stopped early goes on where others make more rounds good: it would get worse meanwhile, and that
    /// counts. Each trial's held-back rows are judged by the rounds that the other trials choose, as those which chose
    /// are flattered by the choice.
    pub fn settle(trials: &mut [Self], threads: usize) -> Settled {
        let choose = |trials: &[Self]| -> Settled {
            let apart = |at: usize| match trials.len() {
                1 => best_of(trials, None),
                _ => best_of(trials, Some(at)),
            };
            let each: Vec<usize> = (0..trials.len()).map(apart).collect();
            let loss = trials.iter().zip(&each).map(|(t, &r)| t.total(r));
            let rows: usize = trials.iter().map(|t| t.held.won.len()).sum();
            Settled {
                rounds: best_of(trials, None),
                log_loss: loss.sum::<f64>() / rows.max(1) as f64,
                each,
            }
        };
        let mut found = choose(trials);
        for _ in 0..MOST_EXTENSIONS {
            let wanted = found
                .each
                .iter()
                .copied()
                .max()
                .unwrap_or(0)
                .max(found.rounds);
            let further = parallel::map(trials.len(), threads, |at| trials[at].further(wanted));
            if further
                .iter()
                .all(|f| f.as_ref().is_none_or(|f| f.steps.is_empty()))
            {
                break;
            }
            for (trial, found) in trials.iter_mut().zip(further) {
                found.into_iter().for_each(|found| trial.go_on(found));
            }
            found = choose(trials);
        }
        found
    }

    /// Held-back log loss after so many rounds of the last stage, times rows.
    fn total(&self, rounds: usize) -> f64 {
        let last = self.curve().len().saturating_sub(1);
        let loss = self.curve().get(rounds.min(last)).copied();
        loss.unwrap_or(0.0) * self.held.won.len() as f64
    }
}

/// Rounds with the lowest held-back log loss over all trials but one.
fn best_of(trials: &[Trial], without: Option<usize>) -> usize {
    let used = || (0..trials.len()).filter(|&at| Some(at) != without);
    let longest = used().map(|at| trials[at].curve().len()).max().unwrap_or(0);
    let total = |round: usize| -> f64 { used().map(|at| trials[at].total(round)).sum() };
    (0..longest)
        .map(|round| (round, total(round)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |best| best.0)
}
