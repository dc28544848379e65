use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use super::detached;
use crate::overscan_quality;

type Columns<'py> = (f64, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<i64>>);

/// Noise, means and counts of columns; see `cfhtisr.isr.overscan_quality.odd_edges`.
#[pyfunction]
pub(crate) fn overscan_columns<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray2<'py, i32>,
    reject: i32,
    stride: usize,
) -> PyResult<Columns<'py>> {
    let (image, mask) = (image.as_array(), mask.as_array());
    let found = detached(py, || overscan_quality::columns(image, mask, reject, stride))?;
    Ok((found.noise, found.means.into_pyarray(py), found.counts.into_pyarray(py)))
}

/// Rows that are odd; see `cfhtisr.isr.overscan_quality.flag_outlier_rows`.
#[pyfunction]
pub(crate) fn overscan_outlier_rows(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, f32>,
    mask: PyReadonlyArray2<'_, i32>,
    reject: i32,
    n_sigma: f64,
) -> PyResult<Vec<usize>> {
    let (image, mask) = (image.as_array(), mask.as_array());
    detached(py, || overscan_quality::outlier_rows(image, mask, reject, n_sigma))
}

/// What is left in a strip; see `cfhtisr.isr.overscan_quality.residual_of`.
#[pyfunction]
pub(crate) fn overscan_residual(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, f32>,
    mask: PyReadonlyArray2<'_, i32>,
    reject: i32,
) -> PyResult<(f64, f64, f64, usize)> {
    let (image, mask) = (image.as_array(), mask.as_array());
    let found = detached(py, || overscan_quality::residual(image, mask, reject))?;
    Ok((found.level, found.noise, found.row_scatter, found.rejected))
}
