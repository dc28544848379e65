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

/// Edge, confidence, size and brightest pixel of piles; see `cfhtisr.isr.saturation`.
#[pyfunction]
pub(crate) fn saturation_piles(
    py: Python<'_>,
    image: PyReadonlyArray2<'_, u16>,
    spans: Vec<(usize, usize)>,
) -> PyResult<Vec<(f64, f64, u64, u16)>> {
    let image = image.as_array();
    let found = detached(py, || saturation::piles(image, &spans))?;
    Ok(found.iter().map(|pile| (pile.edge, pile.confidence, pile.count, pile.peak)).collect())
}
