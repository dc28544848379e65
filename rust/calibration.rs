//! Bias, dark and flat: arithmetic of masked images, in place.
//!
//! Planes are `f32` image, `i32` mask and `f32` variance, all of shape `(rows, columns)`. The
//! order of the roundings is part of the contract: it makes results equal bit for bit to the
//! reference's, row by row and on any number of threads. Flags are joined by OR.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Zip};

use crate::error::{KernelError, same_shape};
use crate::rows::{change_together, together};
use crate::simd::dispatched;

/// The planes that a correction reads.
#[derive(Clone, Copy)]
pub struct Planes<'a> {
    /// Values.
    pub image: ArrayView2<'a, f32>,
    /// Flags.
    pub mask: ArrayView2<'a, i32>,
    /// Variance of the values.
    pub variance: ArrayView2<'a, f32>,
}

/// The planes that a correction changes.
pub struct PlanesMut<'a> {
    /// Values.
    pub image: ArrayViewMut2<'a, f32>,
    /// Flags.
    pub mask: ArrayViewMut2<'a, i32>,
    /// Variance of the values.
    pub variance: ArrayViewMut2<'a, f32>,
}

struct Row<'a> {
    image: ArrayView1<'a, f32>,
    mask: ArrayView1<'a, i32>,
    variance: ArrayView1<'a, f32>,
}

struct RowMut<'a> {
    image: ArrayViewMut1<'a, f32>,
    mask: ArrayViewMut1<'a, i32>,
    variance: ArrayViewMut1<'a, f32>,
}

/// Subtract a bias frame: the image in `f32`; the variances add.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape.
pub fn subtract_bias(target: PlanesMut<'_>, bias: Planes<'_>) -> Result<(), KernelError> {
    by_row(target, bias, |target, bias| {
        change_together(target.image, |image| subtract_row(image, &together(bias.image)));
        change_together(target.mask, |mask| {
            join_row(mask, &together(bias.mask));
        });
        change_together(target.variance, |sum| add_row(sum, &together(bias.variance)));
    })
}

/// Subtract `scale` times a dark or fringe frame, or add it when `invert`.
///
/// The product is taken in `f64` and rounded before the `f32` difference; the variance gains
/// `scale * scale` times that of the frame, by the same rule.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape, [`KernelError::Value`] when `scale`
/// is not finite.
pub fn subtract_scaled(
    target: PlanesMut<'_>,
    other: Planes<'_>,
    scale: f64,
    invert: bool,
) -> Result<(), KernelError> {
    check_dark(scale)?;
    let (signed, square) = (if invert { scale } else { -scale }, scale * scale);
    by_row(target, other, |target, other| {
        change_together(target.image, |image| {
            add_scaled_row(image, &together(other.image), signed);
        });
        change_together(target.mask, |mask| {
            join_row(mask, &together(other.mask));
        });
        change_together(target.variance, |sum| {
            add_scaled_row(sum, &together(other.variance), square);
        });
    })
}

/// Refuse a scale that no dark frame can have.
pub(crate) fn check_dark(scale: f64) -> Result<(), KernelError> {
    if scale.is_finite() {
        return Ok(());
    }
    let problem = format!("is {scale}, wanted a finite number");
    Err(KernelError::Value { name: "scale", problem })
}

/// Divide by a flat of level `scale`, or multiply when `invert`.
///
/// With `c = 1 / scale`, flat `f` and its variance `vf`, the image becomes `a / f32(c * f)`; the
/// variance `(a * a * vf + f * f * va) / (c * c * f^4)`, where the numerator and `f * f` are
/// `f32`, the rest `f64`. The inverse is `a * f32(c * f)` and `c * c` times that numerator. A
/// flat of zero gives infinity or NaN.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape, [`KernelError::Value`] when `scale`
/// is zero or not finite.
pub fn divide_flat(
    target: PlanesMut<'_>,
    flat: Planes<'_>,
    scale: f64,
    invert: bool,
) -> Result<(), KernelError> {
    check_flat(scale)?;
    let c = 1.0 / scale;
    by_row(target, flat, |target, flat| {
        change_together(target.image, |image| {
            change_together(target.variance, |variance| {
                let spread = together(flat.variance);
                divide_row(image, variance, &together(flat.image), Some(&spread), c, invert);
            });
        });
        change_together(target.mask, |mask| {
            join_row(mask, &together(flat.mask));
        });
    })
}

/// Refuse a level that no flat can have.
pub(crate) fn check_flat(scale: f64) -> Result<(), KernelError> {
    if scale.is_finite() && scale != 0.0 {
        return Ok(());
    }
    let problem = format!("is {scale}, wanted a finite number other than 0");
    Err(KernelError::Value { name: "scale", problem })
}

dispatched! {
    pub(crate) fn subtract_row(pixels: &mut [f32], other: &[f32]) {
        for (a, b) in pixels.iter_mut().zip(other) {
            *a -= b;
        }
    }

    pub(crate) fn add_row(pixels: &mut [f32], other: &[f32]) {
        for (a, b) in pixels.iter_mut().zip(other) {
            *a += b;
        }
    }

    /// Add the flags of another row, and return all that the other has.
    pub(crate) fn join_row(flags: &mut [i32], other: &[i32]) -> i32 {
        let mut any = 0;
        for (a, b) in flags.iter_mut().zip(other) {
            *a |= b;
            any |= b;
        }
        any
    }

    pub(crate) fn add_scaled_row(pixels: &mut [f32], other: &[f32], factor: f64) {
        for (a, b) in pixels.iter_mut().zip(other) {
            *a += scaled(factor, *b);
        }
    }

    pub(crate) fn divide_row(
        image: &mut [f32],
        variance: &mut [f32],
        flat: &[f32],
        flat_variance: Option<&[f32]>,
        c: f64,
        invert: bool,
    ) {
        let square = c * c;
        if let Some(flat_variance) = flat_variance {
            let pixels = image.iter_mut().zip(variance).zip(flat).zip(flat_variance);
            for (((a, va), f), vf) in pixels {
                (*a, *va) = divided(*a, *va, *f, *vf, (c, square), invert);
            }
        } else {
            for ((a, va), f) in image.iter_mut().zip(variance).zip(flat) {
                (*a, *va) = divided(*a, *va, *f, 0.0, (c, square), invert);
            }
        }
    }
}

/// What a pixel of a dark frame adds.
#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
pub(crate) fn scaled(factor: f64, value: f32) -> f32 {
    round(factor * f64::from(value))
}

/// A pixel and its variance, divided by a flat or multiplied.
#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
pub(crate) fn divided(
    a: f32,
    va: f32,
    f: f32,
    vf: f32,
    (c, square): (f64, f64),
    invert: bool,
) -> (f32, f32) {
    let f2 = f * f;
    let sum = f64::from(a * a * vf + f2 * va);
    let level = round(c * f64::from(f));
    let f2 = f64::from(f2);
    if invert {
        (a * level, round(square * sum))
    } else {
        (a / level, round(sum / (square * f2 * f2)))
    }
}

#[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
#[inline(always)]
#[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
fn round(value: f64) -> f32 {
    value as f32
}

fn by_row(
    target: PlanesMut<'_>,
    other: Planes<'_>,
    each: impl Fn(RowMut<'_>, Row<'_>) + Sync,
) -> Result<(), KernelError> {
    let wanted = target.image.dim();
    same_shape("target mask", target.mask.dim(), wanted)?;
    same_shape("target variance", target.variance.dim(), wanted)?;
    same_shape("calibration image", other.image.dim(), wanted)?;
    same_shape("calibration mask", other.mask.dim(), wanted)?;
    same_shape("calibration variance", other.variance.dim(), wanted)?;
    let PlanesMut { mut image, mut mask, mut variance } = target;
    Zip::from(image.rows_mut())
        .and(mask.rows_mut())
        .and(variance.rows_mut())
        .and(other.image.rows())
        .and(other.mask.rows())
        .and(other.variance.rows())
        .par_for_each(|image, mask, variance, bi, bm, bv| {
            each(RowMut { image, mask, variance }, Row { image: bi, mask: bm, variance: bv });
        });
    Ok(())
}
