//! What the sentences say for constructed figures, where a test can tell and where it cannot. Deliberately no page
//! beyond that it can be drawn.

use proto::ingestion::WinRatePeriod;
use proto::training::Confusion;
use reporting::domain::{ReportContent, Tone, Topic, build};
use reporting::page::render;

use crate::facts::{facts, importance, months, now, range, with_scores};

fn said(content: &ReportContent, topic: Topic) -> (Tone, String) {
    let insight = content.insights.iter().find(|i| i.topic == topic);
    let insight = insight.expect("an insight on the topic");
    (insight.tone, insight.text.clone())
}

pub(crate) fn assert_says(content: &ReportContent, topic: Topic, tone: Tone, parts: &[&str]) {
    let (found, text) = said(content, topic);
    assert_eq!(found, tone, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in: {text}");
    }
}

#[test]
fn skill_is_judged_by_the_interval() {
    let content = build(&facts(), now());
    let parts = [
        "beats the base rate",
        "0.512",
        "0.471 to 0.553",
        "0.671",
        "23.7 %",
        "400",
    ];
    assert_says(&content, Topic::Skill, Tone::Good, &parts);
    let open = with_scores(|s| s.base_rate_log_loss = 0.53);
    assert_says(&open, Topic::Skill, Tone::Caution, &["is open", "0.530"]);
    let worse = with_scores(|s| s.base_rate_log_loss = 0.45);
    assert_says(
        &worse,
        Topic::Skill,
        Tone::Caution,
        &["worse", "0.450", "-13.8 %"],
    );
    let mut failed = facts();
    failed.model.beats_base_rate = false;
    let failed = build(&failed, now());
    assert_says(
        &failed,
        Topic::Skill,
        Tone::Caution,
        &["Nothing that could be learned", "0.671"],
    );
    assert!(
        render(&failed)
            .expect("a page")
            .contains("Nothing that could be learned")
    );
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
    assert_says(
        &open,
        Topic::Ordering,
        Tone::Caution,
        &["cannot be told from chance", "0.460"],
    );
    let absent = with_scores(|s| s.auc_roc = None);
    assert_says(
        &absent,
        Topic::Ordering,
        Tone::Caution,
        &["unknown", "172 won", "228 lost"],
    );
    assert!(render(&absent).is_ok());
}

#[test]
fn calibration_counts_the_bins_that_miss() {
    let content = build(&facts(), now());
    let parts = ["No error", "8 of 8 bins", "400 test quotes"];
    assert_says(&content, Topic::Calibration, Tone::Good, &parts);
    let one = with_scores(|s| s.calibration[0].mean_predicted = 0.17);
    assert_says(
        &one,
        Topic::Calibration,
        Tone::Neutral,
        &["7 of 8", "one miss", "p = 0.337"],
    );
    let many = with_scores(|s| {
        for bin in &mut s.calibration[3..6] {
            bin.mean_predicted = 0.95;
        }
    });
    let parts = [
        "do not agree",
        "5 of 8",
        "p = 0.006",
        "0 won more",
        "3 less",
        "-57.0 points",
    ];
    assert_says(&many, Topic::Calibration, Tone::Caution, &parts);
    let single = with_scores(|s| s.calibration.truncate(1));
    let parts = ["one calibration bin", "50 test quotes", "8.0 %", "6.0 %"];
    assert_says(&single, Topic::Calibration, Tone::Neutral, &parts);
    assert!(render(&single).is_ok());
}

#[test]
fn calls_are_judged_against_all_quotes() {
    let content = build(&facts(), now());
    let parts = [
        "better",
        "107 of 150 quotes called a win",
        "71.3 %",
        "43.0 %",
    ];
    assert_says(&content, Topic::Decision, Tone::Good, &parts);
    let none = with_scores(|s| {
        s.precision = None;
        s.confusion = Some(Confusion {
            true_negatives: 320,
            false_negatives: 80,
            ..Confusion::default()
        });
    });
    assert_says(
        &none,
        Topic::Decision,
        Tone::Neutral,
        &["no win is called", "400", "80"],
    );
}

#[test]
fn drivers_are_split_by_their_intervals() {
    let content = build(&facts(), now());
    let parts = [
        "5 of 8 columns have",
        "“Discount %” (log loss +0.081 when shuffled, 95 % interval 0.065 to 0.097)",
        "The effect of 3 cannot be told from zero: “Region”, “Product family” and “Quantity”",
        "0.2",
    ];
    assert_says(&content, Topic::Drivers, Tone::Neutral, &parts);
    let mut weak = facts();
    weak.model.importances = vec![importance("Region", 0.004, 0.005)];
    let weak = build(&weak, now());
    assert_says(
        &weak,
        Topic::Drivers,
        Tone::Caution,
        &["None of 1 column has", "-0.001 to 0.009"],
    );
    let mut many = facts();
    many.model.importances = (0..30)
        .map(|i| importance(&format!("c{i}"), 0.1, 0.01))
        .collect();
    let many = build(&many, now());
    assert_eq!((many.drivers.len(), many.driver_count), (10, 30));
    assert_says(
        &many,
        Topic::Drivers,
        Tone::Neutral,
        &["30 of 30", "25 more"],
    );
}

#[test]
fn change_of_the_win_rate_is_tested() {
    let content = build(&facts(), now());
    let parts = [
        "has fallen",
        "of 640 quotes",
        "last 8 months",
        "p < 0.001",
        "points",
    ];
    assert_says(&content, Topic::Trend, Tone::Caution, &parts);
    let trend_of = |months: Vec<WinRatePeriod>| {
        let mut facts = facts();
        facts.win_rates = months;
        build(&facts, now())
    };
    let steady = trend_of(months(12, 30, 30));
    assert_says(
        &steady,
        Topic::Trend,
        Tone::Neutral,
        &["No change", "of 320", "z = ", "p = "],
    );
    let risen = trend_of(months(12, 20, 40));
    assert_says(&risen, Topic::Trend, Tone::Neutral, &["has risen", "+2"]);
    let short = trend_of(months(2, 30, 30));
    assert_says(
        &short,
        Topic::Trend,
        Tone::Neutral,
        &["2 months", "too few"],
    );
    let mut tiny = months(3, 0, 0);
    for month in &mut tiny {
        (month.quote_count, month.won_count) = (4, 1);
    }
    assert_says(
        &trend_of(tiny),
        Topic::Trend,
        Tone::Neutral,
        &["too small", "1 of 4"],
    );
    let none = trend_of(Vec::new());
    assert!(none.insights.iter().all(|i| i.topic != Topic::Trend));
    assert!(render(&trend_of(months(1, 3, 3))).is_ok());
}

#[test]
fn thin_test_sets_are_named() {
    let content = build(&facts(), now());
    assert_says(
        &content,
        Topic::TestSet,
        Tone::Neutral,
        &["the newest 400", "172 won", "1,600 older"],
    );
    let mut undated = facts();
    undated.model.tested_on_newest = false;
    let content = build(&undated, now());
    let parts = ["400 quotes", "drawn at random", "1,600 others"];
    assert_says(&content, Topic::TestSet, Tone::Neutral, &parts);
    assert!(!said(&content, Topic::TestSet).1.contains("the newest 400"));
    let thin = with_scores(|s| {
        s.confusion = Some(Confusion {
            true_positives: 9,
            false_positives: 5,
            true_negatives: 40,
            false_negatives: 8,
            ..Confusion::default()
        });
    });
    assert_says(
        &thin,
        Topic::TestSet,
        Tone::Caution,
        &["62 quotes (17 won, 45 lost)"],
    );
}
