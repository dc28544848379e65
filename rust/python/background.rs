use numpy::{PyArray2, PyReadonlyArray1, PyReadonlyArray2, ToPyArray};
use pyo3::prelude::*;

use super::detached;
use crate::background;
use crate::statistics::Control;

/// The level of each cell of a mesh; see `cfhtisr.isr.background`.
#[pyfunction]
pub(crate) fn mesh_levels<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray2<'py, i32>,
    starts: (PyReadonlyArray1<'py, i64>, PyReadonlyArray1<'py, i64>),
    size: (usize, usize),
    clipping: (i32, f64, usize),
    clip: bool,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (image, mask) = (image.as_array(), mask.as_array());
    let starts = (starts.0.as_array(), starts.1.as_array());
    let (reject, n_sigma, n_iter) = clipping;
    let control = Control { reject, n_sigma, n_iter };
    let levels =
        detached(py, || background::mesh_levels(image, mask, starts, size, &control, clip))?;
    Ok(levels.to_pyarray(py))
}
