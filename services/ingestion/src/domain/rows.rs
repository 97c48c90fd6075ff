//! Quotes as Postgres takes them in bulk: the binary format of COPY, in which no text needs
//! escaping. Deliberately no SQL; the order of the fields is that of `store`'s staging table.

use std::{collections::BTreeSet, ops::RangeInclusive};

use chrono::{Datelike as _, NaiveDate};
use platform::{config::Key, crypto};
use sha2::{Digest as _, Sha256};
use tabular::{
    Field, Frame, Outcome,
    cell::day_number,
    derive::{FEATURES, Features, History},
};
use uuid::Uuid;

use super::{
    content::{FileContent, Rows as _},
    date_of, json,
    meaning::storable,
    plan::{Action, Fingerprint, Plan},
};

/// Years that have a partition of their own, as in the migration.
const PARTITIONED_YEARS: RangeInclusive<i32> = 1990..=2100;
/// Rows of one portion at the most.
const PORTION_ROWS: usize = 10_000;
/// Bytes of one portion, about. Four may be in memory at once: the one being written, one that waits, the one being
/// sent, and what of it the connection has taken over.
const PORTION_BYTES: usize = 2 * 1024 * 1024;
/// Days from 1970-01-01 to Postgres's day 0, 2000-01-01.
const POSTGRES_EPOCH: i32 = 10_957;
/// Largest amount in hundredths: beyond it, rounding could leave the range of a bigint.
const MINOR_MAX: f64 = 9.2e18;
const FIELDS: i16 = 22;
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const JSONB_VERSION: u8 = 1;

/// Rows ready for the database.
#[derive(Debug)]
pub struct Portion {
    /// A complete binary COPY.
    pub copy: Vec<u8>,
    /// Rows in it.
    pub rows: usize,
}

/// What is needed besides the rows to store them.
#[derive(Debug)]
pub struct Storing<'a> {
    /// Whose they are.
    pub tenant: Uuid,
    /// The key of their personal columns.
    pub key: &'a Key,
    /// The day of quotes without dates.
    pub uploaded_on: NaiveDate,
    /// What is stored of which row.
    pub plan: &'a Plan,
    /// What features are derived from; `None` where they are computed later.
    pub history: Option<&'a History>,
}

/// An amount in hundredths; `None` where it cannot be stored.
#[must_use]
pub fn minor(amount: f64) -> Option<i64> {
    let hundredths = (amount * 100.0).round();
    // Also false for what is no number.
    (hundredths.abs() <= MINOR_MAX).then_some(hundredths as i64)
}

/// The name under which the personal columns of a quote are encrypted.
#[must_use]
pub fn personal_context(tenant: Uuid, quote: Uuid) -> String {
    format!("{tenant}|quote|personal|{quote}")
}

/// Day of a quote; quotes of a file without dates are of the day of the upload.
fn day(frame: &Frame, row: usize, uploaded_on: NaiveDate) -> i32 {
    let dated = frame.dates.as_ref().and_then(|dates| dates.get(row));
    dated.copied().unwrap_or_else(|| day_number(uploaded_on))
}

/// The years for which partitions are needed, as runs without gaps.
#[must_use]
pub fn year_runs(frame: &Frame, uploaded_on: NaiveDate) -> Vec<RangeInclusive<i32>> {
    let days: BTreeSet<i32> = (0..frame.len())
        .map(|row| day(frame, row, uploaded_on))
        .collect();
    let years: BTreeSet<i32> = days
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

/// What a row says, as 16 bytes: every cell, personal ones included.
///
/// # Errors
/// Where a cell cannot be written as JSON.
pub fn fingerprint(content: &FileContent, row: usize) -> serde_json::Result<Fingerprint> {
    let mut cells = Vec::new();
    for (header, cell) in content.frame.record(&content.sheet, row) {
        json::text(&mut cells, header)?;
        json::text(&mut cells, cell)?;
    }
    for (header, cell) in content.personal(row) {
        json::text(&mut cells, header)?;
        json::text(&mut cells, cell)?;
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(&Sha256::digest(&cells)[..16]);
    Ok(fingerprint)
}

/// Writes the planned quotes portion by portion, until `send` answers false.
///
/// # Errors
/// Where a value cannot be written as JSON.
pub fn write_portions(
    content: &FileContent,
    storing: &Storing<'_>,
    mut send: impl FnMut(Portion) -> bool,
) -> serde_json::Result<()> {
    let mut writer = Writer::new(content, storing)?;
    for (row, action) in storing.plan.actions.iter().enumerate() {
        let Action::Write { is_current } = action else {
            continue;
        };
        writer.write(row, *is_current)?;
        let full = writer.rows >= PORTION_ROWS || writer.out.len() >= PORTION_BYTES;
        if full && !send(writer.portion()) {
            return Ok(());
        }
    }
    if writer.rows > 0 {
        send(writer.portion());
    }
    Ok(())
}

struct Writer<'a> {
    content: &'a FileContent,
    storing: &'a Storing<'a>,
    raw_keys: Vec<Vec<u8>>,
    derived_keys: Vec<Vec<u8>>,
    feature_keys: Vec<Vec<u8>>,
    out: Vec<u8>,
    rows: usize,
}

impl<'a> Writer<'a> {
    fn new(content: &'a FileContent, storing: &'a Storing<'a>) -> serde_json::Result<Self> {
        let headers = content.sheet.headers.iter().enumerate();
        let shown = headers.filter(|(column, _)| !content.frame.personal.contains(column));
        let columns = content.frame.columns.iter();
        Ok(Self {
            raw_keys: json::keys(shown.map(|(_, header)| header.as_str()))?,
            derived_keys: json::keys(columns.map(|column| column.name.as_str()))?,
            feature_keys: json::keys(FEATURES.iter().map(|spec| spec.name))?,
            content,
            storing,
            out: header(),
            rows: 0,
        })
    }

    fn portion(&mut self) -> Portion {
        self.out.extend((-1_i16).to_be_bytes());
        let copy = std::mem::replace(&mut self.out, header());
        let rows = std::mem::take(&mut self.rows);
        Portion { copy, rows }
    }

    fn write(&mut self, row: usize, is_current: bool) -> serde_json::Result<()> {
        let (content, frame) = (self.content, &self.content.frame);
        let id = Uuid::now_v7();
        let day = day(frame, row, self.storing.uploaded_on);
        let file_row = frame.rows.get(row).copied().unwrap_or_default();
        let price = frame.prices.get(row).copied().and_then(minor);
        let amount = |field| frame.number(row, field).and_then(minor);
        let out = &mut self.out;
        out.extend(FIELDS.to_be_bytes());
        field(out, &(day - POSTGRES_EPOCH).to_be_bytes());
        field(out, id.as_bytes());
        field(
            out,
            &i32::try_from(file_row).unwrap_or(i32::MAX).to_be_bytes(),
        );
        let won = match frame.outcomes.get(row) {
            Some(Outcome::Won) => Some([1]),
            Some(Outcome::Lost) => Some([0]),
            Some(Outcome::Open) | None => None,
        };
        optional(out, won.as_ref().map(<[u8; 1]>::as_slice));
        // Whatever cannot be stored was refused when the file was inspected.
        field(out, &price.unwrap_or_default().to_be_bytes());
        text(out, content.quote_ref(row));
        number(out, content.revision(row));
        text(out, frame.text(row, Field::Currency));
        number(out, amount(Field::Cost));
        number(out, amount(Field::ListPrice));
        for name in [
            Field::Customer,
            Field::Product,
            Field::Region,
            Field::Owner,
            Field::Segment,
        ] {
            text(out, frame.text(row, name));
        }
        let until = frame.day(row, Field::ValidUntil);
        let until = until.map(|day| (day - POSTGRES_EPOCH).to_be_bytes());
        optional(out, until.as_ref().map(<[u8; 4]>::as_slice));
        text(out, content.tender(row));
        field(out, &fingerprint(content, row)?);
        let personal = self.personal(row, id)?;
        optional(&mut self.out, personal.as_deref());
        field(&mut self.out, &[u8::from(is_current)]);
        self.cells(row)?;
        self.derived(row)?;
        self.rows += 1;
        Ok(())
    }

    /// The personal columns, encrypted; `None` where there are none.
    fn personal(&self, row: usize, id: Uuid) -> serde_json::Result<Option<Vec<u8>>> {
        if self.content.frame.personal.is_empty() {
            return Ok(None);
        }
        let cells = self.content.personal(row);
        let plain = json::object_of_texts(cells)?;
        let context = personal_context(self.storing.tenant, id);
        Ok(Some(crypto::seal(self.storing.key, &context, &plain)))
    }

    /// The cells as they stood.
    fn cells(&mut self, row: usize) -> serde_json::Result<()> {
        let (keys, content) = (&self.raw_keys, self.content);
        jsonb(&mut self.out, |out| {
            let cells = content.frame.record(&content.sheet, row);
            json::object(out, keys.iter().zip(cells), |out, (_, cell)| {
                json::text(out, cell)
            })
        })
    }

    /// The cells as they were read, and the derived features; missing ones are left out.
    fn derived(&mut self, row: usize) -> serde_json::Result<()> {
        let history = self.storing.history;
        let features = history.map(|history| history.features(&self.content.facts(row)));
        let (frame, keys, names) = (&self.content.frame, &self.derived_keys, &self.feature_keys);
        jsonb(&mut self.out, |out| {
            let cells = keys.iter().zip(&frame.columns);
            let mut entries: Vec<(&Vec<u8>, json::Value<'_>)> = cells
                .filter_map(|(key, column)| Some((key, json::value(column, row)?)))
                .collect();
            if let Some(features) = &features {
                entries.extend(present(features, names));
            }
            json::object(out, entries.into_iter(), json::Value::write)
        })
    }
}

/// The features that have a value, with their keys.
fn present<'k>(
    features: &'k Features,
    keys: &'k [Vec<u8>],
) -> impl Iterator<Item = (&'k Vec<u8>, json::Value<'k>)> {
    keys.iter()
        .zip(features.values())
        .filter(|(_, value)| value.is_finite())
        .map(|(key, value)| (key, json::Value::Number(*value)))
}

fn header() -> Vec<u8> {
    let mut out = SIGNATURE.to_vec();
    out.extend([0; 8]);
    out
}

fn field(out: &mut Vec<u8>, value: &[u8]) {
    // Cells are bounded when the file is read, far below 2 GiB.
    let length = i32::try_from(value.len()).unwrap_or(i32::MAX);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(value);
}

fn optional(out: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        Some(value) => field(out, value),
        None => out.extend((-1_i32).to_be_bytes()),
    }
}

fn text(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(text) if text.contains('\0') => field(out, storable(text).as_bytes()),
        value => optional(out, value.map(str::as_bytes)),
    }
}

fn number(out: &mut Vec<u8>, value: Option<i64>) {
    let bytes = value.map(i64::to_be_bytes);
    optional(out, bytes.as_ref().map(<[u8; 8]>::as_slice));
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
