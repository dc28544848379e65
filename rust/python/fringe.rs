use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;

use super::detached;
use crate::error::KernelError;
use crate::fringe::{self, Frame, WindowStatistic};

/// Fringe amplitudes at some positions; see `cfhtisr.isr.fringe`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "they are given by name")]
pub(crate) fn measure_fringe<'py>(
    py: Python<'py>,
    image: PyReadonlyArray2<'py, f32>,
    mask: PyReadonlyArray2<'py, i32>,
    and_mask: i32,
    x: PyReadonlyArray1<'py, i64>,
    y: PyReadonlyArray1<'py, i64>,
    small: usize,
    large: usize,
    statistic: &str,
    n_sigma: f64,
    n_iter: usize,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let statistic = match statistic {
        "MEDIAN" => WindowStatistic::Median,
        "MEAN" => WindowStatistic::Mean,
        "MEANCLIP" => WindowStatistic::MeanClip { n_sigma, n_iter },
        other => {
            let problem = format!("is {other:?}, wanted MEDIAN, MEAN or MEANCLIP");
            return Err(KernelError::Value { name: "statistic", problem }.into());
        }
    };
    let frame = Frame { image: image.as_array(), mask: mask.as_array(), and_mask };
    let (x, y) = (x.as_array(), y.as_array());
    let amplitudes = detached(py, || fringe::measure_fringe(frame, x, y, small, large, statistic))?;
    Ok(amplitudes.into_pyarray(py))
}
