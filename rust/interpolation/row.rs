//! Repair of one row that is at hand alone, while the others are elsewhere.

use ndarray::ArrayView1;

use super::closed_form::{self, Done, StandIn};
use super::{Options, holes, reference};
use crate::runs::Run;

/// A row cannot be repaired by itself: it wants a fallback, or the pixels of another row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WantsMore;

/// Nothing is written from it where no fallback is needed.
const NONE: StandIn = StandIn { image: f32::NAN, variance: f32::NAN };

/// Interpolate over the runs of a row and flag them; see [`super::interpolate_boxes`].
///
/// Return whether the results are finite.
pub(crate) fn repair(
    image: &mut [f32],
    mask: &mut [i32],
    variance: &mut [f32],
    runs: &[Run],
    options: Options,
) -> Result<bool, WantsMore> {
    if runs.is_empty() {
        return Ok(true);
    }
    let Options { use_edge, .. } = options;
    if options.reference {
        if reference::needs_fallback(runs, image.len(), use_edge) {
            return Err(WantsMore);
        }
        reference::repair(image.into(), runs, NONE.image, use_edge);
        reference::repair(variance.into(), runs, NONE.variance, use_edge);
        flag(mask, runs, options.flag);
        Ok(finite(image, variance, runs))
    } else {
        let width = image.len();
        let Done { left, finite: alone } =
            closed_form::repair_alone(image, mask, variance, runs, options.flag);
        if left.is_empty() {
            return Ok(alone);
        }
        let gaps = closed_form::gaps((&*image).into(), (&*variance).into(), &left);
        let hopeless = gaps.first().is_some_and(|gap| gap.width() == width);
        if hopeless || closed_form::needs_fallback(&gaps, width, use_edge) {
            return Err(WantsMore);
        }
        let (to, spread) = ((&mut *image).into(), (&mut *variance).into());
        closed_form::repair(to, spread, &left, &gaps, NONE, use_edge);
        flag(mask, &left, options.flag);
        Ok(alone && finite(image, variance, &left))
    }
}

/// What a row without a good pixel copies from this one; `runs` are still to be repaired here.
pub(crate) fn copied(
    image: &[f32],
    variance: &[f32],
    runs: &[Run],
    use_edge: bool,
) -> Result<(Vec<f32>, Vec<f32>), WantsMore> {
    let (pixels, variances) = (ArrayView1::from(image), ArrayView1::from(variance));
    let holes = holes(pixels, variances, runs);
    let hopeless = holes.first().is_some_and(|hole| hole.width() == image.len());
    if hopeless || closed_form::needs_fallback(&holes, image.len(), use_edge) {
        return Err(WantsMore);
    }
    let (mut image, mut variance) = (image.to_vec(), variance.to_vec());
    let (to, spread) = ((&mut image[..]).into(), (&mut variance[..]).into());
    closed_form::repair(to, spread, &holes, &holes, NONE, use_edge);
    Ok((image, variance))
}

/// Fill a row that has no good pixel with what another one has, and flag it.
pub(crate) fn copy(
    image: &mut [f32],
    mask: &mut [i32],
    variance: &mut [f32],
    from: &(Vec<f32>, Vec<f32>),
    bits: i32,
) {
    image.copy_from_slice(&from.0);
    for (v, from) in variance.iter_mut().zip(&from.1) {
        // A good pixel may have a negative variance; a repaired one never has.
        *v = if *from < 0.0 { 0.0 } else { *from };
    }
    flag(mask, &[Run { first: 0, last: mask.len() - 1 }], bits);
}

fn finite(image: &[f32], variance: &[f32], runs: &[Run]) -> bool {
    let mut columns = runs.iter().flat_map(|run| run.first..=run.last);
    columns.all(|column| closed_form::usable(image[column], variance[column]))
}

fn flag(mask: &mut [i32], runs: &[Run], bits: i32) {
    for run in runs {
        mask[run.first..=run.last].iter_mut().for_each(|flag| *flag |= bits);
    }
}
