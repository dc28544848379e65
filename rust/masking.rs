//! Masking: flags by value, by place and by neighbourhood.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Zip, s};

use crate::error::{KernelError, same_shape};
use crate::rows::change_together;
use crate::runs::{self, Run};

const CHUNK: usize = 256; // pixels that are passed over together when none of them is flagged

/// What a pixel can hold that is compared with a level.
pub trait Pixel: Copy + PartialOrd + Sync {
    /// The least value that is not below `level`; none if there is no such value.
    fn at_least(level: f64) -> Option<Self>;
}

impl Pixel for f32 {
    fn at_least(level: f64) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, reason = "rounded up in the next line")]
        let near = level as Self;
        let value = if f64::from(near) < level { near.next_up() } else { near };
        (!level.is_nan()).then_some(value)
    }
}

impl Pixel for u16 {
    fn at_least(level: f64) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        let value = level.ceil().max(0.0) as Self;
        (level <= f64::from(Self::MAX)).then_some(value)
    }
}

/// Set `bits` where a pixel is not below `level`; a level of NaN sets none.
///
/// The comparison is that of `f64`: NaN is below everything.
///
/// # Errors
///
/// [`KernelError::Shape`] when `image` does not match `mask`.
pub fn threshold<T: Pixel>(
    image: ArrayView2<'_, T>,
    mask: ArrayViewMut2<'_, i32>,
    level: f64,
    bits: i32,
) -> Result<(), KernelError> {
    same_shape("image", image.dim(), mask.dim())?;
    let Some(least) = T::at_least(level) else { return Ok(()) };
    let mut mask = mask;
    Zip::from(image.rows()).and(mask.rows_mut()).par_for_each(|pixels, mut flags| {
        let pixels = pixels.axis_chunks_iter(Axis(0), CHUNK);
        for (pixels, flags) in pixels.zip(flags.axis_chunks_iter_mut(Axis(0), CHUNK)) {
            if pixels.fold(false, |any, pixel| any || *pixel >= least) {
                Zip::from(pixels).and(flags).for_each(|pixel, flag| {
                    *flag |= if *pixel >= least { bits } else { 0 };
                });
            }
        }
    });
    Ok(())
}

/// Set `bits` where image or variance is not finite, and return for how many pixels.
///
/// Pixels that share a bit with `allow` are passed over.
///
/// # Errors
///
/// [`KernelError::Shape`] when a plane does not match `mask`.
pub fn mask_nans(
    image: ArrayView2<'_, f32>,
    mask: ArrayViewMut2<'_, i32>,
    variance: ArrayView2<'_, f32>,
    bits: i32,
    allow: i32,
) -> Result<usize, KernelError> {
    same_shape("image", image.dim(), mask.dim())?;
    same_shape("variance", variance.dim(), mask.dim())?;
    let mut mask = mask;
    let rows = image.axis_iter(Axis(0)).into_par_iter();
    let rows = rows.zip(variance.axis_iter(Axis(0))).zip(mask.axis_iter_mut(Axis(0)));
    Ok(rows
        .map(|((pixels, variances), mut flags)| {
            let chunks = pixels.axis_chunks_iter(Axis(0), CHUNK);
            let chunks = chunks.zip(variances.axis_chunks_iter(Axis(0), CHUNK));
            let mut count = 0;
            for ((p, v), f) in chunks.zip(flags.axis_chunks_iter_mut(Axis(0), CHUNK)) {
                let clean = p.fold(true, |all, p| all & p.is_finite());
                if clean & v.fold(true, |all, v| all & v.is_finite()) {
                    continue;
                }
                Zip::from(p).and(v).and(f).for_each(|p, v, f| {
                    if !(p.is_finite() && v.is_finite()) && *f & allow == 0 {
                        *f |= bits;
                        count += 1;
                    }
                });
            }
            count
        })
        .sum())
}

/// Set `bits` inside of boxes, `x0, y0, x1, y1`, inclusive, as far as they lie on the mask.
///
/// # Errors
///
/// [`KernelError::Shape`] when `boxes` does not have four columns.
pub fn mask_boxes(
    mask: ArrayViewMut2<'_, i32>,
    boxes: ArrayView2<'_, i32>,
    bits: i32,
) -> Result<(), KernelError> {
    let rows = runs::from_boxes(boxes, mask.dim())?;
    let mut mask = mask;
    mask.axis_iter_mut(Axis(0)).into_par_iter().zip(&rows).for_each(|(mut flags, runs)| {
        for run in runs {
            flags.slice_mut(s![run.first..=run.last]).map_inplace(|flag| *flag |= bits);
        }
    });
    Ok(())
}

/// The neighbours that growth reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Those at `|dx| + |dy| <= radius`.
    Diamond,
    /// Those at `dx^2 + dy^2 <= radius^2`.
    Circle,
}

impl Shape {
    /// How many columns to each side are reached so many rows away.
    pub(crate) fn half_width(self, radius: usize, rows: usize) -> usize {
        match self {
            Self::Diamond => radius - rows,
            Self::Circle => (radius * radius - rows * rows).isqrt(),
        }
    }
}

/// Set each bit of `bits` for the neighbours of the pixels that have it.
///
/// Every bit grows on its own, from where it was before the call.
pub fn grow(mask: ArrayViewMut2<'_, i32>, bits: i32, radius: usize, shape: Shape) {
    let mut mask = mask;
    let (height, width) = mask.dim();
    // Beyond this nothing is out of reach, and the square of the radius stays in range.
    let radius = radius.min(2 * (height + width));
    let half_widths: Vec<_> =
        (0..height.min(radius + 1)).map(|rows| shape.half_width(radius, rows)).collect();
    for bit in (0..32).map(|place| 1_i32 << place).filter(|bit| bits & bit != 0) {
        // All runs are known before the first flag is set: growth does not feed on itself.
        let runs = runs::from_mask(mask.view(), bit);
        let rows = mask.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        rows.for_each_init(
            || vec![0_i32; width + 1],
            |edges, (y, mut flags)| {
                let low = y.saturating_sub(radius);
                let near = &runs[low..height.min(y + radius + 1)];
                if near.iter().all(Vec::is_empty) {
                    return;
                }
                let stretches = (low..).zip(near).flat_map(|(source, runs)| {
                    let half = half_widths[y.abs_diff(source)];
                    let stretch = move |run: &Run| {
                        (run.first.saturating_sub(half), width.min(run.last + half + 1))
                    };
                    runs.iter().map(stretch)
                });
                if stretches.clone().map(|(first, end)| end - first).sum::<usize>() < width {
                    stretches.for_each(|(first, end)| {
                        flags.slice_mut(s![first..end]).map_inplace(|flag| *flag |= bit);
                    });
                    return;
                }
                // Where stretches begin and end; their sum tells how many cover a column.
                edges.fill(0);
                stretches.for_each(|(first, end)| {
                    edges[first] += 1;
                    edges[end] -= 1;
                });
                let mut cover = 0;
                for (flag, edge) in flags.iter_mut().zip(&*edges) {
                    cover += edge;
                    *flag |= if cover > 0 { bit } else { 0 };
                }
            },
        );
    }
}

/// Lengthen the runs of `bits` in each row by what charge that spilled over needs.
///
/// A run of 6 or 7 pixels grows by 1 pixel on each side, of 8 or 9 by 3, a longer one by 4.
pub fn widen_saturation_trails(mask: ArrayViewMut2<'_, i32>, bits: i32) {
    let mut mask = mask;
    mask.axis_iter_mut(Axis(0))
        .into_par_iter()
        .for_each(|flags| change_together(flags, |flags| widen_row(flags, bits)));
}

/// What [`widen_saturation_trails`] does to one row.
pub(crate) fn widen_row(flags: &mut [i32], bits: i32) {
    for run in runs::of_slice(flags, bits) {
        let extra = match run.width() {
            0..=5 => continue,
            6..=7 => 1,
            8..=9 => 3,
            _ => 4,
        };
        let columns = run.first.saturating_sub(extra)..flags.len().min(run.last + extra + 1);
        flags[columns].iter_mut().for_each(|flag| *flag |= bits);
    }
}
