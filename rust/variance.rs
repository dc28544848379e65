//! Variance of the pixels from their signal, the gain and the read noise.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::error::{KernelError, same_shape};
use crate::rows::update;

/// Write `max(image, 0) / gain + (read_noise / gain)^2 + bias_variance`.
///
/// `image` is in ADU, `gain` in electron/ADU, `read_noise` in electron, the variances in ADU
/// squared; all of shape `(rows, columns)`. Computed in `f64` as
/// `image * (1 / gain) + noise + bias_variance` and rounded once; NaN stays NaN.
///
/// # Errors
///
/// [`KernelError::Shape`] when the planes differ in shape, [`KernelError::Value`] when `gain` is
/// not positive and finite or `read_noise` not finite and at least zero.
pub fn update_variance(
    image: ArrayView2<'_, f32>,
    mut variance: ArrayViewMut2<'_, f32>,
    gain: f64,
    read_noise: f64,
    bias_variance: Option<ArrayView2<'_, f32>>,
) -> Result<(), KernelError> {
    check(gain, read_noise)?;
    same_shape("variance", variance.dim(), image.dim())?;
    let noise = (read_noise / gain) * (read_noise / gain);
    let inverse = 1.0 / gain;
    #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
    let pixel = move |i: f32, bias: f32| {
        let signal = if i < 0.0 { 0.0 } else { f64::from(i) };
        (signal * inverse + noise + f64::from(bias)) as f32
    };
    let Some(bias) = bias_variance else {
        Zip::from(variance.rows_mut())
            .and(image.rows())
            .par_for_each(|variance, image| update(variance, image, |v, i| *v = pixel(i, 0.0)));
        return Ok(());
    };
    same_shape("bias_variance", bias.dim(), image.dim())?;
    Zip::from(variance.rows_mut()).and(image.rows()).and(bias.rows()).par_for_each(
        |variance, image, bias| {
            Zip::from(variance).and(image).and(bias).for_each(|v, i, b| *v = pixel(*i, *b));
        },
    );
    Ok(())
}

/// Write what the reference wrote: `image * f32(1 / f32(gain)) + f32(read_noise^2)`, in `f32`.
///
/// The read noise is added as it comes, without the gain; negative pixels get less, or less
/// than nothing.
///
/// # Errors
///
/// As of [`update_variance`].
#[allow(clippy::cast_possible_truncation, reason = "the reference rounds these to pixel values")]
pub fn update_variance_v17(
    image: ArrayView2<'_, f32>,
    mut variance: ArrayViewMut2<'_, f32>,
    gain: f64,
    read_noise: f64,
) -> Result<(), KernelError> {
    check(gain, read_noise)?;
    same_shape("variance", variance.dim(), image.dim())?;
    let inverse = 1.0 / gain as f32;
    let noise = (read_noise * read_noise) as f32;
    Zip::from(variance.rows_mut())
        .and(image.rows())
        .par_for_each(|variance, image| update(variance, image, |v, i| *v = i * inverse + noise));
    Ok(())
}

fn check(gain: f64, read_noise: f64) -> Result<(), KernelError> {
    if !(gain.is_finite() && gain > 0.0) {
        let problem = format!("is {gain}, wanted a positive number of electrons per ADU");
        return Err(KernelError::Value { name: "gain", problem });
    }
    if !(read_noise.is_finite() && read_noise >= 0.0) {
        let problem = format!("is {read_noise}, wanted a number that is not negative");
        return Err(KernelError::Value { name: "read_noise", problem });
    }
    Ok(())
}
