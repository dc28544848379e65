//! Neighbouring point-wise corrections of one frame, a band of rows through all of them at a time.
//!
//! Each band stays in the cache while the corrections pass over it, in their order; what each of
//! them does is the kernel of its own name. No correction looks beyond its row, so the height of
//! the bands and the number of threads change nothing.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, Axis, Slice, s};

use crate::assembly::place;
use crate::calibration::{Planes, PlanesMut, divide_flat, subtract_bias, subtract_scaled};
use crate::error::{KernelError, same_shape};
use crate::masking::widen_saturation_trails;
use crate::variance::{update_variance, update_variance_v17};

/// What is done to the pixels of a box.
pub enum Operation<'a> {
    /// [`place`]: copy raw pixels, columns or rows turned around.
    Place {
        /// The raw pixels.
        raw: Planes<'a>,
        /// Whether the columns are turned around.
        flip_x: bool,
        /// Whether the rows are.
        flip_y: bool,
    },
    /// [`subtract_bias`].
    Bias(Planes<'a>),
    /// [`update_variance`] of the box itself.
    Variance {
        /// Gain [electron/ADU].
        gain: f64,
        /// Read noise [electron].
        read_noise: f64,
        /// Variance of the bias frame.
        bias: Option<ArrayView2<'a, f32>>,
    },
    /// [`update_variance_v17`] of the box itself.
    VarianceV17 {
        /// Gain [electron/ADU].
        gain: f64,
        /// Read noise, as it comes.
        read_noise: f64,
    },
    /// [`widen_saturation_trails`] of these bits.
    Trails(i32),
    /// [`subtract_scaled`], not inverted.
    Dark(Planes<'a>, f64),
    /// [`divide_flat`], not inverted.
    Flat(Planes<'a>, f64),
}

/// An operation, and the pixels that it is for.
pub struct Step<'a> {
    /// First row and column.
    pub corner: (usize, usize),
    /// Rows and columns.
    pub shape: (usize, usize),
    /// What is done to them.
    pub operation: Operation<'a>,
}

impl Step<'_> {
    fn check(&self, frame: (usize, usize)) -> Result<(), KernelError> {
        let ends = (
            self.corner.0.checked_add(self.shape.0).is_some_and(|end| end <= frame.0),
            self.corner.1.checked_add(self.shape.1).is_some_and(|end| end <= frame.1),
        );
        if ends != (true, true) {
            let problem = format!(
                "of {:?} pixels at {:?} leaves the frame of {frame:?}",
                self.shape, self.corner
            );
            return Err(KernelError::Value { name: "box", problem });
        }
        match &self.operation {
            Operation::Place { raw: planes, .. }
            | Operation::Bias(planes)
            | Operation::Dark(planes, _)
            | Operation::Flat(planes, _) => {
                same_shape("image of a step", planes.image.dim(), self.shape)?;
                same_shape("mask of a step", planes.mask.dim(), self.shape)?;
                same_shape("variance of a step", planes.variance.dim(), self.shape)
            }
            Operation::Variance { bias: Some(bias), .. } => {
                same_shape("bias_variance", bias.dim(), self.shape)
            }
            _ => Ok(()),
        }
    }

    /// Do it, as far as it concerns a band of the frame that begins at row `first`.
    fn apply(&self, band: &mut PlanesMut<'_>, first: usize) -> Result<(), KernelError> {
        let (top, left) = self.corner;
        let low = first.max(top);
        let high = (first + band.image.nrows()).min(top + self.shape.0);
        if low >= high {
            return Ok(());
        }
        let within = s![low - first..high - first, left..left + self.shape.1];
        let mut part = PlanesMut {
            image: band.image.slice_mut(within),
            mask: band.mask.slice_mut(within),
            variance: band.variance.slice_mut(within),
        };
        let (from, to) = (low - top, high - top);
        match &self.operation {
            Operation::Place { raw, flip_x, flip_y } => {
                let height = self.shape.0;
                let (from, to) = if *flip_y { (height - to, height - from) } else { (from, to) };
                place(part, rows(*raw, from, to), *flip_x, *flip_y)
            }
            Operation::Bias(bias) => subtract_bias(part, rows(*bias, from, to)),
            Operation::Variance { gain, read_noise, bias } => {
                let bias = bias.map(|bias| bias.slice_move(s![from..to, ..]));
                update_variance(part.image.view(), part.variance, *gain, *read_noise, bias)
            }
            Operation::VarianceV17 { gain, read_noise } => {
                update_variance_v17(part.image.view(), part.variance, *gain, *read_noise)
            }
            Operation::Trails(bits) => {
                widen_saturation_trails(part.mask.view_mut(), *bits);
                Ok(())
            }
            Operation::Dark(dark, scale) => {
                subtract_scaled(part, rows(*dark, from, to), *scale, false)
            }
            Operation::Flat(flat, scale) => divide_flat(part, rows(*flat, from, to), *scale, false),
        }
    }
}

/// Take bands of `height` rows of `target` through all `steps`, in their order.
///
/// # Errors
///
/// [`KernelError::Shape`] when planes of the target or of a step differ in shape,
/// [`KernelError::Value`] when a box leaves the target, `height` is zero, or as of the kernels;
/// only the numbers that the kernels refuse are found when pixels have been changed.
pub fn correct(
    target: PlanesMut<'_>,
    steps: &[Step<'_>],
    height: usize,
) -> Result<(), KernelError> {
    let frame = target.image.dim();
    same_shape("target mask", target.mask.dim(), frame)?;
    same_shape("target variance", target.variance.dim(), frame)?;
    if height == 0 {
        let problem = "is 0, wanted at least one row".to_owned();
        return Err(KernelError::Value { name: "height", problem });
    }
    steps.iter().try_for_each(|step| step.check(frame))?;
    let PlanesMut { mut image, mut mask, mut variance } = target;
    let bands = image.axis_chunks_iter_mut(Axis(0), height).into_par_iter();
    let bands = bands
        .zip(mask.axis_chunks_iter_mut(Axis(0), height))
        .zip(variance.axis_chunks_iter_mut(Axis(0), height));
    bands.enumerate().try_for_each(|(number, ((image, mask), variance))| {
        let mut band = PlanesMut { image, mask, variance };
        steps.iter().try_for_each(|step| step.apply(&mut band, number * height))
    })
}

fn rows(planes: Planes<'_>, from: usize, to: usize) -> Planes<'_> {
    let rows = Slice::from(from..to);
    let Planes { mut image, mut mask, mut variance } = planes;
    image.slice_axis_inplace(Axis(0), rows);
    mask.slice_axis_inplace(Axis(0), rows);
    variance.slice_axis_inplace(Axis(0), rows);
    Planes { image, mask, variance }
}
