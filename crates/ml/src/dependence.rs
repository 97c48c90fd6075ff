//! How the predicted probability moves with one column: direction, shape, and where there is data to say so.
//!
//! Partial dependence (Friedman 2001): every row gets the value in question in turn, everything else stays, and the
//! answers are averaged. Deliberately an association as the predictor sees it, never a promise of what a change would
//! bring; points that few quotes support say how few.

use crate::Error;
use crate::calendar;
use crate::encode::number_text;
use crate::permutation::Predictor;
use crate::score::check_rows;
use crate::table::{Column, MISSING_CODE, Table, Values};

/// Most rows averaged over; more are thinned evenly.
const MOST_ROWS: usize = 2000;
/// Most points of a number or date, and most levels.
const MOST_POINTS: usize = 20;
/// A curve that spans less than half a percentage point is flat.
const FLAT: f64 = 0.005;
/// Movement against the direction, as a share of all movement, that still counts as noise.
const AGAINST: f64 = 0.1;

/// The shape of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Spans less than half a percentage point.
    Flat,
    /// Higher values win more often.
    Rising,
    /// Higher values win less often.
    Falling,
    /// Rises, then falls.
    Peak,
    /// Falls, then rises.
    Valley,
    /// Several turns.
    Mixed,
    /// A category, whose levels have no order.
    Unordered,
}

/// One value of the column.
#[derive(Debug, Clone, PartialEq)]
pub struct DependencePoint {
    /// The value, readable; "missing" for none.
    pub label: String,
    /// The number, or the days since 1970-01-01; `None` for categories and missing values.
    pub at: Option<f64>,
    /// Mean probability when every row has this value.
    pub probability: f64,
    /// 10 % and 90 % quantile of the rows' own probabilities at this value.
    pub spread: (f64, f64),
    /// Rows of the table at or nearest to this value.
    pub support: usize,
}

/// The curve of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependence {
    /// Name of the column.
    pub column: String,
    /// Values in ascending order, or levels from most to least frequent; a missing value last.
    pub points: Vec<DependencePoint>,
    /// The shape over the points that are not missing.
    pub shape: Shape,
    /// Highest minus lowest mean probability over them.
    pub range: f64,
}

/// Partial dependence of `predict` on the column called `name` over the rows of `table`.
///
/// Numbers and days are tried at up to 20 quantiles, categories at their up to 20 most frequent levels, each with the
/// number of rows that it stands for.
///
/// # Errors
/// [`Error::InvalidTable`]; [`Error::InvalidInput`] when there is no such column, no rows, no value in it, or a predictor
/// that does not answer a probability per row.
pub fn partial_dependence(
    predict: &Predictor<'_>,
    table: &Table,
    name: &str,
) -> Result<Dependence, Error> {
    table.validate()?;
    let invalid = |reason: String| Error::InvalidInput { reason };
    let at = table
        .columns
        .iter()
        .position(|c| c.name == name)
        .ok_or_else(|| invalid(format!("there is no column {name:?}")))?;
    let values = grid(&table.columns[at].values);
    if values.is_empty() {
        return Err(invalid(format!("column {name:?} has no values")));
    }
    let rows = table.rows().min(MOST_ROWS);
    let picked: Vec<usize> = (0..rows).map(|i| i * table.rows() / rows).collect();
    let mut rows_with = table.select(&picked);
    let mut points = Vec::new();
    for value in values {
        let column = &table.columns[at];
        let filled = fill(&column.values, &value.cell, rows);
        rows_with.columns[at] = Column::new(name, column.role, filled);
        let mut p = predict(&rows_with);
        check_rows(&p, &vec![true; rows], None)?;
        let probability = p.iter().sum::<f64>() / rows as f64;
        p.sort_by(f64::total_cmp);
        let quantile = |q: f64| p[(q * (rows - 1) as f64).round() as usize];
        points.push(DependencePoint {
            label: value.label,
            at: value.cell.position(),
            probability,
            spread: (quantile(0.1), quantile(0.9)),
            support: value.support,
        });
    }
    let known: Vec<f64> = points
        .iter()
        .filter(|p| p.label != MISSING)
        .map(|p| p.probability)
        .collect();
    let ordered = !matches!(table.columns[at].values, Values::Category { .. });
    let (low, high) = known
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &p| {
            (l.min(p), h.max(p))
        });
    Ok(Dependence {
        column: name.to_owned(),
        shape: if ordered {
            shape(&known)
        } else {
            Shape::Unordered
        },
        range: (high - low).max(0.0),
        points,
    })
}

const MISSING: &str = "missing";

enum Cell {
    Number(f64),
    Day(i32),
    Level(u32),
    Missing,
}

impl Cell {
    fn position(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Day(day) => Some(f64::from(*day)),
            Self::Level(_) | Self::Missing => None,
        }
    }
}

struct GridValue {
    label: String,
    cell: Cell,
    support: usize,
}

fn grid(values: &Values) -> Vec<GridValue> {
    let (mut found, missing): (Vec<GridValue>, usize) = match values {
        Values::Number(v) => {
            let known: Vec<f64> = v.iter().copied().filter(|x| !x.is_nan()).collect();
            let missing = v.len() - known.len();
            let value = |(x, support): (f64, usize)| GridValue {
                label: number_text(x),
                cell: Cell::Number(x),
                support,
            };
            (quantiles(known).into_iter().map(value).collect(), missing)
        }
        Values::Date(v) => {
            let known: Vec<f64> = v.iter().flatten().map(|&d| f64::from(d)).collect();
            let missing = v.len() - known.len();
            let value = |(x, support): (f64, usize)| GridValue {
                label: calendar::text(x as i32),
                cell: Cell::Day(x as i32),
                support,
            };
            (quantiles(known).into_iter().map(value).collect(), missing)
        }
        Values::Category { codes, levels } => level_grid(codes, levels),
    };
    if missing > 0 && !found.is_empty() {
        found.push(GridValue {
            label: MISSING.to_owned(),
            cell: Cell::Missing,
            support: missing,
        });
    }
    found
}

fn level_grid(codes: &[u32], levels: &[String]) -> (Vec<GridValue>, usize) {
    let mut counts = vec![0usize; levels.len()];
    codes
        .iter()
        .filter(|&&c| c != MISSING_CODE)
        .for_each(|&c| counts[c as usize] += 1);
    let missing = codes.iter().filter(|&&c| c == MISSING_CODE).count();
    let mut order: Vec<usize> = (0..levels.len()).filter(|&l| counts[l] > 0).collect();
    order.sort_by_key(|&l| (std::cmp::Reverse(counts[l]), l));
    let value = |&l: &usize| GridValue {
        label: levels[l].clone(),
        cell: Cell::Level(l as u32),
        support: counts[l],
    };
    let found = order.iter().take(MOST_POINTS).map(value).collect();
    (found, missing)
}

/// (value, rows) in ascending order: every value where there are few, else the medians of parts of about equal count.
fn quantiles(mut known: Vec<f64>) -> Vec<(f64, usize)> {
    known.sort_by(f64::total_cmp);
    let runs: Vec<(f64, usize)> = known
        .chunk_by(|a, b| a == b)
        .map(|run| (run[0], run.len()))
        .collect();
    if runs.len() <= MOST_POINTS {
        return runs;
    }
    let mut found: Vec<(f64, usize)> = Vec::new();
    for part in 0..MOST_POINTS {
        let (from, to) = (
            part * known.len() / MOST_POINTS,
            (part + 1) * known.len() / MOST_POINTS,
        );
        let median = known[(from + to) / 2];
        match found.last_mut() {
            Some(last) if last.0 == median => last.1 += to - from,
            _ => found.push((median, to - from)),
        }
    }
    found
}

/// A column of `rows` equal cells, of the kind of `like`.
fn fill(like: &Values, cell: &Cell, rows: usize) -> Values {
    match like {
        Values::Number(_) => Values::Number(vec![cell.position().unwrap_or(f64::NAN); rows]),
        Values::Date(_) => Values::Date(vec![cell.position().map(|d| d as i32); rows]),
        Values::Category { levels, .. } => Values::Category {
            codes: vec![
                match cell {
                    Cell::Level(code) => *code,
                    _ => MISSING_CODE,
                };
                rows
            ],
            levels: levels.clone(),
        },
    }
}

/// (upward, downward) movement along a curve.
fn movement(curve: &[f64]) -> (f64, f64) {
    curve.windows(2).fold((0.0, 0.0), |(up, down), w| {
        let step = w[1] - w[0];
        (up + step.max(0.0), down + (-step).max(0.0))
    })
}

fn shape(curve: &[f64]) -> Shape {
    let place = |better: &dyn Fn(f64, f64) -> bool| {
        (1..curve.len()).fold(0, |best, at| {
            if better(curve[at], curve[best]) {
                at
            } else {
                best
            }
        })
    };
    let (Some(_), highest, lowest) = (curve.first(), place(&|a, b| a > b), place(&|a, b| a < b))
    else {
        return Shape::Flat;
    };
    let (up, down) = movement(curve);
    let noise = AGAINST * (up + down);
    let turns_at = |at: usize, rises_first: bool| {
        let ((up_left, down_left), (up_right, down_right)) =
            (movement(&curve[..=at]), movement(&curve[at..]));
        if rises_first {
            down_left + up_right <= noise
        } else {
            up_left + down_right <= noise
        }
    };
    if curve[highest] - curve[lowest] < FLAT {
        Shape::Flat
    } else if down <= noise {
        Shape::Rising
    } else if up <= noise {
        Shape::Falling
    } else if turns_at(highest, true) {
        Shape::Peak
    } else if turns_at(lowest, false) {
        Shape::Valley
    } else {
        Shape::Mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        for (curve, expected) in [
            (vec![], Shape::Flat),
            (vec![0.3], Shape::Flat),
            (vec![0.3, 0.302, 0.299], Shape::Flat),
            (vec![0.1, 0.3, 0.29, 0.5], Shape::Rising),
            (vec![0.5, 0.3, 0.31, 0.1], Shape::Falling),
            (vec![0.1, 0.4, 0.5, 0.2], Shape::Peak),
            (vec![0.5, 0.2, 0.1, 0.4], Shape::Valley),
            (vec![0.1, 0.5, 0.1, 0.5, 0.1], Shape::Mixed),
        ] {
            assert_eq!(shape(&curve), expected, "{curve:?}");
        }
    }

    #[test]
    fn quantiles_stand_for_all_rows() {
        let few = quantiles(vec![2.0, 1.0, 2.0]);
        assert_eq!(few, [(1.0, 1), (2.0, 2)]);
        let many = quantiles((0..1003).map(|x| f64::from(x % 500)).collect());
        assert_eq!(many.iter().map(|q| q.1).sum::<usize>(), 1003);
        assert!(many.windows(2).all(|w| w[0].0 < w[1].0));
        assert!(quantiles(Vec::new()).is_empty());
    }
}
