//! One row of a workbook or of Parquet as text, with what the file says of each value.
//!
//! Deliberately without a view of the sheet; which rows make the table is decided elsewhere.

use calamine::DataRef;

use super::table::Cells;
use super::{Limits, Native, ReadError};

/// The cells of a row up to the last filled one.
#[derive(Debug, Default, Clone)]
pub(super) struct Line {
    text: String,
    ends: Vec<usize>,
    natives: Vec<Native>,
}

impl Line {
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.natives.clear();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn cells(&self) -> Cells<'_> {
        Cells {
            text: &self.text,
            ends: &self.ends,
        }
    }

    pub(super) fn natives(&self) -> &[Native] {
        &self.natives
    }

    /// Ends the cell whose text was just appended.
    pub(super) fn end_cell(&mut self, native: Native) {
        self.ends.push(self.text.len());
        self.natives.push(native);
    }

    /// Where the text of the next cell is appended.
    pub(super) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    pub(super) fn push(
        &mut self,
        column: usize,
        value: &DataRef<'_>,
        limits: &Limits,
    ) -> Result<(), ReadError> {
        if matches!(value, DataRef::Empty) || column < self.ends.len() {
            return Ok(());
        }
        if column >= limits.max_columns {
            return Err(ReadError::TooManyColumns {
                found: column.saturating_add(1),
                limit: limits.max_columns,
            });
        }
        while self.ends.len() < column {
            self.end_cell(Native::Text);
        }
        let native = render(value, &mut self.text);
        self.end_cell(native);
        Ok(())
    }

    /// A row of text.
    pub(super) fn of_text<'t>(cells: impl Iterator<Item = &'t str>) -> Self {
        let mut line = Self::default();
        for cell in cells {
            line.text.push_str(cell);
            line.end_cell(Native::Text);
        }
        line
    }

    /// Filled cells, and whether all of them are text.
    pub(super) fn filled(&self) -> (usize, bool) {
        let mut filled = 0;
        let mut all_text = true;
        for (cell, native) in self.cells().iter().zip(&self.natives) {
            if !cell.trim().is_empty() {
                filled += 1;
                all_text &= *native == Native::Text;
            }
        }
        (filled, all_text)
    }
}

/// Appends a value as text and says what it is.
fn render(value: &DataRef<'_>, text: &mut String) -> Native {
    match value {
        DataRef::Int(number) => text.push_str(&number.to_string()),
        DataRef::Float(number) => push_number(*number, text),
        DataRef::Bool(truth) => {
            text.push_str(if *truth { "true" } else { "false" });
            return Native::Booleans;
        }
        DataRef::DateTime(moment) => return push_moment(moment, text),
        DataRef::DateTimeIso(moment) => {
            let moment = moment.trim_end_matches('Z');
            let moment = moment.strip_suffix(".000").unwrap_or(moment);
            let day = moment.strip_suffix("T00:00:00").unwrap_or(moment);
            text.push_str(day);
            let is_date = matches!(day.len(), 10 | 19);
            return if is_date { Native::Dates } else { Native::Text };
        }
        DataRef::String(found) | DataRef::DurationIso(found) => {
            text.push_str(found);
            return Native::Text;
        }
        DataRef::SharedString(found) => {
            text.push_str(found);
            return Native::Text;
        }
        // A word for nothing, which shows in reports what stands in the cell.
        DataRef::Error(error) => {
            text.push_str(&error.to_string());
            return Native::Text;
        }
        DataRef::Empty => return Native::Text,
    }
    Native::Numbers
}

/// Appends the shortest text that reads back as the same number; nothing where it is none.
pub(super) fn push_number(number: f64, text: &mut String) {
    let size = number.abs();
    if !number.is_finite() {
        return;
    }
    if size != 0.0 && !(1e-7..1e21).contains(&size) {
        text.push_str(&format!("{number:e}"));
    } else {
        text.push_str(&(number + 0.0).to_string());
    }
}

/// Appends a date (with its time where it has one), a time of day or a duration.
fn push_moment(moment: &calamine::ExcelDateTime, text: &mut String) -> Native {
    let value = moment.as_f64();
    // From 1900 to the year 9999; anything else was never meant as a date.
    if !(0.0..2_958_466.0).contains(&value) {
        push_number(value, text);
        return Native::Numbers;
    }
    if moment.is_duration() || value < 1.0 {
        let seconds = (value * 86_400.0).round() as u64;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        text.push_str(&format!("{hours:02}:{minutes:02}:{:02}", seconds % 60));
        return Native::Text;
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    text.push_str(&format!("{year:04}-{month:02}-{day:02}"));
    if (hour, minute, second) != (0, 0, 0) {
        text.push_str(&format!("T{hour:02}:{minute:02}:{second:02}"));
    }
    Native::Dates
}
