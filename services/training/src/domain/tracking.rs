//! What a model was made of and by: the fingerprint of its data, the columns it reads, the versions.
//! Deliberately nothing of how good it is, which is `scores`.

use std::collections::BTreeMap;

use ml::{ColumnKind, Role, SchemaColumn, TrainingSet};
use proto::training::{DataFingerprint, FeatureColumn, Model};

use crate::store::Tracked;

/// What exactly was learned from.
#[must_use]
pub fn fingerprint(set: &TrainingSet, sha256: Vec<u8>) -> DataFingerprint {
    let days = set.date.as_ref();
    DataFingerprint {
        row_count: u32::try_from(set.outcome.len()).unwrap_or(u32::MAX),
        column_count: u32::try_from(set.features.columns.len()).unwrap_or(u32::MAX),
        sha256,
        first_day: days.and_then(|days| days.iter().min().copied()),
        last_day: days.and_then(|days| days.iter().max().copied()),
    }
}

/// The columns that a model reads; those that carry nothing are left out.
#[must_use]
pub fn features(schema: &[SchemaColumn]) -> Vec<FeatureColumn> {
    let column = |column: &SchemaColumn| FeatureColumn {
        name: column.name.clone(),
        kind: kind(column.kind).to_owned(),
        role: role(column.role).to_owned(),
    };
    let used = schema.iter().filter(|column| column.used);
    used.map(column).collect()
}

/// Versions of this program, of what it computes with, and of the format of the artefact.
#[must_use]
pub fn versions() -> BTreeMap<String, String> {
    let ours = ("valutai", env!("CARGO_PKG_VERSION").to_owned());
    ml::versions()
        .into_iter()
        .chain([ours])
        .map(|(name, version)| (name.to_owned(), version))
        .collect()
}

/// What a model was made of and by, as it is stored.
pub(crate) fn stored(model: &Model) -> Tracked {
    let data = model.data.clone().unwrap_or_default();
    let features: Vec<_> = model
        .features
        .iter()
        .map(|column| serde_json::json!({"name": column.name, "kind": column.kind, "role": column.role}))
        .collect();
    let importances: Vec<_> = model
        .importances
        .iter()
        .map(|found| {
            serde_json::json!({
                "column": found.column,
                "permutation": found.permutation,
                "contribution": found.mean_absolute_contribution,
            })
        })
        .collect();
    let versions: BTreeMap<_, _> = model.versions.iter().collect();
    Tracked {
        row_count: data.row_count.into(),
        column_count: i32::try_from(data.column_count).unwrap_or(i32::MAX),
        sha256: data.sha256,
        features: features.into(),
        importances: importances.into(),
        versions: serde_json::json!(versions),
    }
}

fn kind(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Number => "number",
        ColumnKind::Category => "category",
        ColumnKind::Date => "date",
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Feature => "feature",
        Role::Price => "price",
        Role::ListPrice => "list price",
        Role::Cost => "cost",
        Role::Discount => "discount",
        Role::Quantity => "quantity",
        Role::Date => "date",
        Role::ReferencePrice => "reference price",
        Role::Growing => "growing number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_a_name() {
        let versions = versions();
        assert_eq!(versions["valutai"], env!("CARGO_PKG_VERSION"));
        assert_eq!(versions["artefact format"], ml::FORMAT.to_string());
        assert_eq!(versions.len(), ml::versions().len() + 1);
    }

    #[test]
    fn columns_that_carry_nothing_are_not_named() {
        let column = |name: &str, used| SchemaColumn {
            name: name.to_owned(),
            role: Role::Price,
            kind: ColumnKind::Number,
            used,
        };
        let told = features(&[column("Preis", true), column("empty", false)]);
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].kind.as_str(), told[0].role.as_str()),
            ("number", "price")
        );
    }
}
