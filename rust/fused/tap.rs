//! What passes a point of the way, kept beside the result.

use std::sync::{Mutex, PoisonError};

use ndarray::{ArrayViewMut1, ArrayViewMut2, Axis, s};

use super::target::store;

/// Pixels that are written row by row, by whichever thread has the row.
pub struct Tap<'a> {
    shape: (usize, usize),
    /// No two threads ever wait for one: a row that both make is written with the same values.
    rows: Vec<Mutex<ArrayViewMut1<'a, f32>>>,
}

impl<'a> Tap<'a> {
    /// Fill this plane.
    #[must_use]
    pub fn new(plane: ArrayViewMut2<'a, f32>) -> Self {
        let (shape, mut rest) = (plane.dim(), plane);
        let mut rows = Vec::with_capacity(shape.0);
        while rest.nrows() > 0 {
            let (row, below) = rest.split_at(Axis(0), 1);
            rows.push(Mutex::new(row.index_axis_move(Axis(0), 0)));
            rest = below;
        }
        Self { shape, rows }
    }

    pub(super) fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Write pixels of a row from column `at` on.
    pub(super) fn put(&self, row: usize, at: usize, values: &[f32]) {
        let mut row = self.rows[row].lock().unwrap_or_else(PoisonError::into_inner);
        store(values, row.slice_mut(s![at..at + values.len()]));
    }
}
