//! Reports from constructed figures: what sentences say, and that the page is whole, safe and self-contained.
//!
//! Deliberately no service, store or browser here.

use chrono::{DateTime, Utc};
use proto::common::Interval;
use proto::ingestion::WinRatePeriod;
use proto::training::{
    CalibrationBin, Confusion, FeatureImportance, Model, ScoreIntervals, Scores,
};
use reporting::domain::{DatasetFacts, ModelFacts, ReportContent, Tone, Topic, build};
use reporting::page::render;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a time")
}

fn range(low: f64, high: f64) -> Option<Interval> {
    Some(Interval { low, high })
}

fn scores() -> Scores {
    let bins = [
        (0.08, 0.06, 0.02, 0.16, 50),
        (0.17, 0.20, 0.11, 0.33, 50),
        (0.26, 0.24, 0.14, 0.37, 50),
        (0.34, 0.38, 0.26, 0.52, 50),
        (0.43, 0.40, 0.28, 0.54, 50),
        (0.55, 0.60, 0.46, 0.72, 50),
        (0.68, 0.64, 0.50, 0.76, 50),
        (0.86, 0.90, 0.79, 0.96, 50),
    ];
    Scores {
        auc_roc: Some(0.791),
        precision: Some(0.713),
        recall: Some(0.622),
        f1: Some(0.664),
        log_loss: 0.512,
        brier: 0.171,
        calibration_error: 0.031,
        base_rate_log_loss: 0.671,
        base_rate_brier: 0.239,
        intervals: Some(ScoreIntervals {
            auc_roc: range(0.748, 0.834),
            precision: range(0.635, 0.780),
            recall: range(0.548, 0.692),
            f1: range(0.604, 0.719),
            log_loss: range(0.471, 0.553),
            brier: range(0.155, 0.187),
        }),
        calibration: bins
            .iter()
            .map(
                |&(mean_predicted, observed_rate, low, high, count)| CalibrationBin {
                    mean_predicted,
                    observed_rate,
                    interval: range(low, high),
                    count,
                },
            )
            .collect(),
        confusion: Some(Confusion {
            true_positives: 107,
            false_positives: 43,
            true_negatives: 185,
            false_negatives: 65,
        }),
        ..Scores::default()
    }
}

fn importance(column: &str, permutation: f64, half: f64) -> FeatureImportance {
    FeatureImportance {
        column: column.to_owned(),
        permutation,
        interval: range(permutation - half, permutation + half),
        mean_absolute_contribution: permutation * 6.0,
    }
}

/// Months from January 2023, the first of 12 with `first` wins of 80 quotes, the others with `last`.
fn months(count: u32, first: u32, last: u32) -> Vec<WinRatePeriod> {
    (0..count)
        .map(|i| WinRatePeriod {
            month: format!("{}-{:02}", 2023 + i / 12, i % 12 + 1),
            quote_count: 80,
            won_count: if i < count / 2 { first } else { last } + (i * 7) % 5,
        })
        .collect()
}

fn facts() -> ModelFacts {
    let importances = [
        ("Discount %", 0.081, 0.016),
        ("Customer segment", 0.052, 0.013),
        ("Net price (EUR)", 0.031, 0.011),
        ("Days until delivery", 0.017, 0.008),
        ("Sales representative", 0.009, 0.006),
        ("Region", 0.004, 0.005),
        ("Product family", 0.002, 0.004),
        ("Quantity", -0.001, 0.003),
    ];
    ModelFacts {
        model: Model {
            id: "0190b6b2-7c5e-7d0a-9a7e-3f1f4f0d2a11".to_owned(),
            dataset_id: "0190b6b2-0000-7d0a-9a7e-3f1f4f0d2a11".to_owned(),
            champion: true,
            scores: Some(scores()),
            importances: importances.map(|(c, p, h)| importance(c, p, h)).to_vec(),
            parameters: [("penalty", "0.03"), ("seed", "7"), ("family", "logistic")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into_iter()
                .collect(),
            train_row_count: 1600,
            test_row_count: 400,
            row_count: 2000,
            notes: vec!["Column \"Closing note\" was left out: it gives the outcome away.".into()],
            beats_base_rate: true,
            finished_at: Some(prost_types::Timestamp {
                seconds: 1_789_990_000,
                nanos: 0,
            }),
            ..Model::default()
        },
        dataset: DatasetFacts {
            name: "Quotes 2023 to 2025".to_owned(),
            row_count: 2000,
            won_count: 812,
        },
        win_rates: months(24, 36, 28),
        predictions_made: 1284,
    }
}

fn with_scores(change: impl FnOnce(&mut Scores)) -> ReportContent {
    let mut facts = facts();
    change(facts.model.scores.as_mut().expect("scores"));
    build(&facts, now())
}

fn said(content: &ReportContent, topic: Topic) -> (Tone, String) {
    let insight = content.insights.iter().find(|i| i.topic == topic);
    let insight = insight.expect("an insight on the topic");
    (insight.tone, insight.text.clone())
}

fn assert_says(content: &ReportContent, topic: Topic, tone: Tone, parts: &[&str]) {
    let (found, text) = said(content, topic);
    assert_eq!(found, tone, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn page_asks_nobody_for_anything() {
    let page = render(&build(&facts(), now())).expect("a page");
    for word in ["http:", "https:", "//", "<script", "<link", "<img", "url(", "@import"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'"));
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\"").count());
    assert_eq!(page.matches("<figure>").count(), page.matches("<figcaption>").count());
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
    facts.model.parameters.insert(evil.to_owned(), evil.to_owned());
    facts.dataset.name = format!("</title>{evil}");
    facts.win_rates.push(WinRatePeriod {
        month: evil.to_owned(),
        quote_count: 1,
        won_count: 1,
    });
    let page = render(&build(&facts, now())).expect("a page");
    assert!(!page.contains("<script"));
    assert!(!page.contains("\" onload"));
    assert_eq!(page.matches("</title>").count(), 1 + page.matches("<svg").count());
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;\n</text>"), "in the chart");
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
    assert_says(&content, Topic::Skill, Tone::Caution, &["unknown", "0 test quotes"]);
    let page = render(&content).expect("a page");
    assert!(page.contains("has not been scored") && page.contains("has no dates"));
    assert!(!page.contains("<svg"));
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
fn skill_is_judged_by_the_interval() {
    let content = build(&facts(), now());
    let parts = ["beats the base rate", "0.512", "0.471 to 0.553", "0.671", "23.7 %", "400"];
    assert_says(&content, Topic::Skill, Tone::Good, &parts);
    let open = with_scores(|s| s.base_rate_log_loss = 0.53);
    assert_says(&open, Topic::Skill, Tone::Caution, &["is open", "0.530"]);
    let worse = with_scores(|s| s.base_rate_log_loss = 0.45);
    assert_says(&worse, Topic::Skill, Tone::Caution, &["worse", "0.450", "-13.8 %"]);
    let mut failed = facts();
    failed.model.beats_base_rate = false;
    let failed = build(&failed, now());
    assert_says(&failed, Topic::Skill, Tone::Caution, &["Nothing that could be learned", "0.671"]);
    assert!(render(&failed).expect("a page").contains("Nothing that could be learned"));
}

#[test]
fn order_is_judged_against_chance() {
    let content = build(&facts(), now());
    let parts = ["better than chance", "0.791", "0.748 to 0.834", "79.1 %"];
    assert_says(&content, Topic::Ordering, Tone::Good, &parts);
    let open = with_scores(|s| {
        s.auc_roc = Some(0.53);
        s.intervals.as_mut().expect("intervals").auc_roc = range(0.46, 0.60);
    });
    assert_says(&open, Topic::Ordering, Tone::Caution, &["cannot be told from chance", "0.460"]);
    let absent = with_scores(|s| s.auc_roc = None);
    assert_says(&absent, Topic::Ordering, Tone::Caution, &["unknown", "172 won", "228 lost"]);
    assert!(render(&absent).is_ok());
}

#[test]
fn calibration_counts_the_bins_that_miss() {
    let content = build(&facts(), now());
    let parts = ["No error", "8 of 8 bins", "400 test quotes"];
    assert_says(&content, Topic::Calibration, Tone::Good, &parts);
    let one = with_scores(|s| s.calibration[0].mean_predicted = 0.17);
    assert_says(&one, Topic::Calibration, Tone::Neutral, &["7 of 8", "one miss", "p = 0.337"]);
    let many = with_scores(|s| {
        for bin in &mut s.calibration[3..6] {
            bin.mean_predicted = 0.95;
        }
    });
    let parts = ["do not agree", "5 of 8", "p = 0.006", "0 won more", "3 less", "-57.0 points"];
    assert_says(&many, Topic::Calibration, Tone::Caution, &parts);
    let single = with_scores(|s| s.calibration.truncate(1));
    let parts = ["one calibration bin", "50 test quotes", "8.0 %", "6.0 %"];
    assert_says(&single, Topic::Calibration, Tone::Neutral, &parts);
    assert!(render(&single).is_ok());
}

#[test]
fn calls_are_judged_against_all_quotes() {
    let content = build(&facts(), now());
    let parts = ["better", "107 of 150 quotes called a win", "71.3 %", "43.0 %"];
    assert_says(&content, Topic::Decision, Tone::Good, &parts);
    let none = with_scores(|s| {
        s.precision = None;
        s.confusion = Some(Confusion {
            true_negatives: 320,
            false_negatives: 80,
            ..Confusion::default()
        });
    });
    assert_says(&none, Topic::Decision, Tone::Neutral, &["no win is called", "400", "80"]);
}

#[test]
fn drivers_are_split_by_their_intervals() {
    let content = build(&facts(), now());
    let parts = [
        "5 of 8 columns have",
        "\"Discount %\" (log loss +0.081 when shuffled, 95 % interval 0.065 to 0.097)",
        "The effect of 3 cannot be told from zero: \"Region\", \"Product family\" and \"Quantity\"",
        "0.2",
    ];
    assert_says(&content, Topic::Drivers, Tone::Neutral, &parts);
    let mut weak = facts();
    weak.model.importances = vec![importance("Region", 0.004, 0.005)];
    let weak = build(&weak, now());
    assert_says(&weak, Topic::Drivers, Tone::Caution, &["None of 1 column has", "-0.001 to 0.009"]);
    let mut many = facts();
    many.model.importances = (0..30).map(|i| importance(&format!("c{i}"), 0.1, 0.01)).collect();
    let many = build(&many, now());
    assert_eq!((many.drivers.len(), many.driver_count), (10, 30));
    assert_says(&many, Topic::Drivers, Tone::Neutral, &["30 of 30", "25 more"]);
}

#[test]
fn change_of_the_win_rate_is_tested() {
    let content = build(&facts(), now());
    let parts = ["has fallen", "of 640 quotes", "last 8 months", "p < 0.001", "points"];
    assert_says(&content, Topic::Trend, Tone::Caution, &parts);
    let trend_of = |months: Vec<WinRatePeriod>| {
        let mut facts = facts();
        facts.win_rates = months;
        build(&facts, now())
    };
    let steady = trend_of(months(12, 30, 30));
    assert_says(&steady, Topic::Trend, Tone::Neutral, &["No change", "of 320", "z = ", "p = "]);
    let risen = trend_of(months(12, 20, 40));
    assert_says(&risen, Topic::Trend, Tone::Neutral, &["has risen", "+2"]);
    let short = trend_of(months(2, 30, 30));
    assert_says(&short, Topic::Trend, Tone::Neutral, &["2 months", "too few"]);
    let mut tiny = months(3, 0, 0);
    for month in &mut tiny {
        (month.quote_count, month.won_count) = (4, 1);
    }
    assert_says(&trend_of(tiny), Topic::Trend, Tone::Neutral, &["too small", "1 of 4"]);
    let none = trend_of(Vec::new());
    assert!(none.insights.iter().all(|i| i.topic != Topic::Trend));
    assert!(render(&trend_of(months(1, 3, 3))).is_ok());
}

#[test]
fn thin_test_sets_are_named() {
    let content = build(&facts(), now());
    assert_says(&content, Topic::TestSet, Tone::Neutral, &["400", "172 won", "1,600"]);
    let thin = with_scores(|s| {
        s.confusion = Some(Confusion {
            true_positives: 9,
            false_positives: 5,
            true_negatives: 40,
            false_negatives: 8,
        });
    });
    assert_says(&thin, Topic::TestSet, Tone::Caution, &["62 quotes (17 won, 45 lost)"]);
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
