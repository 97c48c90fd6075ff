//! The meanings that the caller states.
//!
//! Deliberately strict: a name that is no header is an error with the nearest headers, since a
//! silent guess in its place would be taken for what was asked.

use super::{ColumnMapping, Field, IMPORT_DATE, near};
use crate::cell::DateOrder;
use crate::problem::Problem;
use crate::sheet::Sheet;

/// Meanings while they are being collected.
pub(super) struct Draft {
    slots: Vec<Option<ColumnMapping>>,
    pub(super) import_date: bool,
}

impl Draft {
    pub(super) fn new(columns: usize) -> Self {
        Self {
            slots: vec![None; columns],
            import_date: false,
        }
    }

    /// The column that already has a meaning.
    pub(super) fn column_of(&self, field: Field) -> Option<usize> {
        let is = |slot: &Option<ColumnMapping>| slot.as_ref().is_some_and(|s| s.field == field);
        self.slots.iter().position(is)
    }

    pub(super) fn is_free(&self, column: usize) -> bool {
        self.slots.get(column).is_some_and(Option::is_none)
    }

    /// Whether the field still lacks its column.
    pub(super) fn wants(&self, field: Field) -> bool {
        self.column_of(field).is_none() && !(field == Field::Date && self.import_date)
    }

    pub(super) fn set(&mut self, column: usize, field: Field, confidence: f64, reason: String) {
        if let Some(slot) = self.slots.get_mut(column) {
            *slot = Some(ColumnMapping {
                name: String::new(),
                field,
                confidence,
                reason,
                date_order: None,
            });
        }
    }

    fn set_order(&mut self, column: usize, order: Option<DateOrder>) {
        if let Some(Some(slot)) = self.slots.get_mut(column) {
            slot.date_order = order;
        }
    }

    /// Every column with its meaning; those without become features.
    pub(super) fn finish(self, headers: &[String]) -> Vec<ColumnMapping> {
        let named = |(slot, name): (Option<ColumnMapping>, &String)| match slot {
            Some(slot) => ColumnMapping {
                name: name.clone(),
                ..slot
            },
            None => ColumnMapping {
                name: name.clone(),
                field: Field::Feature,
                confidence: 0.5,
                reason: "no special meaning found".to_owned(),
                date_order: None,
            },
        };
        self.slots.into_iter().zip(headers).map(named).collect()
    }
}

/// Puts the stated meanings into the draft; what cannot be is returned as problems.
pub(super) fn apply(
    sheet: &Sheet,
    given: &[(Field, String)],
    ignored: &[String],
    draft: &mut Draft,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ignored = ignored.iter().map(|name| (Field::Ignored, name));
    let pairs = given.iter().map(|(field, name)| (*field, name));
    for (field, name) in pairs.chain(ignored) {
        if let Err(problem) = apply_one(sheet, field, name, draft) {
            problems.push(*problem);
        }
    }
    problems
}

fn apply_one(
    sheet: &Sheet,
    field: Field,
    name: &str,
    draft: &mut Draft,
) -> Result<(), Box<Problem>> {
    let taken = !field.is_repeatable() && !draft.wants(field);
    if taken {
        return Err(conflict(
            name,
            format!(
                "{} is mapped twice, the second time to \"{name}\"",
                field.as_str()
            ),
        ));
    }
    if field == Field::Date && name.trim().eq_ignore_ascii_case(IMPORT_DATE) {
        draft.import_date = true;
        return Ok(());
    }
    let (column, order) = find(sheet, name).ok_or_else(|| unknown(sheet, field, name))?;
    match draft.slots.get(column) {
        Some(Some(before)) if before.field == field && field.is_repeatable() => return Ok(()),
        Some(Some(before)) => {
            let both = format!("both {} and {}", before.field.as_str(), field.as_str());
            return Err(conflict(
                name,
                format!("column \"{name}\" is said to be {both}"),
            ));
        }
        _ => {}
    }
    draft.set(column, field, 1.0, "you said so".to_owned());
    draft.set_order(column, order);
    Ok(())
}

/// The column of a name with or without a date order behind it.
fn find(sheet: &Sheet, name: &str) -> Option<(usize, Option<DateOrder>)> {
    if let Some(column) = sheet.column_index(name) {
        return Some((column, None));
    }
    let (base, order) = name.rsplit_once(':')?;
    let order = DateOrder::parse(order)?;
    Some((sheet.column_index(base)?, Some(order)))
}

fn conflict(name: &str, message: String) -> Box<Problem> {
    let advice = "state one meaning per column and one column per meaning".to_owned();
    Box::new(Problem::error("mapping_conflict", message, advice).at(0, name))
}

fn unknown(sheet: &Sheet, field: Field, name: &str) -> Box<Problem> {
    let near = near::nearest(name, &sheet.headers);
    let quoted = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        names.join(", ")
    };
    let option = |name: &str| match field {
        Field::Ignored => format!("--ignore \"{name}\""),
        _ => format!("--map {}=\"{name}\"", field.as_str()),
    };
    let suggestion = match near.first() {
        Some(best) => format!("did you mean {}? Use {}", quoted(&near), option(best)),
        None => {
            let some: Vec<&str> = sheet.headers.iter().take(12).map(String::as_str).collect();
            format!("the file has the columns {}", quoted(&some))
        }
    };
    let message = format!("the file has no column \"{name}\"");
    Box::new(Problem::error("column_unknown", message, suggestion).at(0, name))
}
