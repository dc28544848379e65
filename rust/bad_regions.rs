//! Bad regions: pixels that are bad and that nothing has repaired.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayViewMut2, Axis, s};

use crate::error::{KernelError, same_shape};
use crate::runs;

/// Write `value` where the mask has a bit of `bad` and none of `repaired`; return to how many.
///
/// # Errors
///
/// [`KernelError::Shape`] when `mask` does not match `image`.
pub fn fill(
    image: ArrayViewMut2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    bad: i32,
    repaired: i32,
    value: f32,
) -> Result<usize, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let mut image = image;
    let rows = image.axis_iter_mut(Axis(0)).into_par_iter().zip(mask.axis_iter(Axis(0)));
    Ok(rows
        .map(|(mut pixels, flags)| {
            let mut count = 0;
            for run in runs::of_row(flags, bad) {
                let columns = s![run.first..=run.last];
                let mut pixels = pixels.slice_mut(columns);
                for (pixel, flag) in pixels.iter_mut().zip(flags.slice(columns)) {
                    if flag & repaired == 0 {
                        *pixel = value;
                        count += 1;
                    }
                }
            }
            count
        })
        .sum())
}
