use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::detached;
use crate::checksum;

/// Ones' complement sum of big-endian words; see `cfhtisr.io.checksum`.
#[pyfunction]
pub(crate) fn datasum(
    py: Python<'_>,
    bytes: PyReadonlyArray1<'_, u8>,
    start: u32,
    phase: usize,
) -> PyResult<u32> {
    let bytes = bytes.as_slice()?;
    detached(py, || Ok(checksum::datasum(bytes, start, phase)))
}
