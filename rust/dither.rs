//! Floats that were quantised to integers before they were compressed, with or without dither.

use std::iter;
use std::sync::LazyLock;

use crate::pixels::{Sample, Scaling};
use crate::simd::dispatched;

/// Numbers in the table that the FITS standard prescribes.
const COUNT: usize = 10_000;

/// The stored integer that `SUBTRACTIVE_DITHER_2` keeps for an exact zero.
pub(crate) const ZERO: i32 = -2_147_483_646;

/// The standard's random numbers, 0 to 1, of a generator that it spells out.
#[allow(clippy::cast_possible_truncation, reason = "the standard's table is float32")]
static TABLE: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let modulus = 2_147_483_647_u64;
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed * 16_807 % modulus;
        (seed as f64 / modulus as f64) as f32
    };
    (0..COUNT).map(|_| next()).collect()
});

/// How the quantised pixels of an image were dithered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `NO_DITHER`.
    None,
    /// `SUBTRACTIVE_DITHER_1`.
    Subtractive,
    /// `SUBTRACTIVE_DITHER_2`: the same, and zeros stay zeros.
    KeepZeros,
}

/// What gives the quantised pixels of one tile their values back, in order.
#[derive(Debug)]
pub struct Dequantizer {
    method: Method,
    scale: f64,
    zero: f64,
    blank: Option<i64>,
    scaling: Option<Scaling>,
    seed: usize,
    next: usize,
}

impl Dequantizer {
    /// For tile number `tile` of an image with `ZDITHER0` = `dither0`; the scale, zero point and
    /// blank are the tile's.
    #[must_use]
    pub fn new(
        method: Method,
        (scale, zero, blank): (f64, f64, Option<i64>),
        scaling: Option<Scaling>,
        tile: usize,
        dither0: usize,
    ) -> Self {
        let seed = (tile + dither0.max(1) - 1) % COUNT;
        let mut dequantizer = Self { method, scale, zero, blank, scaling, seed, next: 0 };
        if method != Method::None {
            dequantizer.next = start(seed);
        }
        dequantizer
    }

    /// The values of the next pixels, from the words that hold their integers.
    pub fn values<T: Sample>(&mut self, stored: &[u32], out: &mut [T]) {
        let count = stored.len().min(out.len());
        let (mut stored, mut out) = (&stored[..count], &mut out[..count]);
        while !stored.is_empty() {
            let random = self.numbers(stored.len());
            let (now, then) = stored.split_at(random.map_or(stored.len(), <[f32]>::len));
            let (target, rest) = out.split_at_mut(now.len());
            let keep_zeros = self.method == Method::KeepZeros;
            let line = (self.scale, self.zero, self.blank);
            dequantize(now, random, keep_zeros, line, self.scaling, target);
            (stored, out) = (then, rest);
        }
    }

    /// Pass over pixels that nobody wants.
    pub fn skip(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            left -= self.numbers(left).map_or(left, <[f32]>::len);
        }
    }

    /// The next of the standard's numbers, at least one and no more than `count`.
    fn numbers(&mut self, count: usize) -> Option<&'static [f32]> {
        if self.method == Method::None {
            return None;
        }
        let end = COUNT.min(self.next.saturating_add(count));
        let numbers = &TABLE[self.next..end];
        self.next = end;
        if end == COUNT {
            self.seed = (self.seed + 1) % COUNT;
            self.next = start(self.seed);
        }
        Some(numbers)
    }
}

dispatched! {
    fn dequantize<T: Sample>(
        stored: &[u32],
        random: Option<&[f32]>,
        keep_zeros: bool,
        line: (f64, f64, Option<i64>),
        scaling: Option<Scaling>,
        out: &mut [T],
    ) {
        let (scale, zero, blank) = line;
        macro_rules! each {
            ($value:ident, $random:pat_param, $numbers:expr, $result:expr) => {
                for ((sample, stored), $random) in out.iter_mut().zip(stored).zip($numbers) {
                    let $value = stored.cast_signed();
                    let value = if blank == Some(i64::from($value)) { f64::NAN } else { $result };
                    *sample = T::from_float(value, scaling);
                }
            };
        }
        let dithered = |value: i32, random: f32| {
            (f64::from(value) - f64::from(random) + 0.5) * scale + zero
        };
        match random {
            None => each!(value, (), iter::repeat(()), f64::from(value) * scale + zero),
            Some(numbers) if keep_zeros => each!(value, random, numbers, {
                if value == ZERO { 0.0 } else { dithered(value, *random) }
            }),
            Some(numbers) => each!(value, random, numbers, dithered(value, *random)),
        }
    }
}

/// The random numbers of a tile, lap by lap: each slice is followed by the next one.
///
/// `seed` is the number of the tile, from 0, plus `ZDITHER0` less 1.
pub(crate) fn laps(seed: usize) -> impl Iterator<Item = &'static [f32]> {
    (seed % COUNT..COUNT).chain((0..COUNT).cycle()).map(|seed| &TABLE[start(seed)..])
}

/// Where in the table a tile, or the next lap of a long one, begins.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number from 0 to 500, cut to a whole one as the standard has it"
)]
fn start(seed: usize) -> usize {
    (TABLE[seed] * 500.0) as usize
}
