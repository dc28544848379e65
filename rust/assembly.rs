//! Assembly: the pixels of an amplifier to their place in the CCD.

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Zip};

use crate::calibration::{Planes, PlanesMut};
use crate::error::{KernelError, same_shape};

/// Copy the three planes of an amplifier, its columns or rows turned around if so asked.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape.
pub fn place(
    target: PlanesMut<'_>,
    raw: Planes<'_>,
    flip_x: bool,
    flip_y: bool,
) -> Result<(), KernelError> {
    let wanted = target.image.dim();
    same_shape("target mask", target.mask.dim(), wanted)?;
    same_shape("target variance", target.variance.dim(), wanted)?;
    same_shape("raw image", raw.image.dim(), wanted)?;
    same_shape("raw mask", raw.mask.dim(), wanted)?;
    same_shape("raw variance", raw.variance.dim(), wanted)?;
    copy(target.image, raw.image, flip_x, flip_y);
    copy(target.mask, raw.mask, flip_x, flip_y);
    copy(target.variance, raw.variance, flip_x, flip_y);
    Ok(())
}

fn copy<T: Copy + Send + Sync>(
    mut target: ArrayViewMut2<'_, T>,
    mut raw: ArrayView2<'_, T>,
    flip_x: bool,
    flip_y: bool,
) {
    if flip_y {
        raw.invert_axis(Axis(0));
    }
    Zip::from(target.rows_mut()).and(raw.rows()).par_for_each(|mut to, from| {
        match (to.as_slice_mut(), from.as_slice()) {
            (Some(to), Some(from)) if flip_x => {
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
            }
            (Some(to), Some(from)) => to.copy_from_slice(from),
            _ if flip_x => to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from),
            _ => to.assign(&from),
        }
    });
}
