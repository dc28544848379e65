//! Pixels in blocks of fixed size, whatever their layout in memory.

use ndarray::{ArrayView2, s};
use rayon::prelude::*;

use super::Sample;

/// Pixels in a block: 64 KiB of `f32`, so that a copy of one stays in the cache.
pub(super) const BLOCK: usize = 1 << 14;
/// Pixels that are looked at together for flags.
const STRETCH: usize = 32;
/// Sums that run side by side within a block.
const LANES: usize = 8;
/// Blocks up to which pixels that lie apart are gathered once.
const SMALL: usize = 32;
/// Values that are taken together on their way to the sums.
const GROUP: usize = 64;

/// An image, and the mask that leaves some of its pixels out.
pub struct Source<'a, T> {
    image: ArrayView2<'a, T>,
    flat: Option<&'a [T]>,
    mask: Option<ArrayView2<'a, i32>>,
    reject: i32,
    /// What the mask leaves of each block, once it has been gathered.
    packed: Option<Vec<Vec<T>>>,
}

impl<'a, T: Sample> Source<'a, T> {
    pub(crate) fn new(
        image: ArrayView2<'a, T>,
        mask: Option<ArrayView2<'a, i32>>,
        reject: i32,
    ) -> Self {
        let whole = mask.is_none() || reject == 0;
        let flat = if whole { image.to_slice() } else { None };
        Self { image, flat, mask, reject, packed: None }
    }

    /// Gather what the mask leaves in once and for all, where every pass would gather it again.
    pub(super) fn packed(mut self) -> Self {
        let masked = self.mask.is_some() && self.reject != 0;
        if self.flat.is_none() && (masked || self.blocks() <= SMALL) {
            let gathered = |index| {
                let mut space = Vec::with_capacity(BLOCK);
                self.block(index, &mut space);
                space
            };
            self.packed = Some((0..self.blocks()).into_par_iter().map(gathered).collect());
        }
        self
    }

    pub(super) fn len(&self) -> usize {
        self.image.len()
    }

    /// A pixel by its number in the order of rows and columns; None if the mask leaves it out.
    pub(super) fn pixel(&self, index: usize) -> Option<T> {
        if let Some(packed) = &self.packed {
            return packed.get(index / BLOCK)?.get(index % BLOCK).copied();
        }
        let columns = self.image.ncols();
        let place = (index / columns, index % columns);
        let out = self.mask.is_some_and(|mask| mask[place] & self.reject != 0);
        if out { None } else { self.image.get(place).copied() }
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
        if let Some(packed) = &self.packed {
            return &packed[index];
        }
        let columns = self.image.ncols();
        space.clear();
        if let Some((pixels, flags)) =
            self.image.to_slice().zip(self.mask.and_then(|m| m.to_slice()))
            && self.reject != 0
        {
            keep_unflagged(&pixels[start..end], &flags[start..end], self.reject, space);
            return space;
        }
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
                    keep_unflagged(pixels, flags, reject, space);
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

/// Append the pixels that share no bit with `reject`.
fn keep_unflagged<T: Copy>(pixels: &[T], flags: &[i32], reject: i32, space: &mut Vec<T>) {
    // Most stretches have no flag at all: those are copied whole.
    for (pixels, flags) in pixels.chunks(STRETCH).zip(flags.chunks(STRETCH)) {
        if flags.iter().fold(0, |bits, flag| bits | flag) & reject == 0 {
            space.extend_from_slice(pixels);
        } else {
            let pairs = pixels.iter().zip(flags).filter(|(_, flag)| *flag & reject == 0);
            space.extend(pairs.map(|(pixel, _)| *pixel));
        }
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
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "compiled for the level of the caller")]
    pub(super) fn new<T: Sample>(values: &[T], pivot: f64, keep: impl Fn(T) -> bool) -> Self {
        let (mut count, mut first, mut second) = (0_u64, [0.0; LANES], [0.0; LANES]);
        // Steps first and their sums second: as two loops the compiler takes lanes for registers.
        let mut add = |steps: &[f64; GROUP]| {
            let (mut one, mut two) = (first, second);
            for row in steps.as_chunks::<LANES>().0 {
                for lane in 0..LANES {
                    one[lane] += row[lane];
                    two[lane] += row[lane] * row[lane];
                }
            }
            (first, second) = (one, two);
        };
        let step = |value: T| {
            let (kept, step) = (keep(value), value.value() - pivot);
            (u32::from(kept), if kept { step } else { 0.0 })
        };
        let (groups, rest) = values.as_chunks::<GROUP>();
        for group in groups {
            let (mut steps, mut kept) = ([0.0; GROUP], 0_u32);
            for (to, value) in steps.iter_mut().zip(group) {
                let (one, step) = step(*value);
                kept += one;
                *to = step;
            }
            count += u64::from(kept);
            add(&steps);
        }
        let mut steps = [0.0; GROUP]; // what is not there adds nothing
        for (to, value) in steps.iter_mut().zip(rest) {
            let (one, step) = step(*value);
            count += u64::from(one);
            *to = step;
        }
        add(&steps);
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
