use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::variance;

/// Variance from signal, gain and read noise; see `cfhtisr.isr.variance`.
#[pyfunction]
pub(crate) fn update_variance<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mut variance: PyReadwriteArray2<'py, f32>,
    gain: f64,
    read_noise: f64,
    bias_variance: Option<PyReadonlyArray2<'py, f32>>,
) -> PyResult<()> {
    let (image, variance) = (image.as_array(), variance.as_array_mut());
    let bias = bias_variance.as_ref().map(PyReadonlyArray2::as_array);
    detached(py, || variance::update_variance(image, variance, gain, read_noise, bias))
}

/// Variance as the reference wrote it; see `cfhtisr.isr.variance`.
#[pyfunction]
pub(crate) fn update_variance_v17<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mut variance: PyReadwriteArray2<'py, f32>,
    gain: f64,
    read_noise: f64,
) -> PyResult<()> {
    let (image, variance) = (image.as_array(), variance.as_array_mut());
    detached(py, || variance::update_variance_v17(image, variance, gain, read_noise))
}
