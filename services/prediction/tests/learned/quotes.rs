//! A dataset in which the price against the customer's usual one decides, as ingestion would tell it.
//! Deliberately made and not drawn: the same in every run.

use proto::{
    ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField},
    prediction::{FieldValue, QuoteInput, field_value::Value},
};
use tabular::{FEATURES, History, QuoteFacts};

const CUSTOMERS: [&str; 8] = ["A", "B", "C", "D", "E", "F", "G", "H"];

/// Quotes on one day in two, the newest last.
pub fn quotes(rows: i32) -> Vec<QuoteFacts<'static>> {
    (0..rows)
        .map(|row| {
            let customer = (row * 5 % 8) as usize;
            let usual = 100.0 * 2.0_f64.powi(i32::try_from(customer).unwrap_or(0));
            let ratio = 0.7 + f64::from(row * 37 % 61) / 100.0;
            let noise = f64::from(row * 53 % 41) / 100.0 - 0.2;
            QuoteFacts {
                day: Some(19_000 + row / 2),
                price: Some((usual * ratio * 100.0).round() / 100.0),
                customer: Some(CUSTOMERS[customer]),
                outcome: Some(ratio + noise < 1.0),
                ..QuoteFacts::default()
            }
        })
        .collect()
}

pub fn snapshot(quotes: &[QuoteFacts<'_>]) -> Snapshot {
    let history = History::build(quotes.iter().copied());
    let column = |name: &str, field: TargetField, kind: ColumnKind| SnapshotColumn {
        name: name.to_owned(),
        field: field as i32,
        kind: kind as i32,
        ..SnapshotColumn::default()
    };
    let prices = quotes.iter().map(|quote| quote.price.unwrap_or(f64::NAN));
    let days: Vec<i32> = quotes.iter().filter_map(|quote| quote.day).collect();
    let code = |name| CUSTOMERS.iter().position(|known| Some(*known) == name);
    let codes = quotes
        .iter()
        .filter_map(|quote| u32::try_from(code(quote.customer)?).ok());
    let mut columns = vec![
        SnapshotColumn {
            numbers: prices.collect(),
            ..column("Price", TargetField::Price, ColumnKind::Number)
        },
        SnapshotColumn {
            days: days.clone(),
            ..column("Date", TargetField::Date, ColumnKind::Date)
        },
        SnapshotColumn {
            codes: codes.collect(),
            levels: CUSTOMERS.map(str::to_owned).to_vec(),
            ..column("Customer", TargetField::Customer, ColumnKind::Category)
        },
        SnapshotColumn {
            codes: (0..).take(quotes.len()).collect(),
            levels: (0..quotes.len()).map(|row| format!("Q{row}")).collect(),
            ..column("Quote", TargetField::QuoteId, ColumnKind::Category)
        },
    ];
    for spec in FEATURES.iter().filter(|spec| !spec.price_dependent) {
        let field = if spec.name.ends_with("usual_price") {
            TargetField::ReferencePrice
        } else {
            TargetField::Derived
        };
        let value = |quote| history.features(quote).get(spec.feature);
        columns.push(SnapshotColumn {
            numbers: quotes.iter().map(value).collect(),
            ..column(spec.name, field, ColumnKind::Number)
        });
    }
    let won = |quote: &QuoteFacts<'_>| quote.outcome == Some(true);
    Snapshot {
        row_count: u32::try_from(quotes.len()).unwrap_or(u32::MAX),
        outcomes: quotes.iter().map(won).collect(),
        dates: days,
        groups: Vec::new(),
        columns,
        history: history.to_bytes(),
        ..Snapshot::default()
    }
}

/// A quote as a caller would send it.
pub fn sent(quote: &QuoteFacts<'_>) -> QuoteInput {
    let date = chrono::DateTime::from_timestamp(i64::from(quote.day.unwrap_or(0)) * 86_400, 0)
        .unwrap_or_default()
        .date_naive();
    let text = |text: String| Some(Value::Text(text));
    let fields = [
        ("Price", quote.price.map(Value::Number)),
        ("Date", text(date.to_string())),
        ("Customer", text(quote.customer.unwrap_or("").to_owned())),
    ];
    QuoteInput {
        quote_ref: String::new(),
        fields: fields
            .map(|(name, value)| (name.to_owned(), FieldValue { value }))
            .into(),
    }
}
