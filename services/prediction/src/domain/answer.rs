//! What a model answers, in the words of the contract. Deliberately no figures of its own.

use ml::{Evidence, Model, NoRecommendation, Objective, PriceRecommendation};
use proto::{
    common::Interval,
    prediction::{self as pb, Prediction, PredictionMade, QuoteInput},
};

use crate::{
    Error,
    domain::{
        each,
        fields::{Fields, Past, ReadQuote},
    },
};

/// Answers quotes in their order, without identity: who asked and when is not the model's business.
///
/// # Errors
/// Where a quote cannot be read, or the model is not one.
pub fn answer(
    model: &Model,
    fields: &Fields,
    past: Past<'_>,
    quotes: &[QuoteInput],
) -> Result<Vec<Prediction>, Error> {
    let read = each(quotes, |quote| {
        let mut read = fields.read(quote)?;
        fields.derive(&mut read, &quote.quote_ref, &past);
        Ok(read)
    })?;
    let predicted = model.predict(&fields.table(&read))?;
    Ok(predicted
        .into_iter()
        .zip(&read)
        .map(|(predicted, quote)| {
            let alone = fields.table(std::slice::from_ref(quote));
            message(predicted, model.recommend_price(&alone), quote)
        })
        .collect())
}

/// How much history stands behind a prediction, in a word.
#[must_use]
pub fn evidence_text(evidence: pb::Evidence) -> &'static str {
    match evidence {
        pb::Evidence::Solid => "solid",
        pb::Evidence::Usable => "usable",
        pb::Evidence::Indicative | pb::Evidence::Unspecified => "indicative",
    }
}

/// The warning of a model that should not be trusted further; none where it may be.
#[must_use]
pub fn stale(reason: &str) -> Option<String> {
    (!reason.is_empty()).then(|| format!("Do not rely on this: the model {reason}."))
}

/// The news of a prediction, without its quote.
#[must_use]
pub fn made(prediction: &Prediction) -> PredictionMade {
    PredictionMade {
        prediction_id: prediction.id.clone(),
        model_id: prediction.model_id.clone(),
        quote_ref: prediction.quote_ref.clone(),
        win_probability: prediction.win_probability,
        win_probability_low: prediction.win_probability_low,
        win_probability_high: prediction.win_probability_high,
        evidence: evidence_text(prediction.evidence()).to_owned(),
        created_at: prediction.created_at,
    }
}

fn message(
    predicted: ml::Prediction,
    recommended: Result<PriceRecommendation, NoRecommendation>,
    quote: &ReadQuote,
) -> Prediction {
    let mut contributions: Vec<pb::Contribution> = predicted
        .contributions
        .into_iter()
        .map(|found| pb::Contribution {
            column: found.column,
            value: found.value,
            log_odds: found.log_odds,
            points: found.points,
        })
        .collect();
    contributions.sort_by(|a, b| b.log_odds.abs().total_cmp(&a.log_odds.abs()));
    let (price_recommendation, no_recommendation_reason) = match recommended {
        Ok(found) => (Some(price_message(found)), String::new()),
        Err(reason) => (None, reason.to_string()),
    };
    let warnings = quote.warnings.iter().cloned().chain(predicted.warnings);
    Prediction {
        win_probability: predicted.probability,
        win_probability_low: predicted.low,
        win_probability_high: predicted.high,
        evidence: evidence_message(predicted.evidence) as i32,
        base_log_odds: predicted.base_log_odds,
        contributions,
        price_recommendation,
        no_recommendation_reason,
        warnings: warnings.collect(),
        ..Prediction::default()
    }
}

fn evidence_message(evidence: Evidence) -> pb::Evidence {
    match evidence {
        Evidence::Solid => pb::Evidence::Solid,
        Evidence::Usable => pb::Evidence::Usable,
        Evidence::Indicative => pb::Evidence::Indicative,
    }
}

fn price_message(found: PriceRecommendation) -> pb::PriceRecommendation {
    let objective = match found.objective {
        Objective::Margin => "expected_margin",
        Objective::Revenue => "expected_revenue",
    };
    let gain = found.gain_in_expected_value;
    pb::PriceRecommendation {
        price: found.price,
        win_probability: found.probability,
        interval: Some(Interval {
            low: found.low,
            high: found.high,
        }),
        objective: objective.to_owned(),
        expected_gain: gain.value,
        expected_gain_interval: Some(Interval {
            low: gain.low,
            high: gain.high,
        }),
        similar_quotes: found.similar_quotes,
        similar_won: found.similar_won,
        statement: found.statement,
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use ml::{Column, Role, Table, TrainOptions, TrainingSet, Values};
    use proto::{
        prediction::{FieldValue, field_value::Value},
        training::InputSchema,
    };
    use tabular::History;

    use super::*;

    /// A model of 600 quotes, of which the cheap ones are won more often.
    fn model() -> Model {
        let prices: Vec<f64> = (0..600)
            .map(|row| 50.0 + f64::from(row * 37 % 100))
            .collect();
        let won = (0..600).zip(&prices).map(|(row, price)| {
            let noise = f64::from(row * 53 % 89) - 44.0;
            price + noise < 100.0
        });
        let set = TrainingSet {
            outcome: won.collect(),
            features: Table {
                columns: vec![Column::new("Price", Role::Price, Values::Number(prices))],
            },
            date: None,
            group: None,
        };
        ml::train(&set, &TrainOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
        .model
    }

    fn past(history: &History) -> Past<'_> {
        Past { history, today: 0 }
    }

    fn quote(price: f64) -> QuoteInput {
        let value = Some(Value::Number(price));
        QuoteInput {
            fields: [("Price".to_owned(), FieldValue { value })].into(),
            ..QuoteInput::default()
        }
    }

    #[test]
    fn answers_keep_the_order_and_add_up() {
        let model = model();
        let fields = Fields::new(model.schema(), &InputSchema::default());
        let history = History::build(std::iter::empty());
        let told = answer(
            &model,
            &fields,
            past(&history),
            &[quote(60.0), quote(140.0)],
        )
        .unwrap();
        assert!(told[0].win_probability > told[1].win_probability);
        for prediction in &told {
            assert!(prediction.win_probability_low <= prediction.win_probability);
            assert!(prediction.win_probability <= prediction.win_probability_high);
            let sum: f64 = prediction.contributions.iter().map(|c| c.log_odds).sum();
            let log_odds = prediction.base_log_odds + sum;
            let probability = 1.0 / (1.0 + (-log_odds).exp());
            assert!((probability - prediction.win_probability).abs() < 1e-9);
            assert_eq!(
                prediction.price_recommendation.is_none(),
                !prediction.no_recommendation_reason.is_empty()
            );
        }
    }

    #[test]
    fn a_refused_quote_is_named_by_its_number() {
        let model = model();
        let fields = Fields::new(model.schema(), &InputSchema::default());
        let history = History::build(std::iter::empty());
        let quotes = [quote(60.0), quote(f64::NAN)];
        let refusal = answer(&model, &fields, past(&history), &quotes).unwrap_err();
        assert!(refusal.to_string().starts_with("quote 2: "), "{refusal}");
    }

    #[test]
    fn a_stale_model_is_warned_of_in_a_sentence() {
        assert_eq!(stale(""), None);
        assert_eq!(
            stale("learned from an import that was taken back on 2026-11-25: train again").unwrap(),
            "Do not rely on this: the model learned from an import that was taken back on 2026-11-25: train again."
        );
    }
}
