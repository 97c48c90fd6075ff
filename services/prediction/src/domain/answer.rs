//! From quotes to answers: read, given their past, predicted, and, where it was asked for, compared with past quotes and
//! advised. Deliberately no figures of its own.

use ml::{Model, Question};
use prost::Message as _;
use proto::prediction::{
    EvidenceReason, EvidenceReasonKind, EvidenceStatus, Prediction, PredictionMade, QuoteInput,
};

use crate::{
    Error,
    domain::{
        comparison::{Comparison, date},
        contributions::Contributions,
        each,
        fields::{Fields, Past, ReadQuote, derived_of},
        messages::{self, evidence_text},
        policy::Policy,
    },
};

/// What answers.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The model.
    pub model: &'a Model,
    /// How its columns are read.
    pub fields: &'a Fields,
    /// What is known of the time before the quotes.
    pub past: Past<'a>,
    /// What may be recommended to change.
    pub policy: &'a Policy,
    /// Past quotes to compare with; only needed for what is wanted beside the predictions.
    pub comparison: Option<&'a Comparison>,
}

/// What is wanted beside a prediction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Similar past quotes.
    pub similar: usize,
    /// Changes that would help.
    pub changes: bool,
}

impl Wanted {
    /// Whether past quotes have to be at hand.
    #[must_use]
    pub fn needs_past_quotes(self) -> bool {
        self.similar > 0 || self.changes
    }
}

/// An answer, and what it was given of earlier quotes, as it is kept beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The prediction, without identity and contributions.
    pub prediction: Prediction,
    /// Its contributions.
    pub contributions: Contributions,
    /// JSON: numbers by column.
    pub derived: String,
}

impl Answer {
    /// The prediction as it is told.
    ///
    /// # Errors
    /// None that is known: what was encoded can be decoded.
    pub fn whole(&self) -> Result<Prediction, Error> {
        let (told, _) = self.contributions.beside(&self.prediction);
        Ok(Prediction::decode(told)?)
    }
}

/// Answers quotes in their order, without identity: who asked and when is not the model's business.
///
/// # Errors
/// Where a quote cannot be read, or the model is not one.
pub fn answer(
    asked: &Asked<'_>,
    quotes: &[QuoteInput],
    wanted: Wanted,
) -> Result<Vec<Answer>, Error> {
    let fields = asked.fields;
    let read = each(quotes, |quote| {
        let mut read = fields.read(quote)?;
        fields.derive(&mut read, &quote.quote_ref, &asked.past);
        Ok(read)
    })?;
    let table = fields.table(&read);
    let reading = asked.model.read(&table)?;
    let base_rate = asked.model.base_rate();
    let rule = asked.policy.price_rule(fields);
    let answered = reading.predict().into_iter().zip(&read).zip(quotes);
    answered
        .enumerate()
        .map(|(row, ((predicted, quote), sent))| {
            let evidence = predicted.evidence;
            let mut prediction = messages::prediction(&predicted, quote);
            prediction.policy_version = asked.policy.version;
            prediction.as_of = date(asked.past.today);
            match reading.recommend_price(row, evidence, &rule) {
                Ok(found) => {
                    prediction.price_recommendation = Some(messages::price_recommendation(found));
                }
                Err(reason) => prediction.no_recommendation_reason = reason.to_string(),
            }
            if let Some(comparison) = asked.comparison.filter(|_| wanted.similar > 0) {
                prediction.similar_quotes =
                    comparison.nearest(fields, quote, &sent.quote_ref, wanted.similar)?;
            }
            if wanted.changes {
                let question = Question {
                    row: &fields.table(std::slice::from_ref(quote)),
                    evidence,
                    rules: &asked.policy.rules(fields),
                    past: asked
                        .comparison
                        .map(|found| (&found.quotes, &found.support)),
                };
                advise(asked, &question, quote, &sent.quote_ref, &mut prediction);
            }
            let found = predicted.contributions;
            Ok(Answer {
                prediction,
                contributions: Contributions::new(found, fields, quote, base_rate),
                derived: derived_of(fields, quote)?,
            })
        })
        .collect()
}

fn advise(
    asked: &Asked<'_>,
    question: &Question<'_>,
    quote: &ReadQuote,
    quote_ref: &str,
    into: &mut Prediction,
) {
    let fields = asked.fields;
    let advised = asked.model.advise(question, &mut |lists| {
        fields.changed(quote, quote_ref, &asked.past, lists)
    });
    match advised {
        Ok(advised) => {
            let single = advised.single.into_iter();
            into.recommendations = single.map(messages::recommendation).collect();
            into.pair_recommendation = advised.pair.map(messages::recommendation);
        }
        Err(reason) => into.no_change_reason = reason.to_string(),
    }
}

/// What sets the drift of a model apart in what is said against it; a reason of training's has no second line.
pub const DRIFT_LINE: char = '\n';

/// The warnings of a model that should not be trusted further, or that drifts; none where neither holds.
#[must_use]
pub fn stale(reason: &str) -> Vec<String> {
    let (stale, drift) = reason.split_once(DRIFT_LINE).unwrap_or((reason, ""));
    let stale = (!stale.is_empty()).then(|| format!("Do not rely on this: the model {stale}."));
    let drift = (!drift.is_empty()).then(|| drift.to_owned());
    stale.into_iter().chain(drift).collect()
}

/// Marks the evidence of a prediction while its model drifts.
pub fn flag_drift(prediction: &mut Prediction, reason: &str) {
    let Some((_, drift)) = reason.split_once(DRIFT_LINE) else {
        return;
    };
    prediction.evidence_status = EvidenceStatus::LowEvidence as i32;
    prediction.evidence_reasons.push(EvidenceReason {
        kind: EvidenceReasonKind::Drift as i32,
        column: String::new(),
        text: drift.to_owned(),
    });
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

    fn answered(
        model: &Model,
        fields: &Fields,
        quotes: &[QuoteInput],
    ) -> Result<Vec<Prediction>, Error> {
        let history = History::build(std::iter::empty());
        let past = Past {
            history: &history,
            today: 0,
        };
        let asked = Asked {
            model,
            fields,
            past,
            policy: &Policy::default(),
            comparison: None,
        };
        let answers = answer(&asked, quotes, Wanted::default())?;
        answers.iter().map(Answer::whole).collect()
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
        let told = answered(&model, &fields, &[quote(60.0), quote(140.0)]).unwrap();
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
        let quotes = [quote(60.0), quote(f64::NAN)];
        let refusal = answered(&model, &fields, &quotes).unwrap_err();
        assert!(refusal.to_string().starts_with("quote 2: "), "{refusal}");
    }

    #[test]
    fn a_stale_model_is_warned_of_in_a_sentence() {
        assert!(stale("").is_empty());
        let undone = "learned from an import that was taken back on 2026-11-25: train again";
        let told = "Do not rely on this: the model learned from an import that was taken back on 2026-11-25: train again.";
        assert_eq!(stale(undone), [told]);
        assert_eq!(stale("\nIt drifts."), ["It drifts."]);
        assert_eq!(
            stale(&format!("{undone}\nIt drifts.")),
            [told, "It drifts."]
        );
        let mut prediction = Prediction::default();
        flag_drift(&mut prediction, undone);
        assert_eq!(prediction, Prediction::default());
        flag_drift(&mut prediction, "\nIt drifts.");
        assert_eq!(prediction.evidence_status(), EvidenceStatus::LowEvidence);
        assert_eq!(prediction.evidence_reasons[0].text, "It drifts.");
    }
}
