//! From the rows of a dataset to what training reads, and to wins over time. Deliberately nothing of
//! how it is learned from.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use prost::{
    Message as _,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len},
};
use proto::ingestion as pb;
use tabular::{
    Field, FrameColumn, Outcome, Values,
    derive::{DerivedFeature, FEATURES, History},
    frame::MISSING_CODE,
};

use super::{content::Rows, date_of, key, meaning};

/// Number of `columns` in a snapshot.
const COLUMNS_TAG: u32 = 5;
/// Number of `levels` in a column of a snapshot.
const LEVELS_TAG: u32 = 6;
/// Bytes of one piece of levels, about.
const PIECE_BYTES: usize = 256 * 1024;
/// Stands for a missing day in a snapshot.
const MISSING_DAY: i32 = i32::MIN;

/// Features that the learning core derives from the date by itself.
const FROM_THE_DATE: [DerivedFeature; 3] = [
    DerivedFeature::Month,
    DerivedFeature::Quarter,
    DerivedFeature::Weekday,
];

/// Usual prices, against which the learning core measures a price.
const REFERENCES: [DerivedFeature; 2] = [
    DerivedFeature::CustomerUsualPrice,
    DerivedFeature::ProductUsualPrice,
];

/// Writes the snapshot of these rows, the open ones apart, piece by piece: pieces behind each other are
/// one message. What changes with the price is left to the learning core, so that it can ask what
/// another price would do.
pub fn write_snapshot<E>(
    content: &impl Rows,
    rows: &[usize],
    history: &History,
    mut send: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let frame = content.frame();
    let open: Vec<usize> = open(content, rows).collect();
    let rows: Vec<usize> = decided(content, rows).collect();
    let pick = |values: &Vec<i32>| rows.iter().map(|row| values[*row]).collect();
    let head = pb::Snapshot {
        row_count: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        outcomes: rows
            .iter()
            .map(|row| frame.outcomes[*row] == Outcome::Won)
            .collect(),
        dates: frame.dates.as_ref().map(pick).unwrap_or_default(),
        groups: match &frame.groups {
            Some(groups) => rows.iter().map(|row| groups[*row]).collect(),
            None => Vec::new(),
        },
        row_keys: key::of(content, &rows),
        ..pb::Snapshot::default()
    };
    send(head.encode_to_vec())?;
    for column in &frame.columns {
        let (message, levels) = of_file(column, &rows);
        send_column(&message, &levels, &mut send)?;
    }
    if !open.is_empty() {
        send_open(content, &open, history, &mut send)?;
    }
    for (name, field, format) in content.names() {
        let (codes, levels) = match field {
            Field::QuoteId => quote_ids(content, &rows),
            _ => Default::default(),
        };
        let column = pb::SnapshotColumn {
            name,
            field: meaning::target_field(field) as i32,
            kind: pb::ColumnKind::Category as i32,
            format: Some(meaning::cell_format(&format)),
            codes,
            ..pb::SnapshotColumn::default()
        };
        send_column(&column, &levels, &mut send)?;
    }
    if frame.dates.is_none() {
        return Ok(());
    }
    for column in derived(content, &rows, history) {
        send(piece(column))?;
    }
    let last = pb::Snapshot {
        history: history.to_bytes(),
        ..pb::Snapshot::default()
    };
    send(last.encode_to_vec())
}

/// Writes the open quotes: their names, and the columns that the decided ones have.
fn send_open<E>(
    content: &impl Rows,
    rows: &[usize],
    history: &History,
    send: &mut impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let frame = content.frame();
    let mut send = |open: pb::OpenQuotes| {
        let piece = pb::Snapshot {
            open: Some(open),
            ..pb::Snapshot::default()
        };
        send(piece.encode_to_vec())
    };
    let name = |row: &usize| content.quote_ref(*row).unwrap_or_default().to_owned();
    send(pb::OpenQuotes {
        quote_refs: rows.iter().map(name).collect(),
        dates: match &frame.dates {
            Some(dates) => rows.iter().map(|row| dates[*row]).collect(),
            None => Vec::new(),
        },
        prices: rows.iter().map(|row| frame.prices[*row]).collect(),
        columns: Vec::new(),
    })?;
    let mut column = |column: pb::SnapshotColumn| {
        send(pb::OpenQuotes {
            columns: vec![column],
            ..pb::OpenQuotes::default()
        })
    };
    for of in &frame.columns {
        let (mut message, levels) = of_file(of, rows);
        message.levels = levels.into_iter().map(str::to_owned).collect();
        column(message)?;
    }
    if frame.dates.is_some() {
        for of in derived(content, rows, history) {
            column(of)?;
        }
    }
    Ok(())
}

/// The ones of these rows that are not decided.
fn open(content: &impl Rows, rows: &[usize]) -> impl Iterator<Item = usize> {
    let outcomes = &content.frame().outcomes;
    rows.iter()
        .copied()
        .filter(|row| outcomes[*row] == Outcome::Open)
}

/// What the quotes are called, which nothing is learned from, but by which people find them again.
fn quote_ids<'a>(content: &'a impl Rows, rows: &[usize]) -> (Vec<u32>, Vec<&'a str>) {
    let mut levels = Vec::new();
    let mut code = |row: &usize| match content.quote_ref(*row) {
        Some(name) => {
            levels.push(name);
            u32::try_from(levels.len() - 1).unwrap_or(MISSING_CODE)
        }
        None => MISSING_CODE,
    };
    (rows.iter().map(&mut code).collect(), levels)
}

/// The won and lost ones of these rows.
fn decided(content: &impl Rows, rows: &[usize]) -> impl Iterator<Item = usize> {
    let outcomes = &content.frame().outcomes;
    rows.iter()
        .copied()
        .filter(|row| outcomes[*row] != Outcome::Open)
}

fn piece(column: pb::SnapshotColumn) -> Vec<u8> {
    let piece = pb::Snapshot {
        columns: vec![column],
        ..pb::Snapshot::default()
    };
    piece.encode_to_vec()
}

/// Sends a column as one element of the message, its levels in small pieces: a column of remarks has
/// as many of them as rows, and they would be held twice more otherwise.
fn send_column<E>(
    column: &pb::SnapshotColumn,
    levels: &[&str],
    send: &mut impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let length =
        |level: &&str| key_len(LEVELS_TAG) + encoded_len_varint(level.len() as u64) + level.len();
    let levels_length: usize = levels.iter().map(length).sum();
    let mut out = Vec::new();
    encode_key(COLUMNS_TAG, WireType::LengthDelimited, &mut out);
    encode_varint((column.encoded_len() + levels_length) as u64, &mut out);
    out.extend(column.encode_to_vec());
    for level in levels {
        encode_key(LEVELS_TAG, WireType::LengthDelimited, &mut out);
        encode_varint(level.len() as u64, &mut out);
        out.extend_from_slice(level.as_bytes());
        if out.len() >= PIECE_BYTES {
            send(std::mem::take(&mut out))?;
        }
    }
    send(out)
}

/// A column of the file without its levels, and those.
fn of_file<'a>(column: &'a FrameColumn, rows: &[usize]) -> (pb::SnapshotColumn, Vec<&'a str>) {
    let mut message = pb::SnapshotColumn {
        name: column.name.clone(),
        field: meaning::target_field(column.field) as i32,
        kind: meaning::column_kind(column.kind) as i32,
        format: Some(meaning::cell_format(&column.format)),
        ..pb::SnapshotColumn::default()
    };
    let mut used = Vec::new();
    match &column.values {
        // A text such as 1e999 reads as infinity, which nothing can be learned from.
        Values::Numbers(numbers) => {
            let finite = |number: f64| if number.is_finite() { number } else { f64::NAN };
            message.numbers = rows.iter().map(|row| finite(numbers[*row])).collect();
        }
        Values::Codes { codes, levels } => {
            (message.codes, used) = used_levels(codes, levels, rows);
        }
        Values::Days(days) => {
            let day = |row: &usize| days[*row].unwrap_or(MISSING_DAY);
            message.days = rows.iter().map(day).collect();
        }
    }
    (message, used)
}

/// The codes of some rows, and the levels that occur in them, in order of appearance.
fn used_levels<'a>(
    codes: &[u32],
    levels: &'a [String],
    rows: &[usize],
) -> (Vec<u32>, Vec<&'a str>) {
    let mut places = vec![MISSING_CODE; levels.len()];
    let mut used = Vec::new();
    let mut renamed = |code: u32| {
        let (Some(place), Some(level)) = (places.get_mut(code as usize), levels.get(code as usize))
        else {
            return MISSING_CODE;
        };
        if *place == MISSING_CODE {
            *place = u32::try_from(used.len()).unwrap_or(MISSING_CODE);
            used.push(level.as_str());
        }
        *place
    };
    let codes = rows.iter().map(|row| renamed(codes[*row])).collect();
    (codes, used)
}

/// The features from earlier quotes that do not change with the price and that any row has.
fn derived(content: &impl Rows, rows: &[usize], history: &History) -> Vec<pb::SnapshotColumn> {
    let wanted: Vec<DerivedFeature> = FEATURES
        .iter()
        .filter(|spec| !spec.price_dependent && !FROM_THE_DATE.contains(&spec.feature))
        .map(|spec| spec.feature)
        .collect();
    let mut numbers: Vec<Vec<f64>> = vec![Vec::with_capacity(rows.len()); wanted.len()];
    for row in rows {
        let features = history.features(&content.facts(*row));
        for (values, feature) in numbers.iter_mut().zip(&wanted) {
            values.push(features.get(*feature));
        }
    }
    wanted
        .into_iter()
        .zip(numbers)
        .filter(|(_, numbers)| numbers.iter().any(|number| number.is_finite()))
        .map(|(feature, numbers)| pb::SnapshotColumn {
            name: feature.spec().name.to_owned(),
            field: if REFERENCES.contains(&feature) {
                pb::TargetField::ReferencePrice as i32
            } else {
                pb::TargetField::Derived as i32
            },
            kind: pb::ColumnKind::Number as i32,
            numbers,
            ..pb::SnapshotColumn::default()
        })
        .collect()
}

/// Quotes and wins by calendar month, oldest first; empty where there are no dates.
#[must_use]
pub fn win_rates(content: &impl Rows, rows: &[usize]) -> Vec<pb::WinRatePeriod> {
    let frame = content.frame();
    let Some(dates) = &frame.dates else {
        return Vec::new();
    };
    let mut months: BTreeMap<(i32, u32), (u32, u32)> = BTreeMap::new();
    for row in decided(content, rows) {
        let date = date_of(dates[row]);
        let (quotes, wins) = months.entry((date.year(), date.month())).or_default();
        *quotes += 1;
        *wins += u32::from(frame.outcomes[row] == Outcome::Won);
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
#[path = "snapshot_tests.rs"]
mod tests;
