//! Splines through the means of bins of lines.

use super::{abscissae, refuse};
use crate::error::KernelError;

/// A cubic from a knot on: `y + u (b + u (c + u d))`, `u` counted from the knot.
#[derive(Debug, Clone, Copy)]
struct Piece {
    y: f64,
    b: f64,
    c: f64,
    d: f64,
}

impl Piece {
    fn at(&self, u: f64) -> f64 {
        self.y + u * (self.b + u * (self.c + u * self.d))
    }
}

/// A spline through `bins` equal bins of the lines that have a level, at every line.
///
/// Beyond its end knots it goes on as the quadratic with slope and curvature found there.
pub(super) fn fit(
    lines: &[Option<f64>],
    bins: usize,
    akima: bool,
) -> Result<Vec<f64>, KernelError> {
    let knots = knots(lines, bins);
    let (name, wanted) = if akima { ("AKIMA_SPLINE", 5) } else { ("NATURAL_SPLINE", 3) };
    if knots.len() < wanted {
        let found = knots.len();
        let problem = format!("is {bins}: {found} bins hold usable lines, {name} wants {wanted}");
        return refuse("order", problem);
    }
    Ok(abscissae(lines.len()).map(through(knots, akima)).collect())
}

/// The spline through knots of increasing abscissae: five or more of Akima's, three of a natural.
pub(crate) fn through(knots: Vec<(f64, f64)>, akima: bool) -> impl Fn(f64) -> f64 {
    let pieces = if akima { akima_pieces(&knots) } else { natural_pieces(&knots) };
    let (first, last) = (knots[0].0, knots[knots.len() - 1]);
    let (start, end) = (pieces[0], pieces[pieces.len() - 1]);
    let length = last.0 - knots[knots.len() - 2].0;
    let slope = end.b + length * (2.0 * end.c + 3.0 * length * end.d);
    let curvature = if akima { 2.0 * end.c + 6.0 * end.d * length } else { 0.0 };
    move |x: f64| {
        if x < first {
            let u = x - first;
            return start.y + u * start.b + u * u * start.c;
        }
        if x >= last.0 {
            let u = x - last.0;
            return last.1 + u * slope + u * u / 2.0 * curvature;
        }
        let piece = knots.partition_point(|knot| knot.0 <= x) - 1;
        pieces[piece].at(x - knots[piece].0)
    }
}

/// Mean abscissa and level of the lines in each bin; NumPy's rule for a histogram, the last bin
/// being closed. Bins without lines are left out.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a first guess")]
fn knots(lines: &[Option<f64>], bins: usize) -> Vec<(f64, f64)> {
    let count = lines.len();
    let ends: Vec<f64> = abscissae(count).collect();
    let (first, last) = (ends[0], ends[count - 1]);
    let step = (last - first) / bins as f64;
    let edge = |bin: usize| if bin == bins { last } else { bin as f64 * step + first };
    let mut sums: Vec<(usize, f64, f64, f64)> = Vec::new();
    for (x, level) in ends.iter().zip(lines) {
        let Some(level) = level else { continue };
        let mut bin = (((x - first) / step) as usize).min(bins.saturating_sub(1));
        while bin > 0 && *x < edge(bin) {
            bin -= 1;
        }
        while bin + 1 < bins && *x >= edge(bin + 1) {
            bin += 1;
        }
        match sums.last_mut() {
            Some(sum) if sum.0 == bin => {
                *sum = (bin, sum.1 + 1.0, sum.2 + x, sum.3 + level);
            }
            _ => sums.push((bin, 1.0, *x, *level)),
        }
    }
    sums.into_iter().map(|(_, n, x, level)| (x / n, level / n)).collect()
}

fn lengths_and_slopes(knots: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
    knots
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1))
        .map(|(length, rise)| (length, rise / length))
        .unzip()
}

/// Cubics with continuous slope and curvature, the latter zero at both ends.
fn natural_pieces(knots: &[(f64, f64)]) -> Vec<Piece> {
    let (h, m) = lengths_and_slopes(knots);
    let count = knots.len();
    // Curvatures at the knots by elimination from the left, then substitution from the right.
    let (mut curvature, mut carry) = (vec![0.0; count], vec![0.0; count]);
    for at in 1..count - 1 {
        let pivot = 2.0 * (h[at - 1] + h[at]) - h[at - 1] * carry[at - 1];
        carry[at] = h[at] / pivot;
        let bend = 6.0 * (m[at] - m[at - 1]) - h[at - 1] * curvature[at - 1];
        curvature[at] = bend / pivot;
    }
    for at in (1..count - 1).rev() {
        curvature[at] -= carry[at] * curvature[at + 1];
    }
    let piece = |at: usize| {
        let (left, right) = (curvature[at], curvature[at + 1]);
        Piece {
            y: knots[at].1,
            b: m[at] - h[at] * (2.0 * left + right) / 6.0,
            c: left / 2.0,
            d: (right - left) / (6.0 * h[at]),
        }
    };
    (0..count - 1).map(piece).collect()
}

/// Akima's cubics: the slope at a knot weighs the two on its either side, the steadier one more.
#[allow(clippy::many_single_char_names, reason = "those of the formulas")]
fn akima_pieces(knots: &[(f64, f64)]) -> Vec<Piece> {
    let (h, m) = lengths_and_slopes(knots);
    let last = m.len() - 1;
    // Two more slopes at each end, in a straight line with the outermost two.
    let mut slopes = vec![3.0 * m[0] - 2.0 * m[1], 2.0 * m[0] - m[1]];
    slopes.extend(&m);
    slopes.push(2.0 * m[last] - m[last - 1]);
    slopes.push(3.0 * m[last] - 2.0 * m[last - 1]);
    // Slope at a knot; None where both sides are straight.
    let at_knot = |knot: usize| {
        let left = (slopes[knot + 1] - slopes[knot]).abs();
        let sum = (slopes[knot + 3] - slopes[knot + 2]).abs() + left;
        if sum == 0.0 {
            return None;
        }
        let share = left / sum;
        Some((1.0 - share) * slopes[knot + 1] + share * slopes[knot + 2])
    };
    let piece = |at: usize| {
        let y = knots[at].1;
        let Some(b) = at_knot(at) else { return Piece { y, b: m[at], c: 0.0, d: 0.0 } };
        let t = at_knot(at + 1).unwrap_or(m[at]);
        let c = (3.0 * m[at] - 2.0 * b - t) / h[at];
        Piece { y, b, c, d: (b + t - 2.0 * m[at]) / (h[at] * h[at]) }
    };
    (0..m.len()).map(piece).collect()
}
