//! Pixels in blocks of fixed size, whatever their layout in memory.

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::Sample;

/// Pixels in a block: 64 KiB of `f32`, so that a copy of one stays in the cache.
pub(super) const BLOCK: usize = 1 << 14;
/// Pixels that are looked at together for flags.
const STRETCH: usize = 64;
/// Sums that run side by side within a block.
const LANES: usize = 8;

/// An image, and the mask that leaves some of its pixels out.
pub struct Source<'a, T> {
    image: ArrayView2<'a, T>,
    flat: Option<&'a [T]>,
    mask: Option<ArrayView2<'a, i32>>,
    reject: i32,
}

impl<'a, T: Sample> Source<'a, T> {
    pub(crate) fn new(
        image: ArrayView2<'a, T>,
        mask: Option<ArrayView2<'a, i32>>,
        reject: i32,
    ) -> Self {
        let whole = mask.is_none() || reject == 0;
        let flat = if whole { image.to_slice() } else { None };
        Self { image, flat, mask, reject }
    }

    pub(super) fn len(&self) -> usize {
        self.image.len()
    }

    /// Number of blocks, in the order of rows and columns.
    pub(super) fn blocks(&self) -> usize {
        self.len().div_ceil(BLOCK)
    }

    /// The pixels of a block that the mask leaves in: seen where they lie, or gathered in `space`.
    pub(super) fn block<'s>(&'s self, index: usize, space: &'s mut Vec<T>) -> &'s [T] {
        let (start, end) = (index * BLOCK, ((index + 1) * BLOCK).min(self.len()));
        if let Some(flat) = self.flat {
            return &flat[start..end];
        }
        let columns = self.image.ncols();
        space.clear();
        let mut at = start;
        while at < end {
            let (row, first) = (at / columns, at % columns);
            let last = columns.min(first + end - at);
            let pixels = self.image.slice(s![row, first..last]);
            match (&self.mask, self.reject) {
                (None, _) | (_, 0) => match pixels.as_slice() {
                    Some(pixels) => space.extend_from_slice(pixels),
                    None => space.extend(pixels.iter()),
                },
                (Some(mask), reject) => {
                    let flags = mask.slice(s![row, first..last]);
                    let keep = |pair: &(&T, &i32)| pair.1 & reject == 0;
                    let (some, other) = (pixels.as_slice(), flags.as_slice());
                    let (Some(pixels), Some(flags)) = (some, other) else {
                        space.extend(pixels.iter().zip(flags).filter(keep).map(|(p, _)| p));
                        at += last - first;
                        continue;
                    };
                    // Most stretches have no flag at all: those are copied whole.
                    for (pixels, flags) in pixels.chunks(STRETCH).zip(flags.chunks(STRETCH)) {
                        if flags.iter().fold(0, |bits, flag| bits | flag) & reject == 0 {
                            space.extend_from_slice(pixels);
                        } else {
                            space.extend(pixels.iter().zip(flags).filter(keep).map(|(p, _)| p));
                        }
                    }
                }
            }
            at += last - first;
        }
        space
    }

    /// What `work` makes of each block, in order.
    pub(crate) fn map<R: Send>(&self, work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
        self.map_some(|_| true, work)
    }

    /// What `work` makes of each block that is `wanted`, in order.
    pub(crate) fn map_some<R: Send>(
        &self,
        wanted: impl Fn(usize) -> bool + Sync,
        work: impl Fn(&[T]) -> R + Sync,
    ) -> Vec<R> {
        (0..self.blocks())
            .into_par_iter()
            .filter(|&index| wanted(index))
            .map_init(Vec::new, |space, index| work(self.block(index, space)))
            .collect()
    }

    /// A table that `work` fills from each block; tables of several threads are added up.
    pub(super) fn tally(&self, size: usize, work: impl Fn(&[T], &mut [u32]) + Sync) -> Vec<u64> {
        let parts = rayon::current_num_threads().min(self.blocks()).max(1);
        let tables: Vec<Vec<u32>> = (0..parts)
            .into_par_iter()
            .map(|part| {
                let (mut table, mut space) = (vec![0; size], Vec::new());
                let span = self.blocks() * part / parts..self.blocks() * (part + 1) / parts;
                for index in span {
                    work(self.block(index, &mut space), &mut table);
                }
                table
            })
            .collect();
        let mut total = vec![0; size];
        for table in tables {
            for (sum, count) in total.iter_mut().zip(table) {
                *sum += u64::from(count);
            }
        }
        total
    }

    /// Every bit that some usable pixel has in the mask.
    pub(super) fn flags(&self) -> i32 {
        let Some(mask) = &self.mask else { return 0 };
        let rows = self.image.outer_iter().into_par_iter().zip(mask.outer_iter());
        rows.map(|(pixels, flags)| {
            let pairs = pixels.into_iter().zip(flags);
            pairs
                .filter(|&(p, f)| f & self.reject == 0 && super::usable(p.value()))
                .fold(0, |bits, (_, f)| bits | f)
        })
        .reduce(|| 0, |one, other| one | other)
    }
}

/// Number of some values, and the sums of the first and second power of `value - pivot`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) count: u64,
    pub(super) first: f64,
    pub(super) second: f64,
}

impl Sums {
    /// Over the values for which `keep` holds.
    pub(super) fn new<T: Sample>(values: &[T], pivot: f64, keep: impl Fn(T) -> bool) -> Self {
        let (mut counts, mut first, mut second) = ([0_u32; LANES], [0.0; LANES], [0.0; LANES]);
        let mut add = |lane: usize, value: T| {
            let kept = keep(value);
            let step = if kept { value.value() - pivot } else { 0.0 };
            counts[lane] += u32::from(kept);
            first[lane] += step;
            second[lane] += step * step;
        };
        let mut groups = values.chunks_exact(LANES);
        for group in &mut groups {
            for (lane, &value) in group.iter().enumerate() {
                add(lane, value);
            }
        }
        for (lane, &value) in groups.remainder().iter().enumerate() {
            add(lane, value);
        }
        let count = counts.iter().map(|&count| u64::from(count)).sum();
        Self { count, first: first.iter().sum(), second: second.iter().sum() }
    }

    /// One after the other, in order.
    pub(super) fn total(parts: Vec<Self>) -> Self {
        parts.into_iter().fold(Self::default(), |sum, part| Self {
            count: sum.count + part.count,
            first: sum.first + part.first,
            second: sum.second + part.second,
        })
    }
}
