//! Two models side by side: parameters and importances in which they differ, and open quotes that they
//! judge differently. Deliberately no verdict, which is `losses`.

use std::collections::BTreeSet;

use ml::Model as Fit;
use proto::{
    ingestion::{OpenQuotes, Snapshot},
    training::{
        FeatureImportance, ImportanceDifference, Model, MovedQuote, OpenQuoteComparison,
        ParameterDifference,
    },
};

use super::{losses::probabilities, snapshot::training_set};
use crate::Error;

/// Parameters that differ, by name.
#[must_use]
pub fn parameters(a: &Model, b: &Model) -> Vec<ParameterDifference> {
    let seed = |model: &Model| model.seed.to_string();
    let value = |model: &Model, name: &str| match name {
        "seed" => Some(seed(model)),
        name => model.parameters.get(name).cloned(),
    };
    let names: BTreeSet<&str> = a
        .parameters
        .keys()
        .chain(b.parameters.keys())
        .map(String::as_str)
        .chain(["seed"])
        .collect();
    names
        .into_iter()
        .map(|name| ParameterDifference {
            name: name.to_owned(),
            value_a: value(a, name),
            value_b: value(b, name),
        })
        .filter(|difference| difference.value_a != difference.value_b)
        .collect()
}

/// Importances of the columns of both, the most important for either first.
#[must_use]
pub fn importances(a: &Model, b: &Model) -> Vec<ImportanceDifference> {
    let found = |model: &Model, column: &str| -> Option<FeatureImportance> {
        let mut all = model.importances.iter();
        all.find(|found| found.column == column).cloned()
    };
    let columns: BTreeSet<&str> = [a, b]
        .into_iter()
        .flat_map(|model| model.importances.iter().map(|found| found.column.as_str()))
        .collect();
    let mut all: Vec<ImportanceDifference> = columns
        .into_iter()
        .map(|column| {
            let (in_a, in_b) = (found(a, column), found(b, column));
            ImportanceDifference {
                column: column.to_owned(),
                permutation_a: in_a.as_ref().map(|found| found.permutation),
                permutation_b: in_b.as_ref().map(|found| found.permutation),
                contribution_a: in_a.map(|found| found.mean_absolute_contribution),
                contribution_b: in_b.map(|found| found.mean_absolute_contribution),
            }
        })
        .collect();
    let worth = |of: &ImportanceDifference| {
        of.permutation_a
            .unwrap_or(f64::NEG_INFINITY)
            .max(of.permutation_b.unwrap_or(f64::NEG_INFINITY))
    };
    all.sort_by(|a, b| worth(b).total_cmp(&worth(a)));
    all
}

/// What two models say of open quotes, and the ones that they place at least `threshold` apart: at most
/// `most` of them, the furthest first.
///
/// # Errors
/// Where the learning core cannot read the quotes.
pub fn open_quotes(
    a: &Fit,
    b: &Fit,
    open: OpenQuotes,
    threshold: f64,
    most: usize,
) -> Result<OpenQuoteComparison, Error> {
    let rows = open.prices.len();
    let names = (open.quote_refs, open.dates, open.prices);
    let table = training_set(Snapshot {
        columns: open.columns,
        ..Snapshot::default()
    })
    .features;
    let (of_a, of_b) = (probabilities(a, &table)?, probabilities(b, &table)?);
    let apart = |row: &usize| (of_b[*row] - of_a[*row]).abs();
    let mut moved: Vec<usize> = (0..rows).filter(|row| apart(row) >= threshold).collect();
    moved.sort_by(|x, y| apart(y).total_cmp(&apart(x)));
    let quote = |row: &usize| MovedQuote {
        quote_ref: names.0.get(*row).cloned().unwrap_or_default(),
        day: names.1.get(*row).copied(),
        price: names.2[*row],
        probability_a: of_a[*row],
        probability_b: of_b[*row],
    };
    Ok(OpenQuoteComparison {
        open_count: u32::try_from(rows).unwrap_or(u32::MAX),
        moved_count: u32::try_from(moved.len()).unwrap_or(u32::MAX),
        threshold,
        moved: moved.iter().take(most).map(quote).collect(),
        mean_absolute_difference: (0..rows).map(|row| apart(&row)).sum::<f64>()
            / rows.max(1) as f64,
        ..OpenQuoteComparison::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(parameters: &[(&str, &str)], importances: &[(&str, f64)]) -> Model {
        Model {
            parameters: parameters
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            importances: importances
                .iter()
                .map(|(column, permutation)| FeatureImportance {
                    column: (*column).to_owned(),
                    permutation: *permutation,
                    ..FeatureImportance::default()
                })
                .collect(),
            ..Model::default()
        }
    }

    #[test]
    fn only_parameters_that_differ_are_told() {
        let a = model(&[("penalty", "0.1"), ("folds", "5"), ("bags", "8")], &[]);
        let mut b = model(&[("penalty", "1"), ("folds", "5")], &[]);
        b.seed = 7;
        let told: Vec<_> = parameters(&a, &b)
            .into_iter()
            .map(|found| (found.name, found.value_a, found.value_b))
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told,
            [
                ("bags".to_owned(), some("8"), None),
                ("penalty".to_owned(), some("0.1"), some("1")),
                ("seed".to_owned(), some("0"), some("7")),
            ]
        );
    }

    #[test]
    fn columns_of_both_are_listed_once() {
        let a = model(&[], &[("price", 0.2), ("region", 0.01)]);
        let b = model(&[], &[("owner", 0.1), ("price", 0.05)]);
        let told: Vec<_> = importances(&a, &b)
            .into_iter()
            .map(|found| (found.column, found.permutation_a, found.permutation_b))
            .collect();
        assert_eq!(told[0], ("price".to_owned(), Some(0.2), Some(0.05)));
        assert_eq!(told[1], ("owner".to_owned(), None, Some(0.1)));
        assert_eq!(told[2], ("region".to_owned(), Some(0.01), None));
    }
}
