//! A row on its way through the steps.

use std::borrow::Cow;

use ndarray::{ArrayView1, ArrayView2, Axis};

use super::chain::{Chain, Planes};
use super::counts::Counts;
use super::feed::Feeds;
use super::operation::{Operation, Source, Step, Values};
use crate::calibration::{add_row, add_scaled_row, divide_row, join_row, subtract_row};
use crate::flags::{count_bits, has_without};
use crate::interpolation::Options;
use crate::interpolation::row::{self as repair, WantsMore};
use crate::masking::{Shape, widen_row};
use crate::rows::together;
use crate::runs::{self, Columns, Run};
use crate::simd::dispatched;
use crate::variance::{Numbers, write_row, write_row_v17, write_row_with_bias};

/// The three planes of a row, and what is known of it.
#[derive(Clone, Default)]
pub(super) struct Row {
    pub y: usize,
    pub image: Vec<f32>,
    pub mask: Vec<i32>,
    pub variance: Vec<f32>,
    /// Bits that its pixels may have; all that they have are among these.
    any: i32,
    /// Whether image and variance are known to be finite.
    finite: bool,
    /// The flags of all its pixels that have any, and how many those are, if they are known.
    alike: Option<(i32, usize)>,
    /// Whether it can only be finished when another row is there.
    pub waits: bool,
    /// Runs of the bit that grows, before it grew.
    runs: Vec<Run>,
    /// What the rows beside, and this one, reach of it.
    pub near: Vec<Run>,
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            image: vec![0.0; width],
            mask: vec![0; width],
            variance: vec![0.0; width],
            ..Self::default()
        }
    }

    /// Begin with a row that is written before it is read.
    pub fn clear(&mut self, y: usize) {
        self.y = y;
        self.any = 0;
        self.finite = false;
        self.alike = None;
        self.waits = false;
        self.runs.clear();
    }

    /// Begin with the pixels that are there.
    pub fn load(
        &mut self,
        (image, mask, variance): (ArrayView1<'_, f32>, ArrayView1<'_, i32>, ArrayView1<'_, f32>),
        y: usize,
    ) {
        self.clear(y);
        self.image.copy_from_slice(&together(image));
        self.mask.copy_from_slice(&together(mask));
        self.variance.copy_from_slice(&together(variance));
        self.any = any_flag(&self.mask);
    }

    /// Do a step, as far as it concerns this row; `dead` variances need not be written, and
    /// `values` of a row are what the step has in a file.
    pub fn apply(&mut self, step: &Step<'_>, dead: bool, values: &[f32]) {
        let Some(row) = self.y.checked_sub(step.corner.0).filter(|row| *row < step.shape.0) else {
            return;
        };
        let columns = step.corner.1..step.corner.1 + step.shape.1;
        let image = &mut self.image[columns.clone()];
        let mask = &mut self.mask[columns.clone()];
        let variance = &mut self.variance[columns];
        self.finite = false;
        match &step.operation {
            Operation::Raw { .. } => {
                let counts = Counts::of(step, self.y);
                self.any |= counts.map_or(0, |counts| counts.convert(0, image, mask));
                if !dead {
                    variance.fill(1.0);
                }
            }
            Operation::Place { raw, flip_x, flip_y } => {
                let row = if *flip_y { step.shape.0 - 1 - row } else { row };
                image.copy_from_slice(&together(raw.image.row(row)));
                mask.copy_from_slice(&together(raw.mask.row(row)));
                variance.copy_from_slice(&together(raw.variance.row(row)));
                self.any |= any_flag(mask);
                if *flip_x {
                    image.reverse();
                    mask.reverse();
                    variance.reverse();
                }
            }
            Operation::Bias(bias) => {
                subtract_row(image, &bias.image.line(row, values));
                match bias.variance {
                    _ if dead => {}
                    Some(other) => add_row(variance, &line(&other, row)),
                    None => add_zero(variance),
                }
            }
            Operation::Variance { gain, read_noise, bias } => {
                let numbers = Numbers::new(*gain, *read_noise);
                match bias {
                    Some(bias) => write_row_with_bias(image, &line(bias, row), variance, numbers),
                    None => write_row(image, variance, numbers),
                }
            }
            Operation::VarianceV17 { gain, read_noise } => {
                write_row_v17(image, variance, Numbers::v17(*gain, *read_noise));
            }
            Operation::Keep(tap) => tap.put(row, 0, variance),
            Operation::Dark(dark, scale) => {
                add_scaled_row(image, &dark.image.line(row, values), -scale);
                match dark.variance {
                    Some(other) => add_scaled_row(variance, &line(&other, row), scale * scale),
                    None => add_zero(variance),
                }
            }
            Operation::Flat(flat, scale) => {
                let spread = flat.variance.as_ref().map(|variance| line(variance, row));
                let level = flat.image.line(row, values);
                divide_row(image, variance, &level, spread.as_deref(), 1.0 / scale, false);
            }
            Operation::Trails(_)
            | Operation::Boxes { .. }
            | Operation::Grown { .. }
            | Operation::Nans { .. } => {}
        }
        self.apply_flags(step);
    }

    /// Do what several steps do to image and variance.
    pub fn follow(&mut self, chain: &Chain<'_>, feeds: &Feeds<'_>) {
        let Self { image, mask, variance, .. } = self;
        let seen = chain.apply(self.y, Planes { image, mask, variance }, feeds);
        self.any |= seen.any;
        self.finite = seen.finite;
    }

    /// Do what a step that makes no pixels does to the flags.
    pub fn apply_flags(&mut self, step: &Step<'_>) {
        let Some(row) = self.y.checked_sub(step.corner.0).filter(|row| *row < step.shape.0) else {
            return;
        };
        let mask = &mut self.mask[step.corner.1..step.corner.1 + step.shape.1];
        match &step.operation {
            Operation::Trails(bits) if self.any & bits != 0 => widen_row(mask, *bits),
            Operation::Bias(Source { mask: Some(other), .. })
            | Operation::Dark(Source { mask: Some(other), .. }, _)
            | Operation::Flat(Source { mask: Some(other), .. }, _) => {
                self.any |= join_row(mask, &line(other, row));
            }
            _ => {}
        }
    }

    pub fn flag(&mut self, runs: &[Run], bits: i32) {
        if !runs.is_empty() {
            self.any |= bits;
        }
        for run in runs {
            self.mask[run.first..=run.last].iter_mut().for_each(|flag| *flag |= bits);
        }
    }

    /// Interpolate over runs, and give them `bits` as well as the flag of the options.
    pub fn repair(&mut self, runs: &[Run], bits: i32, options: Options) -> Result<(), WantsMore> {
        if runs.is_empty() {
            return Ok(());
        }
        let flag = bits | options.flag;
        let pixels = runs.iter().map(|run| run.width()).sum();
        self.alike = (self.any == 0).then_some((flag, pixels));
        self.any |= flag;
        let options = Options { flag, ..options };
        let Self { image, mask, variance, .. } = self;
        self.finite &= repair::repair(image, mask, variance, runs, options)?;
        Ok(())
    }

    pub fn copy(&mut self, from: &(Vec<f32>, Vec<f32>), flag: i32) {
        self.any |= flag;
        self.finite = false;
        self.alike = None;
        repair::copy(&mut self.image, &mut self.mask, &mut self.variance, from, flag);
    }

    /// Find the runs of the bit that is to grow.
    pub fn find(&mut self, bits: i32) {
        if self.any & bits != 0 {
            self.runs = runs::of_slice(&self.mask, bits);
        }
    }

    pub fn repair_grown(&mut self, bits: i32, options: Options) -> Result<(), WantsMore> {
        if self.near.is_empty() {
            return Ok(());
        }
        let near = std::mem::take(&mut self.near); // what the row had itself is among them
        self.repair(&near, bits, options)
    }

    /// Flag pixels without a number, repair them, and return how many there were.
    pub fn repair_nans(&mut self, bits: i32, options: Options) -> Result<usize, WantsMore> {
        if self.any & bits != 0 && any_flag(&self.mask) & bits != 0 {
            // Such flags count only if some pixel of the frame has no number.
            return Err(WantsMore);
        }
        if self.finite || all_finite(&self.image, &self.variance) {
            return Ok(0);
        }
        let mut count = 0;
        for ((i, v), flag) in self.image.iter().zip(&self.variance).zip(&mut self.mask) {
            if !(i.is_finite() && v.is_finite()) {
                *flag |= bits;
                count += 1;
            }
        }
        self.any |= bits; // before it is asked whether there were none
        self.repair(&runs::of_slice(&self.mask, bits), bits, options)?;
        Ok(count)
    }

    /// Count the pixels that have each bit, and see whether one has a bit without another.
    pub fn count(&self, counts: &mut [u64; 32], (bits, without): (i32, i32), watched: &mut bool) {
        if let Some((flags, pixels)) = self.alike {
            let has = |bit: usize| flags >> bit & 1 != 0;
            (0..32).filter(|bit| has(*bit)).for_each(|bit| counts[bit] += pixels as u64);
            *watched |= has_without(&[flags], bits, without);
            return;
        }
        if self.any != 0 {
            count_bits(&self.mask, counts);
        }
        if self.any & bits != 0 {
            *watched = *watched || has_without(&self.mask, bits, without);
        }
    }
}

impl Values<'_> {
    /// A row of them, or `read`, what was read of a file.
    pub(super) fn line<'a>(&'a self, row: usize, read: &'a [f32]) -> Cow<'a, [f32]> {
        match self {
            Self::Memory(plane) => line(plane, row),
            Self::File(..) => Cow::Borrowed(read),
        }
    }
}

pub(super) fn line<'a, T: Clone>(plane: &ArrayView2<'a, T>, row: usize) -> Cow<'a, [T]> {
    together(plane.index_axis_move(Axis(0), row))
}

dispatched! {
    /// Adding 0 turns -0 into 0, as adding a plane of zeros does.
    fn add_zero(pixels: &mut [f32]) {
        for pixel in pixels {
            *pixel += 0.0;
        }
    }

    fn any_flag(flags: &[i32]) -> i32 {
        flags.iter().fold(0, |any, flag| any | flag)
    }

    fn all_finite(image: &[f32], variance: &[f32]) -> bool {
        let odd = |sum: u32, pixel: &f32| sum | u32::from(!pixel.is_finite());
        image.iter().fold(0, odd) | variance.iter().fold(0, odd) == 0
    }
}

/// The rows that are looked at together, in a place for each.
pub(super) struct Ring {
    rows: Vec<Row>,
    reached: Columns,
}

impl Ring {
    pub fn new(reach: usize, width: usize) -> Self {
        let rows = (0..=2 * reach).map(|_| Row::new(width)).collect();
        Self { rows, reached: Columns::default() }
    }

    pub fn at(&mut self, y: usize) -> &mut Row {
        let count = self.rows.len();
        &mut self.rows[y % count]
    }

    /// The columns that flags of the rows near `y` reach when they grow.
    pub fn stretches(&mut self, y: usize, radius: usize, frame: (usize, usize)) -> Vec<Run> {
        let reach = radius.min(frame.0);
        let rows = y.saturating_sub(reach)..frame.0.min(y + reach + 1);
        let mut clean = true;
        for source in rows {
            let half = Shape::Diamond.half_width(radius, y.abs_diff(source));
            for run in &self.rows[source % self.rows.len()].runs {
                clean = false;
                self.reached.add(Run {
                    first: run.first.saturating_sub(half),
                    last: (run.last + half).min(frame.1 - 1),
                });
            }
        }
        if clean { Vec::new() } else { self.reached.take_runs() }
    }
}
