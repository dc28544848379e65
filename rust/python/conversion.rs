use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::prelude::*;

use super::detached;
use crate::conversion::{self, RawPixel};

/// A raw image of any type that the kernel converts.
#[derive(FromPyObject)]
pub(crate) enum Raw<'py> {
    U8(PyReadonlyArray2<'py, u8>),
    I16(PyReadonlyArray2<'py, i16>),
    U16(PyReadonlyArray2<'py, u16>),
    I32(PyReadonlyArray2<'py, i32>),
    U32(PyReadonlyArray2<'py, u32>),
    F64(PyReadonlyArray2<'py, f64>),
}

/// Image and variance as `f32`; see `cfhtisr.isr.conversion`.
#[pyfunction]
pub(crate) fn to_float<'py>(
    py: Python<'py>,
    raw: Raw<'py>,
    image: PyReadwriteArray2<'py, f32>,
    variance: PyReadwriteArray2<'py, f32>,
) -> PyResult<()> {
    match raw {
        Raw::U8(raw) => convert(py, &raw, image, variance),
        Raw::I16(raw) => convert(py, &raw, image, variance),
        Raw::U16(raw) => convert(py, &raw, image, variance),
        Raw::I32(raw) => convert(py, &raw, image, variance),
        Raw::U32(raw) => convert(py, &raw, image, variance),
        Raw::F64(raw) => convert(py, &raw, image, variance),
    }
}

fn convert<'py, T: RawPixel + numpy::Element>(
    py: Python<'py>,
    raw: &PyReadonlyArray2<'py, T>,
    mut image: PyReadwriteArray2<'py, f32>,
    mut variance: PyReadwriteArray2<'py, f32>,
) -> PyResult<()> {
    let (raw, image, variance) = (raw.as_array(), image.as_array_mut(), variance.as_array_mut());
    detached(py, || conversion::to_float(raw, image, variance))
}
