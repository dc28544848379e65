//! A row of raw counts on its way to values.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{ArrayView1, Axis};

use super::operation::{Operation, Step};
use crate::conversion::{convert_row, lower_row};
use crate::rows::together;

pub(super) struct Counts<'s, 'a> {
    pixels: Cow<'a, [u16]>,
    /// Those that the next row will want; none if they are not at hand.
    next: &'a [u16],
    /// The row among those that the levels know.
    row: usize,
    thresholds: &'s [(f32, i32)],
    flags: i32,
    levels: &'s [ArrayView1<'a, f32>],
    flip_x: bool,
}

impl<'s, 'a> Counts<'s, 'a> {
    /// Those that a step puts into a row of the frame.
    pub fn of(step: &'s Step<'a>, y: usize) -> Option<Self> {
        let Operation::Raw { counts, thresholds, flags, levels, flip_x, flip_y } = &step.operation
        else {
            return None;
        };
        let row = y.checked_sub(step.corner.0).filter(|row| *row < step.shape.0)?;
        let row = if *flip_y { step.shape.0 - 1 - row } else { row };
        let row_after = if *flip_y { row.wrapping_sub(1) } else { row + 1 };
        let next = if row_after < counts.nrows() {
            counts.index_axis_move(Axis(0), row_after).to_slice().unwrap_or_default()
        } else {
            &[]
        };
        let pixels = together(counts.index_axis_move(Axis(0), row));
        Some(Self { pixels, next, row, thresholds, flags: *flags, levels, flip_x: *flip_x })
    }

    /// Make the pixels from column `from` of the step on; return all bits that some of them have.
    pub fn convert(&self, from: usize, image: &mut [f32], mask: &mut [i32]) -> i32 {
        let columns = self.columns(from, image.len());
        let mut levels =
            self.levels.iter().map(|level| level[if level.len() == 1 { 0 } else { self.row }]);
        let first = levels.next().unwrap_or(0.0); // which changes no count
        let counts = &self.pixels[columns];
        let any = convert_row(counts, image, mask, self.thresholds, self.flags, first);
        levels.for_each(|level| lower_row(image, level));
        if self.flip_x {
            image.reverse();
            mask.reverse();
        }
        any
    }

    /// Those of the next row from which it will make so many pixels; none if they are not at hand.
    pub fn next_block(&self, from: usize, count: usize) -> &'a [u16] {
        self.next.get(self.columns(from, count)).unwrap_or_default()
    }

    /// Where the counts are of which pixels from column `from` of the step on are made.
    fn columns(&self, from: usize, count: usize) -> Range<usize> {
        let to = from + count;
        if self.flip_x { self.pixels.len() - to..self.pixels.len() - from } else { from..to }
    }
}
