//! The compiled module `cfhtisr._kernels`: one file per kernel, and the way errors travel.
//!
//! A binding borrows the arrays, lets go of the interpreter, runs the kernel on the pool of
//! this library and hands back what it returned; it has no logic of its own.
#![allow(missing_docs, reason = "the Python faces hold the documentation")]

mod amp_offset;
mod assembly;
mod background;
mod bad_regions;
mod binning;
mod bleeds;
mod brighter_fatter;
mod calibration;
mod checksum;
mod codec;
mod conversion;
mod crosstalk;
mod encode;
mod flags;
mod fringe;
mod fused;
mod inflate;
mod interpolation;
mod linearity;
mod masking;
mod overscan;
mod overscan_quality;
mod planes;
mod pool;
mod saturation;
mod simd;
mod statistics;
mod variance;

use std::any::Any;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{PyEOFError, PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::error::KernelError;
use crate::file_rows::ReadError;
use crate::tile_rows::TileError;

impl From<KernelError> for PyErr {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Shape { .. } | KernelError::Value { .. } => {
                PyValueError::new_err(error.to_string())
            }
        }
    }
}

impl From<ReadError> for PyErr {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Short { end } => PyEOFError::new_err(end),
            ReadError::System(error) => system_error(&error),
            ReadError::Content(problem) => PyValueError::new_err(problem),
        }
    }
}

/// The `OSError` of a number, for PyO3's own has only a text.
fn system_error(error: &io::Error) -> PyErr {
    let text = error.to_string();
    let Some(number) = error.raw_os_error() else { return PyOSError::new_err(text) };
    let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text).to_owned();
    PyOSError::new_err((number, text))
}

impl From<TileError> for PyErr {
    fn from(error: TileError) -> Self {
        match error {
            TileError::Argument(error) => error.into(),
            TileError::Tile(number, problem) => {
                PyValueError::new_err(format!("tile {number}: {problem}"))
            }
            TileError::Read(error) => error.into(),
        }
    }
}

/// A file of our own for the descriptor of one that somebody else may close meanwhile.
#[cfg(unix)]
fn shared_file(descriptor: i32) -> PyResult<File> {
    use std::os::fd::BorrowedFd;
    if descriptor < 0 {
        const BAD_DESCRIPTOR: i32 = 9; // EBADF of every Unix
        return Err(system_error(&io::Error::from_raw_os_error(BAD_DESCRIPTOR)));
    }
    #[allow(unsafe_code, reason = "the number is used for nothing but to be duplicated")]
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    borrowed.try_clone_to_owned().map(File::from).map_err(|error| system_error(&error))
}

#[cfg(not(unix))]
fn shared_file(_: i32) -> PyResult<File> {
    Err(system_error(&io::ErrorKind::Unsupported.into()))
}

/// Run a kernel without the interpreter's lock, on the pool of this library.
///
/// A panic is a mistake of ours; it arrives as an ordinary `RuntimeError`, because the
/// exception that PyO3 makes of one passes by every `except Exception`.
fn detached<T: Send>(
    py: Python<'_>,
    kernel: impl FnOnce() -> Result<T, KernelError> + Send,
) -> PyResult<T> {
    detached_with(py, kernel)
}

/// The same, for what is refused in other ways.
fn detached_with<T: Send, E: Into<PyErr> + Send>(
    py: Python<'_>,
    kernel: impl FnOnce() -> Result<T, E> + Send,
) -> PyResult<T> {
    let run = || catch_unwind(AssertUnwindSafe(|| crate::pool::install(kernel)));
    match py.detach(run) {
        Ok(result) => result.map_err(Into::into),
        Err(panic) => {
            let text = describe(panic.as_ref());
            Err(PyRuntimeError::new_err(format!("a kernel failed, please report this: {text}")))
        }
    }
}

fn describe(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[pymodule]
mod _kernels {
    #[pymodule_export]
    use super::amp_offset::window_means;
    #[pymodule_export]
    use super::assembly::place;
    #[pymodule_export]
    use super::background::mesh_levels;
    #[pymodule_export]
    use super::bad_regions::fill_bad_regions;
    #[pymodule_export]
    use super::binning::bin_planes;
    #[pymodule_export]
    use super::bleeds::bleed_trails;
    #[pymodule_export]
    use super::brighter_fatter::correct_brighter_fatter;
    #[pymodule_export]
    use super::calibration::{divide_flat, subtract_bias, subtract_scaled};
    #[pymodule_export]
    use super::checksum::{datasum, sum_file};
    #[pymodule_export]
    use super::codec::{decode_tiles, pack_pixels, read_pixels, read_tiles, unpack_pixels};
    #[pymodule_export]
    use super::conversion::to_float;
    #[pymodule_export]
    use super::crosstalk::subtract_crosstalk;
    #[pymodule_export]
    use super::encode::encode_rows;
    #[pymodule_export]
    use super::flags::{any_without, count_planes};
    #[pymodule_export]
    use super::fringe::measure_fringe;
    #[pymodule_export]
    use super::fused::correct_fused;
    #[pymodule_export]
    use super::inflate::Inflater;
    #[pymodule_export]
    use super::interpolation::{interpolate_boxes, interpolate_mask};
    #[pymodule_export]
    use super::linearity::{
        apply_lookup_table, linearize_polynomial, linearize_spline, linearize_squared,
    };
    #[pymodule_export]
    use super::masking::{grow, mask_boxes, mask_nans, threshold, widen_saturation_trails};
    #[pymodule_export]
    use super::overscan::{
        flag_overscan_outliers, overscan_fit, overscan_integer_median, row_median,
    };
    #[pymodule_export]
    use super::overscan_quality::{overscan_columns, overscan_outlier_rows, overscan_residual};
    #[pymodule_export]
    use super::pool::{num_threads, set_num_threads};
    #[pymodule_export]
    use super::saturation::{saturation_edge, saturation_piles};
    #[pymodule_export]
    use super::simd::cpu_level;
    #[pymodule_export]
    use super::statistics::statistics_compute;
    #[pymodule_export]
    use super::variance::{update_variance, update_variance_v17};
}
