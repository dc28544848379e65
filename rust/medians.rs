//! Medians of many short rows at once: a sorting network runs across rows that lie side by side.
//!
//! No step of a network depends on the pixels, so that a register holds one column of many rows.

use std::sync::Arc;

use ndarray::{Array1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::rows::together;
use crate::simd::dispatched;
use crate::statistics::median;

/// Rows that are sorted side by side.
pub const LANES: usize = 16;
/// Most columns of a row that a network sorts; longer rows are selected one by one.
pub const WIDEST: usize = 128;
/// Rows of one task.
const BAND: usize = 32 * LANES;

/// The key of a pixel that does not count: beyond those of all finite values.
const OUT: i32 = i32::MAX;

/// Orders finite values as `f32::total_cmp` does; it is its own inverse.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled for the level of the caller")]
fn turned(bits: i32) -> i32 {
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

/// Medians of rows of one width.
///
/// Rows are put in with [`RowMedians::put`], up to [`LANES`] of them, and
/// [`RowMedians::levels`] tells their medians.
#[derive(Debug, Clone)]
pub struct RowMedians {
    width: usize,
    network: Arc<[(u16, u16)]>,
    keys: Vec<i32>,
    columns: Vec<[i32; LANES]>,
    counts: [usize; LANES],
    filled: usize,
}

impl RowMedians {
    /// For rows of `width` pixels; None if that is more than [`WIDEST`].
    #[must_use]
    pub fn new(width: usize) -> Option<Self> {
        (width <= WIDEST).then(|| Self {
            width,
            network: network(width).into(),
            keys: vec![OUT; width * LANES],
            columns: vec![[OUT; LANES]; width],
            counts: [0; LANES],
            filled: 0,
        })
    }

    /// Rows that have been put in since the medians were asked for.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Put a row in: pixels that are finite and share no bit with `reject` count.
    ///
    /// A row that is longer or shorter than the width is taken as far as it goes; `flags` may be
    /// empty, which excludes no pixel. More than [`LANES`] rows are not taken.
    pub fn put(&mut self, row: &[f32], flags: &[i32], reject: i32) {
        let first = self.filled * self.width;
        let Some(keys) = self.keys.get_mut(first..first + self.width) else { return };
        let Some(count) = self.counts.get_mut(self.filled) else { return };
        let length = row.len().min(keys.len());
        let (keys, rest) = keys.split_at_mut(length);
        rest.fill(OUT);
        *count = if flags.is_empty() || reject == 0 {
            keys_of(&row[..length], keys)
        } else {
            keys_of_flagged(&row[..length], flags, reject, keys)
        };
        self.filled += 1;
    }

    /// Write the medians of the rows that were put in, and forget the rows.
    ///
    /// An even count takes the mean of the middle two, in `f64`; none gives NaN.
    pub fn levels(&mut self, levels: &mut [f32]) {
        let rows = std::mem::take(&mut self.filled);
        sort(&self.keys, &self.network, &mut self.columns);
        for (lane, level) in levels.iter_mut().enumerate().take(rows) {
            let count = self.counts[lane];
            if count == 0 {
                *level = f32::NAN;
                continue;
            }
            let value =
                |rank: usize| f32::from_bits(turned(self.columns[rank][lane]).cast_unsigned());
            let (lower, upper) = (value((count - 1) / 2), value(count / 2));
            #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
            let middle = f64::midpoint(f64::from(lower), f64::from(upper)) as f32;
            *level = if count % 2 == 1 { upper } else { middle };
        }
    }
}

/// Comparisons that sort any `count` values: Batcher's odd-even merges.
fn network(count: usize) -> Vec<(u16, u16)> {
    let mut pairs = Vec::new();
    let top = count.next_power_of_two() / 2;
    let mut run = top;
    while run > 0 {
        let (mut end, mut phase, mut distance) = (top, 0, run);
        loop {
            for low in 0..count.saturating_sub(distance) {
                if low & run == phase {
                    #[allow(clippy::cast_possible_truncation, reason = "at most WIDEST")]
                    pairs.push((low as u16, (low + distance) as u16));
                }
            }
            if end == run {
                break;
            }
            (distance, end, phase) = (end - run, end / 2, run);
        }
        run /= 2;
    }
    pairs
}

dispatched! {
    fn keys_of(row: &[f32], keys: &mut [i32]) -> usize {
        let mut count = 0_u32;
        for (key, pixel) in keys.iter_mut().zip(row) {
            let usable = pixel.is_finite();
            count += u32::from(usable);
            *key = if usable { turned(pixel.to_bits().cast_signed()) } else { OUT };
        }
        count as usize
    }

    #[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
    fn keys_of_flagged(row: &[f32], flags: &[i32], reject: i32, keys: &mut [i32]) -> usize {
        let mut count = 0_u32;
        for ((key, pixel), flag) in keys.iter_mut().zip(row).zip(flags) {
            let usable = pixel.is_finite() & (flag & reject == 0);
            count += u32::from(usable);
            *key = if usable { turned(pixel.to_bits().cast_signed()) } else { OUT };
        }
        count as usize
    }

    fn sort(keys: &[i32], network: &[(u16, u16)], columns: &mut [[i32; LANES]]) {
        let width = columns.len();
        for (index, column) in columns.iter_mut().enumerate() {
            for (lane, key) in column.iter_mut().enumerate() {
                *key = keys[lane * width + index];
            }
        }
        for &(low, high) in network {
            let (low, high) = (usize::from(low), usize::from(high));
            let (one, other) = (columns[low], columns[high]);
            let (mut least, mut most) = ([0; LANES], [0; LANES]);
            for lane in 0..LANES {
                least[lane] = one[lane].min(other[lane]);
                most[lane] = one[lane].max(other[lane]);
            }
            columns[low] = least;
            columns[high] = most;
        }
    }
}

dispatched! {
    /// The middle two of what is finite, twice the middle one of an odd count; None of nothing.
    ///
    /// Meant for a few thousand numbers: the range of their keys is halved until one is left.
    pub fn middle(values: &[f32]) -> Option<(f32, f32)> {
        let mut keys = vec![OUT; values.len()];
        let mut count = 0_u32;
        for (key, value) in keys.iter_mut().zip(values) {
            let usable = value.is_finite();
            count += u32::from(usable);
            *key = if usable { turned(value.to_bits().cast_signed()) } else { OUT };
        }
        let up_to = |limit: i32| {
            keys.iter().fold(0_u32, |sum, key| sum + u32::from(*key <= limit))
        };
        let value = |key: i32| f32::from_bits(turned(key).cast_unsigned());
        let rank = count.checked_sub(1)? / 2;
        let (mut low, mut high) = (OUT, i32::MIN);
        for key in &keys {
            low = low.min(*key);
            high = high.max(if *key == OUT { i32::MIN } else { *key });
        }
        let (mut below, mut within) = (0, count); // keys less than low; keys up to high
        while low < high && within - below > 1 {
            let half = low.abs_diff(high) / 2;
            let limit = low.wrapping_add_unsigned(half);
            let here = up_to(limit);
            (low, high, below, within) =
                if here > rank { (low, limit, below, here) } else { (limit + 1, high, here, within) };
        }
        // The one key that is left lies somewhere in the range. Keys beyond are, modulo 2^32,
        // farther away than any that is not: a loop without conditions.
        let away = |from: i32, to: i32| to.wrapping_sub(from).cast_unsigned();
        let low = high.wrapping_sub_unsigned(
            keys.iter().fold(u32::MAX, |least, key| least.min(away(*key, high))),
        );
        if count % 2 == 1 || within > rank + 1 {
            return Some((value(low), value(low)));
        }
        let next = low.wrapping_add(1);
        let step = keys.iter().fold(u32::MAX, |least, key| least.min(away(next, *key)));
        Some((value(low), value(next.wrapping_add_unsigned(step))))
    }
}

/// Median of the usable pixels of each row; `mask` has the shape of `image`, or is None.
#[must_use]
pub fn of_rows(
    image: ArrayView2<'_, f32>,
    mask: Option<ArrayView2<'_, i32>>,
    reject: i32,
) -> Array1<f32> {
    let mut levels = vec![f32::NAN; image.nrows()];
    let network = RowMedians::new(image.ncols());
    let mask = mask.filter(|_| reject != 0);
    levels.par_chunks_mut(BAND).enumerate().for_each(|(band, levels)| {
        let flags = |row: usize| mask.map(|mask| together(mask.index_axis_move(Axis(0), row)));
        let mut network = network.clone();
        for (group, levels) in levels.chunks_mut(LANES).enumerate() {
            let first = band * BAND + group * LANES;
            for (row, level) in (first..).zip(&mut *levels) {
                let pixels = together(image.index_axis_move(Axis(0), row));
                let flags = flags(row);
                let flags = flags.as_deref().unwrap_or_default();
                match &mut network {
                    Some(network) => network.put(&pixels, flags, reject),
                    None => *level = long(&pixels, flags, reject),
                }
            }
            if let Some(network) = &mut network {
                network.levels(levels);
            }
        }
    });
    levels.into()
}

/// Median of a row of any length.
fn long(pixels: &[f32], flags: &[i32], reject: i32) -> f32 {
    let usable = |at: usize| flags.get(at).is_none_or(|flag| flag & reject == 0);
    let pixels = pixels.iter().enumerate();
    let kept = pixels.filter(|&(at, pixel)| pixel.is_finite() && usable(at));
    median(kept.map(|(_, pixel)| *pixel).collect())
}

#[cfg(test)]
mod tests {
    use super::{middle, network};

    #[test]
    fn the_middle_is_that_of_the_sorted_numbers() {
        assert_eq!(middle(&[]), None);
        for count in 1..60_u16 {
            let mut values: Vec<f32> = (0..count)
                .map(|i| f32::from(i * 919 % (count / 2 + 1)) - 5.0)
                .chain([0.0, -0.0, 3e38, -3e38])
                .collect();
            let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
            let found = middle(&[&odd, &values[..], &odd].concat());
            values.sort_unstable_by(f32::total_cmp);
            let wanted = (values[(values.len() - 1) / 2], values[values.len() / 2]);
            assert_eq!(found, Some(wanted));
        }
    }

    #[test]
    fn a_network_sorts_any_number_of_values() {
        for count in 0..70_u32 {
            let pairs = network(count as usize);
            for seed in 0..20_u32 {
                let mut values: Vec<u32> =
                    (0..count).map(|i| (i + 1) * (2 * seed + 7919) % (count + 3)).collect();
                let mut wanted = values.clone();
                wanted.sort_unstable();
                for &(low, high) in &pairs {
                    let (low, high) = (usize::from(low), usize::from(high));
                    if values[low] > values[high] {
                        values.swap(low, high);
                    }
                }
                assert_eq!(values, wanted);
            }
            // Zeros and ones tell more: each split of a run.
            for ones in 0..count {
                let mut values: Vec<bool> = (0..count).map(|i| (i * 13) % count < ones).collect();
                for &(low, high) in &pairs {
                    let (low, high) = (usize::from(low), usize::from(high));
                    (values[low], values[high]) =
                        (values[low] && values[high], values[low] || values[high]);
                }
                assert!(values.is_sorted());
            }
        }
    }
}
