use std::collections::HashMap;

use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray2};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::planes::{Image, Place, Source as Planes, view};
use super::{detached_with, system_error};
use crate::checksum::Sum;
use crate::fused::{Failure, Operation, Settings, Source, Step, Tap, correct};
use crate::interpolation::Options;

/// Name, (row, column, height, width), arguments.
type Given<'py> = (String, (usize, usize, usize, usize), Bound<'py, PyAny>);

type Plane<'py, T> = PyReadonlyArray2<'py, T>;

/// Image, and mask and variance where they are not 0 everywhere.
type Frame<'py> = (Image<'py>, Option<Plane<'py, i32>>, Option<Plane<'py, f32>>);

/// The arguments of a step, while its arrays are borrowed.
enum Held<'py> {
    Raw {
        counts: Plane<'py, u16>,
        thresholds: Vec<(f64, i32)>,
        flags: i32,
        levels: Vec<PyReadonlyArray1<'py, f32>>,
        flips: (bool, bool),
    },
    Place(Planes<'py>, (bool, bool)),
    Bias(Frame<'py>),
    Variance(f64, f64, Option<Plane<'py, f32>>),
    VarianceV17(f64, f64),
    Keep(PyReadwriteArray2<'py, f32>),
    Trails(i32),
    Dark(Frame<'py>, f64),
    Flat(Frame<'py>, f64),
    Boxes(Plane<'py, i32>, i32, Options),
    Grown(i32, usize, Options),
    Nans(i32, Options),
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Argument(error) => error.into(),
            Failure::Read { error, .. } => error.into(),
            Failure::Write(error) => system_error(&error),
        }
    }
}

/// Several corrections row by row; see `cfhtisr.isr.fused`.
///
/// Where the file of a step cannot be read, the step and the error are the answer.
#[pyfunction]
pub(crate) fn correct_fused<'py>(
    py: Python<'py>,
    mut target: Place<'py>,
    steps: Vec<Given<'py>>,
    height: usize,
    watched: (i32, i32),
) -> PyResult<HashMap<&'static str, Py<PyAny>>> {
    let mut held = steps.iter().map(hold).collect::<PyResult<Vec<_>>>()?;
    let steps: Vec<_> =
        held.iter_mut().zip(&steps).map(|(held, given)| step(held, given.1)).collect();
    let mut files = Vec::new();
    let target = target.open(&mut files)?;
    let settings = Settings { height, watched };
    let outcome = detached_with(py, || match correct(target, &steps, settings) {
        Err(Failure::Read { step, error }) => Ok(Err((step, error))),
        outcome => outcome.map(Ok),
    })?;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err((step, error)) => {
            let error = PyErr::from(error).into_value(py);
            let unread = (step, error).into_pyobject(py)?.into_any().unbind();
            return Ok(HashMap::from([("unread", unread)]));
        }
    };
    let read: Vec<_> = outcome.read.into_iter().map(Sum::value).collect();
    Ok(HashMap::from([
        ("stopped", outcome.stopped.into_pyobject(py)?.unbind()),
        ("nans", outcome.nans.into_pyobject(py)?.into_any().unbind()),
        ("counts", outcome.counts.to_vec().into_pyobject(py)?.unbind()),
        ("watched", outcome.watched.into_pyobject(py)?.to_owned().into_any().unbind()),
        ("read", read.into_pyobject(py)?.unbind()),
        ("written", outcome.written.map(Sum::value).into_pyobject(py)?.unbind()),
    ]))
}

fn hold<'py>((name, _, arguments): &Given<'py>) -> PyResult<Held<'py>> {
    let options = |flag, reference| Options { flag, fallback: None, use_edge: true, reference };
    Ok(match name.as_str() {
        "raw" => {
            let (counts, thresholds, flags, levels, flips) = arguments.extract()?;
            Held::Raw { counts, thresholds, flags, levels, flips }
        }
        "place" => {
            let (raw, flips) = arguments.extract()?;
            Held::Place(raw, flips)
        }
        "bias" => Held::Bias(arguments.extract()?),
        "variance" => {
            let (gain, read_noise, bias) = arguments.extract()?;
            Held::Variance(gain, read_noise, bias)
        }
        "variance_v17" => {
            let (gain, read_noise) = arguments.extract()?;
            Held::VarianceV17(gain, read_noise)
        }
        "keep" => Held::Keep(arguments.extract()?),
        "trails" => Held::Trails(arguments.extract()?),
        "dark" => {
            let (frame, scale) = arguments.extract()?;
            Held::Dark(frame, scale)
        }
        "flat" => {
            let (frame, scale) = arguments.extract()?;
            Held::Flat(frame, scale)
        }
        "boxes" => {
            let (corners, bits, flag, reference) = arguments.extract()?;
            Held::Boxes(corners, bits, options(flag, reference))
        }
        "grown" => {
            let (bits, radius, flag, reference) = arguments.extract()?;
            Held::Grown(bits, radius, options(flag, reference))
        }
        "nans" => {
            let (bits, flag, reference) = arguments.extract()?;
            Held::Nans(bits, options(flag, reference))
        }
        _ => return Err(PyValueError::new_err(format!("step {name:?} is unknown"))),
    })
}

fn step<'a>(held: &'a mut Held<'_>, (row, column, height, width): Corner) -> Step<'a> {
    let operation = match held {
        Held::Raw { counts, thresholds, flags, levels, flips: (flip_x, flip_y) } => {
            Operation::Raw {
                counts: counts.as_array(),
                thresholds: thresholds.iter().filter_map(|(at, bits)| least(*at, *bits)).collect(),
                flags: *flags,
                levels: levels.iter().map(PyReadonlyArray1::as_array).collect(),
                flip_x: *flip_x,
                flip_y: *flip_y,
            }
        }
        Held::Place(raw, (flip_x, flip_y)) => {
            Operation::Place { raw: view(raw), flip_x: *flip_x, flip_y: *flip_y }
        }
        Held::Bias(frame) => Operation::Bias(source(frame)),
        Held::Variance(gain, read_noise, bias) => Operation::Variance {
            gain: *gain,
            read_noise: *read_noise,
            bias: bias.as_ref().map(PyReadonlyArray2::as_array),
        },
        Held::VarianceV17(gain, read_noise) => {
            Operation::VarianceV17 { gain: *gain, read_noise: *read_noise }
        }
        Held::Keep(plane) => Operation::Keep(Tap::new(plane.as_array_mut())),
        Held::Trails(bits) => Operation::Trails(*bits),
        Held::Dark(frame, scale) => Operation::Dark(source(frame), *scale),
        Held::Flat(frame, scale) => Operation::Flat(source(frame), *scale),
        Held::Boxes(corners, bits, options) => {
            Operation::Boxes { corners: corners.as_array(), bits: *bits, options: *options }
        }
        Held::Grown(bits, radius, options) => {
            Operation::Grown { bits: *bits, radius: *radius, options: *options }
        }
        Held::Nans(bits, options) => Operation::Nans { bits: *bits, options: *options },
    };
    Step { corner: (row, column), shape: (height, width), operation }
}

type Corner = (usize, usize, usize, usize);

/// The least value that reaches a level, as a threshold compares it.
fn least(level: f64, bits: i32) -> Option<(f32, i32)> {
    <f32 as crate::masking::Pixel>::at_least(level).map(|least| (least, bits))
}

fn source<'a>((image, mask, variance): &'a Frame<'_>) -> Source<'a> {
    Source {
        image: image.values(),
        mask: mask.as_ref().map(PyReadonlyArray2::as_array),
        variance: variance.as_ref().map(PyReadonlyArray2::as_array),
    }
}
