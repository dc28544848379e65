//! Overscan: the bias level that every row was read out with.

use ndarray::{Array1, ArrayView2, Zip};

use crate::error::{KernelError, same_shape};
use crate::statistics::median;

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
    let rows = Zip::from(image.rows()).and(mask.rows());
    Ok(rows.par_map_collect(|pixels, flags| {
        let pairs = pixels.iter().zip(flags);
        let usable = pairs.filter(|&(p, f)| p.is_finite() && f & reject == 0);
        median(usable.map(|(p, _)| *p).collect())
    }))
}
