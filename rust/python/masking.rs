use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::masking;

/// A raw image or a converted one.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    Float(PyReadonlyArray2<'py, f32>),
    Raw(PyReadonlyArray2<'py, u16>),
}

/// Flag pixels that reach a level; see `cfhtisr.isr.masking`.
#[pyfunction]
pub(crate) fn threshold(
    py: Python<'_>,
    image: Pixels<'_>,
    mut mask: PyReadwriteArray2<'_, i32>,
    level: f64,
    bits: i32,
) -> PyResult<()> {
    let mask = mask.as_array_mut();
    match &image {
        Pixels::Float(image) => {
            let image = image.as_array();
            detached(py, || masking::threshold(image, mask, level, bits))
        }
        Pixels::Raw(image) => {
            let image = image.as_array();
            detached(py, || masking::threshold(image, mask, level, bits))
        }
    }
}

/// Flag pixels that are not finite; see `cfhtisr.isr.masking`.
#[pyfunction]
pub(crate) fn mask_nans(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, f32>,
    mut mask: PyReadwriteArray2<'_, i32>,
    variance: PyReadonlyArray2<'_, f32>,
    bits: i32,
    allow: i32,
) -> PyResult<usize> {
    let (image, mask, variance) = (image.as_array(), mask.as_array_mut(), variance.as_array());
    detached(py, || masking::mask_nans(image, mask, variance, bits, allow))
}

/// Flag the pixels of boxes; see `cfhtisr.isr.masking`.
#[pyfunction]
pub(crate) fn mask_boxes(
    py: Python<'_>,
    mut mask: PyReadwriteArray2<'_, i32>,
    boxes: PyReadonlyArray2<'_, i32>,
    bits: i32,
) -> PyResult<()> {
    let (mask, boxes) = (mask.as_array_mut(), boxes.as_array());
    detached(py, || masking::mask_boxes(mask, boxes, bits))
}

/// Flag the neighbours of flagged pixels; see `cfhtisr.isr.masking`.
#[pyfunction]
pub(crate) fn grow(
    py: Python<'_>,
    mut mask: PyReadwriteArray2<'_, i32>,
    bits: i32,
    radius: usize,
    circle: bool,
) -> PyResult<()> {
    let mask = mask.as_array_mut();
    let shape = if circle { masking::Shape::Circle } else { masking::Shape::Diamond };
    detached(py, || {
        masking::grow(mask, bits, radius, shape);
        Ok(())
    })
}

/// Lengthen runs of saturated pixels; see `cfhtisr.isr.masking`.
#[pyfunction]
pub(crate) fn widen_saturation_trails(
    py: Python<'_>,
    mut mask: PyReadwriteArray2<'_, i32>,
    bits: i32,
) -> PyResult<()> {
    let mask = mask.as_array_mut();
    detached(py, || {
        masking::widen_saturation_trails(mask, bits);
        Ok(())
    })
}
