use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

use super::detached;
use crate::bleeds;

/// Columns in which charge may have bled; see `cfhtisr.isr.bleeds`.
#[pyfunction]
pub(crate) fn bleed_trails(
    py: Python<'_>,
    mask: PyReadonlyArray2<'_, i32>,
    bits: i32,
    min_length: usize,
    elongation: usize,
) -> PyResult<Vec<(usize, usize, usize)>> {
    let mask = mask.as_array();
    detached(py, || {
        let trails = bleeds::trails(mask, bits, min_length, elongation);
        Ok(trails.into_iter().map(|trail| (trail.column, trail.first, trail.end)).collect())
    })
}
