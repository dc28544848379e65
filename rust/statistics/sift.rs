//! Quantiles of a frame in one pass: a sample brackets them, and only what lies in the brackets
//! is gathered.
//!
//! The sample changes the time taken and never the result: a bracket that missed its rank, or
//! that holds too many equal values, answers nothing, and the caller counts instead.

#![allow(clippy::needless_bitwise_bool, reason = "without branches the loops keep their pace")]

use super::blocks::{BLOCK, Sums};
use super::radix::Key;
use crate::simd::dispatched;

/// Quantiles that are looked for together, at most.
pub(super) const MOST: usize = 3;
/// Pixels of the sample, at most; of a small frame it is one pixel in so many.
const SAMPLE: usize = 1 << 15;
const SHARE: usize = 16;
/// The fewest usable pixels of the sample that are worth a guess.
const LEAST: usize = 1 << 10;
/// How far beside its place in the sample a bracket reaches, in standard deviations of the rank.
const REACH: f64 = 3.0;
/// Pixels of a block that one bracket may hold.
const ROOM: usize = BLOCK / 2;
/// Pixels that are compared before any is gathered.
const GROUP: usize = 64;

/// Two values with a quantile most probably between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bracket<T> {
    pub(super) low: T,
    pub(super) high: T,
}

/// Brackets of the quantiles at `fractions`, from pixels that are spread over the frame.
///
/// `at` tells the pixel of a number below `len`, or None if it is left out.
pub(super) fn brackets<T: Key>(
    len: usize,
    fractions: &[f64],
    at: impl Fn(usize) -> Option<T>,
) -> Option<Vec<Bracket<T>>> {
    // An odd step visits all columns of a frame whose width is a power of two.
    let step = SHARE.max(len / SAMPLE) | 1;
    let pixels = (0..len).step_by(step).filter_map(at).filter(|pixel| pixel.finite());
    let mut keys: Vec<u32> = pixels.map(Key::key).collect();
    if keys.len() < LEAST || fractions.len() > MOST {
        return None;
    }
    let last = keys.len() - 1;
    let mut pick = |rank: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let rank = rank.clamp(0.0, last as f64) as usize;
        T::from_key(*keys.select_nth_unstable(rank).1)
    };
    let bracket = |&fraction: &f64| {
        let n = last as f64;
        let reach = REACH * (n * fraction * (1.0 - fraction)).sqrt() + 1.0;
        let middle = fraction * n;
        Bracket { low: pick((middle - reach).floor()), high: pick((middle + reach).ceil()) }
    };
    Some(fractions.iter().map(bracket).collect())
}

/// What a pass found of one bracket.
#[derive(Debug, Clone)]
pub(super) struct Held<T> {
    /// Finite values below the bracket.
    pub(super) below: u64,
    /// Values in it.
    pub(super) inside: u64,
    /// These values themselves; nothing if they are all the same or too many.
    pub(super) values: Vec<T>,
    /// Whether there are too many.
    pub(super) full: bool,
}

/// What a pass over a block, or over all of them, found.
#[derive(Debug, Clone)]
pub(super) struct Found<T> {
    /// Finite values.
    pub(super) count: u64,
    /// Of each bracket.
    pub(super) held: Vec<Held<T>>,
}

impl<T> Found<T> {
    /// All blocks together, in order.
    pub(super) fn total(parts: Vec<Self>, brackets: usize) -> Self {
        let none = || Held { below: 0, inside: 0, values: Vec::new(), full: false };
        let mut sum = Self { count: 0, held: (0..brackets).map(|_| none()).collect() };
        for part in parts {
            sum.count += part.count;
            for (held, part) in sum.held.iter_mut().zip(part.held) {
                held.below += part.below;
                held.inside += part.inside;
                held.full |= part.full;
                held.values.extend(part.values);
            }
        }
        sum
    }
}

/// Count and gather in one block.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled for the level of the caller")]
fn pass<T: Key>(values: &[T], brackets: &[Bracket<T>]) -> Found<T> {
    let (least, most) = (T::from_key(T::LIMITS.0), T::from_key(T::LIMITS.1));
    // Brackets that are not asked for hold nothing.
    let nothing = Bracket { low: most, high: least };
    let mut ends = [nothing; MOST];
    ends.iter_mut().zip(brackets).for_each(|(end, bracket)| *end = *bracket);
    // Where both ends are one value that has one pattern of bits, it stands for all.
    let plain = ends.map(|end| end.low.key() == end.high.key() && end.low.value() != 0.0);
    let mut kept: [Vec<T>; MOST] = [const { Vec::new() }; MOST];
    for (kept, plain) in kept.iter_mut().zip(plain).take(brackets.len()) {
        *kept = Vec::with_capacity(if plain { 0 } else { BLOCK / 64 });
    }
    let (mut count, mut below, mut inside) = (0_u64, [0_u64; MOST], [0_u64; MOST]);
    let mut full = [false; MOST];
    for group in values.chunks(GROUP) {
        let mut marks = [0_u8; GROUP];
        let (mut finite, mut under, mut within) = (0_u32, [0_u32; MOST], [0_u32; MOST]);
        for (mark, &value) in marks.iter_mut().zip(group) {
            let usable = (value >= least) & (value <= most);
            finite += u32::from(usable);
            let mut any = false;
            for k in 0..MOST {
                let here = (value >= ends[k].low) & (value <= ends[k].high);
                under[k] += u32::from(usable & (value < ends[k].low));
                within[k] += u32::from(here);
                any |= here & !plain[k];
            }
            *mark = u8::from(any);
        }
        count += u64::from(finite);
        for k in 0..MOST {
            below[k] += u64::from(under[k]);
            inside[k] += u64::from(within[k]);
        }
        for (word, values) in marks.as_chunks::<8>().0.iter().zip(group.chunks(8)) {
            let mut word = u64::from_le_bytes(*word);
            while word != 0 {
                let value = values[word.trailing_zeros() as usize / 8];
                word &= word - 1;
                for k in 0..MOST {
                    let here = (value >= ends[k].low) & (value <= ends[k].high);
                    if here & !plain[k] & !full[k] {
                        kept[k].push(value);
                        full[k] = kept[k].len() >= ROOM;
                    }
                }
            }
        }
    }
    let held = kept.into_iter().enumerate().take(brackets.len());
    let held =
        held.map(|(k, values)| Held { below: below[k], inside: inside[k], values, full: full[k] });
    Found { count, held: held.collect() }
}

dispatched! {
    /// Count and gather the pixels of a block.
    pub(super) fn pass_f32(values: &[f32], brackets: &[Bracket<f32>]) -> Found<f32> {
        pass(values, brackets)
    }

    /// Count and gather the pixels of a block.
    pub(super) fn pass_i32(values: &[i32], brackets: &[Bracket<i32>]) -> Found<i32> {
        pass(values, brackets)
    }

    /// Sums of the values from `low` to `high`.
    pub(super) fn sums_f32(values: &[f32], pivot: f64, low: f32, high: f32) -> Sums {
        Sums::new(values, pivot, |value| (value >= low) & (value <= high))
    }

    /// Sums of the values from `low` to `high`.
    pub(super) fn sums_i32(values: &[i32], pivot: f64, low: i32, high: i32) -> Sums {
        Sums::new(values, pivot, |value| (value >= low) & (value <= high))
    }
}
