use pyo3::prelude::*;

use super::detached;
use super::planes::{Source, Target, view, view_mut};
use crate::binning;

/// Blocks of pixels become one; see `cfhtisr.isr.binning`.
#[pyfunction]
pub(crate) fn bin_planes(
    py: Python<'_>,
    mut target: Target<'_>,
    planes: Source<'_>,
    rows: usize,
    columns: usize,
) -> PyResult<()> {
    let (target, planes) = (view_mut(&mut target), view(&planes));
    detached(py, || binning::bin(target, planes, rows, columns))
}
