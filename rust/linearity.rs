//! Non-linearity: what each pixel is off by, as a function of its own value.
//!
//! Every kernel changes an image in place, pixel by pixel, so that the number of threads cannot
//! change a bit. Images are `f32` or `f64`, of shape `(rows, columns)`.

use std::ops::{Add, Mul};

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView1, ArrayViewMut2, Axis};

use crate::error::KernelError;
use crate::overscan::spline;

/// A pixel whose linearity can be corrected.
pub trait Pixel:
    Copy + Default + Send + Sync + Into<f64> + Add<Output = Self> + Mul<Output = Self>
{
    /// One.
    const ONE: Self;
    /// The value that is nearest to a number.
    fn rounded(value: f64) -> Self;
}

impl Pixel for f32 {
    const ONE: Self = 1.0;
    #[allow(clippy::cast_possible_truncation, reason = "rounding to a pixel is the task")]
    fn rounded(value: f64) -> Self {
        value as Self
    }
}

impl Pixel for f64 {
    const ONE: Self = 1.0;
    fn rounded(value: f64) -> Self {
        value
    }
}

/// Make each pixel `x * (1 + c * x)`, in its own precision, `c` rounded to that first.
pub fn squared<T: Pixel>(image: ArrayViewMut2<'_, T>, coefficient: f64) {
    let c = T::rounded(coefficient);
    each(image, |x| x * (T::ONE + c * x));
}

/// Add `c[0] x^2 + c[1] x^3 + ...`, in double precision by Horner's rule, rounded once.
pub fn polynomial<T: Pixel>(image: ArrayViewMut2<'_, T>, coefficients: &[f64]) {
    each(image, |pixel| {
        let x: f64 = pixel.into();
        let sum = coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
        T::rounded(x + x * x * sum)
    });
}

/// Subtract a spline through `knots`, pairs of pixel value and excess.
///
/// In double precision, rounded once. Beyond the end knots the excess is that of the end knot;
/// NaN stays NaN.
///
/// # Errors
///
/// [`KernelError::Value`] when the values of the knots are not finite and increasing, or the
/// knots are too few: Akima's spline wants five, the natural one three.
pub fn spline<T: Pixel>(
    image: ArrayViewMut2<'_, T>,
    knots: &[(f64, f64)],
    akima: bool,
) -> Result<(), KernelError> {
    let finite = knots.iter().all(|(x, y)| x.is_finite() && y.is_finite());
    if !finite || knots.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        let problem = "are not finite, or their values do not increase".to_owned();
        return Err(KernelError::Value { name: "knots", problem });
    }
    let wanted = if akima { 5 } else { 3 };
    if knots.len() < wanted {
        let problem = format!("are {}, wanted {wanted} or more", knots.len());
        return Err(KernelError::Value { name: "knots", problem });
    }
    let curve = spline::through(knots.to_vec(), akima);
    let (first, last) = (knots[0].0, knots[knots.len() - 1].0);
    each(image, |pixel| {
        let x: f64 = pixel.into();
        if x.is_nan() { pixel } else { T::rounded(x - curve(x.clamp(first, last))) }
    });
    Ok(())
}

/// Add to each pixel the entry of `table` at `offset + pixel`, and return how many missed it.
///
/// The sum is taken in the precision of the pixel and cut to a whole number towards zero. What
/// lies before the first entry gets the first, what lies behind the last the last; NaN counts as
/// missed too.
///
/// # Errors
///
/// [`KernelError::Value`] when the table is empty.
pub fn apply_lookup_table<T: Pixel>(
    image: ArrayViewMut2<'_, T>,
    table: ArrayView1<'_, T>,
    offset: f64,
) -> Result<usize, KernelError> {
    let Some(last) = table.len().checked_sub(1) else {
        let problem = "is empty, wanted an entry for each pixel value".to_owned();
        return Err(KernelError::Value { name: "table", problem });
    };
    let offset = T::rounded(offset);
    let mut image = image;
    let rows = image.axis_iter_mut(Axis(0)).into_par_iter();
    Ok(rows
        .map(|mut row| {
            let mut missed = 0;
            row.map_inplace(|pixel| {
                let place: f64 = (offset + *pixel).into();
                let (index, within) = entry(place, last);
                missed += usize::from(!within);
                *pixel = *pixel + table[index];
            });
            missed
        })
        .sum())
}

/// The entry at a place, and whether the table holds that place.
fn entry(place: f64, last: usize) -> (usize, bool) {
    let place = place.trunc();
    if place.is_nan() || place < 0.0 {
        (0, false)
    } else if place > last as f64 {
        (last, false)
    } else {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to last")]
        (place as usize, true)
    }
}

fn each<T: Pixel>(mut image: ArrayViewMut2<'_, T>, new: impl Fn(T) -> T + Sync) {
    image.axis_iter_mut(Axis(0)).into_par_iter().for_each(|mut row| {
        if let Some(pixels) = row.as_slice_mut() {
            for pixel in pixels {
                *pixel = new(*pixel);
            }
        } else {
            row.map_inplace(|pixel| *pixel = new(*pixel));
        }
    });
}
