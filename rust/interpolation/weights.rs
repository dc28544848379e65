//! Weights of the good neighbours of a run of bad pixels.

use std::sync::LazyLock;

/// A width that stands for all greater ones: its middle pixel sees neither end any more.
const WIDEST: usize = 31;

/// Covariance of two pixels so many columns apart, `exp(-d*d/4)`: white light seen through a
/// Gaussian of σ = 1 pixel. Written out, because an `exp` may differ between machines; the
/// next is below 2e-28 and taken for 0.
#[allow(clippy::unreadable_literal, reason = "generated, to the last bit of an f64")]
const COVARIANCE: [f64; 16] = [
    1.0,
    0.7788007830714049,
    0.36787944117144233,
    0.10539922456186433,
    0.01831563888873418,
    0.0019304541362277093,
    0.00012340980408667956,
    4.785117392129009e-06,
    1.1253517471925912e-07,
    1.6052280551856116e-09,
    1.3887943864964021e-11,
    7.287724095819692e-14,
    2.3195228302435696e-16,
    4.4777324417183015e-19,
    5.242885663363464e-22,
    3.7233631217505106e-25,
];

/// Weights of the pixels 2 left, 1 left, 1 right and 2 right of a run; 0 for one not in play.
pub type Weights = [f64; 4];

/// One entry per pixel of all runs up to `WIDEST`, for each number of neighbours left and right.
struct Table([[Vec<Weights>; 3]; 3]);

static EXACT: LazyLock<Table> = LazyLock::new(|| Table::new(symmetric));
static ROUNDED: LazyLock<Table> =
    LazyLock::new(|| Table::new(|l, r, n, i| symmetric(l, r, n, i).map(to_4_decimals)));

/// The weights for pixel `pixel` of a run of `width`, with up to 2 neighbours on each side.
///
/// They add up to 1, and those of the mirrored case are the same mirrored.
#[must_use]
pub fn exact(left: usize, right: usize, width: usize, pixel: usize) -> Weights {
    let from_end = width - 1 - pixel;
    if width <= WIDEST {
        EXACT.get(left, right, width, pixel)
    } else if pixel.min(from_end) > WIDEST / 2 {
        EXACT.get(left, right, WIDEST, WIDEST / 2)
    } else if pixel < from_end {
        EXACT.get(left, right, WIDEST, pixel)
    } else {
        EXACT.get(left, right, WIDEST, WIDEST - 1 - from_end)
    }
}

/// The [`exact`] weights of all pixels of a run that has two neighbours on each side.
///
/// None if the run is too wide for them to be at hand.
#[must_use]
pub fn between(width: usize) -> Option<&'static [Weights]> {
    let begin = width * width.checked_sub(1)? / 2;
    (width <= WIDEST).then(|| &EXACT.0[2][2][begin..begin + width])
}

/// The weights as the reference has them: to 4 decimals, and of runs of 11 pixels and more only
/// those of 6 pixels at each end and one more for all between.
#[must_use]
pub fn rounded(left: usize, right: usize, width: usize, pixel: usize) -> Weights {
    const ZONE: usize = 6;
    let from_end = width - 1 - pixel;
    if width < 11 {
        ROUNDED.get(left, right, width, pixel)
    } else if right > 0 && from_end < ZONE {
        ROUNDED.get(left, right, WIDEST, WIDEST - 1 - from_end)
    } else if left > 0 && pixel < ZONE {
        ROUNDED.get(left, right, WIDEST, pixel)
    } else {
        ROUNDED.get(left, right, WIDEST, WIDEST / 2)
    }
}

impl Table {
    fn new(entry: impl Fn(usize, usize, usize, usize) -> Weights) -> Self {
        let pixels = || (1..=WIDEST).flat_map(|width| (0..width).map(move |pixel| (width, pixel)));
        let column = |l, r| pixels().map(|(n, i)| entry(l, r, n, i)).collect();
        Self([0, 1, 2].map(|l| [0, 1, 2].map(|r| column(l, r))))
    }

    fn get(&self, left: usize, right: usize, width: usize, pixel: usize) -> Weights {
        self.0[left][right][width * (width - 1) / 2 + pixel]
    }
}

fn to_4_decimals(weight: f64) -> f64 {
    (weight * 1e4).round() / 1e4
}

fn symmetric(left: usize, right: usize, width: usize, pixel: usize) -> Weights {
    let here = solve(left, right, width, pixel);
    let mirrored = solve(right, left, width, width - 1 - pixel);
    [0, 1, 2, 3].map(|site| f64::midpoint(here[site], mirrored[3 - site]))
}

/// Best linear prediction without noise, with weights that add up to 1:
///
/// ```text
/// [ C  1 ] [w]   [c]
/// [ 1' 0 ] [m] = [1]
/// ```
///
/// where `C` is the covariance of the neighbours and `c` theirs with the pixel.
fn solve(left: usize, right: usize, width: usize, pixel: usize) -> Weights {
    let in_play = [left > 1, left > 0, right > 0, right > 1];
    let sites: Vec<_> = (0..4).filter(|&site| in_play[site]).collect();
    let mut weights = [0.0; 4];
    if sites.is_empty() {
        return weights;
    }
    // Columns counted from the outer left neighbour.
    let column = |site: usize| [0, 1, width + 2, width + 3][site];
    let covariance = |a: usize, b: usize| COVARIANCE.get(a.abs_diff(b)).copied().unwrap_or(0.0);
    let mut rows: Vec<Vec<f64>> = sites
        .iter()
        .map(|&a| {
            let known = sites.iter().map(|&b| covariance(column(a), column(b)));
            known.chain([1.0, covariance(column(a), pixel + 2)]).collect()
        })
        .collect();
    rows.push(sites.iter().map(|_| 1.0).chain([0.0, 1.0]).collect());
    for (site, weight) in sites.into_iter().zip(eliminate(rows)) {
        weights[site] = weight;
    }
    weights
}

/// Solve linear equations, each a row that ends with its right-hand side.
fn eliminate(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let size = rows.len();
    for pivot in 0..size {
        let best =
            (pivot..size).max_by(|&a, &b| rows[a][pivot].abs().total_cmp(&rows[b][pivot].abs()));
        rows.swap(pivot, best.unwrap_or(pivot));
        let head = rows[pivot].clone();
        for row in &mut rows[pivot + 1..] {
            let factor = row[pivot] / head[pivot];
            row.iter_mut().zip(&head).for_each(|(value, head)| *value -= factor * head);
        }
    }
    let mut solution = vec![0.0; size];
    for pivot in (0..size).rev() {
        let known: f64 = (pivot + 1..size).map(|i| rows[pivot][i] * solution[i]).sum();
        solution[pivot] = (rows[pivot][size] - known) / rows[pivot][pivot];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::{WIDEST, between, exact, rounded};

    fn same(weights: [f64; 4], wanted: [f64; 4]) -> bool {
        weights.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-15)
    }

    #[test]
    fn rounded_weights_are_the_printed_ones() {
        assert!(same(rounded(2, 2, 1, 0), [-0.2737, 0.7737, 0.7737, -0.2737]));
        assert!(same(rounded(1, 1, 2, 0), [0.0, 0.7297, 0.2703, 0.0]));
        assert!(same(rounded(0, 2, 4, 3), [0.0, 0.0, 1.4288, -0.4288]));
        assert!(same(rounded(1, 2, 500, 250), [0.0, 0.4707, 0.2646, 0.2646]));
        assert!(same(rounded(2, 2, 500, 3), [0.2158, 0.2899, 0.2472, 0.2472]));
    }

    #[test]
    fn weights_between_neighbours_are_the_exact_ones() {
        for width in 1..=WIDEST {
            let wanted: Vec<_> = (0..width).map(|pixel| exact(2, 2, width, pixel)).collect();
            assert_eq!(between(width), Some(&wanted[..]));
        }
        assert_eq!([between(0), between(WIDEST + 1)], [None; 2]);
    }

    #[test]
    fn exact_weights_add_up_to_one_and_mirror() {
        for (left, right) in [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)] {
            for width in 1..2 * WIDEST {
                for pixel in 0..width {
                    let weights = exact(left, right, width, pixel);
                    assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-14);
                    let mut mirrored = exact(right, left, width, width - 1 - pixel);
                    mirrored.reverse();
                    assert!(weights.iter().zip(mirrored).all(|(a, b)| a.to_bits() == b.to_bits()));
                }
            }
        }
    }
}
