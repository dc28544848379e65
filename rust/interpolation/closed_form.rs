//! Repair of a row by the best linear prediction from its good pixels.

use ndarray::{ArrayView1, ArrayViewMut1};

use super::EDGE;
use super::weights::{Weights, between, exact};
use crate::runs::Run;

/// What stands in where nothing is known: a value and its variance.
#[derive(Debug, Clone, Copy)]
pub struct StandIn {
    /// The value.
    pub image: f32,
    /// Its variance.
    pub variance: f32,
}

/// Whether a pixel may be predicted from: it and its variance are finite.
pub fn usable(image: f32, variance: f32) -> bool {
    image.is_finite() && variance.is_finite()
}

/// Join the runs of a row with the pixels beside them that are not usable.
///
/// So the pixels on either side of such a gap are usable, or beyond the edge of the row.
pub fn gaps(image: ArrayView1<'_, f32>, variance: ArrayView1<'_, f32>, runs: &[Run]) -> Vec<Run> {
    let unusable = |column: usize| !usable(image[column], variance[column]);
    let mut gaps: Vec<Run> = Vec::with_capacity(runs.len());
    for &run in runs {
        let mut gap = match gaps.pop() {
            Some(gap) if run.first <= gap.last + 1 => Run { last: gap.last.max(run.last), ..gap },
            previous => {
                gaps.extend(previous);
                run
            }
        };
        while gap.first > 0 && unusable(gap.first - 1) {
            gap.first -= 1;
        }
        while gap.last + 1 < image.len() && unusable(gap.last + 1) {
            gap.last += 1;
        }
        gaps.push(gap);
    }
    gaps
}

/// Whether some gap of a row that has usable pixels needs the stand-in.
pub fn needs_fallback(gaps: &[Run], width: usize, use_edge: bool) -> bool {
    let at_edge = |gap: &Run| gap.first == 0 || gap.last + 1 == width;
    use_edge && gaps.iter().any(|gap| at_edge(gap) && gap.width() > EDGE)
}

/// Repair the runs of one row, which must have usable pixels.
///
/// Only usable pixels outside of the gaps are read, and only pixels of the runs are written.
pub fn repair(
    mut image: ArrayViewMut1<'_, f32>,
    mut variance: ArrayViewMut1<'_, f32>,
    runs: &[Run],
    gaps: &[Run],
    stand_in: StandIn,
    use_edge: bool,
) {
    let mut runs = runs.iter().peekable();
    for (index, &gap) in gaps.iter().enumerate() {
        let site = |column: Option<usize>| {
            let column = column.filter(|&column| column < image.len())?;
            let is_usable = usable(image[column], variance[column]);
            is_usable.then(|| [f64::from(image[column]), f64::from(variance[column])])
        };
        let bad_left = index > 0 && gaps[index - 1].last + 2 == gap.first;
        let bad_right = gaps.get(index + 1).is_some_and(|next| next.first == gap.last + 2);
        let mut sites = [
            if bad_left { None } else { site(gap.first.checked_sub(2)) },
            site(gap.first.checked_sub(1)),
            site(Some(gap.last + 1)),
            if bad_right { None } else { site(Some(gap.last + 2)) },
        ];
        let mut known = gap;
        if use_edge && gap.width() > EDGE {
            // Only the pixels next to the good side are predicted, as if the row went on with
            // the stand-in beyond them.
            let beyond = Some([f64::from(stand_in.image), f64::from(stand_in.variance)]);
            if gap.first == 0 {
                known.first = gap.last + 1 - EDGE;
                sites[..2].fill(beyond);
            } else if gap.last + 1 == image.len() {
                known.last = gap.first + EDGE - 1;
                sites[2..].fill(beyond);
            }
        }
        while let Some(run) = runs.next_if(|run| run.last <= gap.last) {
            for column in run.first..=run.last {
                let inside = known.first <= column && column <= known.last;
                let value = if inside { predict(known, column, &sites) } else { stand_in };
                image[column] = value.image;
                variance[column] = value.variance;
            }
        }
    }
}

/// What [`repair_alone`] did.
pub struct Done {
    /// The runs that it did not repair.
    pub left: Vec<Run>,
    /// Whether all that it wrote is finite.
    pub finite: bool,
}

/// Repair and flag the runs that have two usable pixels on each side, if they are not too wide.
///
/// That is what [`repair`] makes of them: what lies beyond those pixels has no say in a run.
pub fn repair_alone(
    image: &mut [f32],
    mask: &mut [i32],
    variance: &mut [f32],
    runs: &[Run],
    bits: i32,
) -> Done {
    let mut done = Done { left: Vec::new(), finite: true };
    let mut free_from = 2; // the first column of a run to which two pixels are left
    for (index, &run) in runs.iter().enumerate() {
        let free_to = runs.get(index + 1).map_or(image.len(), |next| next.first);
        let alone = run.first >= free_from && run.last + 2 < free_to;
        free_from = run.last + 3;
        let columns = run.first.wrapping_sub(2)..run.last + 3;
        let finite = if alone {
            let around = (&mut image[columns.clone()], &mut variance[columns]);
            predict_between(around, &mut mask[run.first..=run.last], bits)
        } else {
            None
        };
        match finite {
            Some(finite) => done.finite &= finite,
            None => done.left.push(run),
        }
    }
    done
}

/// Repair and flag all but the two pixels at each end; return whether the results are finite.
///
/// Nothing is done if those are not usable, or too far apart.
fn predict_between(
    (image, variance): (&mut [f32], &mut [f32]),
    mask: &mut [i32],
    bits: i32,
) -> Option<bool> {
    let [a, b, image @ .., c, d] = image else { return None };
    let [va, vb, variance @ .., vc, vd] = variance else { return None };
    let weights = between(mask.len())?;
    let ends = [[*a, *va], [*b, *vb], [*c, *vc], [*d, *vd]];
    if !ends.iter().fold(true, |all, [image, variance]| all & usable(*image, *variance)) {
        return None;
    }
    let sites = ends.map(|site| site.map(f64::from));
    let least = least(sites);
    let mut finite = true;
    for (((image, variance), flag), weights) in
        image.iter_mut().zip(variance).zip(mask).zip(weights)
    {
        let value = combine(sites, least, weights);
        (*image, *variance) = (value.image, value.variance);
        *flag |= bits;
        finite &= usable(value.image, value.variance);
    }
    Some(finite)
}

/// Predict a pixel and its variance, which is never below the least of its neighbours'.
fn predict(gap: Run, column: usize, sites: &[Option<[f64; 2]>; 4]) -> StandIn {
    let [left, right] = [&sites[..2], &sites[2..]].map(|side| side.iter().flatten().count());
    let weights = exact(left, right, gap.width(), column - gap.first);
    let least = least(sites.iter().copied().flatten());
    // A site that is not in play has weight 0.
    combine(sites.map(Option::unwrap_or_default), least, &weights)
}

/// The least variance.
fn least(sites: impl IntoIterator<Item = [f64; 2]>) -> f64 {
    sites.into_iter().map(|values| values[1]).fold(f64::INFINITY, f64::min)
}

/// The sum of what the neighbours have, and of their variances, of which `least` is the least.
#[inline]
fn combine(sites: [[f64; 2]; 4], least: f64, weights: &Weights) -> StandIn {
    // Summed in pairs, so that a mirrored row gives the mirrored result to the last bit.
    let [image, variance] = [0, 1].map(|plane| {
        let term = |site: usize| weights[site] * sites[site][plane];
        (term(0) + term(3)) + (term(1) + term(2))
    });
    #[allow(clippy::cast_possible_truncation, reason = "the results are pixel values again")]
    let value = StandIn { image: image as f32, variance: variance.max(least).max(0.0) as f32 };
    value
}
