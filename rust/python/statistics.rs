use numpy::{Element, PyReadonlyArray2};
use pyo3::prelude::*;

use super::detached;
use crate::error::KernelError;
use crate::statistics::{self, Control, Sample, Statistic};

/// One pixel type each: a frame is never converted on the way.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    U16(PyReadonlyArray2<'py, u16>),
    I32(PyReadonlyArray2<'py, i32>),
    F64(PyReadonlyArray2<'py, f64>),
}

/// Statistics of the usable pixels; see `cfhtisr.isr.statistics.compute`.
#[pyfunction]
pub(crate) fn statistics_compute(
    py: Python<'_>,
    image: Pixels<'_>,
    mask: Option<PyReadonlyArray2<'_, i32>>,
    what: Vec<String>,
    reject: i32,
    n_sigma: f64,
    n_iter: usize,
) -> PyResult<Vec<f64>> {
    let control = Control { reject, n_sigma, n_iter };
    match image {
        Pixels::F32(image) => run(py, &image, mask, &control, &what),
        Pixels::U16(image) => run(py, &image, mask, &control, &what),
        Pixels::I32(image) => run(py, &image, mask, &control, &what),
        Pixels::F64(image) => run(py, &image, mask, &control, &what),
    }
}

fn run<T: Sample + Element>(
    py: Python<'_>,
    image: &PyReadonlyArray2<'_, T>,
    mask: Option<PyReadonlyArray2<'_, i32>>,
    control: &Control,
    what: &[String],
) -> PyResult<Vec<f64>> {
    let (image, mask) = (image.as_array(), mask.as_ref().map(|mask| mask.as_array()));
    detached(py, || {
        let named = |name: &String| {
            let problem = || format!("holds {name:?}, wanted the name of a statistic");
            let none = || KernelError::Value { name: "what", problem: problem() };
            Statistic::named(name).ok_or_else(none)
        };
        let what = what.iter().map(named).collect::<Result<Vec<_>, _>>()?;
        statistics::compute(image, mask, control, &what)
    })
}
