//! Bias, variance, dark and flat of pixels in one loop: what each of them is in registers only.

use crate::calibration::{divided, scaled};
use crate::simd::dispatched;
use crate::variance;

/// What the calibration frames have for some pixels of a row; 0 where they have nothing.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    pub bias: &'a [f32],
    /// Variance of the bias, for that of the pixels.
    pub spread: &'a [f32],
    pub dark: [&'a [f32]; 2],
    pub flat: [&'a [f32]; 2],
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
    /// The operations are those of the kernels for one of these, and so is every rounding. Return
    /// whether all results are finite.
    pub(super) fn reduce(
        image: &mut [f32],
        variance: &mut [f32],
        frames: Frames<'_>,
        numbers: Numbers,
    ) -> bool {
        let count = image.len();
        let variance = &mut variance[..count];
        let (bias, spread) = (&frames.bias[..count], &frames.spread[..count]);
        let [dark, dark_spread] = frames.dark.map(|values| &values[..count]);
        let [flat, flat_spread] = frames.flat.map(|values| &values[..count]);
        let c = (numbers.flat, numbers.flat * numbers.flat);
        let mut odd = 0;
        for at in 0..count {
            let a = image[at] - bias[at];
            let va = numbers.variance.pixel(a, spread[at]);
            let a = a + scaled(numbers.dark[0], dark[at]);
            let va = va + scaled(numbers.dark[1], dark_spread[at]);
            let (a, va) = divided(a, va, flat[at], flat_spread[at], c, false);
            image[at] = a;
            variance[at] = va;
            odd |= u32::from(!a.is_finite()) | u32::from(!va.is_finite());
        }
        odd == 0
    }
}
