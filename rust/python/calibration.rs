use pyo3::prelude::*;

use super::detached;
use super::planes::{Source, Target, view, view_mut};
use crate::calibration;

/// Subtract a bias frame; see `cfhtisr.isr.calibration`.
#[pyfunction]
pub(crate) fn subtract_bias(
    py: Python<'_>,
    mut target: Target<'_>,
    bias: Source<'_>,
) -> PyResult<()> {
    let (target, bias) = (view_mut(&mut target), view(&bias));
    detached(py, || calibration::subtract_bias(target, bias))
}

/// Subtract or add a scaled frame; see `cfhtisr.isr.calibration`.
#[pyfunction]
pub(crate) fn subtract_scaled(
    py: Python<'_>,
    mut target: Target<'_>,
    other: Source<'_>,
    scale: f64,
    invert: bool,
) -> PyResult<()> {
    let (target, other) = (view_mut(&mut target), view(&other));
    detached(py, || calibration::subtract_scaled(target, other, scale, invert))
}

/// Divide by a flat or multiply with it; see `cfhtisr.isr.calibration`.
#[pyfunction]
pub(crate) fn divide_flat(
    py: Python<'_>,
    mut target: Target<'_>,
    flat: Source<'_>,
    scale: f64,
    invert: bool,
) -> PyResult<()> {
    let (target, flat) = (view_mut(&mut target), view(&flat));
    detached(py, || calibration::divide_flat(target, flat, scale, invert))
}
