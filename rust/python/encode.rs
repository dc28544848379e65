use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::detached;
use crate::codec::Store;
use crate::dither::Method;
use crate::encode::{self, Coding, Pixels, Tile};
use crate::error::KernelError;

/// Algorithm, dither, level and `ZDITHER0`; the last three count for floats only.
type PyCoding = (String, Option<String>, f64, usize);

/// Codes, and for each row their length, column (0, 1), scale and zero point.
type PyEncoded<'py> = (
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<u8>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);

/// Codes of whole rows, the first of which is number `first`; see `cfhtisr.io._packed`.
#[pyfunction]
pub(crate) fn encode_rows<'py>(
    py: Python<'py>,
    pixels: &Bound<'py, PyAny>,
    columns: usize,
    first: usize,
    coding: PyCoding,
) -> PyResult<PyEncoded<'py>> {
    let coding = read_coding(&coding)?;
    macro_rules! attempt {
        ($type:ty, $kind:ident) => {
            if let Ok(array) = pixels.extract::<PyReadonlyArray1<'_, $type>>() {
                let pixels = Pixels::$kind(array.as_slice()?);
                let encode = || encode::encode(pixels, columns, first, coding);
                let (heap, tiles) = detached(py, encode)?;
                let lengths = tiles.iter().map(length).collect();
                let stores = tiles.iter().map(|tile| u8::from(tile.store != Store::Main)).collect();
                let scales = tiles.iter().map(|tile| tile.scale).collect();
                let zeros = tiles.iter().map(|tile| tile.zero).collect();
                return Ok((
                    PyArray1::from_vec(py, heap),
                    PyArray1::from_vec(py, lengths),
                    PyArray1::from_vec(py, stores),
                    PyArray1::from_vec(py, scales),
                    PyArray1::from_vec(py, zeros),
                ));
            }
        };
    }
    attempt!(f32, F32);
    attempt!(i32, I32);
    attempt!(u16, U16);
    attempt!(i16, I16);
    attempt!(u8, U8);
    attempt!(f64, F64);
    Err(PyTypeError::new_err("pixels want a flat array of a type that has a code"))
}

fn length(tile: &Tile) -> i64 {
    i64::try_from(tile.length).unwrap_or(i64::MAX)
}

fn read_coding((algorithm, method, level, dither0): &PyCoding) -> Result<Coding, KernelError> {
    let refuse = |problem| Err(KernelError::Value { name: "coding", problem });
    let method = match method.as_deref() {
        None => None,
        Some("NO_DITHER") => Some(Method::None),
        Some("SUBTRACTIVE_DITHER_1") => Some(Method::Subtractive),
        Some("SUBTRACTIVE_DITHER_2") => Some(Method::KeepZeros),
        Some(other) => return refuse(format!("dithers by {other}, which FITS does not know")),
    };
    match (algorithm.as_str(), method) {
        ("RICE_1", None) => Ok(Coding::Rice),
        ("RICE_1", Some(method)) => {
            Ok(Coding::Quantized { method, level: *level, dither0: *dither0 })
        }
        ("GZIP_1", None) => Ok(Coding::Gzip),
        ("GZIP_2", None) => Ok(Coding::Shuffled),
        (other, _) => refuse(format!("is {other}, wanted RICE_1, GZIP_1 or GZIP_2")),
    }
}
