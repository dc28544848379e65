//! Where finished rows go: to memory, or as bytes to a file.

use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayView1, ArrayViewMut1, ArrayViewMut2, Axis};

use super::row::Row;
use crate::calibration::PlanesMut;
use crate::checksum::Sum;
use crate::error::{KernelError, same_shape};
use crate::file_rows::FileRows;
use crate::pixels::pack;
use crate::simd;

/// Bytes that are written at a time: those of three planes stay next to the processor.
const PIECE: usize = 1 << 20;

/// Where the finished rows of a frame go.
pub enum Target<'a> {
    /// Past the caches into memory.
    Memory(PlanesMut<'a>),
    /// Into a file.
    File(FileTarget<'a>),
}

/// Planes in a file, and what is to be had of them without reading it.
pub struct FileTarget<'a> {
    /// Rows and columns.
    pub shape: (usize, usize),
    /// Values: `f32`.
    pub image: FileRows<'a>,
    /// Flags: `i32`.
    pub mask: FileRows<'a>,
    /// Variance of the values: `f32`.
    pub variance: FileRows<'a>,
    /// What goes to memory too.
    pub kept: Vec<Mutex<Kept<'a>>>,
}

/// Pixels that go to memory beside the file.
pub struct Kept<'a> {
    /// Every so many rows, from the first on.
    pub every: usize,
    /// The first column.
    pub column: usize,
    /// Their values.
    pub image: ArrayViewMut2<'a, f32>,
    /// Their flags.
    pub mask: ArrayViewMut2<'a, i32>,
}

impl<'f> Target<'f> {
    pub(super) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Memory(planes) => planes.image.dim(),
            Self::File(file) => file.shape,
        }
    }

    pub(super) fn check(&self) -> Result<(), KernelError> {
        let frame = self.shape();
        match self {
            Self::Memory(planes) => {
                same_shape("target mask", planes.mask.dim(), frame)?;
                same_shape("target variance", planes.variance.dim(), frame)
            }
            Self::File(file) => {
                for (name, plane) in [
                    ("target image", file.image),
                    ("target mask", file.mask),
                    ("target variance", file.variance),
                ] {
                    same_shape(name, (frame.0, plane.columns()), frame)?;
                }
                file.kept.iter().try_for_each(|kept| {
                    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    same_shape("mask of what is kept", kept.mask.dim(), kept.image.dim())?;
                    let (rows, columns) = kept.image.dim();
                    let wanted = frame.0.div_ceil(kept.every.max(1));
                    let right = kept.column.checked_add(columns);
                    if kept.every > 0 && rows == wanted && right.is_some_and(|x| x <= frame.1) {
                        return Ok(());
                    }
                    let problem = format!(
                        "has {rows} x {columns} pixels of every {}th row from column {} on, \
                         which the frame of {frame:?} does not have",
                        kept.every, kept.column
                    );
                    Err(KernelError::Value { name: "kept", problem })
                })
            }
        }
    }

    /// Bands of so many rows.
    pub(super) fn bands(&mut self, height: usize) -> Vec<Band<'_, 'f>> {
        match self {
            Self::Memory(PlanesMut { image, mask, variance }) => {
                let planes = image
                    .axis_chunks_iter_mut(Axis(0), height)
                    .zip(mask.axis_chunks_iter_mut(Axis(0), height))
                    .zip(variance.axis_chunks_iter_mut(Axis(0), height));
                let planes =
                    planes.map(|((image, mask), variance)| PlanesMut { image, mask, variance });
                planes
                    .enumerate()
                    .map(|(number, planes)| {
                        let first = number * height;
                        Band {
                            rows: first..first + planes.image.nrows(),
                            place: Place::Memory(planes),
                        }
                    })
                    .collect()
            }
            Self::File(file) => {
                let file = &*file;
                let starts = (0..file.shape.0).step_by(height);
                starts
                    .map(|first| Band {
                        rows: first..(first.saturating_add(height)).min(file.shape.0),
                        place: Place::File(file),
                    })
                    .collect()
            }
        }
    }
}

/// Some rows of a target.
pub(super) struct Band<'a, 'f> {
    pub rows: Range<usize>,
    place: Place<'a, 'f>,
}

enum Place<'a, 'f> {
    Memory(PlanesMut<'a>),
    File(&'a FileTarget<'f>),
}

impl Band<'_, '_> {
    /// What memory holds of a row.
    pub fn load(&self, row: &mut Row, y: usize) {
        if let Place::Memory(planes) = &self.place {
            let at = y - self.rows.start;
            row.load((planes.image.row(at), planes.mask.row(at), planes.variance.row(at)), y);
        }
    }

    /// Put a finished row where it belongs; with a file that is done when [`Writer::end`] is.
    pub fn put(&mut self, row: &Row, writer: &mut Writer) -> io::Result<()> {
        match &mut self.place {
            Place::Memory(planes) => {
                let at = row.y - self.rows.start;
                store(&row.image, planes.image.row_mut(at));
                store(&row.mask, planes.mask.row_mut(at));
                store(&row.variance, planes.variance.row_mut(at));
                Ok(())
            }
            Place::File(file) => {
                file.keep(row);
                writer.put(file, row)
            }
        }
    }

    /// Write what is left to write, and let other threads see it.
    pub fn end(&self, writer: &mut Writer) -> io::Result<()> {
        simd::fence();
        match &self.place {
            Place::Memory(_) => Ok(()),
            Place::File(file) => writer.end(file),
        }
    }
}

impl FileTarget<'_> {
    fn keep(&self, row: &Row) {
        for kept in &self.kept {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if !row.y.is_multiple_of(kept.every) {
                continue;
            }
            let (at, columns) = (row.y / kept.every, kept.column..kept.column + kept.image.ncols());
            kept.image.row_mut(at).assign(&ArrayView1::from(&row.image[columns.clone()]));
            kept.mask.row_mut(at).assign(&ArrayView1::from(&row.mask[columns]));
        }
    }
}

/// The bytes of rows that a thread has still to write.
#[derive(Default)]
pub(super) struct Writer {
    first: usize,
    count: usize,
    bytes: [Vec<u8>; 3],
    /// Sums of what was written, of image, mask and variance.
    pub sums: [Sum; 3],
}

impl Writer {
    fn put(&mut self, file: &FileTarget<'_>, row: &Row) -> io::Result<()> {
        let size = file.image.row_size(); // of each plane: all pixels have four bytes
        let most = (PIECE / size.max(1)).max(1);
        if self.count == most || row.y != self.first + self.count {
            self.end(file)?;
        }
        if self.count == 0 {
            self.first = row.y;
            self.bytes.iter_mut().for_each(|bytes| bytes.resize(most * size, 0));
        }
        let place = self.count * size..(self.count + 1) * size;
        let [image, mask, variance] = &mut self.bytes;
        pack(&row.image, &mut image[place.clone()]);
        pack(&row.mask, &mut mask[place.clone()]);
        pack(&row.variance, &mut variance[place]);
        self.count += 1;
        Ok(())
    }

    fn end(&mut self, file: &FileTarget<'_>) -> io::Result<()> {
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return Ok(());
        }
        let planes = [file.image, file.mask, file.variance];
        for ((plane, bytes), sum) in planes.iter().zip(&self.bytes).zip(&mut self.sums) {
            *sum += plane.write_bytes(self.first, &bytes[..count * plane.row_size()])?;
        }
        Ok(())
    }
}

pub(super) fn store<T: simd::Word>(from: &[T], mut to: ArrayViewMut1<'_, T>) {
    match to.as_slice_mut() {
        Some(to) => simd::stream(from, to),
        None => to.assign(&ArrayView1::from(from)),
    }
}
