use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::brighter_fatter;

/// The brighter-fatter correction; see `cfhtisr.isr.brighter_fatter`.
#[pyfunction]
pub(crate) fn correct_brighter_fatter<'py>(
    py: Python<'py>,
    mut image: PyReadwriteArray2<'py, f32>,
    kernel: PyReadonlyArray2<'py, f64>,
    max_iter: usize,
    threshold: f64,
    v17: bool,
) -> PyResult<usize> {
    let (image, kernel) = (image.as_array_mut(), kernel.as_array());
    detached(py, || {
        brighter_fatter::correct_brighter_fatter(image, kernel, max_iter, threshold, v17)
    })
}
