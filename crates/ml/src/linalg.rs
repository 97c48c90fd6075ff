//! Sparse rows and a dense Cholesky factor: the whole linear algebra that Newton steps need.
//!
//! Deliberately not general: symmetric positive definite systems and row-wise products only.

/// Sparse rows: row r holds the entries `starts[r]..starts[r + 1]`, indices ascending within a row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sparse {
    pub starts: Vec<usize>,
    pub index: Vec<u32>,
    pub value: Vec<f64>,
    pub width: usize,
}

impl Sparse {
    pub fn with_width(width: usize, rows: usize, per_row: usize) -> Self {
        let mut starts = Vec::with_capacity(rows + 1);
        starts.push(0);
        Self {
            starts,
            index: Vec::with_capacity(rows * per_row),
            value: Vec::with_capacity(rows * per_row),
            width,
        }
    }

    pub fn push(&mut self, index: usize, value: f64) {
        self.index.push(index as u32);
        self.value.push(value);
    }

    pub fn end_row(&mut self) {
        self.starts.push(self.index.len());
    }

    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let span = self.starts[row]..self.starts[row + 1];
        (&self.index[span.clone()], &self.value[span])
    }

    pub fn entries(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let (index, value) = self.row(row);
        index.iter().zip(value).map(|(&i, &v)| (i as usize, v))
    }

    pub fn dot(&self, row: usize, weights: &[f64]) -> f64 {
        self.entries(row).map(|(i, v)| v * weights[i]).sum()
    }

    /// Mean of every column.
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (&i, &v) in self.index.iter().zip(&self.value) {
            sums[i as usize] += v;
        }
        let rows = self.rows().max(1) as f64;
        sums.iter().map(|s| s / rows).collect()
    }
}

/// A symmetric matrix of which only the lower triangle (row-major, full rows) is used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Symmetric {
    pub size: usize,
    pub cells: Vec<f64>,
}

impl Symmetric {
    pub fn zeros(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }

    pub fn get(&self, a: usize, b: usize) -> f64 {
        let (row, column) = if a >= b { (a, b) } else { (b, a) };
        self.cells[row * self.size + column]
    }

    pub fn add_diagonal(&mut self, at: usize, value: f64) {
        self.cells[at * self.size + at] += value;
    }

    /// Adds `weight` times the outer product of a sparse row with itself.
    pub fn add_outer(&mut self, index: &[u32], value: &[f64], weight: f64) {
        for (a, (&i, &x)) in index.iter().zip(value).enumerate() {
            let scaled = weight * x;
            let row = &mut self.cells[i as usize * self.size..][..self.size];
            for (&j, &y) in index[..=a].iter().zip(&value[..=a]) {
                row[j as usize] += scaled * y;
            }
        }
    }

    /// The quadratic form of a sparse vector, whose entries are in ascending order.
    pub fn quadratic(&self, entries: &[(usize, f64)]) -> f64 {
        let mut sum = 0.0;
        for (a, &(i, x)) in entries.iter().enumerate() {
            let row = &self.cells[i * self.size..][..=i];
            let below: f64 = entries[..a].iter().map(|&(j, y)| row[j] * y).sum();
            sum += x * (row[i] * x + 2.0 * below);
        }
        sum
    }

    /// The lower factor L with L Lᵀ equal to this matrix, in place; `None` when not positive definite.
    pub fn cholesky(mut self) -> Option<Factor> {
        let n = self.size;
        let largest = (0..n).map(|i| self.get(i, i)).fold(0.0, f64::max);
        for i in 0..n {
            let (done, rest) = self.cells.split_at_mut(i * n);
            let row = &mut rest[..n];
            for j in 0..i {
                let above = &done[j * n..][..=j];
                row[j] = (row[j] - dot(&row[..j], &above[..j])) / above[j];
            }
            let pivot = row[i] - dot(&row[..i], &row[..i]);
            if pivot.is_nan() || pivot <= 1e-13 * largest {
                return None;
            }
            row[i] = pivot.sqrt();
        }
        Some(Factor(self))
    }
}

/// A lower Cholesky factor.
pub(crate) struct Factor(Symmetric);

impl Factor {
    /// Solves (L Lᵀ) x = `right`.
    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let (n, cells) = (self.0.size, &self.0.cells);
        let mut x = right.to_vec();
        for i in 0..n {
            let row = &cells[i * n..][..=i];
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..n).rev() {
            let row = &cells[i * n..][..=i];
            let solved = x[i] / row[i];
            x[i] = solved;
            for (below, l) in x[..i].iter_mut().zip(row) {
                *below -= l * solved;
            }
        }
        x
    }

    /// The inverse of L Lᵀ (lower triangle filled).
    pub fn inverse(&self) -> Symmetric {
        let n = self.0.size;
        let mut inverse = Symmetric::zeros(n);
        let mut unit = vec![0.0; n];
        for j in 0..n {
            unit[j] = 1.0;
            let column = self.solve(&unit);
            unit[j] = 0.0;
            for (i, &cell) in column.iter().enumerate().skip(j) {
                inverse.cells[i * n + j] = cell;
            }
        }
        inverse
    }
}

/// Dot product with eight running sums, so that additions need not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a8, b8) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a8
        .remainder()
        .iter()
        .zip(b8.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a8.zip(b8) {
        for k in 0..8 {
            sums[k] += x[k] * y[k];
        }
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_and_inverts() {
        let mut matrix = Symmetric::zeros(3);
        for (index, value) in [([0, 1, 2], [1.0, 2.0, 3.0]), ([0, 1, 2], [1.0, -1.0, 0.5])] {
            matrix.add_outer(&index, &value, 1.0);
        }
        (0..3).for_each(|i| matrix.add_diagonal(i, 0.5));
        let copy = matrix.clone();
        let factor = matrix.cholesky().expect("positive definite");
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        let inverse = factor.inverse();
        for i in 0..3 {
            let back: f64 = (0..3).map(|j| copy.get(i, j) * x[j]).sum();
            assert!((back - (i as f64 + 1.0)).abs() < 1e-12);
            let one: f64 = (0..3).map(|j| copy.get(i, j) * inverse.get(j, i)).sum();
            assert!((one - 1.0).abs() < 1e-12);
        }
        let form = copy.quadratic(&[(0, 1.0), (2, 2.0)]);
        assert!(
            (form - (copy.get(0, 0) + 4.0 * copy.get(2, 2) + 4.0 * copy.get(0, 2))).abs() < 1e-12
        );
    }

    #[test]
    fn refuses_singular() {
        let mut matrix = Symmetric::zeros(2);
        matrix.add_outer(&[0, 1], &[1.0, 1.0], 1.0);
        assert!(matrix.cholesky().is_none());
    }
}
