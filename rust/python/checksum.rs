use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::{detached, detached_with, shared_file};
use crate::checksum;
use crate::file_rows::{self, ReadError};

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

/// The sum of bytes `at` to `end` of a unit that begins at `origin` of a file; see `datasum`.
#[pyfunction]
pub(crate) fn sum_file(
    py: Python<'_>,
    descriptor: i32,
    origin: u64,
    at: u64,
    end: u64,
) -> PyResult<u32> {
    let file = shared_file(descriptor)?;
    detached_with(py, || {
        let sum = file_rows::sum_of(&file, origin, at, end);
        sum.map(checksum::Sum::value).map_err(ReadError::System)
    })
}
