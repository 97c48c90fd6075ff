//! What is kept of an evaluation: the fit that was evaluated, the quotes it was tested on, and which ones it
//! had learned from. Deliberately no copy of the quotes that it learned from, only their keys.

use ml::{Column, MISSING_CODE, Role, Table, Trained, TrainingSet, Values};
use proto::{
    ingestion::{ColumnKind, SnapshotColumn},
    training::Holdout,
};

/// Stands for a missing day.
const MISSING_DAY: i32 = i32::MIN;

/// What is kept of the evaluation of a training on `set`, whose quotes have these keys (none where the
/// snapshot had none).
#[must_use]
pub fn holdout(set: &TrainingSet, trained: &Trained, keys: &[u64]) -> Holdout {
    let tested = &trained.test_rows;
    let mut is_tested = vec![false; set.outcome.len()];
    tested.iter().for_each(|row| is_tested[*row] = true);
    let learned = keys.iter().zip(&is_tested).filter(|(_, tested)| !**tested);
    let columns = set.features.select(tested).columns;
    Holdout {
        artefact: trained.evaluated.to_bytes(),
        columns: columns.into_iter().map(snapshot_column).collect(),
        outcomes: tested.iter().map(|row| set.outcome[*row]).collect(),
        groups: match &set.group {
            Some(groups) => tested.iter().map(|row| groups[*row]).collect(),
            None => Vec::new(),
        },
        learned_keys: learned.map(|(key, _)| *key).collect(),
        tested_keys: tested
            .iter()
            .filter_map(|row| keys.get(*row).copied())
            .collect(),
    }
}

fn snapshot_column(column: Column) -> SnapshotColumn {
    let mut message = SnapshotColumn {
        name: column.name,
        ..SnapshotColumn::default()
    };
    match column.values {
        Values::Number(numbers) => {
            message.set_kind(ColumnKind::Number);
            message.numbers = numbers;
        }
        Values::Category { codes, levels } => {
            message.set_kind(ColumnKind::Category);
            (message.codes, message.levels) = used_levels(codes, levels);
        }
        Values::Date(days) => {
            message.set_kind(ColumnKind::Date);
            message.days = days
                .into_iter()
                .map(|day| day.unwrap_or(MISSING_DAY))
                .collect();
        }
    }
    message
}

/// The levels that occur, so that rare test rows do not carry every level of the training.
fn used_levels(mut codes: Vec<u32>, levels: Vec<String>) -> (Vec<u32>, Vec<String>) {
    let mut places = vec![MISSING_CODE; levels.len()];
    for place in codes.iter().filter_map(|code| usize::try_from(*code).ok()) {
        if let Some(place) = places.get_mut(place) {
            *place = 0;
        }
    }
    let mut used = Vec::new();
    for (place, level) in places.iter_mut().zip(levels) {
        if *place == 0 {
            *place = u32::try_from(used.len()).unwrap_or(MISSING_CODE);
            used.push(level);
        }
    }
    for code in &mut codes {
        *code = places.get(*code as usize).copied().unwrap_or(MISSING_CODE);
    }
    (codes, used)
}

/// The quotes that a fit was tested on, as the learning core reads them.
#[must_use]
pub fn table(holdout: &Holdout) -> Table {
    let column = |column: &SnapshotColumn| {
        let values = match column.kind() {
            ColumnKind::Category => Values::Category {
                codes: column.codes.clone(),
                levels: column.levels.clone(),
            },
            ColumnKind::Date => {
                let day = |day: &i32| Some(*day).filter(|day| *day != MISSING_DAY);
                Values::Date(column.days.iter().map(day).collect())
            }
            ColumnKind::Number | ColumnKind::Unspecified => Values::Number(column.numbers.clone()),
        };
        // What a column means to a fit is written in the fit.
        Column::new(column.name.clone(), Role::Feature, values)
    };
    Table {
        columns: holdout.columns.iter().map(column).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_quotes_come_back_as_they_were() {
        let columns = [
            Column::new("price", Role::Feature, Values::Number(vec![1.5, 2.5])),
            Column::new(
                "region",
                Role::Feature,
                Values::Category {
                    codes: vec![2, MISSING_CODE],
                    levels: ["a", "b", "c"].map(str::to_owned).into(),
                },
            ),
            Column::new("sent", Role::Feature, Values::Date(vec![None, Some(-3)])),
        ];
        let kept = Holdout {
            columns: columns.iter().cloned().map(snapshot_column).collect(),
            ..Holdout::default()
        };
        let back = table(&kept);
        assert_eq!(back.columns[0], columns[0]);
        assert_eq!(back.columns[2], columns[2]);
        let Values::Category { codes, levels } = &back.columns[1].values else {
            panic!("{:?}", back.columns[1]);
        };
        assert_eq!(codes, &[0, MISSING_CODE]);
        assert_eq!(levels, &["c"], "only what occurs");
    }
}
