use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::error::KernelError;
use crate::overscan::{self, Model, Rejection};

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

/// Median of whole numbers; see `cfhtisr.isr.overscan.fit`.
#[pyfunction]
pub(crate) fn overscan_integer_median(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, f32>,
    mask: Option<PyReadonlyArray2<'_, i32>>,
    reject: i32,
) -> PyResult<f64> {
    let (image, mask) = (image.as_array(), mask.as_ref().map(|mask| mask.as_array()));
    detached(py, || overscan::integer_median(image, mask, reject))
}

/// Flag pixels far from the median; see `cfhtisr.isr.overscan.flag_outliers`.
#[pyfunction]
pub(crate) fn flag_overscan_outliers(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, f32>,
    mut mask: PyReadwriteArray2<'_, i32>,
    most: f64,
    bit: i32,
    alone: bool,
) -> PyResult<usize> {
    let (image, mask) = (image.as_array(), mask.as_array_mut());
    detached(py, || overscan::flag_outliers(image, mask, most, bit, alone))
}

type Fit<'py> = (Bound<'py, PyArray1<f32>>, Bound<'py, PyArray1<bool>>);

/// Level of each row, and which of them had no usable sample; see `cfhtisr.isr.overscan.fit`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "those of the Python face")]
pub(crate) fn overscan_fit<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: Option<PyReadonlyArray2<'py, i32>>,
    reject: i32,
    n_sigma: f64,
    fit_type: &str,
    order: usize,
    reference: bool,
) -> PyResult<Fit<'py>> {
    let (image, mask) = (image.as_array(), mask.as_ref().map(|mask| mask.as_array()));
    let lines = detached(py, || {
        let problem = || format!("is {fit_type:?}, wanted a type with a level for each line");
        let unknown = || KernelError::Value { name: "fit_type", problem: problem() };
        let model = Model::named(fit_type).ok_or_else(unknown)?;
        let rejection = Rejection { reject, n_sigma, reference };
        overscan::fit_lines(image, mask, rejection, model, order)
    })?;
    Ok((lines.level.into_pyarray(py), lines.lost.into_pyarray(py)))
}
