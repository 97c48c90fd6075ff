//! From the usable rows to what training reads, and to wins over time. Deliberately nothing of how
//! it is learned from.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use proto::ingestion as pb;
use tabular::{Frame, FrameColumn, Values};

use super::{date_of, meaning};

/// Stands for a missing day in a snapshot.
const MISSING_DAY: i32 = i32::MIN;

/// The snapshot of a dataset.
#[must_use]
pub fn snapshot(frame: &Frame) -> pb::Snapshot {
    pb::Snapshot {
        row_count: u32::try_from(frame.len()).unwrap_or(u32::MAX),
        outcomes: frame.outcomes.clone(),
        dates: frame.dates.clone().unwrap_or_default(),
        groups: frame.groups.clone().unwrap_or_default(),
        columns: frame.columns.iter().map(column).collect(),
    }
}

fn column(column: &FrameColumn) -> pb::SnapshotColumn {
    let mut message = pb::SnapshotColumn {
        name: column.name.clone(),
        field: meaning::target_field(column.field) as i32,
        kind: meaning::column_kind(column.kind) as i32,
        format: Some(pb::CellFormat {
            decimal_separator: column.format.decimal_separator().to_owned(),
            date_order: column.format.date_order().to_owned(),
        }),
        ..pb::SnapshotColumn::default()
    };
    match &column.values {
        // A text such as 1e999 reads as infinity, which nothing can be learned from.
        Values::Numbers(numbers) => {
            message.numbers = numbers
                .iter()
                .map(|number| {
                    if number.is_finite() {
                        *number
                    } else {
                        f64::NAN
                    }
                })
                .collect();
        }
        Values::Codes { codes, levels } => {
            message.codes.clone_from(codes);
            message.levels.clone_from(levels);
        }
        Values::Days(days) => {
            message.days = days.iter().map(|day| day.unwrap_or(MISSING_DAY)).collect();
        }
    }
    message
}

/// Quotes and wins by calendar month, oldest first; empty where the file has no dates.
#[must_use]
pub fn win_rates(frame: &Frame) -> Vec<pb::WinRatePeriod> {
    let mut months: BTreeMap<(i32, u32), (u32, u32)> = BTreeMap::new();
    let days = frame.dates.iter().flatten();
    for (day, won) in days.zip(&frame.outcomes) {
        let date = date_of(*day);
        let (quotes, wins) = months.entry((date.year(), date.month())).or_default();
        *quotes += 1;
        *wins += u32::from(*won);
    }
    months
        .into_iter()
        .map(
            |((year, month), (quote_count, won_count))| pb::WinRatePeriod {
                month: format!("{year:04}-{month:02}"),
                quote_count,
                won_count,
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use tabular::{CellFormat, ColumnKind, DateOrder, Decimal, Field, NumberFormat};

    use super::*;

    fn frame() -> Frame {
        let format = CellFormat {
            number: NumberFormat {
                decimal: Decimal::Comma,
            },
            date: None,
        };
        let column = |name: &str, field, kind, format, values| FrameColumn {
            name: name.to_owned(),
            field,
            kind,
            format,
            values,
        };
        Frame {
            outcomes: vec![true, false, true],
            // 2024-01-31, 2023-12-01, 2024-01-01
            dates: Some(vec![19_753, 19_692, 19_723]),
            groups: None,
            quote_ids: None,
            prices: vec![1.0, 2.0, 3.0],
            rows: vec![2, 3, 4],
            columns: vec![
                column(
                    "Preis",
                    Field::Price,
                    ColumnKind::Number,
                    format,
                    Values::Numbers(vec![1.0, f64::INFINITY, 3.0]),
                ),
                column(
                    "Region",
                    Field::Feature,
                    ColumnKind::Category,
                    format,
                    Values::Codes {
                        codes: vec![0, u32::MAX, 0],
                        levels: vec!["EU".to_owned()],
                    },
                ),
                column(
                    "Sent",
                    Field::Feature,
                    ColumnKind::Date,
                    CellFormat {
                        date: Some(DateOrder::Dmy),
                        ..format
                    },
                    Values::Days(vec![Some(1), None, Some(-1)]),
                ),
            ],
        }
    }

    #[test]
    fn a_snapshot_has_every_value_and_how_it_was_read() {
        let snapshot = snapshot(&frame());
        assert_eq!(snapshot.row_count, 3);
        assert_eq!(snapshot.outcomes, [true, false, true]);
        let [price, region, sent] = snapshot.columns.as_slice() else {
            panic!("three columns");
        };
        assert_eq!(price.field(), pb::TargetField::Price);
        assert!(price.numbers[1].is_nan());
        assert_eq!(price.format.as_ref().unwrap().decimal_separator, ",");
        assert_eq!(region.codes, [0, u32::MAX, 0]);
        assert_eq!(region.levels, ["EU"]);
        assert_eq!(sent.days, [1, MISSING_DAY, -1]);
        assert_eq!(sent.format.as_ref().unwrap().date_order, "DMY");
    }

    #[test]
    fn wins_are_counted_by_month() {
        let periods = win_rates(&frame());
        let told: Vec<_> = periods
            .iter()
            .map(|p| (p.month.as_str(), p.quote_count, p.won_count))
            .collect();
        assert_eq!(told, [("2023-12", 1, 0), ("2024-01", 2, 2)]);
        let undated = Frame {
            dates: None,
            ..frame()
        };
        assert!(win_rates(&undated).is_empty());
    }
}
