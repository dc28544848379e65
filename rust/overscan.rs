//! Overscan: the bias level that every row was read out with.

mod curve;
pub(crate) mod spline;

use ndarray::{Array1, ArrayView1, ArrayView2, ArrayViewMut2, Axis, Zip};
use rayon::prelude::*;

use crate::error::{KernelError, same_shape};
use crate::medians;
use crate::statistics::{Control, Statistic, compute};

/// Quartile distance to standard deviation, as rounded by the collapse of a line.
const LINE_IQ_TO_SIGMA: f64 = 0.74;
/// Usable lines on each side whose median takes the place of a line without usable pixels.
const NEIGHBOURS: usize = 5;
/// Largest degree of a polynomial: beyond it a fit to equidistant lines means nothing.
const MAX_DEGREE: usize = 99;

/// How the level changes from line to line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Median of each line.
    Median,
    /// Clipped mean of each line.
    Mean,
    /// A polynomial; POLY, CHEB and LEG are bases of the same curves.
    Polynomial,
    /// A natural cubic spline through binned lines.
    NaturalSpline,
    /// An Akima spline through binned lines.
    AkimaSpline,
}

impl Model {
    /// The model that a fit type of this name stands for.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "MEDIAN_PER_ROW" => Self::Median,
            "MEAN_PER_ROW" => Self::Mean,
            "POLY" | "CHEB" | "LEG" => Self::Polynomial,
            "NATURAL_SPLINE" | "CUBIC_SPLINE" => Self::NaturalSpline,
            "AKIMA_SPLINE" => Self::AkimaSpline,
            _ => return None,
        })
    }
}

/// Which samples of a line count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rejection {
    /// Bits of the mask that exclude a sample.
    pub reject: i32,
    /// Half width of the clip in standard deviations.
    pub n_sigma: f64,
    /// Whether to do as the reference did: quartiles of masked samples too, lines lost by a
    /// masked sample at the place of a quartile, lost lines in polynomials.
    pub reference: bool,
}

/// The level of each line, and which lines had no usable sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Lines {
    /// Fitted level [unit of the image].
    pub level: Array1<f32>,
    /// Lines whose samples were all rejected.
    pub lost: Array1<bool>,
}

/// What a line amounts to; a lost one may still have a rough level.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    level: f64,
    lost: bool,
}

fn refuse<T>(name: &'static str, problem: String) -> Result<T, KernelError> {
    Err(KernelError::Value { name, problem })
}

/// Median of the usable pixels of each row.
///
/// `image` is in ADU, shape `(rows, columns)`; a pixel is usable when it is
/// finite and shares no bit with `reject` in `mask`. An even count takes the
/// mean of the middle two, in `f64`. A row without usable pixels gives NaN.
///
/// # Errors
///
/// [`KernelError::Shape`] when `mask` does not match `image`.
pub fn row_median(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
) -> Result<Array1<f32>, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    Ok(medians::of_rows(image, Some(mask), reject))
}

/// Median of all usable pixels after rounding them to whole numbers.
///
/// A pixel becomes `trunc(x + 0.5)`, sum and truncation of an `f32`; then each number is a bin
/// of unit width over which its pixels are spread evenly. NaN when no pixel is usable.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image` or there is no pixel at all.
pub fn integer_median(
    image: ArrayView2<'_, f32>,
    mask: Option<ArrayView2<'_, i32>>,
    reject: i32,
) -> Result<f64, KernelError> {
    #[allow(clippy::cast_possible_truncation, reason = "truncation is what is asked for")]
    let whole = image.mapv(|pixel| (pixel + 0.5) as i32);
    let mut unusable = image.mapv(|pixel| i32::from(!pixel.is_finite()));
    if let Some(mask) = mask {
        same_shape("mask", mask.dim(), image.dim())?;
        unusable.zip_mut_with(&mask, |bit, flags| *bit |= i32::from(flags & reject != 0));
    }
    let control = Control { reject: 1, ..Control::default() };
    let found = compute(whole.view(), Some(unusable.view()), &control, &[Statistic::Median])?;
    Ok(found[0])
}

/// Set `bit` where a pixel lies further than `most` from the median of the pixels without flags.
///
/// Returns their number. With `alone` such a pixel loses its other flags.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image` or there is no pixel at all.
pub fn flag_outliers(
    image: ArrayView2<'_, f32>,
    mask: ArrayViewMut2<'_, i32>,
    most: f64,
    bit: i32,
    alone: bool,
) -> Result<usize, KernelError> {
    let mut mask = mask;
    let control = Control { reject: -1, ..Control::default() };
    let middle = compute(image, Some(mask.view()), &control, &[Statistic::Median])?[0];
    let mut count = 0;
    Zip::from(image.rows()).and(mask.rows_mut()).for_each(|pixels, mut flags| {
        let far = |pixel: &f32| (f64::from(*pixel) - middle).abs() > most;
        if pixels.fold(false, |any, pixel| any | far(pixel)) {
            Zip::from(pixels).and(&mut flags).for_each(|pixel, flag| {
                if far(pixel) {
                    *flag = if alone { bit } else { *flag | bit };
                    count += 1;
                }
            });
        }
    });
    Ok(count)
}

/// Fit the level along the rows of `image`, one value for each of them.
///
/// The samples of a row are clipped about their median and averaged; then `model` runs through
/// the rows, with `order` as degree of a polynomial or number of bins of a spline. Rows without
/// a usable sample take part in nothing: a curve passes over them, and where there is none they
/// take the median of the five usable rows on each side.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image`, no row is usable, or `order` asks for
/// more than the rows can tell.
pub fn fit_lines(
    image: ArrayView2<'_, f32>,
    mask: Option<ArrayView2<'_, i32>>,
    rejection: Rejection,
    model: Model,
    order: usize,
) -> Result<Lines, KernelError> {
    if let Some(mask) = &mask {
        same_shape("mask", mask.dim(), image.dim())?;
    }
    if image.is_empty() {
        let problem = format!("has shape {:?}, wanted at least one pixel", image.dim());
        return refuse("overscan", problem);
    }
    if !rejection.n_sigma.is_finite() || rejection.n_sigma < 0.0 {
        return refuse("n_sigma", format!("is {}, wanted a number from 0 up", rejection.n_sigma));
    }
    let lines = if model == Model::Median {
        medians(image, mask, rejection.reject)?
    } else {
        collapse(image, mask, rejection)
    };
    let lost = lines.iter().map(|line| line.lost).collect();
    let level = match model {
        Model::Median | Model::Mean => filled(&lines)?,
        Model::Polynomial => {
            let points = weighted(&lines, rejection.reference);
            // The reference's fitter took any degree: one that is too high passes through all
            // lines, as the highest that they determine does.
            let highest = points.iter().flatten().count().saturating_sub(1);
            curve::fit(&points, if rejection.reference { order.min(highest) } else { order })?
        }
        Model::NaturalSpline | Model::AkimaSpline => {
            spline::fit(&weighted(&lines, false), order, model == Model::AkimaSpline)?
        }
    };
    #[allow(clippy::cast_possible_truncation, reason = "the level becomes a pixel value")]
    let level = level.into_iter().map(|value| value as f32).collect();
    Ok(Lines { level, lost })
}

/// Level of each line; None where it is to have no say.
fn weighted(lines: &[Line], with_lost: bool) -> Vec<Option<f64>> {
    let say = |line: &Line| line.level.is_finite() && (with_lost || !line.lost);
    lines.iter().map(|line| say(line).then_some(line.level)).collect()
}

fn medians(
    image: ArrayView2<'_, f32>,
    mask: Option<ArrayView2<'_, i32>>,
    reject: i32,
) -> Result<Vec<Line>, KernelError> {
    if let Some(mask) = &mask {
        same_shape("mask", mask.dim(), image.dim())?;
    }
    let found = medians::of_rows(image, mask, reject);
    let line = |&level: &f32| Line { level: f64::from(level), lost: level.is_nan() };
    Ok(found.iter().map(line).collect())
}

fn collapse(
    image: ArrayView2<'_, f32>,
    mask: Option<ArrayView2<'_, i32>>,
    rejection: Rejection,
) -> Vec<Line> {
    let row = |index: usize| {
        let flags = mask.as_ref().map(|mask| mask.index_axis(Axis(0), index));
        line(image.index_axis(Axis(0), index), flags, rejection)
    };
    (0..image.nrows()).into_par_iter().map(row).collect()
}

/// Clipped mean of the samples of a line.
fn line(
    samples: ArrayView1<'_, f32>,
    flags: Option<ArrayView1<'_, i32>>,
    rejection: Rejection,
) -> Line {
    let masked = |at: usize| flags.is_some_and(|flags| flags[at] & rejection.reject != 0);
    let finite: Vec<(f64, bool)> = samples
        .iter()
        .enumerate()
        .filter(|(_, sample)| sample.is_finite())
        .map(|(at, &sample)| (f64::from(sample), masked(at)))
        .collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (count, sum) = values.fold((0_u32, 0.0), |(n, sum), value| (n + 1, sum + value));
        (count > 0).then(|| sum / f64::from(count))
    };
    let mut order: Vec<f64> = finite
        .iter()
        .filter(|(_, masked)| rejection.reference || !masked)
        .map(|(value, _)| *value)
        .collect();
    order.sort_unstable_by(f64::total_cmp);
    let rough = mean(&mut finite.iter().map(|(value, _)| *value));
    let lost = Line { level: rough.unwrap_or(f64::NAN), lost: true };
    if order.is_empty() || (rejection.reference && at_quartiles(samples.len()).any(masked)) {
        return lost;
    }
    let [lower, middle, upper] = [0.25, 0.5, 0.75].map(|fraction| quantile(&order, fraction));
    let half = rejection.n_sigma * (LINE_IQ_TO_SIGMA * (upper - lower));
    let keep = |(value, masked): &&(f64, bool)| !masked && (value - middle).abs() <= half;
    match mean(&mut finite.iter().filter(keep).map(|(value, _)| *value)) {
        Some(level) => Line { level, lost: false },
        None => lost,
    }
}

/// Columns at which the reference looked up the mask of the quartiles: it had sorted the values
/// but not their flags.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "indices of columns")]
fn at_quartiles(columns: usize) -> impl Iterator<Item = usize> {
    let last = columns - 1;
    let places = [0.25, 0.5, 0.75].map(|fraction| (fraction * last as f64).floor() as usize);
    places.into_iter().flat_map(move |place| [place, (place + 1).min(last)])
}

/// Quantile of sorted values, linear between neighbours.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
fn quantile(sorted: &[f64], fraction: f64) -> f64 {
    let index = fraction * (sorted.len() - 1) as f64;
    let (place, share) = (index.floor() as usize, index - index.floor());
    let next = sorted[(place + 1).min(sorted.len() - 1)];
    (1.0 - share) * sorted[place] + share * next
}

/// The levels of the lines; a lost one takes the median of its usable neighbours.
fn filled(lines: &[Line]) -> Result<Vec<f64>, KernelError> {
    let good: Vec<usize> = (0..lines.len()).filter(|&at| !lines[at].lost).collect();
    if good.is_empty() {
        return refuse("overscan", "has no usable pixel, wanted at least one".into());
    }
    let level = |(at, line): (usize, &Line)| {
        if !line.lost {
            return line.level;
        }
        let place = good.partition_point(|&other| other < at);
        let window = &good[place.saturating_sub(NEIGHBOURS)..(place + NEIGHBOURS).min(good.len())];
        let mut near: Vec<f64> = window.iter().map(|&other| lines[other].level).collect();
        near.sort_unstable_by(f64::total_cmp);
        quantile(&near, 0.5)
    };
    Ok(lines.iter().enumerate().map(level).collect())
}

/// Where each line lies on the axis of a fit: from -1 to nearly 1.
fn abscissae(count: usize) -> impl Iterator<Item = f64> {
    (0..count).map(move |line| 2.0 * line as f64 / count as f64 - 1.0)
}
