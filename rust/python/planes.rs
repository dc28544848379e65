//! How the three planes of a masked image come from Python: a tuple of arrays.

use numpy::{PyReadonlyArray2, PyReadwriteArray2};

use crate::calibration::{Planes, PlanesMut};

/// Image, mask and variance to read.
pub(crate) type Source<'py> =
    (PyReadonlyArray2<'py, f32>, PyReadonlyArray2<'py, i32>, PyReadonlyArray2<'py, f32>);

/// Image, mask and variance to change.
pub(crate) type Target<'py> =
    (PyReadwriteArray2<'py, f32>, PyReadwriteArray2<'py, i32>, PyReadwriteArray2<'py, f32>);

pub(crate) fn view<'a>(source: &'a Source<'_>) -> Planes<'a> {
    let (image, mask, variance) = source;
    Planes { image: image.as_array(), mask: mask.as_array(), variance: variance.as_array() }
}

pub(crate) fn view_mut<'a>(target: &'a mut Target<'_>) -> PlanesMut<'a> {
    let (image, mask, variance) = target;
    PlanesMut {
        image: image.as_array_mut(),
        mask: mask.as_array_mut(),
        variance: variance.as_array_mut(),
    }
}
