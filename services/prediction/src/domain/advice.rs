//! Whether what was recommended for a quote was done, by what the quote was like when it was decided.
//! Deliberately no judgement of whether it helped: that takes many quotes, and proves nothing even then.

use std::collections::HashMap;

use proto::prediction::{
    AdviceFollowed, AdviceTaken, FieldValue, Prediction, QuoteInput, RecommendedChange,
    field_value::Value,
};

use super::fields::Fields;

/// How far from the recommended step, as a share of it, still counts as done.
const TOLERANCE: f64 = 0.1;

/// A recommendation, whatever it was of.
struct Advice {
    statement: String,
    promised: f64,
    changes: Vec<(String, FieldValue)>,
}

/// Whether a prediction recommended anything.
#[must_use]
pub fn advises(prediction: &Prediction) -> bool {
    !prediction.recommendations.is_empty() || prediction.price_recommendation.is_some()
}

/// What became of what a prediction recommended for a quote as it was sent: of several recommendations the one that was followed
/// best. Nothing where it recommended nothing.
#[must_use]
pub fn taken(
    prediction: &Prediction,
    sent: &QuoteInput,
    fields: &Fields,
    decided: Option<&HashMap<String, FieldValue>>,
) -> Option<AdviceTaken> {
    let price_column = fields.price_column();
    let judged = all(prediction, price_column).into_iter().map(|advice| {
        let followed = match decided {
            Some(decided) => followed(&advice.changes, sent, fields, decided),
            None => AdviceFollowed::Unknown,
        };
        (advice, followed)
    });
    // The first of those that were followed equally well.
    let best = judged.reduce(|best, next| {
        if rank(next.1) > rank(best.1) {
            next
        } else {
            best
        }
    });
    best.map(|(advice, followed)| AdviceTaken {
        prediction_id: prediction.id.clone(),
        statement: advice.statement,
        followed: followed as i32,
        win_probability: prediction.win_probability,
        promised_probability: advice.promised,
    })
}

fn rank(followed: AdviceFollowed) -> u8 {
    match followed {
        AdviceFollowed::Yes => 3,
        AdviceFollowed::Partly => 2,
        AdviceFollowed::No => 1,
        AdviceFollowed::Unknown | AdviceFollowed::Unspecified => 0,
    }
}

fn all(prediction: &Prediction, price_column: Option<&str>) -> Vec<Advice> {
    let change = |change: &RecommendedChange| Some((change.column.clone(), change.to.clone()?));
    let recommended = prediction
        .recommendations
        .iter()
        .chain(&prediction.pair_recommendation);
    let mut found: Vec<Advice> = recommended
        .map(|of| Advice {
            statement: of.statement.clone(),
            promised: of.win_probability,
            changes: of.changes.iter().filter_map(change).collect(),
        })
        .collect();
    if let (Some(price), Some(column)) = (&prediction.price_recommendation, price_column) {
        let value = Some(Value::Number(price.price));
        found.push(Advice {
            statement: price.statement.clone(),
            promised: price.win_probability,
            changes: vec![(column.to_owned(), FieldValue { value })],
        });
    }
    found
}

fn followed(
    changes: &[(String, FieldValue)],
    sent: &QuoteInput,
    fields: &Fields,
    decided: &HashMap<String, FieldValue>,
) -> AdviceFollowed {
    let each: Vec<AdviceFollowed> = changes
        .iter()
        .map(|(column, to)| {
            let from = sent.fields.get(column);
            one(fields, column, from, to, decided.get(column))
        })
        .collect();
    let any = |wanted: AdviceFollowed| each.contains(&wanted);
    if each.iter().all(|of| *of == AdviceFollowed::Yes) {
        AdviceFollowed::Yes
    } else if any(AdviceFollowed::Yes) || any(AdviceFollowed::Partly) {
        AdviceFollowed::Partly
    } else if any(AdviceFollowed::No) {
        AdviceFollowed::No
    } else {
        AdviceFollowed::Unknown
    }
}

/// Whether one field was changed as recommended.
fn one(
    fields: &Fields,
    column: &str,
    from: Option<&FieldValue>,
    to: &FieldValue,
    end: Option<&FieldValue>,
) -> AdviceFollowed {
    let Some(end) = end else {
        return AdviceFollowed::Unknown;
    };
    if let Some(Value::Text(to)) = &to.value {
        return match fields.text_of(column, end) {
            Some(end) if end == *to => AdviceFollowed::Yes,
            Some(_) => AdviceFollowed::No,
            None => AdviceFollowed::Unknown,
        };
    }
    let number = |value: &FieldValue| fields.number_of(column, value);
    let (Some(from), Some(to), Some(end)) = (from.and_then(number), number(to), number(end)) else {
        return AdviceFollowed::Unknown;
    };
    let share = (end - from) / (to - from);
    if (share - 1.0).abs() <= TOLERANCE {
        AdviceFollowed::Yes
    } else if share > TOLERANCE {
        AdviceFollowed::Partly
    } else {
        AdviceFollowed::No
    }
}

#[cfg(test)]
mod tests {
    use ml::{ColumnKind, Role, SchemaColumn};
    use proto::{
        prediction::{PriceRecommendation, Recommendation},
        training::InputSchema,
    };

    use super::*;

    fn fields() -> Fields {
        let column = |name: &str, role, kind| SchemaColumn {
            name: name.to_owned(),
            role,
            kind,
            used: true,
        };
        let columns = [
            column("Price", Role::Price, ColumnKind::Number),
            column("Terms", Role::Feature, ColumnKind::Category),
        ];
        Fields::new(&columns, &InputSchema::default())
    }

    fn text(text: &str) -> FieldValue {
        FieldValue {
            value: Some(Value::Text(text.to_owned())),
        }
    }

    fn number(number: f64) -> FieldValue {
        FieldValue {
            value: Some(Value::Number(number)),
        }
    }

    fn quote(price: &str, terms: &str) -> HashMap<String, FieldValue> {
        [("Price", text(price)), ("Terms", text(terms))]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    }

    fn advised() -> Prediction {
        let change = RecommendedChange {
            column: "Terms".to_owned(),
            from: "14 days".to_owned(),
            to: Some(text("30 days")),
        };
        Prediction {
            win_probability: 0.4,
            recommendations: vec![Recommendation {
                changes: vec![change],
                win_probability: 0.5,
                statement: "terms".to_owned(),
                ..Recommendation::default()
            }],
            price_recommendation: Some(PriceRecommendation {
                price: 900.0,
                win_probability: 0.6,
                statement: "price".to_owned(),
                ..PriceRecommendation::default()
            }),
            ..Prediction::default()
        }
    }

    fn judged(decided: Option<HashMap<String, FieldValue>>) -> (AdviceFollowed, String) {
        let sent = QuoteInput {
            fields: [
                ("Price".to_owned(), number(1000.0)),
                ("Terms".to_owned(), text("14 days")),
            ]
            .into(),
            ..QuoteInput::default()
        };
        let taken = taken(&advised(), &sent, &fields(), decided.as_ref()).unwrap();
        (taken.followed(), taken.statement)
    }

    #[test]
    fn the_advice_that_was_followed_best_counts() {
        let of = |price, terms| judged(Some(quote(price, terms)));
        let told = |followed, statement: &str| (followed, statement.to_owned());
        assert_eq!(
            of("1000", "14 days"),
            told(AdviceFollowed::No, "terms"),
            "nothing was done"
        );
        assert_eq!(of("1000", "30 days"), told(AdviceFollowed::Yes, "terms"));
        assert_eq!(of("905", "14 days"), told(AdviceFollowed::Yes, "price"));
        assert_eq!(of("950", "14 days"), told(AdviceFollowed::Partly, "price"));
        assert_eq!(of("700", "14 days"), told(AdviceFollowed::Partly, "price"));
        assert_eq!(of("1100", "60 days"), told(AdviceFollowed::No, "terms"));
        assert_eq!(judged(None), told(AdviceFollowed::Unknown, "terms"));
        assert_eq!(
            judged(Some(HashMap::new())),
            told(AdviceFollowed::Unknown, "terms")
        );
    }

    #[test]
    fn what_was_not_advised_is_not_judged() {
        let nothing = Prediction::default();
        assert!(!advises(&nothing) && advises(&advised()));
        assert_eq!(
            taken(&nothing, &QuoteInput::default(), &fields(), None),
            None
        );
    }
}
