//! Binning: blocks of pixels become one.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, Axis, s};

use crate::calibration::{Planes, PlanesMut};
use crate::error::{KernelError, same_shape};

/// Write the mean of each block, the flags of any of its pixels, and the variance of the mean.
///
/// `target` has as many rows and columns as there are whole blocks; what is left over at the high
/// ends is left out. Sums run in `f64` along the rows of a block, one row after the other, and
/// are rounded to `f32` once.
///
/// # Errors
///
/// [`KernelError::Value`] when a block has no pixel, [`KernelError::Shape`] when a plane does not
/// have the shape that is wanted of it.
pub fn bin(
    target: PlanesMut<'_>,
    planes: Planes<'_>,
    rows: usize,
    columns: usize,
) -> Result<(), KernelError> {
    for (name, size) in [("rows", rows), ("columns", columns)] {
        if size == 0 {
            let problem = "is 0, wanted at least 1 pixel".to_owned();
            return Err(KernelError::Value { name, problem });
        }
    }
    let (high, wide) = planes.image.dim();
    same_shape("mask", planes.mask.dim(), (high, wide))?;
    same_shape("variance", planes.variance.dim(), (high, wide))?;
    let wanted = (high / rows, wide / columns);
    same_shape("target image", target.image.dim(), wanted)?;
    same_shape("target mask", target.mask.dim(), wanted)?;
    same_shape("target variance", target.variance.dim(), wanted)?;
    let (mut image, mut mask, mut variance) = (target.image, target.mask, target.variance);
    let count = rows as f64 * columns as f64;
    let band = |y: usize| s![y * rows..(y + 1) * rows, ..wanted.1 * columns];
    let lines = image.axis_iter_mut(Axis(0)).into_par_iter();
    let lines = lines.zip(mask.axis_iter_mut(Axis(0))).zip(variance.axis_iter_mut(Axis(0)));
    lines.enumerate().for_each_init(
        || vec![0.0; wanted.1],
        |sums, (y, ((mut image, mut mask), mut variance))| {
            add(sums, planes.image.slice(band(y)), columns);
            image.iter_mut().zip(&*sums).for_each(|(to, sum)| *to = rounded(sum / count));
            add(sums, planes.variance.slice(band(y)), columns);
            variance
                .iter_mut()
                .zip(&*sums)
                .for_each(|(to, sum)| *to = rounded(sum / (count * count)));
            mask.fill(0);
            for flags in planes.mask.slice(band(y)).rows() {
                let blocks = flags.exact_chunks(columns);
                mask.iter_mut().zip(blocks).for_each(|(to, block)| {
                    *to |= block.iter().fold(0, |bits, flag| bits | flag);
                });
            }
        },
    );
    Ok(())
}

/// The sums of blocks that stand side by side.
fn add(sums: &mut [f64], band: ArrayView2<'_, f32>, columns: usize) {
    sums.fill(0.0);
    for pixels in band.rows() {
        match pixels.to_slice() {
            Some(pixels) => {
                for (sum, block) in sums.iter_mut().zip(pixels.chunks_exact(columns)) {
                    *sum = block.iter().fold(*sum, |sum, pixel| sum + f64::from(*pixel));
                }
            }
            None => {
                for (sum, block) in sums.iter_mut().zip(pixels.exact_chunks(columns)) {
                    *sum = block.iter().fold(*sum, |sum, pixel| sum + f64::from(*pixel));
                }
            }
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
fn rounded(value: f64) -> f32 {
    value as f32
}
