//! Bias, variance, dark and flat of pixels in one loop: what each of them is in registers only.

use std::array::from_mut;

use crate::calibration::{divided, scaled};
use crate::simd::{self, dispatched};
use crate::variance;

/// Pixels after which more of the next row is asked for: all at once would have to wait.
const PART: usize = 32;

/// What the calibration frames have for some pixels of a row; 0 where they have nothing.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    pub bias: &'a [f32],
    /// Variance of the bias, for that of the pixels.
    pub spread: &'a [f32],
    pub dark: &'a [f32],
    pub flat: &'a [f32],
    /// Variances of dark and flat, unless both are 0.
    pub spreads: Option<[&'a [f32]; 2]>,
    /// What will be wanted soon.
    pub next: [&'a [f32]; 4],
    /// Raw counts that will be.
    pub next_counts: &'a [u16],
}

/// By what they are multiplied.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    pub variance: variance::Numbers,
    /// Factors of the dark frame and of its variance; -0 where there is none, to add -0.
    pub dark: [f64; 2],
    /// Inverse of the level of the flat.
    pub flat: f64,
}

dispatched! {
    /// Subtract the bias, write the variance, subtract the dark, divide by the flat.
    ///
    /// The operations are those of the kernels for one of these, and so is every rounding. The
    /// variance as it is written, before the dark, goes to `kept` too. Return whether all results
    /// are finite.
    pub(super) fn reduce(
        image: &mut [f32],
        variance: &mut [f32],
        kept: Option<&mut [f32]>,
        frames: Frames<'_>,
        numbers: Numbers,
    ) -> bool {
        match kept {
            Some(kept) => of_level((image, variance), kept, frames, numbers),
            None => of_level((image, variance), Nowhere, frames, numbers),
        }
    }
}

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
fn of_level(
    planes: (&mut [f32], &mut [f32]),
    kept: impl Keeper,
    frames: Frames<'_>,
    numbers: Numbers,
) -> bool {
    match frames.spreads {
        Some(spreads) => each(planes, kept, (frames, spreads), numbers),
        // Most flats are of level 1; products with a literal are left out when this is compiled.
        None if numbers.flat.to_bits() == 1.0_f64.to_bits() => {
            each(planes, kept, (frames, [Zeros; 2]), Numbers { flat: 1.0, ..numbers })
        }
        None => each(planes, kept, (frames, [Zeros; 2]), numbers),
    }
}

/// Where the variance goes before the dark, if anywhere.
trait Keeper {
    fn keep<const N: usize>(&mut self, at: usize, values: [f32; N]);
}

struct Nowhere;

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
impl Keeper for Nowhere {
    #[inline(always)]
    fn keep<const N: usize>(&mut self, _: usize, _: [f32; N]) {}
}

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
impl Keeper for &mut [f32] {
    #[inline(always)]
    fn keep<const N: usize>(&mut self, at: usize, values: [f32; N]) {
        *self[at..].first_chunk_mut().expect("as wide as the pixels") = values;
    }
}

/// What a frame has, or 0, which is known when this is compiled.
trait Values: Copy {
    fn part<const N: usize>(self, at: usize) -> [f32; N];
}

#[derive(Clone, Copy)]
struct Zeros;

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
impl Values for &[f32] {
    #[inline(always)]
    fn part<const N: usize>(self, at: usize) -> [f32; N] {
        *self[at..].first_chunk().expect("frames are as wide as the pixels")
    }
}

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
impl Values for Zeros {
    #[inline(always)]
    fn part<const N: usize>(self, _: usize) -> [f32; N] {
        [0.0; N]
    }
}

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
fn each(
    (image, variance): (&mut [f32], &mut [f32]),
    mut kept: impl Keeper,
    (frames, spreads): (Frames<'_>, [impl Values; 2]),
    numbers: Numbers,
) -> bool {
    let mut largest = [0; PART];
    let ((parts, rest), (spread_parts, spread_rest)) =
        (image.as_chunks_mut::<PART>(), variance.as_chunks_mut::<PART>());
    let mut at = 0;
    for planes in parts.iter_mut().zip(spread_parts) {
        for next in frames.next {
            if let Some(next) = next.get(at..at + PART) {
                simd::prefetch(next);
            }
        }
        if let Some(next) = frames.next_counts.get(at..at + PART) {
            simd::prefetch(next);
        }
        part(planes, &mut largest, &mut kept, (frames, spreads), at, numbers);
        at += PART;
    }
    for (a, va) in rest.iter_mut().zip(spread_rest) {
        let planes = (from_mut(a), from_mut(va));
        part(planes, from_mut(&mut largest[0]), &mut kept, (frames, spreads), at, numbers);
        at += 1;
    }
    largest.iter().all(|bits| f32::from_bits(*bits).is_finite())
}

/// Some pixels, and the largest absolute value, as bits, that was seen at each place.
#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
fn part<const N: usize>(
    (image, variance): (&mut [f32; N], &mut [f32; N]),
    largest: &mut [u32; N],
    kept: &mut impl Keeper,
    (frames, spreads): (Frames<'_>, [impl Values; 2]),
    at: usize,
    numbers: Numbers,
) {
    let (bias, spread) = (frames.bias.part::<N>(at), frames.spread.part::<N>(at));
    let (dark, flat) = (frames.dark.part::<N>(at), frames.flat.part::<N>(at));
    let [dark_spread, flat_spread] = spreads.map(|spread| spread.part::<N>(at));
    let level = (numbers.flat, numbers.flat * numbers.flat);
    let mut before = [0.0; N];
    for k in 0..N {
        let a = image[k] - bias[k];
        let va = numbers.variance.pixel(a, spread[k]);
        before[k] = va;
        let a = a + scaled(numbers.dark[0], dark[k]);
        let va = va + scaled(numbers.dark[1], dark_spread[k]);
        let (a, va) = divided(a, va, flat[k], flat_spread[k], level, false);
        (image[k], variance[k]) = (a, va);
        largest[k] = largest[k].max(a.abs().to_bits()).max(va.abs().to_bits());
    }
    kept.keep(at, before);
}

#[cfg(test)]
mod tests {
    use super::{Frames, Numbers, reduce};
    use crate::calibration::{add_scaled_row, divide_row, subtract_row};
    use crate::variance::{self, write_row_with_bias};

    const ODD: [f32; 12] = [
        0.0,
        -0.0,
        1.0,
        -7.5,
        1e-42,
        1e-20,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e19,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];

    /// Values around 1000, one of seven of them odd if `odd`.
    fn values(count: usize, seed: u32, odd: bool) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 16
        };
        let mut value = |_| {
            let (choice, value) = (next() as usize, next());
            let tame = 1000.0 + f32::from(u16::try_from(value % 65536).unwrap()) / 777.0;
            if odd && choice % 7 == 0 { ODD[choice / 7 % ODD.len()] } else { tame }
        };
        (0..count).map(&mut value).collect()
    }

    fn same(ours: &[f32], wanted: &[f32]) -> bool {
        let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        ours.len() == wanted.len() && ours.iter().zip(wanted).all(same)
    }

    #[test]
    fn all_at_once_is_one_after_another() {
        let factors = [(-300.0, 90000.0), (-0.7, 0.0), (-0.0, -0.0)];
        for (case, count) in (0..100).chain([511, 512, 1000]).enumerate() {
            for (dark_factor, square) in factors {
                for level in [1.0, 1.1, 1e-30] {
                    let seed = u32::try_from(count).unwrap() * 8;
                    let [image, bias, spread, dark, flat, dark_spread, flat_spread] =
                        [0, 1, 2, 3, 4, 5, 6].map(|k| values(count, seed + k, case % 2 == 1));
                    let zeros = vec![0.0; count];
                    let both = Some([&dark_spread[..], &flat_spread[..]]);
                    for spreads in [None, both] {
                        let of = spreads.unwrap_or([&zeros; 2]);
                        let numbers = variance::Numbers::new(1.6, 4.0);
                        let (mut a, mut va) = (image.clone(), zeros.clone());
                        subtract_row(&mut a, &bias);
                        write_row_with_bias(&a, &spread, &mut va, numbers);
                        let early = va.clone();
                        add_scaled_row(&mut a, &dark, dark_factor);
                        add_scaled_row(&mut va, of[0], square);
                        divide_row(&mut a, &mut va, &flat, Some(of[1]), 1.0 / level, false);
                        let frames = Frames {
                            bias: &bias,
                            spread: &spread,
                            dark: &dark,
                            flat: &flat,
                            spreads,
                            next: [&[], &bias, &dark, &flat],
                            next_counts: &[],
                        };
                        let numbers = Numbers {
                            variance: numbers,
                            dark: [dark_factor, square],
                            flat: 1.0 / level,
                        };
                        let mut kept = zeros.clone();
                        for keeps in [false, true] {
                            let (mut image, mut variance) = (image.clone(), zeros.clone());
                            let to = keeps.then_some(&mut kept[..]);
                            let finite = reduce(&mut image, &mut variance, to, frames, numbers);
                            assert!(same(&image, &a) && same(&variance, &va));
                            assert_eq!(finite, a.iter().chain(&va).all(|value| value.is_finite()));
                        }
                        assert!(same(&kept, &early));
                    }
                }
            }
        }
    }
}
