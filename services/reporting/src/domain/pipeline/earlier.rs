//! How earlier forecasts turned out, over those of their quotes that are decided by now.
//!
//! Deliberately no judgement of quotes that are still open: which are decided first is no accident, and is not corrected for.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::{Basis, Earlier, PipelineFacts};
use crate::domain::{
    simulate::{Chance, Together, simulate},
    stats::total,
};

/// Earlier forecasts that are judged, newest first.
pub const JUDGED: usize = 12;
/// Decided quotes that one needs.
const LEAST_DECIDED: usize = 5;

/// How quotes ended by what is known now: what was recorded, else what the dataset says.
fn ended(facts: &PipelineFacts) -> HashMap<&str, bool> {
    let named = facts.decided.names.iter().zip(&facts.decided.won);
    let mut ended: HashMap<&str, bool> = named
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, won)| (name.as_str(), *won))
        .collect();
    for (name, (outcome, _)) in &facts.outcomes {
        match outcome {
            Some(won) => ended.insert(name, *won),
            None => ended.remove(name.as_str()),
        };
    }
    ended
}

pub(super) fn earlier(facts: &PipelineFacts) -> Vec<Earlier> {
    let ended = ended(facts);
    let forecasts = facts.earlier.iter();
    forecasts
        .filter_map(|(id, made_at, basis)| judged(id, *made_at, basis, &ended))
        .take(JUDGED)
        .collect()
}

fn judged(
    id: &str,
    made_at: DateTime<Utc>,
    basis: &Basis,
    ended: &HashMap<&str, bool>,
) -> Option<Earlier> {
    let all = basis.names.iter().enumerate();
    let decided: Vec<(usize, bool)> = all
        .filter_map(|(at, name)| Some((at, *ended.get(name.as_str())?)))
        .collect();
    if decided.len() < LEAST_DECIDED {
        return None;
    }
    let chance = |(at, _): &(usize, bool)| {
        Some(Chance {
            amount: *basis.amounts.get(*at)?,
            probability: *basis.probabilities.get(*at)?,
            error: *basis.errors.get(*at)?,
            decided_by: Vec::new(),
            part: None,
        })
    };
    let chances: Vec<Chance> = decided.iter().map(chance).collect::<Option<_>>()?;
    let together = Together {
        shock: basis.shock,
        model_error: true,
    };
    let drawn = simulate(&chances, 0, 0, together);
    let won = decided
        .iter()
        .zip(&chances)
        .filter(|((_, won), _)| *won)
        .map(|(_, chance)| chance.amount);
    let (wins, realised) = won.fold((0, 0.0), |(wins, sum), amount| (wins + 1, sum + amount));
    let share =
        |holds: &dyn Fn(f64) -> bool| drawn.sums.iter().filter(|sum| holds(**sum)).count() as f64;
    // One more than were drawn on either side, so that no probability is zero (Davison and Hinkley 1997, 4.2).
    let tail = (share(&|sum| sum <= realised) + 1.0).min(share(&|sum| sum >= realised) + 1.0);
    Some(Earlier {
        report_id: id.to_owned(),
        made_at,
        quotes: basis.names.len(),
        decided: decided.len(),
        forecast: drawn.total,
        realised,
        expected_wins: total(chances.iter().map(|chance| chance.probability)),
        wins,
        inside: (drawn.total.p10..=drawn.total.p90).contains(&realised),
        p_value: (2.0 * tail / (drawn.draws + 1) as f64).min(1.0),
    })
}
