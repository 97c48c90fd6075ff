//! The win/loss analysis of constructed quotes: counts, tests, sentences and page.

use std::iter::repeat_n;

use proto::ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField};
use reporting::{
    domain::{
        DatasetFacts, Tone, Topic,
        deals::Deals,
        win_loss::{WinLossContent, WinLossFacts, analyse},
    },
    page::win_loss::render,
};

use crate::facts::now;

/// Quotes of some groups, each with its wins and losses, in a column.
fn column(name: &str, groups: &[(&str, usize, usize)]) -> (Vec<bool>, SnapshotColumn) {
    let (mut outcomes, mut codes) = (Vec::new(), Vec::new());
    for (code, (_, won, lost)) in (0..).zip(groups) {
        outcomes.extend(repeat_n(true, *won).chain(repeat_n(false, *lost)));
        codes.extend(repeat_n(code, won + lost));
    }
    let column = SnapshotColumn {
        name: name.to_owned(),
        field: TargetField::Segment.into(),
        kind: ColumnKind::Category.into(),
        codes,
        levels: groups.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        ..SnapshotColumn::default()
    };
    (outcomes, column)
}

fn facts(snapshot: Snapshot) -> WinLossFacts {
    let won = snapshot.outcomes.iter().filter(|won| **won).count();
    WinLossFacts {
        dataset_id: "d".to_owned(),
        dataset: DatasetFacts {
            name: "Quotes".to_owned(),
            row_count: u32::try_from(snapshot.outcomes.len()).expect("few"),
            won_count: u32::try_from(won).expect("few"),
        },
        deals: Deals::read(snapshot),
        ..WinLossFacts::default()
    }
}

fn analysis(outcomes: Vec<bool>, columns: Vec<SnapshotColumn>, dates: Vec<i32>) -> WinLossContent {
    let snapshot = Snapshot {
        outcomes,
        columns,
        dates,
        ..Snapshot::default()
    };
    analyse(&facts(snapshot), now())
}

fn sentences(content: &WinLossContent, topic: Topic) -> Vec<(Tone, &str)> {
    let about = content
        .insights
        .iter()
        .filter(|insight| insight.topic == topic);
    about
        .map(|insight| (insight.tone, insight.text.as_str()))
        .collect()
}

#[test]
fn groups_are_counted_and_compared_with_all_others() {
    let groups = [
        ("Large", 60, 40),
        ("Small", 20, 80),
        ("Odd", 5, 5),
        ("Public", 41, 59),
    ];
    let (outcomes, column) = column("Segment", &groups);
    let content = analysis(outcomes, vec![column], Vec::new());
    let shown = &content.columns[0];
    assert_eq!((shown.group_count, shown.other_quotes), (3, 10));
    let names: Vec<_> = shown
        .groups
        .iter()
        .map(|group| group.name.as_str())
        .collect();
    assert_eq!(names, ["Large", "Public", "Small"]);
    let large = &shown.groups[0];
    assert_eq!((large.quotes, large.won), (100, 60));
    // 66 of the 210 others were won.
    assert!((large.difference - (0.6 - 66.0 / 210.0)).abs() < 1e-12);
    let clear: Vec<bool> = shown.groups.iter().map(|group| group.clear).collect();
    assert_eq!(clear, [true, false, true]);
    assert_eq!((content.groups_tested, content.groups_clear), (3, 2));
    let said = sentences(&content, Topic::Groups);
    assert_eq!(said.len(), 2);
    assert_eq!(said[0].0, Tone::Good);
    assert!(
        said[0]
            .1
            .starts_with("Segment “Large”: 60.0 % of 100 quotes were won, 28.6 points more"),
        "{}",
        said[0].1
    );
    assert_eq!(said[1].0, Tone::Caution);
    assert!(
        said[1].1.contains("“Small”: 20.0 % of 100 quotes were won"),
        "{}",
        said[1].1
    );
}

/// A small generator of numbers from 0 to 1, the same for ever (constants of Knuth's MMIX).
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn where_nothing_differs_little_is_said_to() {
    let mut analyses_with_clear = 0;
    for seed in 0..300 {
        let mut next = numbers(seed * 7919 + 13);
        for _ in 0..20 {
            next();
        }
        let outcomes: Vec<bool> = (0..600).map(|_| next() < 0.4).collect();
        let columns = (0..4).map(|number| {
            let (_, mut column) = column(&format!("C{number}"), &[("a", 0, 0); 6]);
            column.codes = (0..600).map(|_| (next() * 6.0) as u32).collect();
            column.levels = (0..6).map(|level| level.to_string()).collect();
            column
        });
        let content = analysis(outcomes, columns.collect(), Vec::new());
        assert_eq!(content.groups_tested, 24);
        analyses_with_clear += usize::from(content.groups_clear > 0);
        if content.groups_clear == 0 {
            let said = sentences(&content, Topic::Groups);
            assert!(
                said[0].1.starts_with("None of the 24 groups"),
                "{}",
                said[0].1
            );
        }
    }
    // Without any difference the share of false discoveries is the chance of one: 15 of 300 are expected, and more
    // than 27 come up once in a thousand times.
    assert!(analyses_with_clear <= 27, "{analyses_with_clear}");
}

#[test]
fn the_newest_period_is_compared_with_the_one_before() {
    // The newest 90 days hold days 911 to 1000, the 90 before them 821 to 910.
    let (mut outcomes, mut dates) = (Vec::new(), Vec::new());
    for (day, won, lost) in [
        (1000, 20, 80),
        (911, 0, 20),
        (910, 60, 60),
        (821, 10, 10),
        (820, 0, 500),
    ] {
        outcomes.extend(repeat_n(true, won).chain(repeat_n(false, lost)));
        dates.extend(repeat_n(day, won + lost));
    }
    let content = analysis(outcomes, Vec::new(), dates);
    let change = content.change.as_ref().expect("two periods");
    assert_eq!(
        (change.all.before, change.all.after),
        ((70, 140), (20, 120))
    );
    assert_eq!(change.until.to_string(), "1972-09-27");
    let said = sentences(&content, Topic::Change);
    assert_eq!(said[0].0, Tone::Caution);
    assert!(
        said[0]
            .1
            .contains("33.3 points less than in the 90 days before"),
        "{}",
        said[0].1
    );
}

#[test]
fn the_page_is_whole_and_safe() {
    let evil = "<script>alert(1)</script>";
    let (outcomes, mut column) = column(evil, &[(evil, 60, 40), ("b", 20, 80)]);
    let price = SnapshotColumn {
        name: "Price".to_owned(),
        field: TargetField::Price.into(),
        kind: ColumnKind::Number.into(),
        numbers: (0..200).map(f64::from).collect(),
        ..SnapshotColumn::default()
    };
    column.codes[0] = u32::MAX;
    let content = analysis(outcomes, vec![column, price], (0..200).collect());
    assert_eq!(content.columns.len(), 2);
    let page = render(&content).expect("a page");
    for word in [
        "<script", "http:", "https:", "//", "<img", "url(", "NaN", "#0100",
    ] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("40 to below 80"));
    assert_eq!(
        page.matches("<svg").count(),
        page.matches("role=\"img\"").count()
    );
    let json = serde_json::to_string(&content).expect("JSON");
    let back: WinLossContent = serde_json::from_str(&json).expect("reads back");
    assert_eq!(back, content);
}

#[test]
fn an_empty_history_still_makes_a_page() {
    let content = analysis(Vec::new(), Vec::new(), Vec::new());
    assert!(
        render(&content)
            .expect("a page")
            .contains("no decided quotes yet")
    );
}
