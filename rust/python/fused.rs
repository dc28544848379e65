use numpy::PyReadonlyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::detached;
use super::planes::{Source, Target, view, view_mut};
use crate::fused::{Operation, Step, correct};

/// Name, row, column, height, width, planes, variance of the bias, two numbers.
type Given<'py> = (
    String,
    (usize, usize, usize, usize),
    Option<Source<'py>>,
    Option<PyReadonlyArray2<'py, f32>>,
    (f64, f64),
);

/// Several corrections band by band; see `cfhtisr.isr.fused`.
#[pyfunction]
pub(crate) fn correct_fused(
    py: Python<'_>,
    mut target: Target<'_>,
    steps: Vec<Given<'_>>,
    height: usize,
) -> PyResult<()> {
    let steps = steps.iter().map(step).collect::<PyResult<Vec<_>>>()?;
    let target = view_mut(&mut target);
    detached(py, || correct(target, &steps, height))
}

fn step<'a>(given: &'a Given<'_>) -> PyResult<Step<'a>> {
    let (name, (row, column, height, width), planes, bias, (first, second)) = given;
    let planes = planes.as_ref().map(view);
    #[allow(clippy::cast_possible_truncation, reason = "the bits of a mask come as a number")]
    let operation = match (name.as_str(), planes) {
        ("place", Some(raw)) => {
            Operation::Place { raw, flip_x: *first != 0.0, flip_y: *second != 0.0 }
        }
        ("bias", Some(planes)) => Operation::Bias(planes),
        ("dark", Some(planes)) => Operation::Dark(planes, *first),
        ("flat", Some(planes)) => Operation::Flat(planes, *first),
        ("variance", None) => Operation::Variance {
            gain: *first,
            read_noise: *second,
            bias: bias.as_ref().map(PyReadonlyArray2::as_array),
        },
        ("variance_v17", None) => Operation::VarianceV17 { gain: *first, read_noise: *second },
        ("trails", None) => Operation::Trails(*first as i32),
        _ => {
            return Err(PyValueError::new_err(format!("step {name:?} is unknown or lacks planes")));
        }
    };
    Ok(Step { corner: (*row, *column), shape: (*height, *width), operation })
}
