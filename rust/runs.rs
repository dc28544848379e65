//! Runs: neighbouring columns of one row that share a property.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView1, ArrayView2, Axis};

use crate::error::{KernelError, same_shape};
use crate::rows::together;
use crate::simd::dispatched;

/// Columns `first` to `last`, inclusive, of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The lowest column.
    pub first: usize,
    /// The highest column.
    pub last: usize,
}

impl Run {
    /// Number of columns.
    #[must_use]
    pub fn width(self) -> usize {
        self.last - self.first + 1
    }
}

/// The runs of every row of a mask: pixels that share a bit with `bits`.
#[must_use]
pub fn from_mask(mask: ArrayView2<'_, i32>, bits: i32) -> Vec<Vec<Run>> {
    mask.axis_iter(Axis(0)).into_par_iter().map(|flags| of_row(flags, bits)).collect()
}

/// The runs of one row of a mask.
#[must_use]
pub fn of_row(flags: ArrayView1<'_, i32>, bits: i32) -> Vec<Run> {
    of_slice(&together(flags), bits)
}

/// Pixels that are looked at together.
const CHUNK: usize = 64;

dispatched! {
    /// The runs of one row of a mask whose flags lie side by side.
    #[must_use]
    pub fn of_slice(flags: &[i32], bits: i32) -> Vec<Run> {
        let (mut runs, mut open) = (Vec::new(), None);
        let (chunks, rest) = flags.as_chunks::<CHUNK>();
        for (index, chunk) in chunks.iter().enumerate() {
            // Most of a frame is clean, and a chunk is soon seen to be so.
            let clean = chunk.iter().fold(0, |any, flag| any | flag) & bits == 0;
            if !clean || open.is_some() {
                follow(packed(chunk, bits), index * CHUNK, &mut open, &mut runs);
            }
        }
        let mut last = [0; CHUNK]; // clean beyond the end, where a run that is open ends
        last[..rest.len()].copy_from_slice(rest);
        follow(packed(&last, bits), flags.len() - rest.len(), &mut open, &mut runs);
        runs
    }
}

/// A bit for each pixel that shares one with `bits`, the lowest for the first.
#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
fn packed(flags: &[i32; CHUNK], bits: i32) -> u64 {
    let mut bytes = [0; CHUNK];
    bytes.iter_mut().zip(flags).for_each(|(byte, flag)| *byte = u8::from(flag & bits != 0));
    let (parts, _) = bytes.as_chunks::<8>();
    // The product brings the eight bits, a byte apart, side by side to the top.
    let pack = |part: &[u8; 8]| u64::from_le_bytes(*part).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    parts.iter().rev().fold(0, |word, part| word << 8 | pack(part))
}

/// Close and open runs where the bits of the pixels from column `from` on change.
#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
fn follow(word: u64, from: usize, open: &mut Option<usize>, runs: &mut Vec<Run>) {
    let mut changes = word ^ (word << 1 | u64::from(open.is_some()));
    while changes != 0 {
        let column = from + changes.trailing_zeros() as usize;
        changes &= changes - 1;
        match open.take() {
            Some(first) => runs.push(Run { first, last: column - 1 }),
            None => *open = Some(column),
        }
    }
}

/// Columns of a row, a bit for each.
#[derive(Debug, Clone, Default)]
pub struct Columns(Vec<u64>);

impl Columns {
    /// Add those of a run.
    pub fn add(&mut self, run: Run) {
        let (from, to) = (run.first / CHUNK, run.last / CHUNK);
        if self.0.len() <= to {
            self.0.resize(to + 1, 0);
        }
        for (word, bits) in self.0[from..=to].iter_mut().enumerate() {
            let low = if word == 0 { run.first % CHUNK } else { 0 };
            let high = if from + word == to { run.last % CHUNK } else { CHUNK - 1 };
            *bits |= u64::MAX >> (CHUNK - 1 - high) & u64::MAX << low;
        }
    }

    /// Their runs, in order and joined where they touch; there is none left then.
    pub fn take_runs(&mut self) -> Vec<Run> {
        let (mut runs, mut open) = (Vec::new(), None);
        for (index, word) in self.0.iter_mut().enumerate() {
            follow(std::mem::take(word), index * CHUNK, &mut open, &mut runs);
        }
        let end = self.0.len() * CHUNK;
        runs.extend(open.map(|first| Run { first, last: end - 1 }));
        runs
    }
}

/// The runs of every row that a list of boxes covers, kept once for rows that are alike.
#[derive(Debug, Clone)]
pub struct BoxRuns {
    /// Which of `runs` a row has.
    rows: Vec<usize>,
    runs: Vec<Vec<Run>>,
}

impl BoxRuns {
    /// The runs of a frame of this shape.
    ///
    /// A box is `x0, y0, x1, y1`, inclusive; what lies outside of `shape` is left out. Boxes that
    /// overlap or touch join, so that any two runs of a row have a column between them.
    ///
    /// # Errors
    ///
    /// [`KernelError::Shape`] when `boxes` does not have four columns.
    pub fn new(boxes: ArrayView2<'_, i32>, shape: (usize, usize)) -> Result<Self, KernelError> {
        same_shape("boxes", boxes.dim(), (boxes.nrows(), 4))?;
        let mut waiting: Vec<(Run, Run)> = boxes
            .rows()
            .into_iter()
            .filter_map(|corners| {
                let columns = clip(corners[0], corners[2], shape.1)?;
                Some((clip(corners[1], corners[3], shape.0)?, columns))
            })
            .collect();
        waiting.sort_unstable();
        let mut waiting = waiting.into_iter().peekable();
        let (mut rows, mut runs) = (vec![0; shape.0], vec![Vec::new()]);
        let mut covering: Vec<(Run, Run)> = Vec::new();
        let mut y = 0;
        while y < shape.0 {
            covering.retain(|(lines, _)| lines.last >= y);
            while let Some(next) = waiting.next_if(|(lines, _)| lines.first <= y) {
                covering.push(next);
            }
            // Nothing begins or ends before that row.
            let begins = waiting.peek().map_or(shape.0, |(lines, _)| lines.first);
            let end = covering.iter().map(|(lines, _)| lines.last + 1).fold(begins, usize::min);
            if !covering.is_empty() {
                let mut found = covering.iter().map(|(_, columns)| *columns).collect();
                join(&mut found);
                rows[y..end].fill(runs.len());
                runs.push(found);
            }
            y = end;
        }
        Ok(Self { rows, runs })
    }

    /// The runs of a row.
    #[must_use]
    pub fn of(&self, row: usize) -> &[Run] {
        self.rows.get(row).map_or(&[], |index| &self.runs[*index])
    }
}

/// The runs of every row that a list of boxes covers; see [`BoxRuns`].
///
/// # Errors
///
/// [`KernelError::Shape`] when `boxes` does not have four columns.
pub fn from_boxes(
    boxes: ArrayView2<'_, i32>,
    shape: (usize, usize),
) -> Result<Vec<Vec<Run>>, KernelError> {
    let runs = BoxRuns::new(boxes, shape)?;
    Ok((0..shape.0).map(|row| runs.of(row).to_vec()).collect())
}

/// Sort runs and join those that overlap or touch.
pub fn join(runs: &mut Vec<Run>) {
    runs.sort_unstable();
    runs.dedup_by(|next, kept| {
        let joined = next.first <= kept.last + 1;
        if joined {
            kept.last = kept.last.max(next.last);
        }
        joined
    });
}

fn clip(first: i32, last: i32, length: usize) -> Option<Run> {
    let end = usize::try_from(last).ok()?.checked_add(1)?.min(length);
    let first = usize::try_from(first).unwrap_or(0); // begins before the frame
    (first < end).then(|| Run { first, last: end - 1 })
}

#[cfg(test)]
mod tests {
    use super::{Columns, Run, join, of_slice};

    /// Pseudo-random runs of a row of 200 columns.
    fn some(seed: usize) -> Vec<Run> {
        let mut state = seed;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let mut run = || {
            let first = next(200);
            Run { first, last: (first + next(90)).min(199) }
        };
        (0..seed % 7).map(|_| run()).collect()
    }

    #[test]
    fn columns_join_the_runs_that_they_are_given() {
        let mut columns = Columns::default();
        for seed in 0..300 {
            let mut wanted = some(seed);
            for run in &wanted {
                columns.add(*run);
            }
            join(&mut wanted);
            assert_eq!(columns.take_runs(), wanted);
        }
    }

    #[test]
    fn the_runs_of_a_row_are_those_that_were_flagged() {
        for seed in 0..300 {
            let mut wanted = some(seed);
            let mut flags = [1; 200];
            for run in &wanted {
                flags[run.first..=run.last].iter_mut().for_each(|flag| *flag |= i32::MIN);
            }
            join(&mut wanted);
            assert_eq!(of_slice(&flags, i32::MIN), wanted);
        }
        assert_eq!(of_slice(&[2; 64], 3), [Run { first: 0, last: 63 }]);
        assert_eq!(of_slice(&[], 1), []);
    }
}
