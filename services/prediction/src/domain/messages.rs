//! What the learning core says, in the words of the contract. Deliberately no figures of its own.

use ml::{
    Advice, Evidence, EvidenceStatus, Grade, NewValue, Objective, PricePoint, PriceRecommendation,
    Reason, Score,
};
use proto::{
    common::Interval,
    prediction::{
        self as pb, EvidenceReasonKind as Kind, FieldValue, Prediction, field_value::Value,
    },
};

use crate::domain::fields::ReadQuote;

/// How much history stands behind a prediction, in a word.
#[must_use]
pub fn evidence_text(evidence: pb::Evidence) -> &'static str {
    match evidence {
        pb::Evidence::Solid => "solid",
        pb::Evidence::Usable => "usable",
        pb::Evidence::Indicative | pb::Evidence::Unspecified => "indicative",
    }
}

/// A prediction without identity, without its contributions, and without what is asked for beside it.
#[must_use]
pub fn prediction(predicted: &ml::Prediction, quote: &ReadQuote) -> Prediction {
    let graded = predicted.graded();
    let grade = |of: &dyn Fn(&ml::Graded) -> Grade| {
        graded
            .as_ref()
            .map_or(pb::Grade::Unspecified, |graded| grade(of(graded))) as i32
    };
    let (evidence_status, reasons) = match predicted.status() {
        EvidenceStatus::Ok => (pb::EvidenceStatus::Ok, Vec::new()),
        EvidenceStatus::LowEvidence(reasons) => (pb::EvidenceStatus::LowEvidence, reasons),
    };
    Prediction {
        win_probability: predicted.probability,
        win_probability_low: predicted.low,
        win_probability_high: predicted.high,
        evidence: evidence(predicted.evidence) as i32,
        base_log_odds: predicted.base_log_odds,
        warnings: [&quote.warnings[..], &predicted.warnings].concat(),
        grade: grade(&|graded| graded.grade),
        best_grade: grade(&|graded| graded.best),
        worst_grade: grade(&|graded| graded.worst),
        evidence_status: evidence_status as i32,
        evidence_reasons: reasons.iter().map(reason).collect(),
        ..Prediction::default()
    }
}

fn evidence(evidence: Evidence) -> pb::Evidence {
    match evidence {
        Evidence::Solid => pb::Evidence::Solid,
        Evidence::Usable => pb::Evidence::Usable,
        Evidence::Indicative => pb::Evidence::Indicative,
    }
}

fn grade(grade: Grade) -> pb::Grade {
    match grade {
        Grade::A => pb::Grade::A,
        Grade::B => pb::Grade::B,
        Grade::C => pb::Grade::C,
        Grade::D => pb::Grade::D,
    }
}

fn reason(reason: &Reason) -> pb::EvidenceReason {
    let (kind, column) = match reason {
        Reason::UnseenCategory { column } => (Kind::UnseenCategory, column.as_str()),
        Reason::OutOfRange { column } => (Kind::OutOfRange, column.as_str()),
        Reason::WideInterval { .. } => (Kind::WideInterval, ""),
        Reason::IndicativeTier => (Kind::IndicativeTier, ""),
    };
    pb::EvidenceReason {
        kind: kind as i32,
        column: column.to_owned(),
        text: reason.text(),
    }
}

fn objective(objective: Objective) -> String {
    format!("expected_{}", objective.text())
}

fn interval(score: Score) -> Option<Interval> {
    Some(Interval {
        low: score.low,
        high: score.high,
    })
}

/// A recommended price.
#[must_use]
pub fn price_recommendation(found: PriceRecommendation) -> pb::PriceRecommendation {
    let gain = found.gain_in_expected_value;
    pb::PriceRecommendation {
        price: found.price,
        win_probability: found.probability,
        interval: Some(Interval {
            low: found.low,
            high: found.high,
        }),
        objective: objective(found.objective),
        expected_gain: gain.value,
        expected_gain_interval: interval(gain),
        similar_quotes: found.similar_quotes,
        similar_won: found.similar_won,
        statement: found.statement,
    }
}

/// A recommended change.
#[must_use]
pub fn recommendation(advice: Advice) -> pb::Recommendation {
    let change = |change: ml::Change| pb::RecommendedChange {
        column: change.column,
        from: change.from,
        to: Some(FieldValue {
            value: Some(match change.to {
                NewValue::Number(number) => Value::Number(number),
                NewValue::Text(text) => Value::Text(text),
            }),
        }),
    };
    let expected = advice.expected_gain;
    pb::Recommendation {
        changes: advice.changes.into_iter().map(change).collect(),
        win_probability: advice.probability,
        interval: Some(Interval {
            low: advice.low,
            high: advice.high,
        }),
        gain: advice.gain.value,
        gain_interval: interval(advice.gain),
        objective: expected.map(|(of, _)| objective(of)).unwrap_or_default(),
        expected_gain: expected.map(|(_, gain)| gain.value),
        expected_gain_interval: expected.and_then(|(_, gain)| interval(gain)),
        similar_quotes: advice.similar_quotes,
        similar_won: advice.similar_won,
        statement: advice.statement,
    }
}

fn point(point: PricePoint) -> pb::PricePoint {
    pb::PricePoint {
        price: point.price,
        win_probability: point.probability,
        interval: Some(Interval {
            low: point.low,
            high: point.high,
        }),
        expected_revenue: point.expected_revenue,
        expected_margin: point.expected_margin,
        supported: point.supported,
        past_quotes: point.past_quotes,
        past_won: point.past_won,
    }
}

/// A price curve without the model it is of.
#[must_use]
pub fn price_curve(guide: ml::PriceGuide) -> pb::PriceCurveResponse {
    let (guided, no_target_reason) = match guide.guided {
        Ok(guided) => (Some(guided), String::new()),
        Err(reason) => (None, reason.to_string()),
    };
    let (mut floor, mut target, mut stretch) = (None, None, None);
    if let Some(guided) = guided {
        floor = Some(point(guided.floor));
        target = Some(point(guided.target));
        stretch = Some(point(guided.stretch));
    }
    pb::PriceCurveResponse {
        points: guide.points.into_iter().map(point).collect(),
        quoted: Some(point(guide.quoted)),
        objective: objective(guide.objective),
        floor,
        target,
        stretch,
        no_target_reason,
        ..pb::PriceCurveResponse::default()
    }
}
