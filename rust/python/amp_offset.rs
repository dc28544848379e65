use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;

use super::detached;
use crate::amp_offset;

/// Means of windows beside a border; see `cfhtisr.isr.amp_offset.measure`.
#[pyfunction]
pub(crate) fn window_means<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray2<'py, i32>,
    reject: i32,
    n_sigma: f64,
    every: usize,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (image, mask) = (image.as_array(), mask.as_array());
    let means = detached(py, || amp_offset::window_means(image, mask, reject, n_sigma, every))?;
    Ok(means.into_pyarray(py))
}
