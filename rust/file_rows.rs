//! Rows of a plane of pixels that lies in a file, read and written at their place.
//!
//! A file is read with a position (`pread`), so that any number of threads may share it.

use std::fs::File;
use std::io;

use ndarray::ArrayViewMut2;
use ndarray::parallel::prelude::*;
use ndarray::{Axis, s};
use thiserror::Error;

use crate::checksum::{Sum, Total};
use crate::pixels::{Pixel, Sample, Scaling, unpack_here};

/// Bytes that are read at a time: they fit the cache next to the processor.
pub const PIECE: usize = 1 << 17;

/// Why pixels could not be read from a file.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file ends too early.
    #[error("the file ends at byte {end}")]
    Short {
        /// Where it ends [byte].
        end: u64,
    },
    /// The operating system did not do it.
    #[error(transparent)]
    System(#[from] io::Error),
    /// The bytes are not what they must be.
    #[error("{0}")]
    Content(String),
}

/// Fill `buffer` from byte `at` of the file on; how many bytes there were.
///
/// # Errors
///
/// Those of the operating system, except that a call which a signal cut short is made again.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match read_some(file, &mut buffer[done..], at.saturating_add(done as u64)) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Fill `buffer` from byte `at` of the file on, or refuse.
///
/// # Errors
///
/// [`ReadError::Short`] when the file ends before, [`ReadError::System`] as of [`read_at`].
pub fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> Result<(), ReadError> {
    let count = read_at(file, buffer, at)?;
    if count == buffer.len() {
        return Ok(());
    }
    Err(ReadError::Short { end: at.saturating_add(count as u64) })
}

#[cfg(unix)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_some(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        let (rest, at) = (&bytes[done..], at.saturating_add(done as u64));
        match std::os::windows::fs::FileExt::seek_write(file, rest, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Make `scratch` hold `size` bytes, of which nothing is kept.
///
/// What it held before is not touched again: zeros are written only where it grows.
///
/// # Errors
///
/// [`io::ErrorKind::OutOfMemory`] when there is no room.
fn room(scratch: &mut Vec<u8>, size: usize) -> io::Result<&mut [u8]> {
    if scratch.len() < size {
        scratch.try_reserve_exact(size - scratch.len())?;
        scratch.resize(size, 0);
    }
    Ok(&mut scratch[..size])
}

/// Read bytes `at` to `at + size` of the file into `scratch`.
///
/// # Errors
///
/// As of [`read_exact_at`], or when there is no memory for them.
pub(crate) fn read_piece<'a>(
    file: &File,
    at: u64,
    size: usize,
    scratch: &'a mut Vec<u8>,
) -> Result<&'a [u8], ReadError> {
    let buffer = room(scratch, size)?;
    read_exact_at(file, buffer, at)?;
    Ok(buffer)
}

/// The sum of bytes `at` to `end` of a unit that begins at byte `origin` of the file, in parallel.
///
/// What the file lacks counts as zeros.
///
/// # Errors
///
/// As of [`read_at`].
pub fn sum_of(file: &File, origin: u64, at: u64, end: u64) -> io::Result<Sum> {
    let piece = PIECE as u64;
    let count = usize::try_from(end.saturating_sub(at).div_ceil(piece)).unwrap_or(usize::MAX);
    let sums = (0..count).into_par_iter().map_init(Vec::new, |scratch, number| {
        let from = at + number as u64 * piece;
        // No more than a piece.
        let size = usize::try_from((end - from).min(piece)).unwrap_or(PIECE);
        let buffer = room(scratch, size)?;
        let read = read_at(file, buffer, origin.saturating_add(from))?;
        Ok(Sum::of(&buffer[..read], from))
    });
    sums.try_reduce(Sum::default, |mut one, other| {
        one += other;
        Ok(one)
    })
}

/// A plane of pixels in a file, row after row without gaps, big-endian as FITS has it.
#[derive(Debug, Clone, Copy)]
pub struct FileRows<'f> {
    file: &'f File,
    start: u64,
    columns: usize,
    pixel: Pixel,
    scaling: Option<Scaling>,
}

impl<'f> FileRows<'f> {
    /// For pixels that begin at byte `start` of the file, where the data of their unit begin.
    #[must_use]
    pub fn new(
        file: &'f File,
        start: u64,
        columns: usize,
        pixel: Pixel,
        scaling: Option<Scaling>,
    ) -> Self {
        Self { file, start, columns, pixel, scaling }
    }

    /// Bytes between the start of the plane and a pixel; at the end of numbers when beyond.
    fn place(&self, pixel: usize) -> u64 {
        (pixel as u64).saturating_mul(self.pixel.size() as u64)
    }

    /// Pixels of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_size(&self) -> usize {
        self.columns.saturating_mul(self.pixel.size())
    }

    /// Read `count` rows from `first_row` on into `scratch`, as they lie in the file.
    ///
    /// `scratch` grows to their size, and can be used again. The sum of the bytes, at their
    /// place in the unit, is added to `sum`.
    ///
    /// # Errors
    ///
    /// As of [`read_exact_at`].
    pub fn read_bytes(
        &self,
        first_row: usize,
        count: usize,
        scratch: &mut Vec<u8>,
        sum: Option<&mut Sum>,
    ) -> Result<(), ReadError> {
        let place = self.place(first_row.saturating_mul(self.columns));
        let size = count.saturating_mul(self.row_size());
        let bytes = read_piece(self.file, self.start.saturating_add(place), size, scratch)?;
        if let Some(sum) = sum {
            *sum += Sum::of(bytes, place);
        }
        Ok(())
    }

    /// The pixels of bytes that were read.
    ///
    /// # Errors
    ///
    /// [`ReadError::Content`] when there are not as many bytes as `out` wants.
    pub fn unpack<T: Sample>(&self, bytes: &[u8], out: &mut [T]) -> Result<(), ReadError> {
        unpack_here(bytes, self.pixel, self.scaling, out).map_err(ReadError::Content)
    }

    fn read_pixels<T: Sample>(
        &self,
        first: usize,
        out: &mut [T],
        scratch: &mut Vec<u8>,
        sum: Option<&mut Sum>,
    ) -> Result<(), ReadError> {
        let place = self.place(first);
        let size = out.len().saturating_mul(self.pixel.size());
        let bytes = read_piece(self.file, self.start.saturating_add(place), size, scratch)?;
        if let Some(sum) = sum {
            *sum += Sum::of(bytes, place);
        }
        unpack_here(bytes, self.pixel, self.scaling, out).map_err(ReadError::Content)
    }

    /// Write bytes as [`crate::pixels::pack`] makes them, from the start of row `first_row` on;
    /// their sum comes back.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn write_bytes(&self, first_row: usize, bytes: &[u8]) -> io::Result<Sum> {
        let place = self.place(first_row.saturating_mul(self.columns));
        write_all_at(self.file, bytes, self.start.saturating_add(place))?;
        Ok(Sum::of(bytes, place))
    }

    /// Read rows from `first_row` on into all of `out`, in parallel; the sum of their bytes
    /// comes back when it is wanted.
    ///
    /// # Errors
    ///
    /// As of [`read_exact_at`], or when `out` has rows of another length.
    pub fn read_all<T: Sample>(
        &self,
        first_row: usize,
        mut out: ArrayViewMut2<'_, T>,
        summed: bool,
    ) -> Result<Sum, ReadError> {
        let columns = out.ncols();
        if columns != self.columns {
            let problem = format!("out has rows of {columns} pixels, wanted {}", self.columns);
            return Err(ReadError::Content(problem));
        }
        if out.is_empty() {
            return Ok(Sum::default());
        }
        let most = PIECE / self.pixel.size();
        let height = (most / columns).max(1);
        let bands = out.axis_chunks_iter_mut(Axis(0), height).into_par_iter().enumerate();
        let total = Total::default();
        let failed = bands
            .map_init(Vec::new, |scratch, (number, band)| {
                let mut sum = summed.then(Sum::default);
                let row = first_row + number * height;
                self.read_band(row, most, band, scratch, sum.as_mut())?;
                total.add(sum.unwrap_or_default());
                Ok(())
            })
            // Which of several errors is told must not depend on threads.
            .find_first(Result::is_err);
        failed.unwrap_or(Ok(())).map(|()| total.sum())
    }

    /// Read rows, by less than `most` pixels where they are longer.
    fn read_band<T: Sample>(
        &self,
        row: usize,
        most: usize,
        mut band: ArrayViewMut2<'_, T>,
        scratch: &mut Vec<u8>,
        mut sum: Option<&mut Sum>,
    ) -> Result<(), ReadError> {
        let first = row.saturating_mul(self.columns);
        if band.len() <= most
            && let Some(pixels) = band.as_slice_mut()
        {
            return self.read_pixels(first, pixels, scratch, sum);
        }
        let mut line = Vec::new();
        for (number, mut target) in band.rows_mut().into_iter().enumerate() {
            for left in (0..self.columns).step_by(most) {
                let right = self.columns.min(left + most);
                let first = first + number * self.columns + left;
                let mut part = target.slice_mut(s![left..right]);
                if let Some(pixels) = part.as_slice_mut() {
                    self.read_pixels(first, pixels, scratch, sum.as_deref_mut())?;
                    continue;
                }
                line.resize(right - left, T::default());
                self.read_pixels(first, &mut line, scratch, sum.as_deref_mut())?;
                part.iter_mut().zip(&line).for_each(|(target, value)| *target = *value);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::path::PathBuf;

    use ndarray::{Array2, s};

    use super::{FileRows, PIECE, ReadError, sum_of};
    use crate::checksum::{Sum, datasum};
    use crate::pixels::{Pixel, Scaling, Stored, pack};

    /// A file that is gone with the test.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let name = format!("cfhtisr-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::write(&path, bytes).expect("the folder of temporary files can be written");
            Self(path)
        }

        fn open(&self) -> fs::File {
            OpenOptions::new().read(true).write(true).open(&self.0).expect("it was just made")
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn packed<T: Stored>(values: &[T]) -> Vec<u8> {
        let mut bytes = vec![0; values.len() * T::PIXEL.size()];
        pack(values, &mut bytes);
        bytes
    }

    #[test]
    fn what_is_written_is_read_and_summed_alike() {
        let place = Temporary::new("rows", &[7; 5]);
        let file = place.open();
        let rows = FileRows::new(&file, 5, 7, Pixel::F32, None);
        let bits = [0x7f80_0001, 0x8000_0000, 1, 0xffff_ffff, 0x3f80_0000, 0x1234_5678, 0];
        let values: Vec<f32> = bits.into_iter().cycle().take(28).map(f32::from_bits).collect();
        let mut sum = rows.write_bytes(2, &packed(&values[14..])).expect("there is room");
        sum += rows.write_bytes(0, &packed(&values[..14])).expect("there is room");
        let bytes = fs::read(&place.0).expect("it is there");
        assert_eq!(bytes[..5], [7; 5]);
        assert_eq!(bytes[5..9], 0x7f80_0001_u32.to_be_bytes());
        assert_eq!(sum.value(), datasum(&bytes[5..], 0, 0));
        let (mut found, mut other, mut scratch) = (vec![0.0_f32; 28], Sum::default(), Vec::new());
        for row in [3, 0, 2, 1] {
            rows.read_bytes(row, 1, &mut scratch, Some(&mut other)).expect("it was written");
            let out = &mut found[row * 7..row * 7 + 7];
            rows.unpack(&scratch[..rows.row_size()], out).expect("it is a row");
        }
        assert_eq!(other, sum);
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits();
        assert!(found.iter().zip(&values).all(same));
        assert!(rows.unpack(&scratch[..9], &mut found).is_err());
    }

    #[test]
    fn shorts_sum_at_their_place_in_a_word() {
        let place = Temporary::new("shorts", &[]);
        let file = place.open();
        let rows = FileRows::new(&file, 0, 3, Pixel::I16, None);
        let values = [0_u16, 32768, 65535, 1, 2, 3, 40000, 7, 9];
        let mut sum = Sum::default();
        for (row, line) in values.chunks(3).enumerate() {
            sum += rows.write_bytes(row, &packed(line)).expect("there is room");
        }
        let bytes = fs::read(&place.0).expect("it is there");
        assert_eq!(sum.value(), datasum(&bytes, 0, 0));
        let (mut found, mut scratch) = ([0_u16; 6], Vec::new());
        rows.read_bytes(1, 2, &mut scratch, None).expect("it was written");
        rows.unpack(&scratch, &mut found).expect("they are two rows");
        assert_eq!(found, values[3..]);
    }

    #[test]
    fn scaled_integers_become_floats() {
        let place = Temporary::new("scaled", &[0, 2, 255, 254]);
        let file = place.open();
        let scaling = Some(Scaling { scale: 0.5, zero: 10.0, blank: Some(2) });
        let rows = FileRows::new(&file, 0, 2, Pixel::I16, scaling);
        let (mut found, mut scratch) = ([0.0_f32; 2], Vec::new());
        rows.read_bytes(0, 1, &mut scratch, None).expect("it is there");
        rows.unpack(&scratch, &mut found).expect("it is a row");
        assert!(found[0].is_nan());
        assert_eq!(found[1].to_bits(), 9.0_f32.to_bits());
    }

    #[test]
    fn the_end_of_the_file_is_told() {
        let place = Temporary::new("short", &[0; 30]);
        let file = place.open();
        let rows = FileRows::new(&file, 4, 2, Pixel::F32, None);
        let problem = rows.read_bytes(2, 4, &mut Vec::new(), None);
        assert!(matches!(problem, Err(ReadError::Short { end: 30 })));
        assert!(rows.read_bytes(usize::MAX, 1, &mut Vec::new(), None).is_err());
    }

    #[test]
    fn a_whole_plane_goes_into_any_view() {
        let (rows, columns) = (5, PIECE / 2 + 3);
        let bytes: Vec<u8> = (0..=250).cycle().take(rows * columns * 2).collect();
        let place = Temporary::new("whole", &bytes);
        let file = place.open();
        let stored = FileRows::new(&file, 0, columns, Pixel::I16, None);
        let mut found = Array2::<i16>::zeros((rows, columns));
        let sum = stored.read_all(0, found.view_mut(), true).expect("it is there");
        assert_eq!(sum.value(), datasum(&bytes, 0, 0));
        assert_eq!(sum, sum_of(&file, 0, 0, bytes.len() as u64 + 99).expect("it is there"));
        let wanted: Vec<i16> =
            bytes.as_chunks::<2>().0.iter().map(|two| i16::from_be_bytes(*two)).collect();
        assert_eq!(found.as_slice(), Some(&wanted[..]));
        let mut wide = Array2::<i16>::zeros((2 * rows, 2 * columns));
        let view = wide.slice_mut(s![..;-2, ..;2]);
        stored.read_all(0, view, false).expect("it is there");
        assert_eq!(wide.slice(s![..;-2, ..;2]), found);
        assert!(wide.slice(s![.., 1..;2]).iter().all(|value| *value == 0));
    }
}
