//! What can be done to the pixels of a box while its rows pass.

use ndarray::{ArrayView1, ArrayView2};

use super::tap::Tap;
use crate::calibration::{self, Planes};
use crate::error::{KernelError, same_shape};
use crate::file_rows::FileRows;
use crate::interpolation::Options;
use crate::variance;

/// Values that a correction reads.
#[derive(Clone, Copy)]
pub enum Values<'a> {
    /// They are in memory.
    Memory(ArrayView2<'a, f32>),
    /// They lie in a file, that many rows of them.
    File(FileRows<'a>, usize),
}

/// A frame that a correction reads; planes that are left out are 0 everywhere.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Values.
    pub image: Values<'a>,
    /// Flags.
    pub mask: Option<ArrayView2<'a, i32>>,
    /// Variance of the values.
    pub variance: Option<ArrayView2<'a, f32>>,
}

/// What is done to the pixels of a box.
pub enum Operation<'a> {
    /// Raw counts become values: converted, compared with levels, lowered, put in their place.
    Raw {
        /// The counts [ADU].
        counts: ArrayView2<'a, u16>,
        /// Levels [ADU], and the bits of the pixels that reach them.
        thresholds: Vec<(f32, i32)>,
        /// Bits of all pixels.
        flags: i32,
        /// What is subtracted, one after another [ADU]: a number, or one for each row of `counts`.
        levels: Vec<ArrayView1<'a, f32>>,
        /// Whether the columns are turned around.
        flip_x: bool,
        /// Whether the rows are.
        flip_y: bool,
    },
    /// [`crate::assembly::place`]: copy pixels, columns or rows turned around.
    Place {
        /// The pixels.
        raw: Planes<'a>,
        /// Whether the columns are turned around.
        flip_x: bool,
        /// Whether the rows are.
        flip_y: bool,
    },
    /// [`calibration::subtract_bias`].
    Bias(Source<'a>),
    /// [`variance::update_variance`] of the box itself.
    Variance {
        /// Gain [electron/ADU].
        gain: f64,
        /// Read noise [electron].
        read_noise: f64,
        /// Variance of the bias frame.
        bias: Option<ArrayView2<'a, f32>>,
    },
    /// [`variance::update_variance_v17`] of the box itself.
    VarianceV17 {
        /// Gain [electron/ADU].
        gain: f64,
        /// Read noise, as it comes.
        read_noise: f64,
    },
    /// Keep the variance as it is at this point.
    Keep(Tap<'a>),
    /// [`crate::masking::widen_saturation_trails`] of these bits.
    Trails(i32),
    /// [`calibration::subtract_scaled`], not inverted.
    Dark(Source<'a>, f64),
    /// [`calibration::divide_flat`], not inverted.
    Flat(Source<'a>, f64),
    /// Flag the pixels of boxes of the whole frame, and interpolate over them.
    Boxes {
        /// `x0, y0, x1, y1`, inclusive.
        corners: ArrayView2<'a, i32>,
        /// The bits that they get.
        bits: i32,
        /// How to repair.
        options: Options,
    },
    /// Grow flags of the whole frame by a diamond, and interpolate over them.
    Grown {
        /// The bit, only one.
        bits: i32,
        /// How far it grows.
        radius: usize,
        /// How to repair.
        options: Options,
    },
    /// Flag pixels of the whole frame that are not finite, and interpolate over them.
    Nans {
        /// The bits that they get.
        bits: i32,
        /// How to repair.
        options: Options,
    },
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

impl Values<'_> {
    fn dim(&self) -> (usize, usize) {
        match self {
            Self::Memory(plane) => plane.dim(),
            Self::File(plane, rows) => (*rows, plane.columns()),
        }
    }
}

impl Source<'_> {
    fn check(&self, shape: (usize, usize)) -> Result<(), KernelError> {
        same_shape("image of a step", self.image.dim(), shape)?;
        if let Some(mask) = self.mask {
            same_shape("mask of a step", mask.dim(), shape)?;
        }
        self.variance.map_or(Ok(()), |v| same_shape("variance of a step", v.dim(), shape))
    }
}

impl<'a> Step<'a> {
    /// The values that are read from a file, and how many rows of them there are.
    pub(super) fn in_file(&self) -> Option<(FileRows<'a>, usize)> {
        match &self.operation {
            Operation::Bias(source) | Operation::Dark(source, _) | Operation::Flat(source, _) => {
                match source.image {
                    Values::File(plane, rows) => Some((plane, rows)),
                    Values::Memory(_) => None,
                }
            }
            _ => None,
        }
    }

    /// Whether a repair wants all columns of all rows, and comes after all that is not one.
    pub(super) fn is_repair(&self) -> bool {
        matches!(
            self.operation,
            Operation::Boxes { .. } | Operation::Grown { .. } | Operation::Nans { .. }
        )
    }

    pub(super) fn check(&self, frame: (usize, usize)) -> Result<(), KernelError> {
        let refuse = |name, problem| Err(KernelError::Value { name, problem });
        let ends = (
            self.corner.0.checked_add(self.shape.0).is_some_and(|end| end <= frame.0),
            self.corner.1.checked_add(self.shape.1).is_some_and(|end| end <= frame.1),
        );
        if ends != (true, true) {
            let problem = format!(
                "of {:?} pixels at {:?} leaves the frame of {frame:?}",
                self.shape, self.corner
            );
            return refuse("box", problem);
        }
        if self.is_repair() && self.shape != frame {
            let problem = format!("of {:?} pixels, wanted the whole frame {frame:?}", self.shape);
            return refuse("box", problem);
        }
        match &self.operation {
            Operation::Raw { counts, levels, .. } => {
                same_shape("image of a step", counts.dim(), self.shape)?;
                for level in levels {
                    if level.len() != 1 && level.len() != counts.nrows() {
                        let problem =
                            format!("has {} rows, wanted 1 or {}", level.len(), counts.nrows());
                        return refuse("level", problem);
                    }
                }
                Ok(())
            }
            Operation::Place { raw, .. } => {
                same_shape("image of a step", raw.image.dim(), self.shape)?;
                same_shape("mask of a step", raw.mask.dim(), self.shape)?;
                same_shape("variance of a step", raw.variance.dim(), self.shape)
            }
            Operation::Bias(source) => source.check(self.shape),
            Operation::Dark(source, scale) => {
                calibration::check_dark(*scale)?;
                source.check(self.shape)
            }
            Operation::Flat(source, scale) => {
                calibration::check_flat(*scale)?;
                source.check(self.shape)
            }
            Operation::Variance { gain, read_noise, bias } => {
                variance::check(*gain, *read_noise)?;
                bias.map_or(Ok(()), |bias| same_shape("bias_variance", bias.dim(), self.shape))
            }
            Operation::VarianceV17 { gain, read_noise } => variance::check(*gain, *read_noise),
            Operation::Keep(tap) => same_shape("kept variance", tap.shape(), self.shape),
            Operation::Boxes { corners, .. } => {
                same_shape("boxes", corners.dim(), (corners.nrows(), 4))
            }
            Operation::Grown { bits, .. } if bits.count_ones() != 1 => {
                refuse("bits", format!("are {bits:#x}, wanted one"))
            }
            _ => Ok(()),
        }
    }
}
