//! Overscan strips that cannot be taken as they are: odd edges, odd rows; and what is left.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use crate::error::{KernelError, same_shape};
use crate::medians;
use crate::rows::together;
use crate::simd::dispatched;
use crate::statistics::{Control, Statistic, compute, median_of};

/// Of a median absolute deviation to a standard deviation.
const TO_SIGMA: f64 = 1.4826;
/// Samples beyond are no noise [standard deviations].
const CLIP: f64 = 4.0;
/// Of so many rows one tells the noise.
const THIRD: usize = 3;
/// How much more than usual the samples of an odd row scatter.
const WIDE: f64 = 2.0;
/// Sums that run side by side.
const LANES: usize = 8;
/// Rows on each side that a row is compared with.
const WINDOW: usize = 5;

/// What the columns of a strip amount to, the median of each row subtracted.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// Robust standard deviation of the inner columns; NaN of nothing.
    pub noise: f64,
    /// Clipped mean of each column.
    pub means: Array1<f64>,
    /// Samples that are in it.
    pub counts: Array1<i64>,
}

/// What is left in a strip after its level was subtracted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Clipped mean.
    pub level: f64,
    /// Clipped standard deviation.
    pub noise: f64,
    /// Clipped standard deviation of the means of the rows.
    pub row_scatter: f64,
    /// Pixels that were left out.
    pub rejected: usize,
}

dispatched! {
    /// Subtract `level` from a row; what is excluded becomes NaN.
    #[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
    fn subtract(row: &[f32], flags: &[i32], reject: i32, level: f32, to: &mut [f32]) {
        for ((to, pixel), flag) in to.iter_mut().zip(row).zip(flags) {
            let usable = pixel.is_finite() & (flag & reject == 0);
            *to = if usable { pixel - level } else { f32::NAN };
        }
    }

    /// Mean distance from 0 of what is finite; 0 of nothing.
    fn mean_size(values: &[f32]) -> f64 {
        let (mut sums, mut counts) = ([0.0; LANES], [0_u32; LANES]);
        let mut add = |group: &[f32; LANES]| {
            for lane in 0..LANES {
                let finite = group[lane].is_finite();
                sums[lane] += f64::from(if finite { group[lane].abs() } else { 0.0 });
                counts[lane] += u32::from(finite);
            }
        };
        let (groups, rest) = values.as_chunks::<LANES>();
        groups.iter().for_each(&mut add);
        let mut group = [f32::NAN; LANES];
        group[..rest.len()].copy_from_slice(rest);
        add(&group);
        sums.iter().sum::<f64>() / f64::from(counts.iter().sum::<u32>().max(1))
    }

    /// Add to the sums of columns the samples that lie within `half` of their middle.
    fn add_columns(
        row: &[f32],
        middles: &[f32],
        half: f32,
        sums: &mut [f64],
        counts: &mut [i64],
    ) {
        let columns = sums.iter_mut().zip(counts);
        for ((pixel, middle), (sum, count)) in row.iter().zip(middles).zip(columns) {
            let good = (pixel - middle).abs() <= half;
            *sum += if good { f64::from(*pixel) } else { 0.0 };
            *count += i64::from(good);
        }
    }
}

/// Median of numbers none of which is NaN.
fn median64(values: &mut [f64]) -> f64 {
    let count = values.len();
    if count == 0 {
        return f64::NAN;
    }
    let (below, upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
    if count % 2 == 1 {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, *upper)
}

/// Robust standard deviation about 0 of what is finite; NaN of nothing.
fn scatter(values: impl Iterator<Item = f32>) -> f64 {
    let mut sizes: Vec<f32> = values.filter(|value| value.is_finite()).map(f32::abs).collect();
    TO_SIGMA * f64::from(median_of(&mut sizes))
}

/// Describe the columns of every `stride`-th row.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image`, or `stride` is 0.
pub fn columns(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
    stride: usize,
) -> Result<Columns, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let Ok(step) = isize::try_from(stride.max(1)) else {
        let problem = format!("is {stride}, wanted less");
        return Err(KernelError::Value { name: "stride", problem });
    };
    let (image, mask) = (image.slice(s![..;step, ..]), mask.slice(s![..;step, ..]));
    let rest = rest(image, mask, reject, &medians::of_rows(image, Some(mask), reject));
    let width = rest.ncols();
    let inner = rest.slice(s![..;THIRD, 1..width.saturating_sub(1).max(1)]);
    let noise = scatter(inner.iter().copied());
    // About the column's own middle: a column that is off as a whole is not clipped away.
    let mut middles = vec![0.0; width];
    for column in [0, width.saturating_sub(1)] {
        if let Some(middle) = middles.get_mut(column) {
            let samples = rest.column(column);
            let mut samples: Vec<f32> = samples.iter().copied().filter(|v| v.is_finite()).collect();
            *middle = if samples.is_empty() { 0.0 } else { median_of(&mut samples) };
        }
    }
    #[allow(clippy::cast_possible_truncation, reason = "compared with pixels")]
    let half = (CLIP * noise) as f32;
    let (mut sums, mut counts) = (vec![0.0; width], vec![0; width]);
    for row in rest.rows() {
        add_columns(&together(row), &middles, half, &mut sums, &mut counts);
    }
    let means = sums.iter().zip(&counts).map(|(sum, &count)| sum / count.max(1) as f64);
    Ok(Columns { noise, means: means.collect(), counts: counts.into() })
}

/// Pixels less the level of their row, NaN where they are excluded.
fn rest(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
    level: &Array1<f32>,
) -> Array2<f32> {
    let mut rest = Array2::zeros(image.dim());
    let rows = image.outer_iter().zip(mask.outer_iter()).zip(level);
    for ((row, flags), (mut to, level)) in rest
        .outer_iter_mut()
        .zip(rows)
        .map(|(to, ((row, flags), level))| ((row, flags), (to, level)))
    {
        if let Some(to) = to.as_slice_mut() {
            subtract(&together(row), &together(flags), reject, *level, to);
        }
    }
    rest
}

/// Rows that lie more than `n_sigma` off those around them and whose samples scatter too much.
///
/// # Errors
///
/// [`KernelError::Shape`] when `mask` does not match `image`.
pub fn outlier_rows(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
    n_sigma: f64,
) -> Result<Vec<usize>, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let level = medians::of_rows(image, Some(mask), reject);
    let rows = level.len();
    if rows <= 2 * WINDOW || !level.iter().any(|level| level.is_finite()) {
        return Ok(Vec::new());
    }
    let mut space = vec![0.0; image.ncols()];
    let rows_of = image.outer_iter().zip(mask.outer_iter()).zip(&level);
    let scatters: Vec<f64> = rows_of
        .map(|((row, flags), level)| {
            subtract(&together(row), &together(flags), reject, *level, &mut space);
            mean_size(&space)
        })
        .collect();
    let usable = |row: usize| level[row].is_finite();
    let mut usual: Vec<f64> =
        (0..rows).filter(|&row| usable(row)).map(|row| scatters[row]).collect();
    let limit = WIDE * median64(&mut usual);
    let suspects: Vec<usize> =
        (0..rows).filter(|&row| usable(row) && scatters[row] > limit).collect();
    if suspects.is_empty() {
        return Ok(suspects);
    }
    let off: Vec<f32> = (0..rows).map(|row| level[row] - around(&level, row)).collect();
    let limit = n_sigma * scatter(off.iter().copied());
    Ok(suspects.into_iter().filter(|&row| f64::from(off[row].abs()) > limit).collect())
}

/// Median level of the rows around one, as if they went on mirrored beyond the ends.
fn around(level: &Array1<f32>, row: usize) -> f32 {
    let last = level.len() - 1;
    let mut near = [0.0; 2 * WINDOW];
    let mut count = 0;
    for away in 1..=WINDOW {
        let below = row.abs_diff(away);
        let above = if row + away <= last { row + away } else { 2 * last - row - away };
        for other in [below, above] {
            if !level[other].is_nan() {
                near[count] = level[other];
                count += 1;
            }
        }
    }
    let near = &mut near[..count];
    near.sort_unstable_by(f32::total_cmp);
    match count {
        0 => f32::NAN,
        odd if odd % 2 == 1 => near[odd / 2],
        even => f32::midpoint(near[even / 2 - 1], near[even / 2]),
    }
}

/// What is left in a corrected strip; NaN and the number of pixels if none is usable.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image`, or there is no pixel.
pub fn residual(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
) -> Result<Residual, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let (mut means, mut used) = (Vec::with_capacity(image.nrows()), 0);
    for (row, flags) in image.outer_iter().zip(mask.outer_iter()) {
        let (sum, count) = sum_of(&together(row), &together(flags), reject);
        used += count;
        if count > 0 {
            #[allow(clippy::cast_possible_truncation, reason = "a level is a pixel value")]
            means.push((sum / count as f64) as f32);
        }
    }
    let rejected = image.len() - used;
    if used == 0 {
        let none = f64::NAN;
        return Ok(Residual { level: none, noise: none, row_scatter: none, rejected });
    }
    let control = Control { reject, ..Control::default() };
    let clipped = [Statistic::Meanclip, Statistic::Stdevclip];
    let pixels = compute(image, Some(mask), &control, &clipped)?;
    let means = Array1::from(means).insert_axis(Axis(1));
    let rows = compute(means.view(), None, &Control::default(), &clipped[1..])?;
    Ok(Residual { level: pixels[0], noise: pixels[1], row_scatter: rows[0], rejected })
}

dispatched! {
    /// Sum and number of the usable samples of a row.
    #[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
    fn sum_of(row: &[f32], flags: &[i32], reject: i32) -> (f64, usize) {
        let (mut sums, mut counts) = ([0.0; LANES], [0_u32; LANES]);
        let mut add = |pixels: &[f32; LANES], flags: &[i32; LANES]| {
            for lane in 0..LANES {
                let usable = pixels[lane].is_finite() & (flags[lane] & reject == 0);
                sums[lane] += f64::from(if usable { pixels[lane] } else { 0.0 });
                counts[lane] += u32::from(usable);
            }
        };
        let (groups, rest) = row.as_chunks::<LANES>();
        let (flag_groups, flag_rest) = flags.as_chunks::<LANES>();
        groups.iter().zip(flag_groups).for_each(|(pixels, flags)| add(pixels, flags));
        let (mut pixels, mut flags) = ([f32::NAN; LANES], [0; LANES]);
        pixels[..rest.len()].copy_from_slice(rest);
        flags[..flag_rest.len()].copy_from_slice(flag_rest);
        add(&pixels, &flags);
        let count: u32 = counts.iter().sum();
        // In pairs, as NumPy adds them.
        let pair = |at: usize| sums[at] + sums[at + 1];
        ((pair(0) + pair(2)) + (pair(4) + pair(6)), count as usize)
    }
}
