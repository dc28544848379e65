//! The brighter-fatter effect: charge that is there already pushes away what comes later.
//!
//! With image `F` and kernel `K` the correction is `F + div(F grad(K * F)) / 2`. `F` is known
//! only with the effect in it, so that the correction is iterated.

use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Zip, s};
use rayon::prelude::*;

use crate::error::KernelError;

/// Rows that share one conversion to `f64`.
const BLOCK: usize = 32;
/// Pixels whose sums are kept in registers: enough of them that no addition waits for another.
const LANES: usize = 24;

/// The rows and columns that the derivatives cannot use, at each end.
#[derive(Clone, Copy)]
struct Margins {
    low: usize,
    high: usize,
}

impl Margins {
    /// Those of the stencil; the reference left out one more at the high end of odd kernels.
    fn of(size: usize, v17: bool) -> Self {
        if v17 {
            Self { low: size / 2, high: size.div_ceil(2) }
        } else {
            Self { low: (size - 1) / 2, high: size / 2 }
        }
    }

    /// The part of a line that is left.
    fn inner(self, length: usize) -> usize {
        length.saturating_sub(self.low + self.high)
    }
}

/// Correct `image` in place and return the number of iterations.
///
/// `image` is of shape `(rows, columns)`, `kernel` square and applied as it lies, centred at
/// `(size - 1) / 2`. Products are summed in `f64` in the order of the kernel and rounded once;
/// all else is `f32`. NaN counts as 0 and stays. Iteration ends after `max_iter` rounds or when
/// the sum of absolute changes is below `threshold`; rows are summed in order, so that the
/// result does not depend on the number of threads. Pixels nearer to an edge than the stencil
/// reaches, and one more, are never changed.
///
/// With `v17` the margin at the high end of odd kernels is one wider, and the first comparison
/// is that of the second round with zero, as in the reference.
///
/// # Errors
///
/// [`KernelError::Value`] when the kernel is empty, not square, not finite, or larger than the
/// image.
pub fn correct_brighter_fatter(
    mut image: ArrayViewMut2<'_, f32>,
    kernel: ArrayView2<'_, f64>,
    max_iter: usize,
    threshold: f64,
    v17: bool,
) -> Result<usize, KernelError> {
    check(image.dim(), kernel)?;
    if max_iter == 0 {
        return Ok(0);
    }
    let kernel = kernel.as_standard_layout();
    let margins = Margins::of(kernel.nrows(), v17);
    let (rows, columns) = image.dim();
    let mut work = Array2::zeros((rows, columns));
    Zip::from(&mut work).and(&image).par_for_each(|to, from| *to = number(*from));
    let mut next = work.clone();
    let mut smooth = Array2::zeros((margins.inner(rows), margins.inner(columns)));
    let mut iterations = 0;
    for round in 0..max_iter {
        iterations += 1;
        correlate(work.view(), kernel.view(), margins, smooth.view_mut());
        apply(image.view(), work.view(), smooth.view(), margins, next.view_mut());
        let compare = match (v17, round) {
            (true, 0) => None,
            (true, 1) => Some(change(None, next.view())),
            _ => Some(change(Some(work.view()), next.view())),
        };
        std::mem::swap(&mut work, &mut next);
        if compare.is_some_and(|sum| sum < threshold) {
            break;
        }
    }
    Zip::from(&mut image).and(&work).par_for_each(|to, from| {
        if !to.is_nan() {
            *to = *from;
        }
    });
    Ok(iterations)
}

fn check(image: (usize, usize), kernel: ArrayView2<'_, f64>) -> Result<(), KernelError> {
    let (rows, columns) = kernel.dim();
    let refuse = |problem| Err(KernelError::Value { name: "kernel", problem });
    if rows != columns || rows == 0 {
        return refuse(format!("has shape ({rows}, {columns}), wanted a square"));
    }
    if image.0 < rows || image.1 < columns {
        let (high, wide) = image;
        return refuse(format!("has shape ({rows}, {columns}), the image only ({high}, {wide})"));
    }
    if let Some(value) = kernel.iter().find(|value| !value.is_finite()) {
        return refuse(format!("holds {value}, wanted finite numbers"));
    }
    Ok(())
}

fn number(value: f32) -> f32 {
    if value.is_nan() { 0.0 } else { value }
}

/// Correlate an image with a kernel: `out` begins `margins.low` rows and columns inside of it.
fn correlate(
    image: ArrayView2<'_, f32>,
    kernel: ArrayView2<'_, f64>,
    margins: Margins,
    mut out: ArrayViewMut2<'_, f32>,
) {
    let size = kernel.nrows();
    let first = margins.low - (size - 1) / 2; // the stencil's first row or column for that of `out`
    out.axis_chunks_iter_mut(Axis(0), BLOCK).into_par_iter().enumerate().for_each(
        |(block, mut out)| {
            let top = first + block * BLOCK;
            let wide = image.slice(s![top..top + out.nrows() + size - 1, first..]);
            let wide = wide.mapv(f64::from);
            for (y, out) in out.rows_mut().into_iter().enumerate() {
                correlate_row(wide.slice(s![y..y + size, ..]), kernel, out);
            }
        },
    );
}

#[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
fn correlate_row(
    lines: ArrayView2<'_, f64>,
    kernel: ArrayView2<'_, f64>,
    mut out: ArrayViewMut1<'_, f32>,
) {
    let size = kernel.nrows();
    for (block, mut out) in out.axis_chunks_iter_mut(Axis(0), LANES).enumerate() {
        let (start, count) = (block * LANES, out.len());
        let mut sums = [0.0; LANES];
        for (line, weights) in lines.rows().into_iter().zip(kernel.rows()) {
            let Some(line) = line.to_slice() else { continue };
            let line = &line[start..start + count + size - 1];
            for (pixels, weight) in line.windows(count).zip(weights) {
                if let Ok(pixels) = <&[f64; LANES]>::try_from(pixels) {
                    sums.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += weight * pixel);
                } else {
                    sums.iter_mut().zip(pixels).for_each(|(sum, pixel)| *sum += weight * pixel);
                }
            }
        }
        out.iter_mut().zip(sums).for_each(|(out, sum)| *out = sum as f32);
    }
}

/// Write image plus correction; `next` holds the image where there is no correction.
fn apply(
    image: ArrayView2<'_, f32>,
    work: ArrayView2<'_, f32>,
    smooth: ArrayView2<'_, f32>,
    margins: Margins,
    mut next: ArrayViewMut2<'_, f32>,
) {
    let (rows, columns) = smooth.dim();
    if rows < 3 || columns < 3 {
        return;
    }
    let low = margins.low + 1;
    let (rows, columns) = (rows - 2, columns - 2);
    let inside = s![low..low + rows, low..low + columns];
    let image = image.slice(inside);
    next.slice_mut(inside).axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(
        |(y, mut next)| {
            // Windows of one pixel more on each side: of the image, and of what is smooth.
            let t = work.slice(s![low + y - 1..low + y + 2, low - 1..=low + columns]);
            let o = smooth.slice(s![y..y + 3, ..]);
            for (x, to) in next.iter_mut().enumerate() {
                let x = x + 1;
                let ty = (t[[2, x]] - t[[0, x]]) / 2.0;
                let tx = (t[[1, x + 1]] - t[[1, x - 1]]) / 2.0;
                let oy = (o[[2, x]] - o[[0, x]]) / 2.0;
                let ox = (o[[1, x + 1]] - o[[1, x - 1]]) / 2.0;
                let here = o[[1, x]];
                let yy = (o[[2, x]] - here) - (here - o[[0, x]]);
                let xx = (o[[1, x + 1]] - here) - (here - o[[1, x - 1]]);
                let correction = 0.5 * ((ty * oy + tx * ox) + t[[1, x]] * (yy + xx));
                *to = number(image[[y, x - 1]]) + correction;
            }
        },
    );
}

/// The sum of absolute differences; without a first image it is that from zero.
fn change(before: Option<ArrayView2<'_, f32>>, after: ArrayView2<'_, f32>) -> f64 {
    let sums: Vec<f64> = after
        .axis_iter(Axis(0))
        .into_par_iter()
        .enumerate()
        .map(|(y, after)| match before {
            Some(before) => {
                let pairs = before.row(y).into_iter().zip(after);
                pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, |sum, step| sum + step)
            }
            None => after.iter().map(|b| f64::from(b.abs())).fold(0.0, |sum, step| sum + step),
        })
        .collect();
    sums.into_iter().fold(0.0, |sum, row| sum + row)
}
