use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::interpolation::{self, Options, Planes};

/// Interpolate over boxes; see `cfhtisr.isr.interpolation`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "those of the Python function")]
pub(crate) fn interpolate_boxes(
    py: Python<'_>,
    mut image: PyReadwriteArray2<'_, f32>,
    mut mask: PyReadwriteArray2<'_, i32>,
    mut variance: PyReadwriteArray2<'_, f32>,
    boxes: PyReadonlyArray2<'_, i32>,
    flag: i32,
    fallback: Option<[f64; 2]>,
    use_edge: bool,
    reference: bool,
) -> PyResult<Option<usize>> {
    let (image, mask) = (image.as_array_mut(), mask.as_array_mut());
    let planes = Planes { image, mask, variance: variance.as_array_mut() };
    let options = Options { flag, fallback, use_edge, reference };
    let boxes = boxes.as_array();
    detached(py, || interpolation::interpolate_boxes(planes, boxes, options))
}

/// Interpolate over flagged pixels; see `cfhtisr.isr.interpolation`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "those of the Python function")]
pub(crate) fn interpolate_mask(
    py: Python<'_>,
    mut image: PyReadwriteArray2<'_, f32>,
    mut mask: PyReadwriteArray2<'_, i32>,
    mut variance: PyReadwriteArray2<'_, f32>,
    bits: i32,
    flag: i32,
    fallback: Option<[f64; 2]>,
    reference: bool,
) -> PyResult<Option<usize>> {
    let (image, mask) = (image.as_array_mut(), mask.as_array_mut());
    let planes = Planes { image, mask, variance: variance.as_array_mut() };
    let options = Options { flag, fallback, use_edge: true, reference };
    detached(py, || interpolation::interpolate_mask(planes, bits, options))
}
