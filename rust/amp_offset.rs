//! The levels beside the border of two amplifiers, free of sources.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::{KernelError, same_shape};
use crate::medians::middle;
use crate::rows::together;
use crate::simd::dispatched;

/// Rows that are looked at together.
pub const BAND: usize = 32;
/// Windows across the border: far left, near left, near right, far right.
pub const WINDOWS: usize = 4;
/// Sums that run side by side.
const LANES: usize = 8;
/// Rounds of finding sources.
const ROUNDS: usize = 2;
/// Rows and columns around a source's pixels that belong to it.
const REACH: usize = 2;
/// Share of the pixels of a window that must be left.
const LEAST_PART: f64 = 0.25;
/// Of a median absolute deviation to a standard deviation.
const TO_SIGMA: f64 = 1.4826;

/// Mean of each window of each `every`-th band, NaN where too few pixels are left.
///
/// The image is cut into bands of [`BAND`] rows and into [`WINDOWS`] windows of equal width. What
/// lies `n_sigma` robust standard deviations off the median of its window is not used, nor are the
/// neighbours of what lies twice as far above.
///
/// # Errors
///
/// [`KernelError`] when `mask` does not match `image`, or the image is no number of windows wide.
pub fn window_means(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    reject: i32,
    n_sigma: f64,
    every: usize,
) -> Result<Array2<f64>, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let (rows, columns) = image.dim();
    if columns % WINDOWS != 0 || every == 0 {
        let problem = format!("has {columns} columns, wanted {WINDOWS} windows, every band");
        return Err(KernelError::Value { name: "image", problem });
    }
    let bands: Vec<usize> = (0..rows / BAND).step_by(every).collect();
    let mut pixels = vec![f32::NAN; bands.len() * BAND * columns];
    if pixels.is_empty() {
        return Ok(Array2::from_elem((bands.len(), WINDOWS), f64::NAN));
    }
    pixels.par_chunks_mut(BAND * columns).zip(&bands).for_each(|(pixels, band)| {
        let rows = band * BAND..(band + 1) * BAND;
        for (to, row) in pixels.chunks_exact_mut(columns).zip(rows) {
            let flags = together(mask.index_axis_move(Axis(0), row));
            usable(&together(image.index_axis_move(Axis(0), row)), &flags, reject, to);
        }
    });
    let mut core = vec![false; pixels.len()];
    for _ in 0..ROUNDS {
        let parts = pixels.par_chunks_mut(BAND * columns);
        parts.zip(core.par_chunks_mut(BAND * columns)).for_each(|(pixels, core)| {
            core.fill(false);
            let mut values = Vec::with_capacity(BAND * columns / WINDOWS);
            for window in 0..WINDOWS {
                drop_odd(pixels, core, columns, window, n_sigma, &mut values);
            }
        });
        // Sources reach over the borders of windows and bands.
        drop_around(&mut pixels, &core, columns);
    }
    let means = pixels
        .par_chunks(BAND * columns)
        .flat_map_iter(|pixels| (0..WINDOWS).map(move |window| mean(pixels, columns, window)));
    let means: Vec<f64> = means.collect();
    Ok(Array2::from_shape_fn((bands.len(), WINDOWS), |(band, window)| {
        means[band * WINDOWS + window]
    }))
}

/// The pixels of a window, row by row.
fn of_window(pixels: &[f32], columns: usize, window: usize) -> impl Iterator<Item = &[f32]> {
    let width = columns / WINDOWS;
    pixels.chunks_exact(columns).map(move |row| &row[window * width..(window + 1) * width])
}

/// Make NaN of the pixels that are far from the median of a window; mark those far above.
fn drop_odd(
    pixels: &mut [f32],
    core: &mut [bool],
    columns: usize,
    window: usize,
    n_sigma: f64,
    values: &mut Vec<f32>,
) {
    values.clear();
    of_window(pixels, columns, window).for_each(|row| values.extend_from_slice(row));
    #[allow(clippy::cast_possible_truncation, reason = "compared with pixels")]
    let level = median(values) as f32;
    if level.is_nan() {
        return;
    }
    distances(values, level);
    #[allow(clippy::cast_possible_truncation, reason = "compared with pixels")]
    let limit = (n_sigma * (TO_SIGMA * median(values))) as f32;
    let width = columns / WINDOWS;
    let rows = pixels.chunks_exact_mut(columns).zip(core.chunks_exact_mut(columns));
    for (row, core) in rows {
        let places = window * width..(window + 1) * width;
        drop_row(&mut row[places.clone()], &mut core[places], level, limit);
    }
}

dispatched! {
    /// Copy a row; what is excluded becomes NaN.
    #[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
    fn usable(row: &[f32], flags: &[i32], reject: i32, to: &mut [f32]) {
        for ((to, pixel), flag) in to.iter_mut().zip(row).zip(flags) {
            let usable = pixel.is_finite() & (flag & reject == 0);
            *to = if usable { *pixel } else { f32::NAN };
        }
    }

    fn distances(values: &mut [f32], level: f32) {
        for value in values {
            *value = (*value - level).abs();
        }
    }

    fn drop_row(row: &mut [f32], core: &mut [bool], level: f32, limit: f32) {
        for (pixel, core) in row.iter_mut().zip(core) {
            let off = *pixel - level;
            *core = off > 2.0 * limit;
            *pixel = if off.abs() > limit { f32::NAN } else { *pixel };
        }
    }

    /// Sum and number of what is left of a row.
    fn sum_row(row: &[f32], sums: &mut [f64; LANES]) -> u32 {
        let mut counts = [0_u32; LANES];
        let mut add = |group: &[f32; LANES]| {
            for lane in 0..LANES {
                let good = group[lane].is_finite();
                sums[lane] += f64::from(if good { group[lane] } else { 0.0 });
                counts[lane] += u32::from(good);
            }
        };
        let (groups, rest) = row.as_chunks::<LANES>();
        groups.iter().for_each(&mut add);
        let mut group = [f32::NAN; LANES];
        group[..rest.len()].copy_from_slice(rest);
        add(&group);
        counts.iter().sum()
    }
}

/// Make NaN of the pixels around a mark.
fn drop_around(pixels: &mut [f32], core: &[bool], columns: usize) {
    let rows = core.len() / columns;
    for (row, marks) in core.chunks_exact(columns).enumerate() {
        if !marks.iter().fold(false, |any, mark| any | mark) {
            continue;
        }
        let near = row.saturating_sub(REACH)..rows.min(row + REACH + 1);
        for (column, _) in marks.iter().enumerate().filter(|(_, mark)| **mark) {
            let across = column.saturating_sub(REACH)..columns.min(column + REACH + 1);
            for row in near.clone() {
                pixels[row * columns..][across.clone()].fill(f32::NAN);
            }
        }
    }
}

/// Median of numbers, of an even count the mean of the middle two; NaN of none.
fn median(values: &[f32]) -> f64 {
    match middle(values) {
        Some((lower, upper)) => 0.5 * (f64::from(lower) + f64::from(upper)),
        None => f64::NAN,
    }
}

/// Mean of a window, NaN where too few pixels are left.
fn mean(pixels: &[f32], columns: usize, window: usize) -> f64 {
    let (mut sums, mut count) = ([0.0; LANES], 0);
    for row in of_window(pixels, columns, window) {
        count += sum_row(row, &mut sums);
    }
    let sum: f64 = sums.iter().sum();
    let whole = BAND * columns / WINDOWS;
    let enough = f64::from(count) >= LEAST_PART * whole as f64;
    if enough { sum / f64::from(count.max(1)) } else { f64::NAN }
}
