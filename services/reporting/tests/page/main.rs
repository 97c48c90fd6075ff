//! Reports from constructed figures: the page is whole, safe and self-contained, and its sentences are right.
//!
//! Deliberately no service, store or browser here.

mod facts;
mod insights;
mod pipeline;
mod price;
mod track;
mod win_loss;

use facts::{facts, now, with_scores};
use insights::assert_says;
use proto::ingestion::WinRatePeriod;
use reporting::domain::{ModelFacts, ReportContent, Tone, Topic, build};
use reporting::page::{model_document, render, render_document};

#[test]
fn page_asks_nobody_for_anything() {
    let page = render(&build(&facts(), now())).expect("a page");
    for word in [
        "http:", "https:", "//", "<script", "<link", "<img", "url(", "@import",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(
        page.matches("<svg").count(),
        page.matches("role=\"img\"").count()
    );
    assert_eq!(
        page.matches("<figure>").count(),
        page.matches("<figcaption>").count()
    );
    assert!(!page.contains("#0100"), "a colour has no class");
    assert!(!page.contains("NaN"));
}

#[test]
fn hostile_texts_are_escaped_everywhere() {
    let evil = "<script>alert(1)</script>";
    let mut facts = facts();
    facts.model.importances[0].column = evil.to_owned();
    facts.model.importances[1].column = "\" onload=\"x\" fill=\"#010000\"".to_owned();
    facts.model.notes = vec![evil.to_owned()];
    facts.model.id = evil.to_owned();
    facts
        .model
        .parameters
        .insert(evil.to_owned(), evil.to_owned());
    facts.dataset.name = format!("</title>{evil}");
    facts.win_rates.push(WinRatePeriod {
        month: evil.to_owned(),
        quote_count: 1,
        won_count: 1,
    });
    let page = render(&build(&facts, now())).expect("a page");
    assert!(!page.contains("<script"));
    assert!(!page.contains("\" onload"));
    assert_eq!(
        page.matches("</title>").count(),
        1 + page.matches("<svg").count()
    );
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\n</text>"),
        "in the chart"
    );
}

#[test]
fn same_facts_give_the_same_bytes() {
    let (a, b) = (build(&facts(), now()), build(&facts(), now()));
    let json = serde_json::to_string(&a).expect("JSON");
    assert_eq!(json, serde_json::to_string(&b).expect("JSON"));
    assert_eq!(render(&a).expect("a page"), render(&b).expect("a page"));
    let back: ReportContent = serde_json::from_str(&json).expect("reads back");
    assert_eq!(render(&back).expect("a page"), render(&a).expect("a page"));
}

#[test]
fn empty_facts_still_make_a_page() {
    let content = build(&ModelFacts::default(), now());
    assert_says(
        &content,
        Topic::Skill,
        Tone::Caution,
        &["unknown", "0 test quotes"],
    );
    let page = render(&content).expect("a page");
    assert!(page.contains("has not been scored") && page.contains("has no dates"));
    assert!(!page.contains("<svg"));
    // The other formats say so too, instead of a heading with nothing below it.
    let document = model_document(&content).expect("a document");
    let page = render_document(&document).expect("a page");
    assert!(page.contains("has no dates"));
}

#[test]
fn numbers_that_are_none_are_left_out() {
    let content = with_scores(|s| {
        s.log_loss = f64::NAN;
        s.calibration[0].mean_predicted = f64::INFINITY;
        s.calibration_error = f64::NAN;
    });
    assert!(content.skill.is_none());
    assert_eq!(content.calibration.len(), 7);
    assert!(!render(&content).expect("a page").contains("NaN"));
}

#[test]
fn months_are_ordered_and_nonsense_is_left_out() {
    let mut facts = facts();
    facts.win_rates.reverse();
    for month in ["2023-13", "x", "20230-1", "9999-99", "+123-01"] {
        facts.win_rates.push(WinRatePeriod {
            month: month.to_owned(),
            quote_count: 9,
            won_count: 1,
        });
    }
    let content = build(&facts, now());
    assert_eq!(content.win_rates.len(), 24);
    assert!(content.win_rates.is_sorted_by(|a, b| a.month < b.month));
}
