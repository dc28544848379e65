//! Variance of the pixels from their signal, the gain and the read noise.

use ndarray::{ArrayView2, ArrayViewMut2, Zip};

use crate::error::{KernelError, same_shape};
use crate::rows::{change_together, together};
use crate::simd::dispatched;

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
    let numbers = Numbers::new(gain, read_noise);
    let Some(bias) = bias_variance else {
        Zip::from(variance.rows_mut()).and(image.rows()).par_for_each(|variance, image| {
            change_together(variance, |variance| write_row(&together(image), variance, numbers));
        });
        return Ok(());
    };
    same_shape("bias_variance", bias.dim(), image.dim())?;
    Zip::from(variance.rows_mut()).and(image.rows()).and(bias.rows()).par_for_each(
        |variance, image, bias| {
            change_together(variance, |variance| {
                write_row_with_bias(&together(image), &together(bias), variance, numbers);
            });
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
pub fn update_variance_v17(
    image: ArrayView2<'_, f32>,
    mut variance: ArrayViewMut2<'_, f32>,
    gain: f64,
    read_noise: f64,
) -> Result<(), KernelError> {
    check(gain, read_noise)?;
    same_shape("variance", variance.dim(), image.dim())?;
    let numbers = Numbers::v17(gain, read_noise);
    Zip::from(variance.rows_mut()).and(image.rows()).par_for_each(|variance, image| {
        change_together(variance, |variance| write_row_v17(&together(image), variance, numbers));
    });
    Ok(())
}

/// What the variance of an amplifier needs beside its pixels.
#[derive(Clone, Copy)]
pub(crate) struct Numbers {
    inverse_gain: f64,
    noise: f64,
}

impl Numbers {
    pub(crate) fn new(gain: f64, read_noise: f64) -> Self {
        Self { inverse_gain: 1.0 / gain, noise: (read_noise / gain) * (read_noise / gain) }
    }

    /// What the reference rounded to pixel values first.
    #[allow(clippy::cast_possible_truncation, reason = "it did")]
    pub(crate) fn v17(gain: f64, read_noise: f64) -> Self {
        let inverse_gain = f64::from(1.0 / gain as f32);
        Self { inverse_gain, noise: f64::from((read_noise * read_noise) as f32) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
    #[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
    #[inline(always)]
    pub(crate) fn pixel(self, value: f32, bias: f32) -> f32 {
        let signal = if value < 0.0 { 0.0 } else { f64::from(value) };
        (signal * self.inverse_gain + self.noise + f64::from(bias)) as f32
    }
}

dispatched! {
    pub(crate) fn write_row(image: &[f32], variance: &mut [f32], numbers: Numbers) {
        for (v, i) in variance.iter_mut().zip(image) {
            *v = numbers.pixel(*i, 0.0);
        }
    }

    pub(crate) fn write_row_with_bias(
        image: &[f32],
        bias: &[f32],
        variance: &mut [f32],
        numbers: Numbers,
    ) {
        for ((v, i), b) in variance.iter_mut().zip(image).zip(bias) {
            *v = numbers.pixel(*i, *b);
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "they were f32 before")]
    pub(crate) fn write_row_v17(image: &[f32], variance: &mut [f32], numbers: Numbers) {
        let (inverse, noise) = (numbers.inverse_gain as f32, numbers.noise as f32);
        for (v, i) in variance.iter_mut().zip(image) {
            *v = i * inverse + noise;
        }
    }
}

pub(crate) fn check(gain: f64, read_noise: f64) -> Result<(), KernelError> {
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
