//! When a prediction differs from the one before it so much that it is told. Deliberately a low bar: whoever listens sets a
//! higher one.

use chrono::{DateTime, Utc};
use platform::wire::timestamp;
use proto::prediction::{PredictionChanged, PredictionMade};
use uuid::Uuid;

/// Smallest difference of probabilities that is told without a change of grade.
const LEAST: f64 = 0.01;

/// The prediction before.
#[derive(Debug, Clone, PartialEq)]
pub struct Before {
    /// Its id.
    pub id: Uuid,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The model that made it.
    pub model_id: Uuid,
    /// What it said.
    pub win_probability: f64,
}

/// What a prediction changed; nothing where that is too little.
#[must_use]
pub fn changed(before: &Before, now: &PredictionMade) -> Option<PredictionChanged> {
    let change = now.win_probability - before.win_probability;
    let grades = [before.win_probability, now.win_probability].map(grade);
    let grade_crossed = grades[0] != grades[1];
    // A difference of exactly a point, computed in floating point, is one.
    if !grade_crossed && change.abs() < LEAST - 1e-9 {
        return None;
    }
    let [previous_grade, grade] = grades;
    Some(PredictionChanged {
        quote_ref: now.quote_ref.clone(),
        prediction_id: now.prediction_id.clone(),
        previous_prediction_id: before.id.to_string(),
        model_id: now.model_id.clone(),
        previous_model_id: before.model_id.to_string(),
        win_probability: now.win_probability,
        previous_win_probability: before.win_probability,
        grade: grade.to_owned(),
        previous_grade: previous_grade.to_owned(),
        grade_crossed,
        created_at: now.created_at,
        previous_created_at: Some(timestamp(before.created_at)),
    })
}

/// The letter of a probability's grade.
fn grade(probability: f64) -> &'static str {
    match ml::grade(probability, probability, probability).map(|graded| graded.grade) {
        Some(ml::Grade::A) => "A",
        Some(ml::Grade::B) => "B",
        Some(ml::Grade::C) => "C",
        Some(ml::Grade::D) => "D",
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: f64, to: f64) -> Option<(String, String, bool)> {
        let before = Before {
            id: Uuid::nil(),
            created_at: DateTime::UNIX_EPOCH,
            model_id: Uuid::max(),
            win_probability: from,
        };
        let now = PredictionMade {
            win_probability: to,
            ..PredictionMade::default()
        };
        changed(&before, &now).map(|of| (of.previous_grade, of.grade, of.grade_crossed))
    }

    #[test]
    fn a_point_or_a_grade_is_told() {
        let of = |a: &str, b: &str, crossed| Some((a.to_owned(), b.to_owned(), crossed));
        assert_eq!(told(0.30, 0.30), None);
        assert_eq!(told(0.30, 0.309), None);
        assert_eq!(told(0.30, 0.31), of("C", "C", false));
        assert_eq!(told(0.40, 0.33), of("C", "C", false));
        assert_eq!(told(0.499, 0.501), of("C", "B", true));
        assert_eq!(told(0.75, 0.7499), of("A", "B", true));
    }
}
