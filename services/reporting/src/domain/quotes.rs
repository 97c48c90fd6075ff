//! Quotes of a snapshot as a model reads them, with their names, days and groups.
//!
//! Deliberately not here: what is computed of them, and any quote that no import told of.

use ml::{Column, Role, Table, Values};
use proto::{
    ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField},
    training::InputSchema,
};

/// Stands for a missing day in a snapshot.
const MISSING_DAY: i32 = i32::MIN;

/// Columns of quotes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Columns {
    /// The columns as the learning core reads them.
    pub table: Table,
    /// What each column stands for, and the header that the user knows.
    meanings: Vec<(TargetField, String)>,
}

/// Decided quotes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    /// Name of each; empty where it has none.
    pub names: Vec<String>,
    /// Day of each since 1970-01-01; empty where the file has no dates.
    pub days: Vec<i32>,
    /// Whether each was won.
    pub won: Vec<bool>,
    /// Their columns.
    pub columns: Columns,
}

/// Quotes that are not decided.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Open {
    /// Name of each; empty where it has none.
    pub names: Vec<String>,
    /// Day of each since 1970-01-01; empty where the file has no dates.
    pub days: Vec<i32>,
    /// Price of each; not finite where it has none.
    pub prices: Vec<f64>,
    /// Their columns.
    pub columns: Columns,
}

/// Quotes in groups.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Groups {
    /// Header of the column.
    pub column: String,
    /// Names of the groups.
    pub names: Vec<String>,
    /// Group of each quote as an index into the names; beyond them where it has none.
    pub codes: Vec<u32>,
}

impl Groups {
    /// The group of a quote.
    #[must_use]
    pub fn of(&self, quote: usize) -> Option<usize> {
        let code = usize::try_from(*self.codes.get(quote)?).ok()?;
        (code < self.names.len()).then_some(code)
    }
}

/// Reads a snapshot with the names that a model has for columns.
#[must_use]
pub fn read(snapshot: Snapshot, schema: &InputSchema) -> (Decided, Open) {
    let names = names(&snapshot);
    let open = snapshot.open.unwrap_or_default();
    let decided = Decided {
        names,
        days: snapshot.dates,
        won: snapshot.outcomes,
        columns: Columns::read(snapshot.columns, schema),
    };
    let open = Open {
        names: open.quote_refs,
        days: open.dates,
        prices: open.prices,
        columns: Columns::read(open.columns, schema),
    };
    (decided, open)
}

impl Columns {
    fn read(columns: Vec<SnapshotColumn>, schema: &InputSchema) -> Self {
        let kept = columns.into_iter().filter(|column| known(column.field()));
        let (columns, meanings) = kept
            .map(|column| {
                let (field, header) = (column.field(), column.name.clone());
                (column_of(column, schema), (field, header))
            })
            .unzip();
        Self {
            table: Table { columns },
            meanings,
        }
    }

    /// The groups that a column of categories makes; `None` without such a column.
    #[must_use]
    pub fn groups(&self, field: TargetField) -> Option<Groups> {
        let (column, header) = self.find(field)?;
        match &column.values {
            Values::Category { codes, levels } => Some(Groups {
                column: header.to_owned(),
                names: levels.clone(),
                codes: codes.clone(),
            }),
            Values::Number(_) | Values::Date(_) => None,
        }
    }

    /// Those of some quotes that are in the currency which most of them are in, and that currency; all of them, and an empty
    /// one, where no column tells currencies.
    #[must_use]
    pub fn of_one_currency(&self, rows: Vec<usize>) -> (Vec<usize>, String) {
        let currencies = self.groups(TargetField::Currency);
        let Some(currencies) = currencies.filter(|groups| !groups.names.is_empty()) else {
            return (rows, String::new());
        };
        let mut counts = vec![0_usize; currencies.names.len()];
        for row in &rows {
            if let Some(at) = currencies.of(*row) {
                counts[at] += 1;
            }
        }
        // The first of equally common ones.
        let most = (0..counts.len()).rev().max_by_key(|at| counts[*at]);
        let name = most.map_or(String::new(), |at| currencies.names[at].clone());
        let of_it = rows.into_iter().filter(|row| currencies.of(*row) == most);
        (of_it.collect(), name)
    }

    /// The numbers of a column, NaN where missing; `None` without such a column of numbers.
    #[must_use]
    pub fn numbers(&self, field: TargetField) -> Option<&[f64]> {
        match &self.find(field)?.0.values {
            Values::Number(numbers) => Some(numbers),
            Values::Category { .. } | Values::Date(_) => None,
        }
    }

    fn find(&self, field: TargetField) -> Option<(&Column, &str)> {
        let mut all = self.table.columns.iter().zip(&self.meanings);
        all.find(|(_, (of, _))| *of == field)
            .map(|(column, (_, header))| (column, header.as_str()))
    }
}

/// Whether a column may be read: names, persons and what this version does not know may not.
fn known(field: TargetField) -> bool {
    use TargetField as F;
    !matches!(
        field,
        F::Unspecified
            | F::Outcome
            | F::QuoteId
            | F::Group
            | F::Ignored
            | F::Revision
            | F::Personal
    )
}

fn column_of(column: SnapshotColumn, schema: &InputSchema) -> Column {
    let mut derived = schema.columns.iter();
    let name = derived
        .find(|of| !of.derived.is_empty() && of.derived == column.name)
        .map_or_else(|| column.name.clone(), |of| of.name.clone());
    let values = match column.kind() {
        ColumnKind::Category => Values::Category {
            codes: column.codes,
            levels: column.levels,
        },
        ColumnKind::Date => {
            let days = column.days.into_iter();
            Values::Date(
                days.map(|day| (day != MISSING_DAY).then_some(day))
                    .collect(),
            )
        }
        ColumnKind::Number | ColumnKind::Unspecified => Values::Number(column.numbers),
    };
    // A model goes by its own meanings, not by those of the rows that it is asked about.
    Column::new(name, Role::Feature, values)
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let mut columns = snapshot.columns.iter();
    let named = columns.find(|c| c.field() == TargetField::QuoteId && !c.codes.is_empty());
    let Some(column) = named else {
        return vec![String::new(); snapshot.outcomes.len()];
    };
    let name = |code: &u32| {
        let at = usize::try_from(*code).ok()?;
        column.levels.get(at).cloned()
    };
    let codes = column.codes.iter();
    codes.map(|code| name(code).unwrap_or_default()).collect()
}
