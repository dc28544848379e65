//! Least squares by a polynomial: Householder reflections of Legendre columns.

use super::{MAX_DEGREE, abscissae, refuse};
use crate::error::KernelError;

/// The polynomial of this degree that passes nearest to the lines with a level, at every line.
///
/// Legendre polynomials are almost orthogonal on equidistant lines, so that reflections lose
/// no digits that matter; power and Chebyshev bases span the same curves.
pub(super) fn fit(lines: &[Option<f64>], degree: usize) -> Result<Vec<f64>, KernelError> {
    let points: Vec<(f64, f64)> = abscissae(lines.len())
        .zip(lines)
        .filter_map(|(x, level)| level.map(|level| (x, level)))
        .collect();
    if degree > MAX_DEGREE || degree >= points.len() {
        let lines = points.len();
        return refuse(
            "order",
            format!("is {degree}, wanted at most {MAX_DEGREE} and below the {lines} usable lines"),
        );
    }
    // About their mean the levels are small, and a constant is fitted exactly.
    let mean = points.iter().map(|point| point.1).sum::<f64>() / points.len() as f64;
    let mut columns = vec![Vec::with_capacity(points.len()); degree + 1];
    for (x, _) in &points {
        for (column, value) in columns.iter_mut().zip(basis(*x)) {
            column.push(value);
        }
    }
    let right = points.iter().map(|point| point.1 - mean).collect();
    let weights = solve(columns, right);
    let value = |x: f64| {
        let terms = basis(x).zip(&weights);
        mean + terms.map(|(value, weight)| value * weight).sum::<f64>()
    };
    Ok(abscissae(lines.len()).map(value).collect())
}

/// The Legendre polynomials at `x`, one degree after the other.
fn basis(x: f64) -> impl Iterator<Item = f64> {
    let mut state = (1.0, x, 1.0); // P(k), P(k + 1), k + 1
    std::iter::repeat_with(move || {
        let (value, next, k) = state;
        state = (next, ((2.0 * k + 1.0) * x * next - k * value) / (k + 1.0), k + 1.0);
        value
    })
}

/// Weights of the columns whose sum is nearest to `right`; a column that depends on those before
/// it gets none.
fn solve(mut columns: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let count = columns.len();
    let mut diagonal = vec![0.0; count];
    for at in 0..count {
        let (done, rest) = columns.split_at_mut(at + 1);
        let pivot = &mut done[at];
        let whole = norm(pivot);
        let length = norm(&pivot[at..]);
        if length <= whole * f64::EPSILON * pivot.len() as f64 {
            continue;
        }
        let signed = if pivot[at] > 0.0 { -length } else { length };
        diagonal[at] = signed;
        pivot[at] -= signed;
        let scale = -signed * pivot[at]; // half of the squared length of the reflector
        let mirror = |column: &mut Vec<f64>| {
            let pairs = pivot[at..].iter().zip(&column[at..]);
            let factor = pairs.map(|(one, other)| one * other).sum::<f64>() / scale;
            for (value, part) in column[at..].iter_mut().zip(&pivot[at..]) {
                *value -= factor * part;
            }
        };
        rest.iter_mut().for_each(mirror);
        mirror(&mut right);
    }
    let mut weights = vec![0.0; count];
    for at in (0..count).rev() {
        if diagonal[at] != 0.0 {
            let later = (at + 1..count).map(|other| columns[other][at] * weights[other]);
            weights[at] = (right[at] - later.sum::<f64>()) / diagonal[at];
        }
    }
    weights
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}
