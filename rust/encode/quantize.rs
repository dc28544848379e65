//! Floats that become integers: the step follows from the noise of the row.

use std::array::from_fn;

use super::select::ranked;
use crate::dither::{self, Method};
use crate::simd::dispatched;

/// The stored integer of a NaN, `ZBLANK`.
pub const BLANK: i32 = -2_147_483_647;

/// Integers at the lower end of the range that have a meaning of their own.
const RESERVED: f64 = 10.0;

/// The zero point lies so many steps below the smallest pixel where the reserved ones are used.
const OFFSET: f64 = 2_147_483_647.0 - RESERVED;

/// Pixels in the window of the widest difference.
const WINDOW: usize = 9;

/// From the median of absolute differences of the second, third and fifth order to the sigma of
/// normal noise: 1.4826 over the root of the sum of the squared coefficients.
const SIGMAS: [f64; 3] = [1.048_357_9, 0.605_269_7, 0.177_204_8];

/// Quantises rows; the medians of one are the hints for the next.
#[derive(Debug, Default)]
pub struct Quantizer {
    good: Vec<f32>,
    differences: [Vec<u32>; 3],
    hints: [u32; 3],
}

impl Quantizer {
    /// Make integers of a row; scale and zero point come back.
    ///
    /// None comes back, and what `out` holds means nothing, if the row has no noise, infinite
    /// pixels, or more steps than integers have. `seed` says where the random numbers begin.
    pub fn quantize(
        &mut self,
        row: &[f32],
        (method, seed): (Method, usize),
        level: f64,
        out: &mut Vec<i32>,
    ) -> Option<(f64, f64)> {
        let (low, high, nans) = range(row);
        let good = if nans == 0 {
            row
        } else {
            self.good.clear();
            self.good.extend(row.iter().filter(|pixel| !pixel.is_nan()));
            &self.good
        };
        if good.len() < WINDOW || !low.is_finite() || !high.is_finite() {
            return None;
        }
        let scale = noise(good, &mut self.differences, &mut self.hints) / level;
        let (low, high) = (f64::from(low), f64::from(high));
        let steps = (high - low) / scale;
        // Neither a scale of zero nor a NaN passes.
        if !(steps <= 2.0 * 2_147_483_647.0 - RESERVED && scale.is_finite() && scale > 0.0) {
            return None;
        }
        let zero = if nans > 0 || method == Method::KeepZeros {
            low + scale * OFFSET
        } else if steps < 2_147_483_647.0 - RESERVED {
            // A whole number of steps, so that to unpack and pack again changes nothing.
            #[allow(clippy::cast_possible_truncation, reason = "a whole number is the aim")]
            let whole = (low / scale + 0.5) as i64;
            whole as f64 * scale
        } else {
            f64::midpoint(low, high)
        };
        out.resize(row.len(), 0);
        if method == Method::None {
            plain(row, zero, scale, out);
        } else {
            let (mut row, mut out) = (row, &mut out[..]);
            for random in dither::laps(seed) {
                let count = random.len().min(row.len());
                let (pixels, later) = row.split_at(count);
                let (stored, rest) = out.split_at_mut(count);
                dithered(pixels, random, zero, scale, stored);
                if method == Method::KeepZeros {
                    keep_zeros(pixels, stored);
                }
                if later.is_empty() {
                    break;
                }
                (row, out) = (later, rest);
            }
        }
        if nans > 0 {
            for (stored, pixel) in out.iter_mut().zip(row) {
                if pixel.is_nan() {
                    *stored = BLANK;
                }
            }
        }
        Some((scale, zero))
    }
}

dispatched! {
    /// The smallest and the largest pixel that is a number, and how many are none.
    fn range(row: &[f32]) -> (f32, f32, usize) {
        let (mut low, mut high, mut nans) = ([f32::INFINITY; 16], [f32::NEG_INFINITY; 16], 0_u32);
        let (chunks, rest) = row.as_chunks::<16>();
        let mut others = [f32::NAN; 16];
        others[..rest.len()].copy_from_slice(rest);
        for chunk in chunks.iter().chain([&others]) {
            low = from_fn(|lane| if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] });
            high = from_fn(|lane| if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] });
            nans += chunk.iter().map(|pixel| u32::from(pixel.is_nan())).sum::<u32>();
        }
        let least = low.into_iter().fold(f32::INFINITY, f32::min);
        let most = high.into_iter().fold(f32::NEG_INFINITY, f32::max);
        (least, most, nans as usize - (16 - rest.len()))
    }

    fn plain(row: &[f32], zero: f64, scale: f64, out: &mut [i32]) {
        for (stored, pixel) in out.iter_mut().zip(row) {
            *stored = nearest((f64::from(*pixel) - zero) / scale);
        }
    }

    fn dithered(row: &[f32], random: &[f32], zero: f64, scale: f64, out: &mut [i32]) {
        for ((stored, pixel), random) in out.iter_mut().zip(row).zip(random) {
            *stored = nearest((f64::from(*pixel) - zero) / scale + f64::from(*random) - 0.5);
        }
    }

    fn keep_zeros(row: &[f32], out: &mut [i32]) {
        for (stored, pixel) in out.iter_mut().zip(row) {
            #[allow(clippy::float_cmp, reason = "exact zeros are those that are kept")]
            if *pixel == 0.0 {
                *stored = dither::ZERO;
            }
        }
    }

    #[allow(
        clippy::float_cmp,
        clippy::needless_bitwise_bool,
        reason = "flat is what is exactly so, and vectors do not branch"
    )]
    /// Absolute differences of the three orders, as bits; how many of them come of flat pixels.
    fn differences(row: &[f32], two: &mut [u32], three: &mut [u32], five: &mut [u32]) -> (u32, u32) {
        let (mut flat, mut level) = (0, 0);
        let count = two.len();
        let (three, five) = (&mut three[..count], &mut five[..count]);
        let at = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|first| &row[first..first + count]);
        for n in 0..count {
            let (left, middle, right) = (at[2][n], at[4][n], at[6][n]);
            let outer = (6.0 * middle) - (4.0 * left) - (4.0 * right);
            two[n] = (middle - right).abs().to_bits();
            three[n] = ((2.0 * middle) - left - right).abs().to_bits();
            five[n] = (outer + at[0][n] + at[8][n]).abs().to_bits();
            let same = (middle == at[5][n]) & (at[5][n] == right);
            flat += u32::from(same);
            level += u32::from(same & (left == at[3][n]) & (at[3][n] == middle));
        }
        (flat, level)
    }
}

/// The nearest whole number, halves away from zero.
#[inline(always)]
#[allow(
    clippy::inline_always,
    clippy::cast_possible_truncation,
    reason = "compiled for the level of its caller; to cut off the fraction is the task"
)]
fn nearest(value: f64) -> i32 {
    (value + 0.5_f64.copysign(value)) as i32
}

/// The noise of a row of at least nine pixels, none of them NaN: the least of three estimates.
///
/// Pixels amid equal ones do not count.
fn noise(row: &[f32], buffers: &mut [Vec<u32>; 3], hints: &mut [u32; 3]) -> f64 {
    let count = row.len() - (WINDOW - 1);
    let [two, three, five] = buffers;
    for buffer in [&mut *two, &mut *three, &mut *five] {
        buffer.resize(count, 0);
    }
    let (flat, level) = differences(row, two, three, five);
    if flat > 0 {
        let mut pixels = row.windows(WINDOW);
        two.retain(|_| pixels.next().is_some_and(|w| !equal(&w[4..7])));
    }
    if level > 0 {
        for buffer in [&mut *three, &mut *five] {
            let mut pixels = row.windows(WINDOW);
            buffer.retain(|_| pixels.next().is_some_and(|w| !equal(&w[2..7])));
        }
    }
    let mut estimates = [0.0; 3];
    for (order, values) in [two, three, five].into_iter().enumerate() {
        if let Some(median) = ranked(values, values.len().saturating_sub(1) / 2, hints[order]) {
            hints[order] = median;
            estimates[order] = SIGMAS[order] * f64::from(f32::from_bits(median));
        }
    }
    let [second, mut least, fifth] = estimates;
    for other in [second, fifth] {
        if other != 0.0 && other < least {
            least = other;
        }
    }
    least
}

#[allow(clippy::float_cmp, reason = "flat is what is exactly so")]
fn equal(pixels: &[f32]) -> bool {
    pixels.windows(2).all(|pair| pair[0] == pair[1])
}
