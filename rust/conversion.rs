//! Raw integers, or doubles, to the `f32` that all corrections work on.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::error::{KernelError, same_shape};
use crate::rows::update;
use crate::simd::dispatched;

/// A pixel type that raw frames come in.
pub trait RawPixel: Copy + Sync {
    /// The nearest `f32`; a double beyond its range becomes infinite.
    fn to_f32(self) -> f32;
}

macro_rules! raw_pixels {
    ($($pixel:ty),+) => {$(
        impl RawPixel for $pixel {
            #[allow(clippy::cast_lossless, clippy::cast_possible_truncation)]
            fn to_f32(self) -> f32 {
                self as f32
            }
        }
    )+};
}

raw_pixels!(u8, i16, u16, i32, u32, f64);

/// Write the image rounded to `f32`, and a variance of 1 for each pixel.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape.
pub fn to_float<T: RawPixel>(
    raw: ArrayView2<'_, T>,
    mut image: ArrayViewMut2<'_, f32>,
    mut variance: ArrayViewMut2<'_, f32>,
) -> Result<(), KernelError> {
    same_shape("image", image.dim(), raw.dim())?;
    same_shape("variance", variance.dim(), raw.dim())?;
    Zip::from(image.rows_mut()).and(variance.rows_mut()).and(raw.rows()).par_for_each(
        |image, mut variance, raw| {
            update(image, raw, |pixel, raw| *pixel = raw.to_f32());
            variance.fill(1.0);
        },
    );
    Ok(())
}

dispatched! {
    /// Raw counts of a row to values above a level, with the flags of those that reach another.
    ///
    /// `thresholds` are levels of counts, compared in `f32`, and their bits; every pixel gets
    /// `flags`. Return all bits that some pixel has.
    pub(crate) fn convert_row(
        raw: &[u16],
        image: &mut [f32],
        mask: &mut [i32],
        thresholds: &[(f32, i32)],
        flags: i32,
        level: f32,
    ) -> i32 {
        let (first, bits) = thresholds.first().copied().unwrap_or((f32::NAN, 0));
        let mut any = flags;
        for ((count, pixel), flag) in raw.iter().zip(image).zip(&mut *mask) {
            let value = f32::from(*count);
            *flag = flags | if value >= first { bits } else { 0 };
            any |= *flag;
            *pixel = value - level;
        }
        for &(least, bits) in thresholds.iter().skip(1) {
            for (count, flag) in raw.iter().zip(&mut *mask) {
                *flag |= if f32::from(*count) >= least { bits } else { 0 };
                any |= *flag;
            }
        }
        any
    }

    /// Subtract one level from a row.
    pub(crate) fn lower_row(image: &mut [f32], level: f32) {
        for pixel in image {
            *pixel -= level;
        }
    }
}
