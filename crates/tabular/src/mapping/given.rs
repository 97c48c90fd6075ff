//! The meanings that the caller states.
//!
//! Deliberately strict: a name that is no header is an error with the nearest headers, since a
//! silent guess in its place would be taken for what was asked.

use super::{ColumnMapping, Field, IMPORT_DATE, Stated, near};
use crate::cell::DateOrder;
use crate::errors_file::is_report_column;
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
pub(super) fn apply(sheet: &Sheet, stated: &Stated, draft: &mut Draft) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ignored = stated.ignored.iter().map(|name| (Field::Ignored, name));
    let pairs = stated.fields.iter().map(|(field, name)| (*field, name));
    for (field, name) in pairs.chain(ignored) {
        match apply_one(sheet, field, name, stated.remembered, draft) {
            // An earlier file may have had other columns.
            Err(problem) if stated.remembered && problem.rule == "column_unknown" => {}
            Err(problem) => problems.push(*problem),
            Ok(()) => {}
        }
    }
    let formats = stated.formats.iter().map(|(name, _)| name);
    let unknown = formats.filter(|name| !stated.remembered && sheet.column_index(name).is_none());
    problems.extend(unknown.map(|name| *unknown_format(sheet, name)));
    problems
}

/// Ignores the columns that a file of errors has in front, unless the caller wants them.
pub(super) fn leave_out_report_columns(sheet: &Sheet, draft: &mut Draft) {
    for (column, header) in sheet.headers.iter().enumerate() {
        if is_report_column(header) && draft.is_free(column) {
            let reason = "added by a file of errors, and no part of the quotes".to_owned();
            draft.set(column, Field::Ignored, 1.0, reason);
        }
    }
}

/// Puts the stated date orders where the pair of field and column did not state one.
pub(super) fn apply_orders(stated: &Stated, columns: &mut [ColumnMapping]) {
    for column in columns
        .iter_mut()
        .filter(|column| column.date_order.is_none())
    {
        let name = column.name.to_lowercase();
        let said = stated.formats.iter().rev();
        column.date_order = said
            .filter(|(header, _)| header.trim().to_lowercase() == name)
            .find_map(|(_, format)| format.date);
    }
}

fn unknown_format(sheet: &Sheet, name: &str) -> Box<Problem> {
    let mut problem = unknown(sheet, Field::Feature, name);
    problem.suggestion = problem.suggestion.replace("--map feature=", "--format ");
    problem
}

fn apply_one(
    sheet: &Sheet,
    field: Field,
    name: &str,
    remembered: bool,
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
    let reason = if remembered {
        "as in your last import"
    } else {
        "you said so"
    };
    draft.set(column, field, 1.0, reason.to_owned());
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
