//! A frame of 32-bit pixels: exact order statistics by two counts of 16 bits, without a copy.
//!
//! Of a frame that is not large the values are selected in a copy instead: the same ones.

use std::cell::OnceCell;

use super::blocks::{Source, Sums};
use super::grid::{self, Grid};
use super::sift::{self, Bracket, Found};
use super::{Distribution, Moments, Sample, stable};

const BINS: usize = 1 << 16;
/// Tables that take turns, because neighbours often fall into one bin and would wait for it.
const TURNS: usize = 4;
/// Blocks up to which gathering the keys costs less than clearing the tables.
const FEW: usize = 16;

/// A pixel whose order is that of an unsigned number.
pub(super) trait Key: Sample + PartialOrd {
    /// Keys of the smallest and the largest finite value.
    const LIMITS: (u32, u32);
    fn key(self) -> u32;
    fn from_key(key: u32) -> Self;
    fn finite(self) -> bool;
    /// Ends of the finite values, in the wrong order if there are none; None beside the grid.
    fn span(values: &[Self]) -> Option<(Self, Self)>;
    /// Whether there are less than `steps` steps of the grid between two values.
    fn is_near(low: Self, high: Self, steps: usize) -> bool;
    /// Steps of the grid from `low` up to each value.
    fn places(values: &[Self], low: Self, to: &mut [u16]);
    /// The value so many steps above `low`.
    fn after(low: Self, steps: usize) -> Self;
    /// Count the finite values of a block, and gather those in brackets.
    fn sift(values: &[Self], brackets: &[Bracket<Self>]) -> Found<Self>;
    /// Sums of the values from `low` to `high`.
    fn sums(values: &[Self], pivot: f64, low: Self, high: Self) -> Sums;
}

impl Key for f32 {
    const LIMITS: (u32, u32) = (0x0080_0000, 0xff7f_ffff);
    fn key(self) -> u32 {
        let bits = self.to_bits();
        // All bits of a negative number turn over, else the sign alone.
        bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | 0x8000_0000)
    }
    fn from_key(key: u32) -> Self {
        let negative = key < 0x8000_0000;
        Self::from_bits(if negative { !key } else { key ^ 0x8000_0000 })
    }
    fn finite(self) -> bool {
        self.is_finite()
    }
    fn span(values: &[Self]) -> Option<(Self, Self)> {
        grid::span_f32(values)
    }
    #[allow(clippy::cast_precision_loss, reason = "a grid has few steps")]
    fn is_near(low: Self, high: Self, steps: usize) -> bool {
        (high - low) * 2.0 < steps as Self
    }
    fn places(values: &[Self], low: Self, to: &mut [u16]) {
        grid::places_f32(values, low, to);
    }
    #[allow(clippy::cast_precision_loss, reason = "of a grid that has few steps")]
    fn after(low: Self, steps: usize) -> Self {
        low + steps as Self * 0.5
    }
    fn sift(values: &[Self], brackets: &[Bracket<Self>]) -> Found<Self> {
        sift::pass_f32(values, brackets)
    }
    fn sums(values: &[Self], pivot: f64, low: Self, high: Self) -> Sums {
        sift::sums_f32(values, pivot, low, high)
    }
}

impl Key for i32 {
    const LIMITS: (u32, u32) = (0, u32::MAX);
    fn key(self) -> u32 {
        self.cast_unsigned() ^ 0x8000_0000
    }
    fn from_key(key: u32) -> Self {
        (key ^ 0x8000_0000).cast_signed()
    }
    fn finite(self) -> bool {
        true
    }
    fn span(values: &[Self]) -> Option<(Self, Self)> {
        let ends = (Self::MAX, Self::MIN);
        Some(values.iter().fold(ends, |(low, high), &value| (low.min(value), high.max(value))))
    }
    fn is_near(low: Self, high: Self, steps: usize) -> bool {
        (high.abs_diff(low) as usize) < steps
    }
    #[allow(clippy::cast_possible_truncation, reason = "a grid has few steps")]
    fn places(values: &[Self], low: Self, to: &mut [u16]) {
        to.iter_mut().zip(values).for_each(|(to, value)| *to = value.abs_diff(low) as u16);
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "few steps")]
    fn after(low: Self, steps: usize) -> Self {
        low + steps as Self
    }
    fn sift(values: &[Self], brackets: &[Bracket<Self>]) -> Found<Self> {
        sift::pass_i32(values, brackets)
    }
    fn sums(values: &[Self], pivot: f64, low: Self, high: Self) -> Sums {
        sift::sums_i32(values, pivot, low, high)
    }
}

/// Number, sum and extremes of the finite values.
struct First {
    count: u64,
    sum: f64,
    low: f64,
    high: f64,
}

/// Brackets of quantiles, and what lies in them.
type Sifted<T> = (Vec<Bracket<T>>, Found<T>);

/// Passes over the frame are made when they are needed, and once.
pub(super) struct Frame<'s, 'a, T> {
    source: &'s Source<'a, T>,
    bins: OnceCell<Vec<u64>>,
    first: OnceCell<First>,
    sifted: OnceCell<Option<Sifted<T>>>,
    grid: OnceCell<Option<Grid<T>>>,
}

impl<'s, 'a, T: Key> Frame<'s, 'a, T> {
    pub(super) fn new(source: &'s Source<'a, T>) -> Self {
        Self {
            source,
            bins: OnceCell::new(),
            first: OnceCell::new(),
            sifted: OnceCell::new(),
            grid: OnceCell::new(),
        }
    }

    /// Finite values by the upper half of their keys.
    fn bins(&self) -> &[u64] {
        self.bins.get_or_init(|| {
            let mut counts = self.source.tally(TURNS * BINS, |values, table| {
                let (one, rest) = table.split_at_mut(BINS);
                let (two, rest) = rest.split_at_mut(BINS);
                let (three, four) = rest.split_at_mut(BINS);
                let mut groups = values.chunks_exact(TURNS);
                for group in &mut groups {
                    one[upper(group[0].key())] += 1;
                    two[upper(group[1].key())] += 1;
                    three[upper(group[2].key())] += 1;
                    four[upper(group[3].key())] += 1;
                }
                for value in groups.remainder() {
                    one[upper(value.key())] += 1;
                }
            });
            let (total, turns) = counts.split_at_mut(BINS);
            for table in turns.chunks_exact(BINS) {
                total.iter_mut().zip(table).for_each(|(sum, count)| *sum += count);
            }
            counts.truncate(BINS);
            // What is not finite lies beyond these; the limits are the ends of whole bins.
            counts[..upper(T::LIMITS.0)].fill(0);
            counts[upper(T::LIMITS.1) + 1..].fill(0);
            counts
        })
    }

    /// Number of values in each of the lowest keys of these bins.
    fn within(&self, wanted: &[usize]) -> Vec<u64> {
        let mut slots = vec![u8::MAX; BINS];
        for (slot, &bin) in (0_u8..).zip(wanted) {
            slots[bin] = slot;
        }
        self.source.tally(wanted.len() * BINS, |values, table| {
            for value in values {
                let key = value.key();
                let slot = slots[upper(key)];
                if slot != u8::MAX {
                    table[usize::from(slot) * BINS + lower(key)] += 1;
                }
            }
        })
    }

    fn first(&self) -> &First {
        self.first.get_or_init(|| {
            let parts = self.source.map(|values| {
                let sums = T::sums(
                    values,
                    0.0,
                    pixel_of(T::LIMITS.0.into()),
                    pixel_of(T::LIMITS.1.into()),
                );
                let (mut low, mut high) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
                for group in values.chunks(4) {
                    for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(group) {
                        let (finite, value) = (value.finite(), value.value());
                        *low = if finite && value < *low { value } else { *low };
                        *high = if finite && value > *high { value } else { *high };
                    }
                }
                let low = low.into_iter().fold(f64::INFINITY, f64::min);
                (sums, low, high.into_iter().fold(f64::NEG_INFINITY, f64::max))
            });
            let low = parts.iter().fold(f64::INFINITY, |low, part| low.min(part.1));
            let high = parts.iter().fold(f64::NEG_INFINITY, |high, part| high.max(part.2));
            let sums = Sums::total(parts.into_iter().map(|part| part.0).collect());
            let (low, high) = if sums.count == 0 { (f64::NAN, f64::NAN) } else { (low, high) };
            First { count: sums.count, sum: sums.first, low, high }
        })
    }

    /// The values of some ranks, selected among all of them.
    #[allow(clippy::cast_possible_truncation, reason = "a rank is an index")]
    fn selected(&self, ranks: &[u64]) -> Vec<f64> {
        let parts = self.source.map(|values| {
            let finite = values.iter().filter(|value| value.finite());
            finite.map(|value| value.key()).collect::<Vec<u32>>()
        });
        let mut keys = parts.concat();
        let mut order = ranks.to_vec();
        order.sort_unstable();
        order.dedup();
        let mut start = 0;
        for rank in order.into_iter().map(|rank| rank as usize) {
            keys[start..].select_nth_unstable(rank - start);
            start = rank + 1;
        }
        ranks.iter().map(|&rank| value_of::<T>(u64::from(keys[rank as usize]))).collect()
    }

    /// The values of some ranks, if all of them lie in brackets.
    #[allow(clippy::cast_possible_truncation, reason = "a rank is an index")]
    fn bracketed(&self, ranks: &[u64]) -> Option<Vec<f64>> {
        let (brackets, found) = self.sifted.get()?.as_ref()?;
        // The keys of each bracket, and how many of the lowest are in their places already.
        let mut keys: Vec<Option<(Vec<u32>, usize)>> = vec![None; brackets.len()];
        let value = |&rank: &u64| {
            let fits = |held: &sift::Held<T>| {
                !held.full && held.below <= rank && rank - held.below < held.inside
            };
            let at = found.held.iter().position(fits)?;
            let held = &found.held[at];
            if held.values.is_empty() {
                return Some(brackets[at].low.value());
            }
            let whole = || (held.values.iter().map(|value| value.key()).collect(), 0);
            let (keys, placed) = keys[at].get_or_insert_with(whole);
            let rank = (rank - held.below) as usize;
            if rank >= *placed {
                keys[*placed..].select_nth_unstable(rank - *placed);
                *placed = rank + 1;
            } else if rank + 1 < *placed {
                keys.select_nth_unstable(rank);
                *placed = rank + 1;
            }
            Some(value_of::<T>(u64::from(keys[rank])))
        };
        ranks.iter().map(value).collect()
    }

    /// Where a rank falls: its bin, and its rank therein.
    fn locate(&self, rank: u64) -> (usize, u64) {
        locate(self.bins(), rank)
    }
}

impl<T: Key> Distribution for Frame<'_, '_, T> {
    fn count(&self) -> u64 {
        if let Some(Some(grid)) = self.grid.get() {
            return grid.count();
        }
        match (self.sifted.get(), self.bins.get()) {
            (Some(Some((_, found))), _) => found.count,
            (_, Some(bins)) => bins.iter().sum(),
            _ => self.first().count,
        }
    }

    fn ahead(&self, fractions: &[f64]) {
        let few = self.source.blocks() <= FEW;
        if self.grid.get_or_init(|| few.then(|| Grid::new(self.source)).flatten()).is_some() {
            return;
        }
        self.sifted.get_or_init(|| {
            let at = |index| self.source.pixel(index);
            let brackets = sift::brackets(self.source.len(), fractions, at)?;
            let parts = self.source.map(|values| T::sift(values, &brackets));
            let found = Found::total(parts, brackets.len());
            Some((brackets, found))
        });
    }

    fn ranked(&self, ranks: &[u64]) -> Vec<f64> {
        if let Some(Some(grid)) = self.grid.get() {
            return ranks.iter().map(|&rank| grid.ranked(rank)).collect();
        }
        if let Some(values) = self.bracketed(ranks) {
            return values;
        }
        if self.source.blocks() <= FEW {
            return self.selected(ranks);
        }
        let places: Vec<_> = ranks.iter().map(|&rank| self.locate(rank)).collect();
        let mut wanted: Vec<_> = places.iter().map(|place| place.0).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let counts = self.within(&wanted);
        let value = |&(bin, rank): &(usize, u64)| {
            let slot = wanted.partition_point(|&other| other < bin);
            let (low, _) = locate(&counts[slot * BINS..(slot + 1) * BINS], rank);
            T::from_key(join(bin, low)).value()
        };
        places.iter().map(value).collect()
    }

    #[allow(clippy::float_cmp, reason = "ties are equal")]
    fn ties(&self, value: f64) -> (u64, u64) {
        let parts = self.source.map(|values| {
            let count = |keep: &dyn Fn(f64) -> bool| {
                values.iter().filter(|other| other.finite() && keep(other.value())).count() as u64
            };
            (count(&|other| other < value), count(&|other| other == value))
        });
        parts.iter().fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    fn extremes(&self) -> (f64, f64) {
        (self.first().low, self.first().high)
    }

    fn moments(&self) -> Moments {
        let first = self.first();
        let limits = (u64::from(T::LIMITS.0), u64::from(T::LIMITS.1) + 1);
        Moments { sum: first.sum, ..stable(self, limits, first.sum / first.count as f64) }
    }

    fn interval(&self, below: &dyn Fn(f64) -> bool, within: &dyn Fn(f64) -> bool) -> (u64, u64) {
        let limits = (u64::from(T::LIMITS.0), u64::from(T::LIMITS.1) + 1);
        let search = |holds: &dyn Fn(f64) -> bool| {
            let (mut low, mut high) = limits;
            while low < high {
                let middle = low.midpoint(high);
                if holds(value_of::<T>(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        (search(below), search(within))
    }

    fn moments_in(&self, interval: (u64, u64), pivot: f64) -> Moments {
        if interval.0 >= interval.1 {
            return Moments::about(0.0, 0, 0.0, 0.0);
        }
        let (low, high) = (pixel_of::<T>(interval.0), pixel_of::<T>(interval.1 - 1));
        let sums = Sums::total(self.source.map(|values| T::sums(values, pivot, low, high)));
        Moments::about(pivot, sums.count, sums.first, sums.second)
    }

    fn member(&self, interval: (u64, u64)) -> Option<f64> {
        if interval.0 >= interval.1 {
            return None;
        }
        let (keep, mut space) = (within::<T>(interval), Vec::new());
        let mut blocks = 0..self.source.blocks();
        blocks.find_map(|index| {
            let values = self.source.block(index, &mut space);
            values.iter().find(|&&value| keep(value)).map(|value| value.value())
        })
    }
}

/// Whether a value lies in an interval of keys that is not empty.
fn within<T: Key>(interval: (u64, u64)) -> impl Fn(T) -> bool + Sync {
    let (low, high) = (pixel_of::<T>(interval.0), pixel_of::<T>(interval.1 - 1));
    move |value| value >= low && value <= high
}

fn upper(key: u32) -> usize {
    (key >> 16) as usize
}

fn lower(key: u32) -> usize {
    (key & 0xffff) as usize
}

#[allow(clippy::cast_possible_truncation, reason = "two halves of 16 bits")]
fn join(high: usize, low: usize) -> u32 {
    ((high as u32) << 16) | low as u32
}

#[allow(clippy::cast_possible_truncation, reason = "a key has 32 bits")]
fn pixel_of<T: Key>(key: u64) -> T {
    T::from_key(key as u32)
}

fn value_of<T: Key>(key: u64) -> f64 {
    pixel_of::<T>(key).value()
}

fn locate(counts: &[u64], rank: u64) -> (usize, u64) {
    let mut left = rank;
    for (bin, &count) in counts.iter().enumerate() {
        if left < count {
            return (bin, left);
        }
        left -= count;
    }
    (counts.len() - 1, 0) // not reached: a rank is below the number of values
}
