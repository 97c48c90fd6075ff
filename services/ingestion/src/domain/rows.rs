//! Quotes as Postgres takes them in bulk: the binary format of COPY, in which no text needs
//! escaping. Deliberately no SQL; the order of the fields is that of `store`'s staging table.

use std::{collections::BTreeSet, ops::RangeInclusive};

use chrono::{Datelike as _, NaiveDate};
use tabular::{Frame, Values, cell::day_number, frame::MISSING_CODE};
use uuid::Uuid;

use super::{date_of, inspect::Accepted};

/// Years that have a partition of their own, as in the migration.
const PARTITIONED_YEARS: RangeInclusive<i32> = 1990..=2100;
/// Bytes handed over at once, about.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Days from 1970-01-01 to Postgres's day 0, 2000-01-01.
const POSTGRES_EPOCH: i32 = 10_957;
/// Largest price in hundredths: beyond it, rounding could leave the range of a bigint.
const MINOR_MAX: f64 = 9.2e18;
const FIELDS: i16 = 8;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const JSONB_VERSION: u8 = 1;

/// A price in hundredths; `None` where it cannot be stored.
#[must_use]
pub fn minor(price: f64) -> Option<i64> {
    let hundredths = (price * 100.0).round();
    // Also false for what is no number.
    (hundredths.abs() <= MINOR_MAX).then_some(hundredths as i64)
}

/// Day of each quote; quotes of a file without dates are of the day of the upload.
fn days(frame: &Frame, uploaded_on: NaiveDate) -> impl Iterator<Item = i32> {
    let upload = day_number(uploaded_on);
    (0..frame.len()).map(move |row| {
        let dated = frame.dates.as_ref().and_then(|dates| dates.get(row));
        dated.copied().unwrap_or(upload)
    })
}

/// The years for which partitions are needed, as runs without gaps.
#[must_use]
pub fn year_runs(frame: &Frame, uploaded_on: NaiveDate) -> Vec<RangeInclusive<i32>> {
    let distinct: BTreeSet<i32> = days(frame, uploaded_on).collect();
    let years: BTreeSet<i32> = distinct
        .into_iter()
        .map(|day| date_of(day).year())
        .filter(|year| PARTITIONED_YEARS.contains(year))
        .collect();
    let mut runs: Vec<RangeInclusive<i32>> = Vec::new();
    for year in years {
        match runs.last_mut() {
            Some(run) if *run.end() + 1 == year => *run = *run.start()..=year,
            _ => runs.push(year..=year),
        }
    }
    runs
}

/// Writes every quote in the binary format of COPY, chunk by chunk, until `send` answers false.
///
/// # Errors
/// Where a value cannot be written as JSON.
pub fn write_copy(
    content: &Accepted,
    uploaded_on: NaiveDate,
    mut send: impl FnMut(Vec<u8>) -> bool,
) -> serde_json::Result<()> {
    let (sheet, frame) = (&content.sheet, &content.frame);
    let raw_keys = keys(sheet.headers.iter().map(String::as_str))?;
    let derived_keys = keys(frame.columns.iter().map(|column| column.name.as_str()))?;
    let mut chunk = SIGNATURE.to_vec();
    chunk.extend([0; 8]);
    for (row, day) in days(frame, uploaded_on).enumerate() {
        if chunk.len() >= CHUNK_BYTES {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_BYTES * 2));
            if !send(full) {
                return Ok(());
            }
        }
        chunk.extend(FIELDS.to_be_bytes());
        field(&mut chunk, &(day - POSTGRES_EPOCH).to_be_bytes());
        field(&mut chunk, Uuid::now_v7().as_bytes());
        let file_row = frame.rows.get(row).copied().unwrap_or_default();
        let file_row = i32::try_from(file_row).unwrap_or(i32::MAX);
        field(&mut chunk, &file_row.to_be_bytes());
        let won = frame.outcomes.get(row).copied().unwrap_or_default();
        field(&mut chunk, &[u8::from(won)]);
        // Whatever cannot be stored was refused when the file was inspected.
        let price = frame.prices.get(row).copied().and_then(minor);
        field(&mut chunk, &price.unwrap_or_default().to_be_bytes());
        let ids = frame.quote_ids.as_ref();
        match ids.and_then(|ids| ids.get(row)).filter(|id| !id.is_empty()) {
            Some(id) => field(&mut chunk, super::meaning::storable(id).as_bytes()),
            None => chunk.extend((-1_i32).to_be_bytes()),
        }
        jsonb(&mut chunk, |out| {
            let cells = frame.record(sheet, row).map(|(_, cell)| cell);
            object(out, raw_keys.iter().zip(cells), text)
        })?;
        jsonb(&mut chunk, |out| derived(out, frame, row, &derived_keys))?;
    }
    chunk.extend((-1_i16).to_be_bytes());
    send(chunk);
    Ok(())
}

/// The values of a row as they were read, by header; missing ones are left out.
fn derived(
    out: &mut Vec<u8>,
    frame: &Frame,
    row: usize,
    keys: &[Vec<u8>],
) -> serde_json::Result<()> {
    let present = keys.iter().zip(&frame.columns).filter(|(_, column)| {
        let is = match &column.values {
            Values::Numbers(numbers) => numbers.get(row).map(|number| number.is_finite()),
            Values::Codes { codes, .. } => codes.get(row).map(|code| *code != MISSING_CODE),
            Values::Days(days) => days.get(row).map(Option::is_some),
        };
        is.unwrap_or_default()
    });
    object(out, present, |out, column| match &column.values {
        Values::Numbers(numbers) => serde_json::to_writer(out, &numbers[row]),
        Values::Codes { codes, levels } => {
            let level = levels.get(codes[row] as usize);
            text(out, level.map_or("", String::as_str))
        }
        Values::Days(days) => text(out, &date_of(days[row].unwrap_or_default()).to_string()),
    })
}

/// Headers as the keys of a JSON object, written once for all rows.
fn keys<'a>(names: impl Iterator<Item = &'a str>) -> serde_json::Result<Vec<Vec<u8>>> {
    names
        .map(|name| {
            let mut key = Vec::new();
            text(&mut key, name)?;
            key.push(b':');
            Ok(key)
        })
        .collect()
}

fn object<'k, V>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = (&'k Vec<u8>, V)>,
    mut value: impl FnMut(&mut Vec<u8>, V) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push(b'{');
    for (index, (key, entry)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        value(out, entry)?;
    }
    out.push(b'}');
    Ok(())
}

fn text(out: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    // The one character that jsonb refuses.
    if text.contains('\0') {
        return serde_json::to_writer(out, &super::meaning::storable(text));
    }
    serde_json::to_writer(out, text)
}

fn field(out: &mut Vec<u8>, value: &[u8]) {
    // Cells are bounded when the file is read, far below 2 GiB.
    let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(value);
}

/// A jsonb field, written in place; its length is filled in afterwards.
fn jsonb(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    let start = out.len();
    out.extend([0; 4]);
    out.push(JSONB_VERSION);
    write(out)?;
    let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
