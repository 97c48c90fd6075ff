//! What an import does to the quotes that a dataset has: which rows are new, which replace one of
//! the same identifier, which say nothing new. Deliberately no SQL and no cells.
//!
//! Of the versions of one identifier the one with the highest revision counts, and among those of
//! one revision the one that was imported last. Rows without an identifier are always new.

use std::collections::HashMap;

use chrono::NaiveDate;
use uuid::Uuid;

use super::reading::Mode;

/// Bytes that tell whether two rows say the same.
pub type Fingerprint = [u8; 16];

/// A stored version of a quote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Id of the stored row.
    pub id: Uuid,
    /// Its date, which is part of its address.
    pub quoted_on: NaiveDate,
    /// Its revision; 0 where there is none.
    pub revision: i64,
    /// What it says.
    pub fingerprint: Option<Vec<u8>>,
    /// Whether it counts.
    pub is_current: bool,
}

/// Stored versions by identifier.
pub type Known = HashMap<String, Vec<Version>>;

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is stored, and counts or not.
    Write {
        /// Whether it counts.
        is_current: bool,
    },
    /// The dataset has it as it stands.
    Unchanged,
    /// The mode leaves it out.
    Skip,
}

/// How many rows of a file met which fate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// New quotes.
    pub created: u32,
    /// Quotes that replace a version of before.
    pub updated: u32,
    /// Quotes that are there as they stand.
    pub unchanged: u32,
    /// Rows with errors.
    pub refused: u32,
    /// Quotes left out by the mode.
    pub skipped: u32,
}

/// What an import does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One a row.
    pub actions: Vec<Action>,
    /// Their counts.
    pub effect: Effect,
    /// Stored versions that count no more.
    pub replaced: Vec<(Uuid, NaiveDate)>,
    /// Rows that the dataset has as they stand, with the stored version.
    pub confirmed: Vec<(usize, Uuid, NaiveDate)>,
}

impl Plan {
    /// Rows that are stored.
    pub fn written(&self) -> impl Iterator<Item = usize> {
        let rows = self.actions.iter().enumerate();
        rows.filter(|(_, action)| matches!(action, Action::Write { .. }))
            .map(|(row, _)| row)
    }

    /// Rows that are stored and count.
    pub fn counting(&self) -> impl Iterator<Item = usize> {
        let rows = self.actions.iter().enumerate();
        rows.filter(|(_, action)| matches!(action, Action::Write { is_current: true }))
            .map(|(row, _)| row)
    }
}

/// Plans the rows of a file: identifier and revision of each, against what is stored.
pub fn plan<'a>(
    rows: impl Iterator<Item = (Option<&'a str>, i64)>,
    known: &Known,
    mode: Mode,
    mut fingerprint: impl FnMut(usize) -> Fingerprint,
) -> Plan {
    let mut plan = Plan::default();
    // The best row of the file so far, by identifier.
    let mut best: HashMap<&str, (i64, usize)> = HashMap::new();
    for (row, (quote_ref, revision)) in rows.enumerate() {
        let versions = quote_ref.and_then(|quote_ref| known.get(quote_ref));
        let (action, confirmed) = fate(
            versions,
            revision,
            mode,
            || fingerprint(row),
            &mut plan.effect,
        );
        plan.actions.push(action);
        let confirmed = confirmed.map(|version| (row, version.id, version.quoted_on));
        plan.confirmed.extend(confirmed);
        let (Action::Write { .. }, Some(quote_ref)) = (action, quote_ref) else {
            continue;
        };
        let stands_above = |versions: &Vec<Version>| {
            versions
                .iter()
                .any(|version| version.is_current && version.revision > revision)
        };
        let beaten = versions.is_some_and(stands_above)
            || best.get(quote_ref).is_some_and(|(top, _)| *top > revision);
        if beaten {
            plan.actions[row] = Action::Write { is_current: false };
            continue;
        }
        if let Some((_, before)) = best.insert(quote_ref, (revision, row)) {
            plan.actions[before] = Action::Write { is_current: false };
        }
    }
    for quote_ref in best.keys() {
        let versions = known.get(*quote_ref).into_iter().flatten();
        let current = versions.filter(|version| version.is_current);
        plan.replaced
            .extend(current.map(|version| (version.id, version.quoted_on)));
    }
    plan.replaced.sort_unstable();
    plan
}

/// What becomes of a row, and the stored version that says the same.
fn fate<'v>(
    versions: Option<&'v Vec<Version>>,
    revision: i64,
    mode: Mode,
    fingerprint: impl FnOnce() -> Fingerprint,
    effect: &mut Effect,
) -> (Action, Option<&'v Version>) {
    let written = Action::Write { is_current: true };
    let Some(versions) = versions else {
        if mode == Mode::UpdateOnly {
            effect.skipped += 1;
            return (Action::Skip, None);
        }
        effect.created += 1;
        return (written, None);
    };
    // The latest version of the same revision: the one that counts, or else any.
    let same = versions
        .iter()
        .filter(|version| version.revision == revision)
        .max_by_key(|version| (version.is_current, version.id));
    let says = same.and_then(|version| version.fingerprint.as_deref());
    if says.is_some_and(|says| says == fingerprint()) {
        effect.unchanged += 1;
        return (Action::Unchanged, same);
    }
    if mode == Mode::InsertOnly {
        effect.skipped += 1;
        return (Action::Skip, None);
    }
    effect.updated += 1;
    (written, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(revision: i64, says: u8, is_current: bool) -> Version {
        Version {
            id: Uuid::now_v7(),
            quoted_on: NaiveDate::default(),
            revision,
            fingerprint: Some(vec![says; 16]),
            is_current,
        }
    }

    /// Rows as identifier, revision and what they say.
    fn run(rows: &[(&str, i64, u8)], known: &Known, mode: Mode) -> Plan {
        let keys = rows
            .iter()
            .map(|(name, revision, _)| ((!name.is_empty()).then_some(*name), *revision));
        plan(keys, known, mode, |row| [rows[row].2; 16])
    }

    const CURRENT: Action = Action::Write { is_current: true };
    const OLD: Action = Action::Write { is_current: false };

    #[test]
    fn in_a_new_dataset_the_highest_revision_counts() {
        let rows = [
            ("a", 1, 0),
            ("a", 3, 0),
            ("a", 2, 0),
            ("", 0, 0),
            ("", 0, 0),
        ];
        let found = run(&rows, &Known::new(), Mode::Upsert);
        assert_eq!(found.actions, [OLD, CURRENT, OLD, CURRENT, CURRENT]);
        assert_eq!(found.effect.created, 5);
        assert!(found.replaced.is_empty());
    }

    #[test]
    fn known_quotes_are_updated_or_unchanged() {
        let (same, other) = (version(0, 1, true), version(0, 2, true));
        let replaced = (other.id, other.quoted_on);
        let known = Known::from([("a".into(), vec![same]), ("b".into(), vec![other])]);
        let rows = [("a", 0, 1), ("b", 0, 9), ("c", 0, 1)];
        let found = run(&rows, &known, Mode::Upsert);
        assert_eq!(found.actions, [Action::Unchanged, CURRENT, CURRENT]);
        assert_eq!(found.replaced, [replaced]);
        let effect = found.effect;
        assert_eq!(
            (effect.created, effect.updated, effect.unchanged),
            (1, 1, 1)
        );
    }

    #[test]
    fn modes_leave_rows_out() {
        let known = Known::from([("a".into(), vec![version(0, 1, true)])]);
        let rows = [("a", 0, 2), ("b", 0, 2)];
        let inserting = run(&rows, &known, Mode::InsertOnly);
        assert_eq!(inserting.actions, [Action::Skip, CURRENT]);
        assert!(inserting.replaced.is_empty());
        let updating = run(&rows, &known, Mode::UpdateOnly);
        assert_eq!(updating.actions, [CURRENT, Action::Skip]);
        assert_eq!(updating.effect.skipped, 1);
    }

    #[test]
    fn a_late_old_revision_does_not_count() {
        let stored = version(2, 1, true);
        let known = Known::from([("a".into(), vec![stored.clone()])]);
        let found = run(&[("a", 1, 5)], &known, Mode::Upsert);
        assert_eq!(found.actions, [OLD]);
        assert!(found.replaced.is_empty());
        let newer = run(&[("a", 3, 5)], &known, Mode::Upsert);
        assert_eq!(newer.actions, [CURRENT]);
        assert_eq!(newer.replaced, [(stored.id, stored.quoted_on)]);
    }

    #[test]
    fn importing_the_same_rows_again_changes_nothing() {
        let (old, new) = (version(1, 4, false), version(2, 5, true));
        let known = Known::from([("a".into(), vec![old.clone(), new.clone()])]);
        let found = run(&[("a", 1, 4), ("a", 2, 5)], &known, Mode::Upsert);
        assert_eq!(found.actions, [Action::Unchanged; 2]);
        assert_eq!(found.written().count(), 0);
        let confirmed = [(0, old.id, old.quoted_on), (1, new.id, new.quoted_on)];
        assert_eq!(found.confirmed, confirmed);
    }
}
