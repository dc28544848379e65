//! Interpolation along rows over bad pixels.
//!
//! A run of bad pixels is predicted from up to two good pixels on each side, with the weights of
//! the best linear prediction for light that went through a Gaussian of σ = 1 pixel. Rows are
//! independent of each other, except that a row without a good pixel copies another one.

mod closed_form;
mod reference;
pub(crate) mod row;
pub mod weights;

use std::collections::BTreeMap;

use ndarray::parallel::prelude::*;
use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip, s};

use self::closed_form::StandIn;
use crate::error::{KernelError, same_shape};
use crate::runs::{self, Run};

/// Of a longer run at an edge only so many pixels are predicted.
const EDGE: usize = 6;

/// The three planes that are repaired together.
#[derive(Debug)]
pub struct Planes<'a> {
    /// Pixel values.
    pub image: ArrayViewMut2<'a, f32>,
    /// Flags.
    pub mask: ArrayViewMut2<'a, i32>,
    /// Variance of the values.
    pub variance: ArrayViewMut2<'a, f32>,
}

/// How to repair.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The bits that every repaired pixel gets.
    pub flag: i32,
    /// Value and variance where nothing near is known.
    pub fallback: Option<[f64; 2]>,
    /// Whether long runs at an edge turn into the fallback away from the good pixels.
    pub use_edge: bool,
    /// Whether to repair as the reference did, or by the closed form.
    pub reference: bool,
}

/// Interpolate over boxes, `x0, y0, x1, y1`, inclusive; return the number of pixels.
///
/// Without a fallback, and if one is needed, nothing is changed and `None` is returned.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape or `boxes` has not four columns.
pub fn interpolate_boxes(
    planes: Planes<'_>,
    boxes: ArrayView2<'_, i32>,
    options: Options,
) -> Result<Option<usize>, KernelError> {
    planes.check()?;
    let runs = runs::from_boxes(boxes, planes.image.dim())?;
    Ok(interpolate(planes, &runs, options))
}

/// Interpolate over pixels that share a bit with `bits`; return their number.
///
/// Without a fallback, and if one is needed, nothing is changed and `None` is returned.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape.
pub fn interpolate_mask(
    planes: Planes<'_>,
    bits: i32,
    options: Options,
) -> Result<Option<usize>, KernelError> {
    planes.check()?;
    let runs = runs::from_mask(planes.mask.view(), bits);
    Ok(interpolate(planes, &runs, options))
}

impl Planes<'_> {
    fn check(&self) -> Result<(), KernelError> {
        same_shape("mask", self.mask.dim(), self.image.dim())?;
        same_shape("variance", self.variance.dim(), self.image.dim())
    }

    /// Do something to each row that has runs.
    fn for_each_row(
        &mut self,
        runs: &[Vec<Run>],
        work: impl Fn(usize, ArrayViewMut1<'_, f32>, ArrayViewMut1<'_, f32>) + Sync,
    ) {
        let rows = self.image.axis_iter_mut(Axis(0)).into_par_iter();
        let rows = rows.zip(self.variance.axis_iter_mut(Axis(0))).enumerate();
        rows.filter(|(y, _)| !runs[*y].is_empty()).for_each(|(y, (i, v))| work(y, i, v));
    }
}

fn interpolate(mut planes: Planes<'_>, runs: &[Vec<Run>], options: Options) -> Option<usize> {
    if options.reference {
        repair_as_reference(&mut planes, runs, options)?;
    } else {
        repair_by_closed_form(&mut planes, runs, options)?;
    }
    planes.mask.axis_iter_mut(Axis(0)).into_par_iter().zip(runs).for_each(|(mut flags, runs)| {
        for run in runs {
            let mut flags = flags.slice_mut(s![run.first..=run.last]);
            flags.map_inplace(|flag| *flag |= options.flag);
        }
    });
    Some(runs.iter().flatten().map(|run| run.width()).sum())
}

/// What has been asked for as a fallback; `None` if nothing was, but it is needed.
#[allow(clippy::cast_possible_truncation, reason = "they are written to pixels")]
fn stand_in(fallback: Option<[f64; 2]>, needed: bool) -> Option<StandIn> {
    let none_used = (!needed).then_some([f64::NAN; 2]);
    let [image, variance] = fallback.or(none_used)?;
    Some(StandIn { image: image as f32, variance: variance as f32 })
}

fn repair_as_reference(
    planes: &mut Planes<'_>,
    runs: &[Vec<Run>],
    Options { fallback, use_edge, .. }: Options,
) -> Option<()> {
    let width = planes.image.ncols();
    let needed = runs.par_iter().any(|runs| reference::needs_fallback(runs, width, use_edge));
    let stand_in = stand_in(fallback, needed)?;
    planes.for_each_row(runs, |y, image, variance| {
        reference::repair(image, &runs[y], stand_in.image, use_edge);
        reference::repair(variance, &runs[y], stand_in.variance, use_edge);
    });
    Some(())
}

fn repair_by_closed_form(
    planes: &mut Planes<'_>,
    runs: &[Vec<Run>],
    Options { fallback, use_edge, .. }: Options,
) -> Option<()> {
    let (image, variance) = (planes.image.view(), planes.variance.view());
    let width = image.ncols();
    let rows = image.axis_iter(Axis(0)).into_par_iter().zip(variance.axis_iter(Axis(0)));
    let gaps: Vec<_> = rows.zip(runs).map(|((i, v), runs)| closed_form::gaps(i, v, runs)).collect();

    let hopeless: Vec<_> =
        gaps.iter().map(|gaps| gaps.first().is_some_and(|gap| gap.width() == width)).collect();
    let sources = sources(image, variance, &gaps, &hopeless);
    // Where such a row is not usable the repair of its neighbours is copied as well.
    let holes: BTreeMap<_, _> = sources
        .values()
        .flatten()
        .map(|&y| (y, holes(image.row(y), variance.row(y), &runs[y])))
        .collect();

    let needed = sources.values().any(Option::is_none)
        || gaps.par_iter().zip(&hopeless).any(|(gaps, &hopeless)| {
            !hopeless && closed_form::needs_fallback(gaps, width, use_edge)
        })
        || holes.values().any(|holes| closed_form::needs_fallback(holes, width, use_edge));
    let stand_in = stand_in(fallback, needed)?;
    let copies: BTreeMap<usize, (Array1<f32>, Array1<f32>)> = holes
        .into_iter()
        .map(|(y, holes)| {
            let (mut i, mut v) = (image.row(y).to_owned(), variance.row(y).to_owned());
            closed_form::repair(i.view_mut(), v.view_mut(), &holes, &holes, stand_in, use_edge);
            (y, (i, v))
        })
        .collect();

    planes.for_each_row(runs, |y, mut image, mut variance| {
        let Some(source) = sources.get(&y) else {
            closed_form::repair(image, variance, &runs[y], &gaps[y], stand_in, use_edge);
            return;
        };
        for run in &runs[y] {
            let columns = s![run.first..=run.last];
            let (mut image, mut variance) = (image.slice_mut(columns), variance.slice_mut(columns));
            if let Some((i, v)) = source.and_then(|source| copies.get(&source)) {
                image.assign(&i.slice(columns));
                // A good pixel may have a negative variance; a repaired one never has.
                let floor = |v: &f32| if *v < 0.0 { 0.0 } else { *v };
                variance.assign(&v.slice(columns).map(floor));
            } else {
                image.fill(stand_in.image);
                variance.fill(stand_in.variance);
            }
        }
    });
    Some(())
}

/// For each row without a usable pixel the nearest row that has one, the lower of two.
fn sources(
    image: ArrayView2<'_, f32>,
    variance: ArrayView2<'_, f32>,
    gaps: &[Vec<Run>],
    hopeless: &[bool],
) -> BTreeMap<usize, Option<usize>> {
    if !hopeless.contains(&true) {
        return BTreeMap::new();
    }
    let has_usable = |y: usize| {
        let mut pixels = image.row(y).into_iter().zip(variance.row(y));
        !hopeless[y] && (!gaps[y].is_empty() || pixels.any(|(i, v)| closed_form::usable(*i, *v)))
    };
    let usable: Vec<_> = (0..gaps.len()).filter(|&y| has_usable(y)).collect();
    (0..gaps.len())
        .filter(|&y| hopeless[y])
        .map(|y| {
            let next = usable.partition_point(|&row| row < y);
            let above = usable.get(next).copied();
            let below = next.checked_sub(1).map(|index| usable[index]);
            let nearest = match (below, above) {
                (Some(below), Some(above)) if above - y < y - below => Some(above),
                (below, above) => below.or(above),
            };
            (y, nearest)
        })
        .collect()
}

/// The runs of a row together with all pixels that are not usable.
fn holes(image: ArrayView1<'_, f32>, variance: ArrayView1<'_, f32>, runs: &[Run]) -> Vec<Run> {
    let unusable =
        Zip::from(image).and(variance).map_collect(|i, v| i32::from(!closed_form::usable(*i, *v)));
    let mut holes = runs::of_row(unusable.view(), 1);
    holes.extend_from_slice(runs);
    runs::join(&mut holes);
    holes
}
