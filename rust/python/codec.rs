use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray1, PyReadwriteArray2};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::{detached, detached_with, shared_file};
use crate::checksum::Sum;
use crate::codec::{Algorithm, Coding, Grid, Store, Tile};
use crate::dither::Method;
use crate::error::KernelError;
use crate::file_rows::FileRows;
use crate::pixels::{self, Pixel, Scaling};
use crate::rice::Width;
use crate::tile_rows::{self, Heap, Summed};

pub(super) type PyScaling = (f64, f64, Option<i64>);

/// Starts, lengths, columns (0, 1, 2), scales, zero points, blanks; the last three may be empty.
type PyTiles<'py> = (
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, i64>,
    PyReadonlyArray1<'py, u8>,
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray1<'py, f64>,
    PyReadonlyArray1<'py, i64>,
);

/// Algorithm, bitpix, bytes of a Rice pixel, Rice block, dither and its seed.
type PyCoding = (String, i64, u32, usize, Option<String>, usize);

pub(super) fn scaling(value: Option<PyScaling>) -> Option<Scaling> {
    value.map(|(scale, zero, blank)| Scaling { scale, zero, blank })
}

fn refuse<T>(name: &'static str, problem: String) -> Result<T, KernelError> {
    Err(KernelError::Value { name, problem })
}

/// Run `$body` with `$out` as the slice of whatever sample type the array holds.
macro_rules! with_samples {
    ($array:expr, slice |$out:ident| $body:expr) => {
        with_samples!($array, PyReadwriteArray1, |array| {
            let $out = array.as_slice_mut()?;
            $body
        })
    };
    ($array:expr, view |$out:ident| $body:expr) => {
        with_samples!($array, PyReadwriteArray2, |array| {
            let $out = array.as_array_mut();
            $body
        })
    };
    ($array:expr, $kind:ident, |$out:ident| $body:expr) => {{
        macro_rules! attempt {
            ($type:ty) => {
                if let Ok(mut $out) = $array.extract::<$kind<'_, $type>>() {
                    return $body;
                }
            };
        }
        attempt!(u16);
        attempt!(i16);
        attempt!(f32);
        attempt!(u8);
        attempt!(i32);
        attempt!(f64);
        attempt!(i64);
        Err(PyTypeError::new_err("out wants a writable array that nothing else borrows"))
    }};
}

/// Samples from stored pixels; see `cfhtisr.io.fits_file`.
#[pyfunction]
pub(crate) fn unpack_pixels(
    py: Python<'_>,
    bytes: PyReadonlyArray1<'_, u8>,
    bitpix: i64,
    scaling: Option<PyScaling>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (bytes, pixel) = (bytes.as_slice()?, Pixel::new(bitpix)?);
    let scaling = self::scaling(scaling);
    with_samples!(out, slice | out | detached(py, || pixels::unpack(bytes, pixel, scaling, out)))
}

/// Samples from compressed tiles, from the row that ends `grid` on; see `cfhtisr.io.tiles`.
#[pyfunction]
pub(crate) fn decode_tiles(
    py: Python<'_>,
    bytes: PyReadonlyArray1<'_, u8>,
    tiles: PyTiles<'_>,
    grid: (usize, usize, usize, usize, usize),
    coding: PyCoding,
    scaling: Option<PyScaling>,
    out: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let bytes = bytes.as_slice()?;
    let coding = read_coding(coding, self::scaling(scaling))?;
    let tiles = read_tiles_of(&tiles)?;
    let (columns, rows, tile_columns, tile_rows, first_row) = grid;
    let grid = Grid { columns, rows, tile_columns, tile_rows };
    with_samples!(
        out,
        slice | out | {
            detached(py, || tile_rows::decode(bytes, &tiles, grid, coding, first_row, out))
        }
    )
}

/// Samples from compressed tiles in a file, whose heap begins at byte `heap`; the sum of what
/// `summed` says comes back. See `cfhtisr.io.fits_file`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "as many as a table of tiles has facts")]
pub(crate) fn read_tiles(
    py: Python<'_>,
    descriptor: i32,
    heap: u64,
    tiles: PyTiles<'_>,
    grid: (usize, usize, usize, usize, usize),
    coding: PyCoding,
    scaling: Option<PyScaling>,
    out: &Bound<'_, PyAny>,
    summed: Option<(u64, u64, u64)>,
) -> PyResult<u32> {
    let file = shared_file(descriptor)?;
    let coding = read_coding(coding, self::scaling(scaling))?;
    let tiles = read_tiles_of(&tiles)?;
    let (columns, rows, tile_columns, tile_rows, first_row) = grid;
    let grid = Grid { columns, rows, tile_columns, tile_rows };
    let summed = summed.map(|(heap, from, end)| Summed { heap, from, end });
    let heap = Heap::File(&file, heap);
    with_samples!(
        out,
        view | out
            | detached_with(py, || {
                let sum =
                    tile_rows::decode_rows(heap, &tiles, grid, coding, first_row, out, summed);
                sum.map(Sum::value)
            })
    )
}

/// Samples from stored pixels in a file, which begin at byte `start`, from a row on; their sum
/// comes back if it is wanted, else 0. See `cfhtisr.io.fits_file`.
#[pyfunction]
#[allow(clippy::too_many_arguments, reason = "as many as a plane in a file has facts")]
pub(crate) fn read_pixels(
    py: Python<'_>,
    descriptor: i32,
    start: u64,
    bitpix: i64,
    scaling: Option<PyScaling>,
    first_row: usize,
    out: &Bound<'_, PyAny>,
    summed: bool,
) -> PyResult<u32> {
    let (file, pixel) = (shared_file(descriptor)?, Pixel::new(bitpix)?);
    let scaling = self::scaling(scaling);
    with_samples!(
        out,
        view | out | {
            let rows = FileRows::new(&file, start, out.ncols(), pixel, scaling);
            detached_with(py, || rows.read_all(first_row, out, summed).map(Sum::value))
        }
    )
}

fn read_coding(coding: PyCoding, scaling: Option<Scaling>) -> Result<Coding, KernelError> {
    let (algorithm, bitpix, width, block, method, dither0) = coding;
    let algorithm = match algorithm.as_str() {
        "RICE_1" => match Width::new(width) {
            Some(width) => Algorithm::Rice(width, block),
            None => return refuse("BYTEPIX", format!("is {width}, wanted 1, 2 or 4")),
        },
        "GZIP_1" => Algorithm::Gzip,
        "GZIP_2" => Algorithm::Shuffled,
        "NOCOMPRESS" => Algorithm::Plain,
        other => return refuse("ZCMPTYPE", format!("is {other}, which is not decoded here")),
    };
    let quantized = match method.as_deref() {
        None => None,
        Some("NO_DITHER") => Some(Method::None),
        Some("SUBTRACTIVE_DITHER_1") => Some(Method::Subtractive),
        Some("SUBTRACTIVE_DITHER_2") => Some(Method::KeepZeros),
        Some(other) => return refuse("ZQUANTIZ", format!("is {other}, which FITS does not know")),
    };
    Ok(Coding { algorithm, pixel: Pixel::new(bitpix)?, quantized, dither0, scaling })
}

fn read_tiles_of(tiles: &PyTiles<'_>) -> PyResult<Vec<Tile>> {
    let (starts, lengths, stores) = (tiles.0.as_slice()?, tiles.1.as_slice()?, tiles.2.as_slice()?);
    let (scales, zeros, blanks) = (tiles.3.as_slice()?, tiles.4.as_slice()?, tiles.5.as_slice()?);
    if lengths.len() != starts.len() || stores.len() != starts.len() {
        return Ok(refuse("tiles", "have columns of different lengths".to_owned())?);
    }
    let places = starts.iter().zip(lengths).zip(stores).enumerate();
    let tile = |(index, ((start, length), store)): (usize, ((&i64, &i64), &u8))| {
        let size = |value: i64| usize::try_from(value).ok();
        let (Some(start), Some(length)) = (size(*start), size(*length)) else {
            return refuse("tiles", "have a start or length below zero".to_owned());
        };
        let store = match store {
            0 => Store::Main,
            1 => Store::Gzip,
            _ => Store::Plain,
        };
        let scale = scales.get(index).copied().unwrap_or(1.0);
        let zero = zeros.get(index).copied().unwrap_or(0.0);
        let quantization = (scale, zero, blanks.get(index).copied());
        Ok(Tile { start, length, store, quantization })
    };
    Ok(places.map(tile).collect::<Result<_, _>>()?)
}

/// Store pixels as FITS wants them, and return the sum of their bytes; see `cfhtisr.io`.
///
/// `values` are f32, i32 or u16, the last with `BZERO` 32768.
#[pyfunction]
pub(crate) fn pack_pixels<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyAny>,
    mut bytes: PyReadwriteArray1<'py, u8>,
) -> PyResult<u32> {
    let bytes = bytes.as_slice_mut()?;
    macro_rules! attempt {
        ($type:ty) => {
            if let Ok(values) = values.extract::<PyReadonlyArray2<'_, $type>>() {
                let values = values.as_array();
                return detached(py, || pixels::pack_rows(values, bytes).map(Sum::value));
            }
        };
    }
    attempt!(f32);
    attempt!(i32);
    attempt!(u16);
    Err(PyTypeError::new_err("values hold another type than float32, int32 and uint16"))
}
