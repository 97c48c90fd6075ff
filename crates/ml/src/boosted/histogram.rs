//! Gradients of the log loss, and their sums per bin.
//!
//! Gradients are rounded to multiples of 2^-24, which f32 holds exactly below one and whose sums f64 holds exactly for up
//! to 2^29 rows. So a sum does not depend on its order, a sibling's histogram by subtraction is the one that summing
//! would give, and an empty bin is exactly zero. Deliberately unaware of trees.

use super::binning::Binned;
use crate::logistic::sigmoid;

/// Sums of gradient and Hessian.
pub(super) type Cell = [f64; 2];

/// Adding and taking away this rounds to multiples of 2^-24: the last bit of numbers around 1.5 * 2^28 is 2^-24.
const ROUNDING: f64 = 402_653_184.0;

fn rounded(x: f64) -> f32 {
    ((x + ROUNDING) - ROUNDING) as f32
}

/// Gradient and Hessian of -log likelihood in the log-odds: p - y and p (1 - p).
pub(super) fn gradients(log_odds: &[f64], won: &[bool], into: &mut Vec<[f32; 2]>) {
    into.clear();
    into.extend(log_odds.iter().zip(won).map(|(&z, &y)| {
        let p = sigmoid(z);
        [rounded(p - f64::from(u8::from(y))), rounded(p * (1.0 - p))]
    }));
}

pub(super) fn add(a: Cell, b: Cell) -> Cell {
    [a[0] + b[0], a[1] + b[1]]
}

pub(super) fn minus(a: Cell, b: Cell) -> Cell {
    [a[0] - b[0], a[1] - b[1]]
}

/// Sum of the gradients of `rows`.
pub(super) fn total(gradients: &[[f32; 2]], rows: &[u32]) -> Cell {
    rows.iter().fold([0.0; 2], |sum, &r| {
        let [g, h] = gradients[r as usize];
        add(sum, [f64::from(g), f64::from(h)])
    })
}

/// Sums per bin of every feature over `rows`; the cells of feature f are `offsets[f]..offsets[f + 1]`.
pub(super) fn fill(cells: &mut [Cell], binned: &Binned, gradients: &[[f32; 2]], rows: &[u32]) {
    cells.fill([0.0; 2]);
    let starts = &binned.offsets[..binned.width];
    for &row in rows {
        let [g, h] = gradients[row as usize];
        let (g, h) = (f64::from(g), f64::from(h));
        for (&start, &bin) in starts.iter().zip(binned.row(row as usize)) {
            let cell = &mut cells[start + usize::from(bin)];
            cell[0] += g;
            cell[1] += h;
        }
    }
}

/// Turns the parent's sums into those of the child that was not summed.
pub(super) fn subtract(parent: &mut [Cell], child: &[Cell]) {
    for (p, c) in parent.iter_mut().zip(child) {
        *p = minus(*p, *c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logistic::loss;

    #[test]
    fn gradients_are_those_of_finite_differences() {
        let step = 1e-4;
        for won in [true, false] {
            for z in [-9.0, -3.0, -0.4, 0.0, 0.7, 2.5, 8.0] {
                let mut found = Vec::new();
                gradients(&[z - step, z, z + step], &[won; 3], &mut found);
                let slope = (loss(z + step, won) - loss(z - step, won)) / (2.0 * step);
                // Rounding to multiples of 2^-24 is all that they may differ by.
                assert!((f64::from(found[1][0]) - slope).abs() < 1e-7, "{z}");
                let bend = (loss(z + step, won) - 2.0 * loss(z, won) + loss(z - step, won))
                    / (step * step);
                assert!((f64::from(found[1][1]) - bend).abs() < 1e-6, "{z}: {bend}");
            }
        }
    }
}
