use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::bad_regions;

/// Fill bad pixels that nothing has repaired; see `cfhtisr.isr.bad_regions`.
#[pyfunction]
pub(crate) fn fill_bad_regions(
    py: Python<'_>,
    mut image: PyReadwriteArray2<'_, f32>,
    mask: PyReadonlyArray2<'_, i32>,
    bad: i32,
    repaired: i32,
    value: f32,
) -> PyResult<usize> {
    let (image, mask) = (image.as_array_mut(), mask.as_array());
    detached(py, || bad_regions::fill(image, mask, bad, repaired, value))
}
