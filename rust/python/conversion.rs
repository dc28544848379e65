use numpy::{IntoPyArray, PyArray2, PyReadonlyArray2};
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

type Pair<'py> = (Bound<'py, PyArray2<f32>>, Bound<'py, PyArray2<f32>>);

/// Image and variance as `f32`; see `cfhtisr.isr.conversion`.
#[pyfunction]
pub(crate) fn to_float<'py>(py: Python<'py>, image: Raw<'py>) -> PyResult<Pair<'py>> {
    match image {
        Raw::U8(image) => convert(py, &image),
        Raw::I16(image) => convert(py, &image),
        Raw::U16(image) => convert(py, &image),
        Raw::I32(image) => convert(py, &image),
        Raw::U32(image) => convert(py, &image),
        Raw::F64(image) => convert(py, &image),
    }
}

fn convert<'py, T: RawPixel + numpy::Element>(
    py: Python<'py>,
    image: &PyReadonlyArray2<'py, T>,
) -> PyResult<Pair<'py>> {
    let image = image.as_array();
    let (floats, ones) = detached(py, || Ok(conversion::to_float(image)))?;
    Ok((floats.into_pyarray(py), ones.into_pyarray(py)))
}
