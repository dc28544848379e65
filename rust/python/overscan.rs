use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use super::detached;
use crate::overscan;

/// Median of the usable pixels of each row; see `cfhtisr.isr.overscan`.
#[pyfunction]
pub(crate) fn row_median<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray2<'py, i32>,
    reject: i32,
) -> PyResult<Bound<'py, PyArray1<f32>>> {
    let (image, mask) = (image.as_array(), mask.as_array());
    let level = detached(py, || overscan::row_median(image, mask, reject))?;
    Ok(level.into_pyarray(py))
}
