//! Scores per level of a category: where the predictor is good, and where it should not be trusted.
//!
//! Deliberately few and large segments: levels with little evidence are put together, because a score over a dozen rows
//! says nothing and invites stories.

use super::auc::auc_in;
use super::{Score, Units, check_rows, losses};
use crate::Error;
use crate::table::{MISSING_CODE, Values};

/// Fewest rows of a segment of its own.
const LEAST_ROWS: usize = 50;
/// Most segments besides the one of merged levels; the largest are kept.
const MOST_SEGMENTS: usize = 20;

/// Figures of one part of the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// The level; "missing" for rows without value, "other (n levels)" for those put together.
    pub label: String,
    /// Levels in it.
    pub levels: usize,
    /// Rows in it.
    pub rows: usize,
    /// Won rows in it.
    pub wins: usize,
    /// Observed win rate.
    pub win_rate: Score,
    /// Mean predicted probability.
    pub predicted: f64,
    /// Mean log loss.
    pub log_loss: Score,
    /// Log loss of the overall base rate minus that of the predictor, paired by row: above zero is better.
    pub gain_over_base: Score,
    /// Area under the ROC curve inside the segment; `None` with one outcome only.
    pub auc: Option<Score>,
}

/// Scores of probabilities `p` per level of a category column (other columns have no segments), largest segment first,
/// merged levels last. `base` is the training win rate.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths, no rows, or a probability outside 0 to 1.
pub fn segments(
    values: &Values,
    p: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
    base: f64,
) -> Result<Vec<Segment>, Error> {
    check_rows(p, won, groups)?;
    check_rows(&[base], &[true], None)?;
    let Values::Category { codes, levels } = values else {
        return Ok(Vec::new());
    };
    if codes.len() != p.len() {
        return Err(Error::InvalidInput {
            reason: format!("{} categories for {} rows", codes.len(), p.len()),
        });
    }
    // The last slot holds missing cells, and codes without a level along with them.
    let mut rows_of = vec![Vec::new(); levels.len() + 1];
    for (row, &code) in codes.iter().enumerate() {
        let known = code != MISSING_CODE && (code as usize) < levels.len();
        rows_of[if known { code as usize } else { levels.len() }].push(row);
    }
    let mut order: Vec<usize> = (0..rows_of.len())
        .filter(|&l| !rows_of[l].is_empty())
        .collect();
    order.sort_by_key(|&l| (std::cmp::Reverse(rows_of[l].len()), l));
    let kept = order
        .iter()
        .take(MOST_SEGMENTS)
        .take_while(|&&l| rows_of[l].len() >= LEAST_ROWS)
        .count();
    let label = |l: usize| levels.get(l).map_or("missing", String::as_str).to_owned();
    let figures = |label: String, merged: &[usize]| {
        let rows: Vec<usize> = merged.iter().flat_map(|&l| rows_of[l].clone()).collect();
        segment(label, merged.len(), &rows, p, won, groups, base)
    };
    let mut found: Vec<Segment> = order[..kept]
        .iter()
        .filter_map(|&l| figures(label(l), &[l]))
        .collect();
    match &order[kept..] {
        [] => {}
        [only] => found.extend(figures(label(*only), &[*only])),
        rest => found.extend(figures(format!("other ({} levels)", rest.len()), rest)),
    }
    Ok(found)
}

fn segment(
    label: String,
    levels: usize,
    rows: &[usize],
    p: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
    base: f64,
) -> Option<Segment> {
    let p: Vec<f64> = rows.iter().map(|&r| p[r]).collect();
    let won: Vec<bool> = rows.iter().map(|&r| won[r]).collect();
    let groups: Option<Vec<u32>> = groups.map(|g| rows.iter().map(|&r| g[r]).collect());
    let units = Units::new(rows.len(), groups.as_deref());
    let losses = losses(&p, &won);
    let gains: Vec<f64> = won
        .iter()
        .zip(&losses)
        .map(|(&y, loss)| super::log_loss(base, y) - loss)
        .collect();
    let outcomes: Vec<Option<bool>> = won.iter().map(|&y| Some(y)).collect();
    Some(Segment {
        label,
        levels,
        rows: rows.len(),
        wins: won.iter().filter(|&&y| y).count(),
        win_rate: units.share(&outcomes)?,
        predicted: p.iter().sum::<f64>() / rows.len() as f64,
        log_loss: super::at_least_zero(units.mean(&losses)),
        gain_over_base: units.mean(&gains),
        auc: auc_in(&p, &won, &units),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_levels_are_put_together() {
        // 100 of level a, 60 of b, 20 of c, 10 of d, 10 missing.
        let codes: Vec<u32> = (0..200)
            .map(|r| match r {
                0..100 => 0,
                100..160 => 1,
                160..180 => 2,
                180..190 => 3,
                _ => MISSING_CODE,
            })
            .collect();
        let levels = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let won: Vec<bool> = (0..200).map(|r| r % 2 == 0 && r < 160).collect();
        let values = Values::Category { codes, levels };
        let found = segments(&values, &[0.4; 200], &won, None, 0.4).expect("valid");
        let told: Vec<(&str, usize, usize)> = found
            .iter()
            .map(|s| (s.label.as_str(), s.rows, s.wins))
            .collect();
        assert_eq!(
            told,
            [("a", 100, 50), ("b", 60, 30), ("other (3 levels)", 40, 0)]
        );
        assert_eq!(found[0].win_rate.value, 0.5);
        assert!(found[0].gain_over_base.value.abs() < 1e-12);
        assert!(found[2].auc.is_none());
        assert!((found[2].log_loss.value + 0.6f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn only_categories_have_segments() {
        let found = segments(&Values::Number(vec![1.0]), &[0.4], &[true], None, 0.4);
        assert_eq!(found, Ok(Vec::new()));
        let short = Values::Category {
            codes: vec![0],
            levels: vec!["a".to_owned()],
        };
        assert!(segments(&short, &[0.4; 2], &[true; 2], None, 0.4).is_err());
        assert!(segments(&short, &[], &[], None, 0.4).is_err());
    }
}
