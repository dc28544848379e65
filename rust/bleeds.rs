//! Bleed trails: runs of saturated pixels in a column that are much longer than wide.

use ndarray::ArrayView2;

use crate::runs::{self, Run};

/// Rows `first` to `end`, the end excluded, of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trail {
    /// The column.
    pub column: usize,
    /// The lowest row.
    pub first: usize,
    /// One beyond the highest row.
    pub end: usize,
}

/// The runs in columns of pixels that share a bit with `bits`, by column and row.
///
/// A run counts when it has at least `min_length` pixels and `elongation` times as many as the
/// run of the row through its middle.
#[must_use]
pub fn trails(
    mask: ArrayView2<'_, i32>,
    bits: i32,
    min_length: usize,
    elongation: usize,
) -> Vec<Trail> {
    let rows = runs::from_mask(mask, bits);
    let mut open: Vec<Option<(usize, usize)>> = vec![None; mask.ncols()];
    let mut found = Vec::new();
    let mut close = |column: usize, (first, end): (usize, usize)| {
        let length = end - first;
        let width = width_at(&rows[first.midpoint(end - 1)], column);
        if length >= min_length && length >= elongation.saturating_mul(width) {
            found.push(Trail { column, first, end });
        }
    };
    for (y, runs) in rows.iter().enumerate() {
        for column in runs.iter().flat_map(|run| run.first..=run.last) {
            let first = match open[column] {
                Some((first, end)) if end == y => first,
                Some(broken) => {
                    close(column, broken);
                    y
                }
                None => y,
            };
            open[column] = Some((first, y + 1));
        }
    }
    for (column, last) in open.into_iter().enumerate() {
        if let Some(last) = last {
            close(column, last);
        }
    }
    found.sort_unstable();
    found
}

/// The width of the run that holds a column.
fn width_at(runs: &[Run], column: usize) -> usize {
    let index = runs.partition_point(|run| run.last < column);
    runs.get(index).map_or(0, |run| run.width())
}
