//! The pipeline forecast of constructed quotes: sums, parts, currencies, earlier forecasts, and its files.

use std::collections::HashMap;

use chrono::Duration;
use proto::{
    ingestion::{ColumnKind, OpenQuotes, Snapshot, SnapshotColumn, TargetField},
    training::InputSchema,
};
use reporting::{
    domain::{
        Interval, Tone, Topic,
        pipeline::{Answer, Basis, PipelineContent, PipelineFacts, forecast},
        quotes,
    },
    page::{csv, pdf, pipeline::document, render_document, xlsx},
};

use crate::facts::now;

fn category(field: TargetField, name: &str, codes: Vec<u32>, levels: &[&str]) -> SnapshotColumn {
    SnapshotColumn {
        name: name.to_owned(),
        field: field.into(),
        kind: ColumnKind::Category.into(),
        codes,
        levels: levels.iter().map(|level| (*level).to_owned()).collect(),
        ..SnapshotColumn::default()
    }
}

/// Day of `now` since 1970-01-01.
fn today() -> i32 {
    i32::try_from(now().timestamp() / 86_400).expect("a day")
}

/// Forty open quotes of two owners at 50 %, and fifty decided ones that took ten days each.
fn facts() -> PipelineFacts {
    let owners = (0..40).map(|row| row % 2).collect();
    let names: Vec<String> = (0..50).map(|row| format!("D{row}")).collect();
    let levels: Vec<&str> = names.iter().map(String::as_str).collect();
    let snapshot = Snapshot {
        outcomes: (0..50).map(|row| row % 2 == 0).collect(),
        dates: vec![today() - 30; 50],
        columns: vec![category(
            TargetField::QuoteId,
            "Quote",
            (0..50).collect(),
            &levels,
        )],
        open: Some(OpenQuotes {
            quote_refs: (0..40).map(|row| format!("O{row}")).collect(),
            dates: vec![today(); 40],
            prices: vec![100.0; 40],
            columns: vec![category(
                TargetField::Owner,
                "Seller",
                owners,
                &["=Ada", "Bea"],
            )],
        }),
        ..Snapshot::default()
    };
    let (decided, open) = quotes::read(snapshot, &InputSchema::default());
    let outcomes = names
        .iter()
        .map(|name| (name.clone(), (Some(true), today() - 20)))
        .collect();
    PipelineFacts {
        dataset_id: "d".to_owned(),
        dataset_name: "Quotes".to_owned(),
        model_id: "m".to_owned(),
        decided,
        answers: vec![
            Answer {
                probability: 0.5,
                interval: Interval {
                    low: 0.4,
                    high: 0.6
                },
            };
            open.prices.len()
        ],
        open,
        outcomes,
        earlier: Vec::new(),
    }
}

fn forecasted(facts: &PipelineFacts) -> PipelineContent {
    forecast(facts, now()).0
}

#[test]
fn sums_of_the_parts_are_the_sum_of_the_whole() {
    let content = forecasted(&facts());
    assert!((content.total.expected - 2_000.0).abs() < 1e-9);
    assert!((content.amount - 4_000.0).abs() < 1e-9);
    // Binomial of 40 and a half has 1,600 and 2,400 as its 10 % and 90 % quantiles; what moves quotes together widens that.
    assert_eq!(
        (content.independent.p10, content.independent.p90),
        (1_600.0, 2_400.0)
    );
    assert!(content.total.p10 < 1_600.0 && content.total.p90 > 2_400.0);
    let owners: f64 = content.owners.iter().map(|owner| owner.won.expected).sum();
    let months: f64 = content.months.iter().map(|month| month.won.expected).sum();
    assert!((owners - 2_000.0).abs() < 1e-9 && (months - 2_000.0).abs() < 1e-9);
    // All past quotes took ten days, so that all open ones are decided on the tenth day from now.
    let cycle = content.cycle.as_ref().expect("a cycle");
    assert_eq!((cycle.median_days, cycle.overdue), (Some(10), 0));
    let month = (now() + Duration::days(10)).format("%Y-%m").to_string();
    let full = content.months.iter().find(|of| of.name == month);
    assert!((full.expect("the month").won.expected - 2_000.0).abs() < 1e-9);
    assert_eq!(content, forecasted(&facts()), "the seed settles it");
}

#[test]
fn other_currencies_are_left_out_and_said() {
    let mut facts = facts();
    let open = OpenQuotes {
        quote_refs: vec![String::new(); 4],
        prices: vec![10.0, 20.0, f64::NAN, 40.0],
        columns: vec![category(
            TargetField::Currency,
            "Currency",
            vec![0, 0, 0, 1],
            &["EUR", "USD"],
        )],
        ..OpenQuotes::default()
    };
    let snapshot = Snapshot {
        open: Some(open),
        ..Snapshot::default()
    };
    facts.open = quotes::read(snapshot, &InputSchema::default()).1;
    let content = forecasted(&facts);
    assert_eq!((content.quotes, content.currency.as_str()), (2, "EUR"));
    assert_eq!((content.without_amount, content.other_currencies), (1, 1));
    assert!((content.total.expected - 15.0).abs() < 1e-9);
    let said = content.insights.iter().any(|insight| {
        insight.topic == Topic::Pipeline
            && insight.tone == Tone::Caution
            && insight
                .text
                .contains("1 open quote in other currencies than EUR")
    });
    assert!(said, "{:?}", content.insights);
}

/// An earlier forecast of all decided quotes at a probability.
fn earlier(probability: f64) -> Basis {
    Basis {
        names: (0..50).map(|row| format!("D{row}")).collect(),
        amounts: vec![100.0; 50],
        probabilities: vec![probability; 50],
        errors: vec![0.1; 50],
        shock: 0.0,
    }
}

#[test]
fn earlier_forecasts_are_judged_by_what_came() {
    let mut facts = facts();
    facts.outcomes = HashMap::new();
    let made = now() - Duration::days(40);
    facts.earlier = vec![
        ("r2".to_owned(), made, earlier(0.5)),
        ("r1".to_owned(), made, earlier(0.9)),
        ("r0".to_owned(), made, Basis::default()),
    ];
    let content = forecasted(&facts);
    let [right, wrong] = content.earlier.as_slice() else {
        panic!("two have decided quotes: {:?}", content.earlier);
    };
    assert_eq!((right.decided, right.wins), (50, 25));
    assert!((right.realised - 2_500.0).abs() < 1e-9 && right.inside && right.p_value > 0.5);
    assert!(!wrong.inside && wrong.p_value < 0.01, "{wrong:?}");
    let told = content
        .insights
        .iter()
        .find(|of| of.topic == Topic::Earlier);
    assert!(told.is_some_and(|of| of.tone == Tone::Good && of.text.contains("50 of 50 quotes")));
}

#[test]
fn every_format_has_the_figures_and_no_formula() {
    let content = forecasted(&facts());
    let document = document(&content).expect("a document");
    let page = render_document(&document).expect("a page");
    for word in ["http:", "https:", "<script", "<link", "url(", "NaN"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("2,000") && page.contains("=Ada"));

    let bytes = csv(&document).expect("a file");
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("'=Ada") && !text.contains("\n=Ada") && !text.contains(",=Ada"));
    assert!(text.contains("Owner,Quotes,Amount,Expected,P10,P50,P90"));
    assert!(
        text.contains(
            "Quote,Owner,Amount,Probability,95 % interval from,95 % interval to,Expected"
        )
    );
    assert!(text.contains("O0,'=Ada,100,0.5,0.4,0.6,50"));

    let book = xlsx(&document).expect("a workbook");
    assert!(book.starts_with(b"PK"));
    let file = pdf(&document).expect("a file");
    assert!(file.starts_with(b"%PDF-") && file.ends_with(b"%%EOF"));
    let whole = String::from_utf8_lossy(&file);
    assert!(
        whole.contains("(Pipeline forecast: Quotes)"),
        "its title is in it"
    );
}

#[test]
fn quotes_that_were_decided_since_are_not_open() {
    let mut facts = facts();
    // Ten of the forty ended after the import, on the day that they were made; one of them is open again.
    for row in 0..10 {
        let ended = if row == 0 { None } else { Some(row % 2 == 0) };
        facts.outcomes.insert(format!("O{row}"), (ended, today()));
    }
    let content = forecasted(&facts);
    assert_eq!((content.quotes, content.recorded), (31, 9));
    assert!((content.total.expected - 1_550.0).abs() < 1e-9);
    assert_eq!(content.largest.len(), 31);
    let cycle = content.cycle.as_ref().expect("a cycle");
    assert_eq!((cycle.decided, cycle.open), (59, 31));
    let mut insights = content.insights.iter();
    assert!(insights.any(|of| {
        of.text
            .contains("9 quotes of the dataset whose outcome was recorded since")
    }));
}

#[test]
fn a_pipeline_without_open_quotes_says_so() {
    let mut facts = facts();
    let names: Vec<String> = facts.open.names.clone();
    for name in names {
        facts.outcomes.insert(name, (Some(true), today()));
    }
    let content = forecasted(&facts);
    assert_eq!(content.quotes, 0);
    assert!(content.insights[0].text.contains("nothing to forecast"));
    let page = render_document(&document(&content).expect("a document")).expect("a page");
    assert!(!page.contains("NaN"));
}

#[test]
fn tables_that_may_be_wider_than_a_phone_are_reached_by_keyboard() {
    let page =
        render_document(&document(&forecasted(&facts())).expect("a document")).expect("a page");
    let scrolling = page.matches("class=\"scroll\"").count();
    assert!(scrolling > 3);
    assert_eq!(
        page.matches("class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=")
            .count(),
        scrolling
    );
    assert!(
        page.contains("50.0\u{a0}%") && !page.contains("50.0 %"),
        "percent signs stay with their numbers"
    );
}
