//! Rows of calibrations that lie in files, read some at a time and converted when they are due.

use std::ops::Range;

use super::operation::Step;
use crate::checksum::Sum;
use crate::file_rows::{FileRows, ReadError};

/// Bytes that are read at a time: those of all files stay next to the processor.
const PIECE: usize = 1 << 16;

/// What a thread has of the files, a place for each step.
pub(super) struct Feeds<'a>(Vec<Option<Feed<'a>>>);

struct Feed<'a> {
    plane: FileRows<'a>,
    /// The row of the frame that is the first of the plane, and the rows of the plane.
    corner: usize,
    height: usize,
    bytes: Vec<u8>,
    /// The rows of the frame that `bytes` hold.
    rows: Range<usize>,
    line: Vec<f32>,
    sum: Sum,
}

impl<'a> Feeds<'a> {
    pub fn new(steps: &[Step<'a>]) -> Self {
        let feed = |step: &Step<'a>| {
            step.in_file().map(|(plane, height)| Feed {
                plane,
                corner: step.corner.0,
                height,
                bytes: Vec::new(),
                rows: 0..0,
                line: vec![0.0; plane.columns()],
                sum: Sum::default(),
            })
        };
        Self(steps.iter().map(feed).collect())
    }

    /// Begin a band: what another had is not in its sum.
    pub fn begin(&mut self) {
        for feed in self.0.iter_mut().flatten() {
            feed.rows = 0..0;
            feed.sum = Sum::default();
        }
    }

    /// Get row `y` of the frame ready for all steps; only rows of the band are summed up.
    ///
    /// # Errors
    ///
    /// The step, and why its row could not be read.
    pub fn fill(&mut self, y: usize, band: &Range<usize>) -> Result<(), (usize, ReadError)> {
        for (index, feed) in self.0.iter_mut().enumerate() {
            if let Some(feed) = feed {
                feed.fill(y, band).map_err(|error| (index, error))?;
            }
        }
        Ok(())
    }

    /// The row that is ready for a step; nothing if the step has no file.
    pub fn line(&self, step: usize) -> &[f32] {
        self.0[step].as_ref().map_or(&[], |feed| &feed.line)
    }

    /// The sums of the bytes of the band, by step.
    pub fn sums(&self) -> Vec<Sum> {
        self.0.iter().map(|feed| feed.as_ref().map_or(Sum::default(), |feed| feed.sum)).collect()
    }
}

impl Feed<'_> {
    fn fill(&mut self, y: usize, band: &Range<usize>) -> Result<(), ReadError> {
        let end = self.corner + self.height;
        if !(self.corner..end).contains(&y) {
            return Ok(());
        }
        let size = self.plane.row_size();
        if !self.rows.contains(&y) {
            let inside = band.contains(&y);
            // Rows beside the band are few, and not to be mixed with those that are summed.
            let most = if inside { band.end.min(end) } else { y + 1 };
            let count = (PIECE / size.max(1)).clamp(1, most - y);
            self.rows = 0..0;
            let sum = inside.then_some(&mut self.sum);
            self.plane.read_bytes(y - self.corner, count, &mut self.bytes, sum)?;
            self.rows = y..y + count;
        }
        let at = (y - self.rows.start) * size;
        self.plane.unpack(&self.bytes[at..at + size], &mut self.line)
    }
}
