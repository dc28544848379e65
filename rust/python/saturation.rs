use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

use super::detached;
use super::statistics::Pixels;
use crate::saturation;

/// Lower edge of the fullest bin above 60000; see `cfhtisr.isr.saturation.estimate_level`.
#[pyfunction]
pub(crate) fn saturation_edge(py: Python<'_>, image: Pixels<'_>) -> PyResult<Option<f64>> {
    match image {
        Pixels::F32(image) => {
            let image = image.as_array();
            detached(py, || saturation::fullest_edge(image))
        }
        Pixels::U16(image) => {
            let image = image.as_array();
            detached(py, || saturation::fullest_edge(image))
        }
        Pixels::I32(image) => {
            let image = image.as_array();
            detached(py, || saturation::fullest_edge(image))
        }
        Pixels::F64(image) => {
            let image = image.as_array();
            detached(py, || saturation::fullest_edge(image))
        }
    }
}

/// Edge, confidence, size and brightest pixel of a pile; see `cfhtisr.isr.saturation`.
#[pyfunction]
pub(crate) fn saturation_pile(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, u16>,
) -> PyResult<(f64, f64, u64, u16)> {
    let image = image.as_array();
    let found = detached(py, || Ok(saturation::pile(image)))?;
    Ok((found.edge, found.confidence, found.count, found.peak))
}
