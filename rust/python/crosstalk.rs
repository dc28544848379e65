use numpy::PyReadonlyArray2;
use pyo3::prelude::*;

use super::detached;
use super::planes::{Target, view_mut};
use crate::crosstalk::{self, Amplifier, Crosstalk};

/// Subtract crosstalk between amplifiers; see `cfhtisr.isr.crosstalk`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "a flat call is what Python makes best")]
pub(crate) fn subtract_crosstalk(
    py: Python<'_>,
    mut target: Target<'_>,
    amplifiers: Vec<(usize, usize, bool, bool)>,
    size: (usize, usize),
    coefficients: PyReadonlyArray2<'_, f32>,
    backgrounds: Vec<f32>,
    level: f64,
    flag: i32,
) -> PyResult<()> {
    let place = |(x0, y0, flip_x, flip_y)| Amplifier { x0, y0, flip_x, flip_y };
    let amplifiers: Vec<_> = amplifiers.into_iter().map(place).collect();
    let crosstalk = Crosstalk {
        amplifiers: &amplifiers,
        size,
        coefficients: coefficients.as_array(),
        backgrounds: &backgrounds,
        level,
        flag,
    };
    let target = view_mut(&mut target);
    detached(py, || crosstalk::subtract(target, &crosstalk))
}
