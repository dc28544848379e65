//! Bias, dark and flat: arithmetic of masked images, in place.
//!
//! Planes are `f32` image, `i32` mask and `f32` variance, all of shape `(rows, columns)`. The
//! order of the roundings is part of the contract: it makes results equal bit for bit to the
//! reference's, row by row and on any number of threads. Flags are joined by OR.

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Zip};

use crate::error::{KernelError, same_shape};
use crate::rows::update;

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
        update(target.image, bias.image, |a, b| *a -= b);
        update(target.mask, bias.mask, |a, b| *a |= b);
        update(target.variance, bias.variance, |a, b| *a += b);
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
    if !scale.is_finite() {
        let problem = format!("is {scale}, wanted a finite number");
        return Err(KernelError::Value { name: "scale", problem });
    }
    let (signed, square) = (if invert { scale } else { -scale }, scale * scale);
    by_row(target, other, |target, other| {
        update(target.image, other.image, |a, b| *a += round(signed * f64::from(b)));
        update(target.mask, other.mask, |a, b| *a |= b);
        update(target.variance, other.variance, |a, b| *a += round(square * f64::from(b)));
    })
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
    if !scale.is_finite() || scale == 0.0 {
        let problem = format!("is {scale}, wanted a finite number other than 0");
        return Err(KernelError::Value { name: "scale", problem });
    }
    let c = 1.0 / scale;
    by_row(target, flat, |target, flat| {
        let square = c * c;
        let spread = |a: f32, va: f32, f: f32, vf: f32| {
            let f2 = f * f;
            let sum = f64::from(a * a * vf + f2 * va);
            let f2 = f64::from(f2);
            round(if invert { square * sum } else { sum / (square * f2 * f2) })
        };
        let image = target.image.view();
        Zip::from(target.variance)
            .and(image)
            .and(flat.image)
            .and(flat.variance)
            .for_each(|va, a, f, vf| *va = spread(*a, *va, *f, *vf));
        if invert {
            update(target.image, flat.image, |a, f| *a *= round(c * f64::from(f)));
        } else {
            update(target.image, flat.image, |a, f| *a /= round(c * f64::from(f)));
        }
        update(target.mask, flat.mask, |a, b| *a |= b);
    })
}

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
