//! The track record of constructed outcomes: scores, what had been promised, periods, drift.

use chrono::{DateTime, Duration, Utc};
use reporting::{
    domain::{
        Tone, Topic,
        track::{DriftFinding, Judged, TrackContent, TrackFacts, record},
    },
    page::{pdf, render_document, track::document},
};

use crate::facts::now;

/// Quotes at 20 % and 80 %, of which `right` of a hundred came as they should have.
fn judged(at: DateTime<Utc>, right: usize) -> Vec<Judged> {
    (0..200)
        .map(|quote| {
            let likely = quote % 2 == 0;
            let expected = (quote / 2) < right;
            Judged {
                decided_at: at,
                won: likely == expected,
                said: Some(if likely { 0.8 } else { 0.2 }),
            }
        })
        .collect()
}

fn recorded(facts: &TrackFacts) -> TrackContent {
    record(facts, now()).expect("probabilities")
}

fn tone(content: &TrackContent, topic: Topic) -> Option<Tone> {
    let mut insights = content.insights.iter();
    insights.find(|of| of.topic == topic).map(|of| of.tone)
}

#[test]
fn exact_answers_keep_their_promise() {
    let facts = TrackFacts {
        judged: judged(now(), 80),
        ..TrackFacts::default()
    };
    let content = recorded(&facts);
    let scores = content.all.as_ref().expect("scores");
    // Four of five are off by 0.2, one by 0.8: 0.8 * 0.04 + 0.2 * 0.64.
    assert!((scores.brier.value - 0.16).abs() < 1e-12);
    assert!((scores.expected_brier.value - 0.16).abs() < 1e-12);
    assert_eq!((scores.quotes, scores.won), (200, 100));
    assert_eq!(tone(&content, Topic::Promise), Some(Tone::Good));
    assert_eq!(tone(&content, Topic::Skill), Some(Tone::Good));
    assert_eq!(tone(&content, Topic::Drift), Some(Tone::Good));
}

#[test]
fn a_quarter_that_went_wrong_is_named() {
    let before = now() - Duration::days(120);
    let mut facts = TrackFacts {
        judged: judged(before, 80),
        ..TrackFacts::default()
    };
    facts.judged.extend(judged(now(), 50));
    facts.judged.push(Judged {
        decided_at: now(),
        won: true,
        said: None,
    });
    facts.drift = vec![DriftFinding {
        model_id: "m".to_owned(),
        found_at: now(),
        ended_at: None,
        columns: vec!["Region".to_owned()],
        answers_shifted: false,
        worse_than_expected: true,
        recent_quotes: 400,
    }];
    let content = recorded(&facts);
    assert_eq!(content.unjoined, 1);
    let p = |at: usize| content.periods[at].scores.worse_p_value.expect("enough");
    assert_eq!(content.periods.len(), 2);
    assert!(p(0) > 0.5 && p(1) < 1e-6, "{} {}", p(0), p(1));
    let said = content.insights.iter().find(|of| of.topic == Topic::Trend);
    let said = said.expect("said");
    assert!(
        said.text.contains(&content.periods[1].name)
            && !said.text.contains(&content.periods[0].name)
    );
    assert_eq!(tone(&content, Topic::Drift), Some(Tone::Caution));
    let document = document(&content).expect("a document");
    let page = render_document(&document).expect("a page");
    assert!(page.contains("Region") && !page.contains("NaN"));
    assert!(pdf(&document).expect("a file").starts_with(b"%PDF-"));
}

#[test]
fn without_decided_quotes_nothing_is_claimed() {
    let content = recorded(&TrackFacts::default());
    assert!(content.all.is_none() && content.periods.is_empty());
    assert_eq!(tone(&content, Topic::Skill), Some(Tone::Neutral));
    // One quote has no interval, and its figures can still be read back.
    let mut one = TrackFacts::default();
    one.judged.push(judged(now(), 80)[0]);
    let content = recorded(&one);
    let json = serde_json::to_string(&content).expect("JSON");
    assert_eq!(
        serde_json::from_str::<TrackContent>(&json).expect("read back"),
        content
    );
}
