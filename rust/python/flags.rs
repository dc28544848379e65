use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

use super::detached;
use crate::flags;

/// How many pixels have each bit; see `cfhtisr.isr.masking.count_planes`.
#[pyfunction]
pub(crate) fn count_planes(
    py: Python<'_>,
    mask: PyReadonlyArray2<'_, i32>,
) -> PyResult<[u64; flags::BITS]> {
    let mask = mask.as_array();
    detached(py, || Ok(flags::count_planes(mask)))
}

/// Whether some pixel has some bits and not others; see `cfhtisr.isr.masking.any_without`.
#[pyfunction]
pub(crate) fn any_without(
    py: Python<'_>,
    mask: PyReadonlyArray2<'_, i32>,
    some: i32,
    none: i32,
) -> PyResult<bool> {
    let mask = mask.as_array();
    detached(py, || Ok(flags::any_without(mask, some, none)))
}
