//! Floats that were quantised to integers before they were compressed, with or without dither.

use std::sync::LazyLock;

use crate::pixels::{Sample, Scaling};

/// Numbers in the table that the FITS standard prescribes.
const COUNT: usize = 10_000;

/// The stored integer that `SUBTRACTIVE_DITHER_2` keeps for an exact zero.
pub(crate) const ZERO: i64 = -2_147_483_646;

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

    /// The value of the next pixel.
    #[inline]
    pub fn value<T: Sample>(&mut self, stored: i64) -> T {
        let value = if self.method == Method::None {
            stored as f64 * self.scale + self.zero
        } else {
            let random = f64::from(TABLE[self.next]);
            self.next += 1;
            if self.next == COUNT {
                self.seed = (self.seed + 1) % COUNT;
                self.next = start(self.seed);
            }
            if self.method == Method::KeepZeros && stored == ZERO {
                0.0
            } else {
                (stored as f64 - random + 0.5) * self.scale + self.zero
            }
        };
        let value = if self.blank == Some(stored) { f64::NAN } else { value };
        T::from_float(value, self.scaling)
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
