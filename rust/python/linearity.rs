use numpy::{PyReadonlyArray1, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::linearity;

/// An image of either precision.
#[derive(FromPyObject)]
pub(crate) enum Pixels<'py> {
    Single(PyReadwriteArray2<'py, f32>),
    Double(PyReadwriteArray2<'py, f64>),
}

/// An image and a table of the same precision.
#[derive(FromPyObject)]
pub(crate) enum Looked<'py> {
    Single((PyReadwriteArray2<'py, f32>, PyReadonlyArray1<'py, f32>)),
    Double((PyReadwriteArray2<'py, f64>, PyReadonlyArray1<'py, f64>)),
}

macro_rules! of_either {
    ($image:ident, $view:ident, $kernel:expr) => {
        match $image {
            Pixels::Single(mut image) => {
                let $view = image.as_array_mut();
                $kernel
            }
            Pixels::Double(mut image) => {
                let $view = image.as_array_mut();
                $kernel
            }
        }
    };
}

/// Correct by the square of each pixel; see `cfhtisr.isr.linearity`.
#[pyfunction]
pub(crate) fn linearize_squared(
    py: Python<'_>,
    image: Pixels<'_>,
    coefficient: f64,
) -> PyResult<()> {
    of_either!(image, view, {
        detached(py, || {
            linearity::squared(view, coefficient);
            Ok(())
        })
    })
}

/// Correct by a polynomial; see `cfhtisr.isr.linearity`.
#[pyfunction]
pub(crate) fn linearize_polynomial(
    py: Python<'_>,
    image: Pixels<'_>,
    coefficients: Vec<f64>,
) -> PyResult<()> {
    of_either!(image, view, {
        detached(py, || {
            linearity::polynomial(view, &coefficients);
            Ok(())
        })
    })
}

/// Correct by a spline; see `cfhtisr.isr.linearity`.
#[pyfunction]
pub(crate) fn linearize_spline(
    py: Python<'_>,
    image: Pixels<'_>,
    knots: Vec<(f64, f64)>,
    akima: bool,
) -> PyResult<()> {
    of_either!(image, view, detached(py, || linearity::spline(view, &knots, akima)))
}

/// Correct by a table; see `cfhtisr.isr.linearity`.
#[pyfunction]
pub(crate) fn apply_lookup_table(
    py: Python<'_>,
    image_and_table: Looked<'_>,
    offset: f64,
) -> PyResult<usize> {
    match image_and_table {
        Looked::Single((mut image, table)) => {
            let (image, table) = (image.as_array_mut(), table.as_array());
            detached(py, || linearity::apply_lookup_table(image, table, offset))
        }
        Looked::Double((mut image, table)) => {
            let (image, table) = (image.as_array_mut(), table.as_array());
            detached(py, || linearity::apply_lookup_table(image, table, offset))
        }
    }
}
