//! What a training run was told and what it chose, readable, for whoever looks at a model later.
//!
//! Deliberately texts: nothing is computed from them.

use crate::boosted::Plan;
use crate::candidates::family_text;
use crate::choose::Chosen;
use crate::model::{Built, Recipe};
use crate::split::Split;
use crate::train::TrainOptions;

/// The name of what is served.
fn learner(recipe: &Recipe) -> &'static str {
    let [logistic, boosted] = [0, 1].map(|at| recipe.blend.weights[at] > 0.0);
    match (recipe.serves_base_rate, logistic, boosted) {
        (false, true, true) => "blend of logistic and boosted",
        (false, true, false) => "logistic",
        (false, false, true) => "boosted",
        _ => "base rate",
    }
}

/// Parameters and hyperparameters of a run, as (name, value).
pub(crate) fn parameters(
    options: &TrainOptions,
    sides: &Split,
    chosen: &Chosen,
    built: &Built,
) -> Vec<(String, String)> {
    let (order, folds) = if sides.by_time {
        ("newest rows", "contiguous in time")
    } else {
        (
            "random, stratified by outcome",
            "random, stratified by outcome",
        )
    };
    let penalties: Vec<String> = options
        .penalties
        .iter()
        .map(|p| format!("{p:.4}"))
        .collect();
    let recipe = &chosen.recipe;
    let used = built.model.schema().iter().filter(|c| c.used).count();
    let weights = format!(
        "{:.3} logistic, {:.3} boosted, {:.3} base rate",
        recipe.blend.weights[0], recipe.blend.weights[1], recipe.blend.base_weight
    );
    let test_rows = format!("{:.0} % ({order})", 100.0 * options.test_share);
    let yes = |b: bool| if b { "yes" } else { "no" }.to_owned();
    let mut pairs = vec![
        ("learner", learner(recipe).to_owned()),
        ("blend", weights),
        ("calibration", recipe.calibration.name().to_owned()),
        ("price may only lower", yes(recipe.falling)),
        ("penalty", format!("{:.4}", recipe.penalty)),
        ("penalties tried", penalties.join(", ")),
        ("folds", format!("{} ({folds})", options.folds)),
        ("test rows", test_rows),
        ("seed", options.seed.to_string()),
        ("columns used", used.to_string()),
        (
            "encoded columns",
            (built.model.weights.len() - 1).to_string(),
        ),
        ("newton steps", built.fit.steps.to_string()),
        (
            "gradient norm per row",
            format!("{:.1e}", built.fit.gradient),
        ),
    ];
    if let Some(plan) = &recipe.plan {
        pairs.extend(boosted_parameters(plan));
    }
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn boosted_parameters(plan: &Plan) -> Vec<(&'static str, String)> {
    let s = &plan.settings;
    vec![
        ("boosted family", family_text(s, plan.rounds)),
        ("boosted rounds", plan.rounds.first.to_string()),
        ("boosted rounds of pairs", plan.rounds.pairs.to_string()),
        ("boosted learning rate", s.learning_rate.to_string()),
        ("boosted members", s.bags.to_string()),
        ("boosted share of rows per member", s.bag_share.to_string()),
        ("boosted leaf l2", s.l2.to_string()),
        ("boosted leaf hessian", s.leaf_hessian.to_string()),
    ]
}
