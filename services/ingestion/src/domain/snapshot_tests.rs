//! Snapshots: what is in them, what is not, and that pieces make one message.

use prost::Message as _;
use tabular::{
    CellFormat, ColumnKind, DateOrder, Decimal, Field, Frame, FrameColumn, NumberFormat, Outcome,
    Values, derive::History,
};

use super::*;
use crate::domain::content::StoredContent;

fn column(name: &str, field: Field, kind: ColumnKind, values: Values) -> FrameColumn {
    FrameColumn {
        name: name.to_owned(),
        column: 0,
        field,
        kind,
        format: CellFormat {
            number: NumberFormat {
                decimal: Decimal::Comma,
            },
            date: (kind == ColumnKind::Date).then_some(DateOrder::Dmy),
            ..CellFormat::default()
        },
        values,
    }
}

/// 2024-01-31, 2023-12-01, 2024-01-01 and an open quote of 2024-02-01, all of one customer.
fn content() -> StoredContent {
    let codes = |codes: &[u32], levels: &[&str]| Values::Codes {
        codes: codes.to_vec(),
        levels: levels.iter().map(|level| (*level).to_owned()).collect(),
    };
    let frame = Frame {
        outcomes: vec![Outcome::Won, Outcome::Lost, Outcome::Won, Outcome::Open],
        dates: Some(vec![19_753, 19_692, 19_723, 19_754]),
        groups: None,
        prices: vec![100.0, 200.0, 300.0, 400.0],
        rows: vec![2, 3, 4, 5],
        revisions: None,
        quote_id_column: None,
        personal: Vec::new(),
        columns: vec![
            column(
                "Preis",
                Field::Price,
                ColumnKind::Number,
                Values::Numbers(vec![100.0, f64::INFINITY, 300.0, 400.0]),
            ),
            column(
                "Region",
                Field::Region,
                ColumnKind::Category,
                codes(&[1, u32::MAX, 1, 0], &["never decided", "EU"]),
            ),
            column(
                "Kunde",
                Field::Customer,
                ColumnKind::Category,
                codes(&[0, 0, 0, 0], &["ACME"]),
            ),
            column(
                "Sent",
                Field::Feature,
                ColumnKind::Date,
                Values::Days(vec![Some(1), None, Some(-1), None]),
            ),
        ],
    };
    StoredContent {
        quote_refs: ["Q-1", "", "Q-3", "Q-4"]
            .map(|name| (!name.is_empty()).then(|| name.to_owned()))
            .to_vec(),
        revisions: vec![None; 4],
        names: vec![("No".to_owned(), Field::QuoteId, CellFormat::default())],
        frame,
    }
}

fn taken(content: &StoredContent, rows: &[usize]) -> pb::Snapshot {
    let history = History::build((0..content.frame.len()).map(|row| content.facts(row)));
    let mut bytes = Vec::new();
    let sent: Result<(), ()> = write_snapshot(content, rows, &history, |piece| {
        bytes.extend(piece);
        Ok(())
    });
    sent.unwrap();
    pb::Snapshot::decode(bytes.as_slice()).unwrap()
}

#[test]
fn a_snapshot_has_every_decided_value_and_how_it_was_read() {
    let snapshot = taken(&content(), &[0, 1, 2, 3]);
    assert_eq!(snapshot.row_count, 3);
    assert_eq!(snapshot.outcomes, [true, false, true]);
    assert_eq!(snapshot.dates, [19_753, 19_692, 19_723]);
    let named = |name: &str| snapshot.columns.iter().find(|c| c.name == name).unwrap();
    assert_eq!(named("Preis").field(), pb::TargetField::Price);
    assert!(named("Preis").numbers[1].is_nan());
    assert_eq!(
        named("Preis").format.as_ref().unwrap().decimal_separator,
        ","
    );
    assert_eq!(named("Region").codes, [0, u32::MAX, 0]);
    assert_eq!(named("Region").levels, ["EU"], "only what occurs");
    assert_eq!(named("No").field(), pb::TargetField::QuoteId);
    assert_eq!(named("No").codes, [0, u32::MAX, 1]);
    assert_eq!(named("No").levels, ["Q-1", "Q-3"], "of decided quotes");
    assert_eq!(named("Sent").days, [1, MISSING_DAY, -1]);
    assert_eq!(named("Sent").format.as_ref().unwrap().date_order, "DMY");
}

#[test]
fn features_of_earlier_quotes_are_in_it_and_the_price_is_not() {
    let snapshot = taken(&content(), &[0, 1, 2, 3]);
    let named = |name: &str| snapshot.columns.iter().find(|c| c.name == name);
    let quotes = named("derived.customer_quotes").unwrap();
    assert_eq!(quotes.field(), pb::TargetField::Derived);
    assert_eq!(quotes.numbers, [2.0, 0.0, 1.0]);
    let usual = named("derived.customer_usual_price").unwrap();
    assert_eq!(usual.field(), pb::TargetField::ReferencePrice);
    assert!(
        usual.numbers[1].is_nan(),
        "the first quote has nothing before it"
    );
    assert!(named("derived.log_price").is_none());
    assert!(named("derived.month").is_none());
    let history = History::from_bytes(&snapshot.history).unwrap();
    assert_eq!(
        history.features(&content().facts(0)).values().len(),
        FEATURES.len()
    );
}

#[test]
fn open_quotes_stand_apart_with_the_same_columns() {
    let mut content = content();
    content.quote_refs[3] = Some("Q4".to_owned());
    let open = taken(&content, &[0, 1, 2, 3]).open.unwrap();
    assert_eq!(open.quote_refs, ["Q4"]);
    assert_eq!((open.dates, open.prices), (vec![19_754], vec![400.0]));
    let named = |name: &str| open.columns.iter().find(|c| c.name == name).unwrap();
    assert_eq!(named("Preis").numbers, [400.0]);
    assert_eq!(named("Region").levels, ["never decided"]);
    assert_eq!(named("derived.customer_quotes").numbers, [3.0]);
    assert!(taken(&content, &[0, 1, 2]).open.is_none());
}

#[test]
fn a_quote_has_the_same_key_in_every_snapshot() {
    let (mut first, mut second) = (content(), content());
    second.frame.columns.reverse();
    let keys = |content: &StoredContent, rows: &[usize]| taken(content, rows).row_keys;
    let nameless = keys(&first, &[0, 1, 2, 3]);
    assert_eq!(nameless.len(), 3, "one for each decided quote");
    assert_eq!(keys(&second, &[2, 1]), [nameless[2], nameless[1]]);
    // The identifier and the day count and nothing else, whatever is corrected later.
    for content in [&mut first, &mut second] {
        content.quote_refs = ["a", "b", "a", "d"]
            .map(|name| Some(name.to_owned()))
            .into();
    }
    second.frame.columns.truncate(1);
    let named = keys(&first, &[0, 1, 2]);
    assert_eq!(keys(&second, &[0, 1, 2]), named);
    let mut all = [nameless, named].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 6, "no two quotes share one");
}

#[test]
fn without_dates_nothing_is_derived() {
    let mut content = content();
    content.frame.dates = None;
    let snapshot = taken(&content, &[0, 1]);
    assert!(snapshot.history.is_empty());
    assert!(
        snapshot
            .columns
            .iter()
            .all(|c| !c.name.starts_with("derived."))
    );
    assert!(win_rates(&content, &[0, 1]).is_empty());
}

#[test]
fn wins_are_counted_by_month() {
    let periods = win_rates(&content(), &[0, 1, 2, 3]);
    let told: Vec<_> = periods
        .iter()
        .map(|p| (p.month.as_str(), p.quote_count, p.won_count))
        .collect();
    assert_eq!(told, [("2023-12", 1, 0), ("2024-01", 2, 2)]);
}
