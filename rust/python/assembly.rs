use pyo3::prelude::*;

use super::detached;
use super::planes::{Source, Target, view, view_mut};
use crate::assembly;

/// Copy the pixels of an amplifier to their place; see `cfhtisr.isr.assembly`.
#[pyfunction]
pub(crate) fn place(
    py: Python<'_>,
    mut target: Target<'_>,
    raw: Source<'_>,
    flip_x: bool,
    flip_y: bool,
) -> PyResult<()> {
    let (target, raw) = (view_mut(&mut target), view(&raw));
    detached(py, || assembly::place(target, raw, flip_x, flip_y))
}
