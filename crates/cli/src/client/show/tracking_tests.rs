//! Comparisons as people see them: nothing left out, and no line wider than a page.

use proto::{
    common::Interval,
    training::{
        DataFingerprint, FeatureColumn, ImportanceDifference, MovedQuote, ParameterDifference,
    },
};

use super::*;
use crate::text::width;

fn model(id: &str) -> Model {
    Model {
        id: id.repeat(36),
        dataset_id: "d".repeat(36),
        reason: "more quotes".to_owned(),
        attempts: 2,
        data: Some(DataFingerprint {
            row_count: 1_234,
            column_count: 5,
            sha256: vec![0xab; 32],
            first_day: Some(0),
            last_day: Some(-1),
        }),
        features: vec![FeatureColumn {
            name: "Preis".to_owned(),
            kind: "number".to_owned(),
            role: "price".to_owned(),
        }],
        versions: [("ml".to_owned(), "0.1.0".to_owned())].into(),
        ..Model::default()
    }
}

fn losses() -> LossComparison {
    LossComparison {
        candidate_model_id: model("b").id,
        champion_model_id: model("a").id,
        row_count: 200,
        candidate_log_loss: 0.51,
        champion_log_loss: 0.5,
        difference: 0.01,
        interval: Some(Interval {
            low: -0.002,
            high: 0.022,
        }),
        verdict: LossVerdict::Doubtful as i32,
        basis: "200 quotes ".repeat(20),
        ..LossComparison::default()
    }
}

fn text(draw: impl FnOnce(Out<'_>) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    draw(&mut text).expect("prints");
    let text = String::from_utf8(text).expect("is text");
    assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
    text
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn two_models_stand_side_by_side() {
    let found = CompareModelsResponse {
        model_a: Some(model("a")),
        model_b: Some(model("b")),
        parameters: vec![ParameterDifference {
            name: "penalty".to_owned(),
            value_a: Some("0.1".to_owned()),
            value_b: None,
        }],
        importances: vec![ImportanceDifference {
            column: "Preis".to_owned(),
            permutation_a: Some(0.25),
            ..ImportanceDifference::default()
        }],
        comparison: Some(losses()),
        open_quotes: Some(OpenQuoteComparison {
            open_count: 10,
            moved_count: 2,
            threshold: 0.1,
            moved: vec![MovedQuote {
                quote_ref: "Q-7 ".repeat(30),
                day: Some(19_723),
                price: 1_200.0,
                probability_a: 0.3,
                probability_b: 0.55,
            }],
            ..OpenQuoteComparison::default()
        }),
        shadow: Some(ShadowComparison {
            prediction_count: 40,
            moved_count: 3,
            threshold: 0.1,
            mean_difference: -0.02,
            ..ShadowComparison::default()
        }),
    };
    let text = text(|out| comparison(out, &found));
    assert_has(
        &text,
        &[
            "1,234 quotes, 5 columns",
            "B minus A",
            "+0.0100",
            "-0.0020 to +0.0220",
            "chance may explain it",
            "penalty",
            "+0.2500",
            "2 of 10 open quotes move by 10.0 points",
            "2024-01-01",
            "+25.0",
            "and 1 more",
            "3 of the answers",
        ],
    );
}

#[test]
fn what_cannot_be_compared_is_said() {
    let nothing = LossComparison {
        interval: None,
        verdict: LossVerdict::NotComparable as i32,
        basis: "too few quotes".to_owned(),
        ..losses()
    };
    let text = text(|out| super::losses(out, &nothing, &[]));
    assert_has(&text, &["candidate is not comparable: too few quotes"]);
    assert!(!text.contains("log loss"), "{text}");
}

#[test]
fn a_model_tells_how_it_came_about() {
    let text = text(|out| provenance(out, &model("a")));
    assert_has(
        &text,
        &[
            "the system",
            "more quotes",
            "1,234 quotes in 5 columns, 1970-01-01 to 1969-12-31",
            "abababab",
            "Preis (number)",
            "ml 0.1.0",
            "others died over it",
        ],
    );
}

#[test]
fn policies_say_how_far_it_is() {
    let policy = RetrainingPolicy {
        enabled: true,
        least_new_outcomes: 1_000,
        new_outcomes: 7,
        set_at: Some(prost_types::Timestamp::default()),
        ..RetrainingPolicy::default()
    };
    let text = text(|out| retraining(out, &policy));
    assert_has(
        &text,
        &["without being asked", "1,000 or more", "challenger", "7"],
    );
    assert!(!text.contains("gate"), "{text}");
}
