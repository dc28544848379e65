//! Raw integers, or doubles, to the `f32` that all corrections work on.

use ndarray::{Array2, ArrayView2, Zip};

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

/// Return the image rounded to `f32`, and a variance of 1 for each pixel.
#[must_use]
pub fn to_float<T: RawPixel>(image: ArrayView2<'_, T>) -> (Array2<f32>, Array2<f32>) {
    let mut floats = Array2::zeros(image.dim());
    let mut ones = Array2::zeros(image.dim());
    Zip::from(floats.rows_mut()).and(ones.rows_mut()).and(image.rows()).par_for_each(
        |floats, mut ones, raw| {
            crate::rows::update(floats, raw, |float, raw| *float = raw.to_f32());
            ones.fill(1.0);
        },
    );
    (floats, ones)
}
