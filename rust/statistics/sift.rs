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
/// Pixels that are compared before any is gathered: many, because then their counts are summed.
const GROUP: usize = 256;
/// Pixels for whose marks there is one word.
const WORD: usize = 64;
/// Pixels that are taken without asking whether there are so many.
const STEP: usize = 4;

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

/// Count and gather in one block, for up to `N` brackets.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled for the level of the caller")]
fn pass<T: Key, const N: usize>(values: &[T], brackets: &[Bracket<T>]) -> Found<T> {
    let (least, most) = (T::from_key(T::LIMITS.0), T::from_key(T::LIMITS.1));
    // Brackets that are not asked for hold nothing.
    let nothing = Bracket { low: most, high: least };
    let mut ends = [nothing; N];
    ends.iter_mut().zip(brackets).for_each(|(end, bracket)| *end = *bracket);
    // Where both ends are one value that has one pattern of bits, it stands for all.
    let plain = ends.map(|end| end.low.key() == end.high.key() && end.low.value() != 0.0);
    // Values in any bracket: so many at the beginning.
    let (mut near, mut gathered) = (Vec::new(), 0);
    // All values, those from the low ends on, those above the high ends.
    let (mut count, mut risen, mut above) = (0_u64, [0_u64; N], [0_u64; N]);
    for group in values.chunks(GROUP) {
        if near.len() < gathered + GROUP + STEP {
            near.resize((2 * gathered).max(BLOCK / 16) + STEP, least);
        }
        let mut marks = [0_u8; GROUP];
        let (mut finite, mut low, mut high) = (0_u32, [0_u32; N], [0_u32; N]);
        for (mark, &value) in marks.iter_mut().zip(group) {
            let usable = (value >= least) & (value <= most);
            finite += u32::from(usable);
            let mut any = false;
            for k in 0..N {
                let reaches = usable & (value >= ends[k].low);
                let passes = usable & (value > ends[k].high);
                low[k] += u32::from(reaches);
                high[k] += u32::from(passes);
                any |= reaches & !passes & !plain[k];
            }
            *mark = u8::from(any);
        }
        count += u64::from(finite);
        for k in 0..N {
            risen[k] += u64::from(low[k]);
            above[k] += u64::from(high[k]);
        }
        for (marks, group) in marks.as_chunks().0.iter().zip(group.chunks(WORD)) {
            let mut marked = bits(marks);
            let end = gathered + marked.count_ones() as usize;
            while gathered < end {
                for to in &mut near[gathered..gathered + STEP] {
                    *to = group[marked.trailing_zeros() as usize % WORD];
                    marked &= marked.wrapping_sub(1);
                }
                gathered += STEP;
            }
            gathered = end;
        }
    }
    near.truncate(gathered);
    let mut space = near.clone();
    let mut held = Vec::with_capacity(brackets.len());
    for k in 0..brackets.len() {
        let mut filled = 0;
        for &value in if plain[k] { &[] } else { &near[..] } {
            // Written in any case: which bracket it is cannot be foreseen.
            space[filled] = value;
            filled += usize::from((value >= ends[k].low) & (value <= ends[k].high));
        }
        let full = filled >= ROOM;
        let values = if full { Vec::new() } else { space[..filled].to_vec() };
        held.push(Held { below: count - risen[k], inside: risen[k] - above[k], values, full });
    }
    Found { count, held }
}

/// A bit for each mark, which is 0 or 1.
#[inline(always)]
#[allow(clippy::inline_always, reason = "compiled for the level of the caller")]
fn bits(marks: &[u8; WORD]) -> u64 {
    // The product moves the lowest bit of byte `i` to bit `56 + i`, and no two to one place.
    let byte = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    marks.as_chunks::<8>().0.iter().rev().fold(0, |bits, word| bits << 8 | byte(word))
}

dispatched! {
    /// Count and gather the pixels of a block.
    pub(super) fn pass_f32(values: &[f32], brackets: &[Bracket<f32>]) -> Found<f32> {
        if brackets.len() > 1 { pass::<_, MOST>(values, brackets) } else { pass::<_, 1>(values, brackets) }
    }

    /// Count and gather the pixels of a block.
    pub(super) fn pass_i32(values: &[i32], brackets: &[Bracket<i32>]) -> Found<i32> {
        if brackets.len() > 1 { pass::<_, MOST>(values, brackets) } else { pass::<_, 1>(values, brackets) }
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
