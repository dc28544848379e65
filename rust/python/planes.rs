//! How planes come from Python: as arrays, or as places in files.

use std::fs::File;
use std::sync::Mutex;

use numpy::{PyReadonlyArray2, PyReadwriteArray2};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::codec::{PyScaling, scaling};
use super::shared_file;
use crate::calibration::{Planes, PlanesMut};
use crate::file_rows::FileRows;
use crate::fused::{self, FileTarget, Kept, Values};
use crate::pixels::Pixel;

/// Image, mask and variance to read.
pub(crate) type Source<'py> =
    (PyReadonlyArray2<'py, f32>, PyReadonlyArray2<'py, i32>, PyReadonlyArray2<'py, f32>);

/// Image, mask and variance to change.
pub(crate) type Target<'py> =
    (PyReadwriteArray2<'py, f32>, PyReadwriteArray2<'py, i32>, PyReadwriteArray2<'py, f32>);

pub(crate) fn view<'a>(source: &'a Source<'_>) -> Planes<'a> {
    let (image, mask, variance) = source;
    Planes { image: image.as_array(), mask: mask.as_array(), variance: variance.as_array() }
}

pub(crate) fn view_mut<'a>(target: &'a mut Target<'_>) -> PlanesMut<'a> {
    let (image, mask, variance) = target;
    PlanesMut {
        image: image.as_array_mut(),
        mask: mask.as_array_mut(),
        variance: variance.as_array_mut(),
    }
}

/// Values that a step reads: an array, or a file's descriptor, the first byte, BITPIX, scaling,
/// and (rows, columns).
pub(crate) enum Image<'py> {
    Memory(PyReadonlyArray2<'py, f32>),
    File(Opened),
}

pub(crate) struct Opened {
    file: File,
    start: u64,
    pixel: Pixel,
    scaling: Option<PyScaling>,
    shape: (usize, usize),
}

impl<'py> FromPyObject<'_, 'py> for Image<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = given.extract() {
            return Ok(Self::Memory(array));
        }
        let (descriptor, start, bitpix, scaling, shape) = given.extract()?;
        let (file, pixel) = (shared_file(descriptor)?, Pixel::new(bitpix)?);
        Ok(Self::File(Opened { file, start, pixel, scaling, shape }))
    }
}

impl Image<'_> {
    pub(crate) fn values(&self) -> Values<'_> {
        match self {
            Self::Memory(array) => Values::Memory(array.as_array()),
            Self::File(Opened { file, start, pixel, scaling, shape }) => {
                let scaling = self::scaling(*scaling);
                Values::File(FileRows::new(file, *start, shape.1, *pixel, scaling), shape.0)
            }
        }
    }
}

/// Every so many rows, the first column, values and flags.
type Rest<'py> = (usize, usize, PyReadwriteArray2<'py, f32>, PyReadwriteArray2<'py, i32>);

/// Planes that are made: arrays, or a file's descriptor, the first byte of each plane,
/// (rows, columns), and what goes to memory too.
pub(crate) enum Place<'py> {
    Memory(Target<'py>),
    File(i32, [u64; 3], (usize, usize), Vec<Rest<'py>>),
}

impl<'py> FromPyObject<'_, 'py> for Place<'py> {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(planes) = given.extract() {
            return Ok(Self::Memory(planes));
        }
        let Ok((descriptor, starts, shape, kept)) = given.extract() else {
            let text = "target is neither three planes of float32, int32 and float32 nor a file";
            return Err(PyTypeError::new_err(text));
        };
        Ok(Self::File(descriptor, starts, shape, kept))
    }
}

impl Place<'_> {
    /// The target, while `files` holds what it needs.
    pub(crate) fn open<'a>(&'a mut self, files: &'a mut Vec<File>) -> PyResult<fused::Target<'a>> {
        let (descriptor, starts, shape, kept) = match self {
            Self::Memory(planes) => return Ok(fused::Target::Memory(view_mut(planes))),
            Self::File(descriptor, starts, shape, kept) => (*descriptor, *starts, *shape, kept),
        };
        files.push(shared_file(descriptor)?);
        let file = &files[0];
        let rows = |start, pixel| FileRows::new(file, start, shape.1, pixel, None);
        let kept = kept.iter_mut().map(|(every, column, image, mask)| {
            let (image, mask) = (image.as_array_mut(), mask.as_array_mut());
            Mutex::new(Kept { every: *every, column: *column, image, mask })
        });
        Ok(fused::Target::File(FileTarget {
            shape,
            image: rows(starts[0], Pixel::F32),
            mask: rows(starts[1], Pixel::I32),
            variance: rows(starts[2], Pixel::F32),
            kept: kept.collect(),
        }))
    }
}
