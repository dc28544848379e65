//! Bias, variance, dark and flat of a frame, where they follow each other as they usually do.
//!
//! Their image and variance are made in one loop, which leaves the row's memory alone in between;
//! the flags, on which neither depends, are joined afterwards.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::ArrayView2;

use super::kernel::{Frames, Numbers, reduce};
use super::operation::{Operation, Step};
use super::row::line;
use crate::variance;

/// Pixels that are worked on together, little enough to stay where they are while they are.
const BLOCK: usize = 256;

/// What a frame that is left out has.
static ZEROS: [f32; BLOCK] = [0.0; BLOCK];

/// Neighbouring steps that are done at once, for all columns of all rows.
pub(super) struct Chain<'a> {
    /// Which steps these are.
    pub steps: Range<usize>,
    stretches: Vec<Stretch<'a>>,
}

/// Columns for which the same steps are meant.
struct Stretch<'a> {
    columns: Range<usize>,
    numbers: Numbers,
    bias: Option<&'a Step<'a>>,
    variance: &'a Step<'a>,
    dark: Option<&'a Step<'a>>,
    flat: &'a Step<'a>,
}

impl<'a> Chain<'a> {
    /// The first such steps among `steps`, if each column has them in the usual order.
    pub fn find(steps: &'a [Step<'a>], frame: (usize, usize)) -> Option<Self> {
        let first = steps.iter().position(|step| rank(step).is_some())?;
        let group = &steps[first..];
        let count = group.iter().take_while(|step| rank(step).is_some()).count();
        let group = &group[..count];
        if group.iter().any(|step| step.corner.0 != 0 || step.shape.0 != frame.0) {
            return None;
        }
        let ends = |step: &Step<'_>| [step.corner.1, step.corner.1 + step.shape.1];
        let mut cuts: Vec<usize> = group.iter().flat_map(ends).chain([0, frame.1]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let stretches = cuts.windows(2).map(|cut| Stretch::new(group, cut[0]..cut[1]));
        let stretches: Vec<_> = stretches.collect::<Option<_>>()?;
        Some(Self { steps: first..first + count, stretches })
    }

    /// Do the steps for the image and the variance of a row; return whether both are finite.
    pub fn apply(&self, y: usize, image: &mut [f32], variance: &mut [f32]) -> bool {
        self.stretches.iter().fold(true, |clean, stretch| {
            let columns = stretch.columns.clone();
            let planes = (&mut image[columns.clone()], &mut variance[columns]);
            stretch.apply(y, planes) && clean
        })
    }
}

/// The place of a step in the usual order; none if it is of another kind.
fn rank(step: &Step<'_>) -> Option<usize> {
    match step.operation {
        Operation::Trails(_) => Some(0),
        Operation::Bias(_) => Some(1),
        Operation::Variance { .. } => Some(2),
        Operation::Dark(..) => Some(3),
        Operation::Flat(..) => Some(4),
        _ => None,
    }
}

impl<'a> Stretch<'a> {
    fn new(group: &'a [Step<'a>], columns: Range<usize>) -> Option<Self> {
        let covers = |step: &&Step<'_>| {
            step.corner.1 <= columns.start && columns.end <= step.corner.1 + step.shape.1
        };
        let mut found = [None; 5];
        let mut last = 0;
        for step in group.iter().filter(covers) {
            let rank = rank(step).filter(|rank| *rank > 0);
            let Some(rank) = rank else { continue }; // flags only
            if rank <= last {
                return None;
            }
            found[rank] = Some(step);
            last = rank;
        }
        let [_, bias, Some(step), dark, Some(flat)] = found else { return None };
        let Operation::Variance { gain, read_noise, .. } = step.operation else { return None };
        let Operation::Flat(_, level) = flat.operation else { return None };
        let dark_factors = dark.map_or([-0.0; 2], |dark| match &dark.operation {
            Operation::Dark(source, scale) if source.variance.is_some() => [-scale, scale * scale],
            Operation::Dark(_, scale) => [-scale, 0.0],
            _ => [-0.0; 2],
        });
        let numbers = Numbers {
            variance: variance::Numbers::new(gain, read_noise),
            dark: dark_factors,
            flat: 1.0 / level,
        };
        Some(Self { columns, numbers, bias, variance: step, dark, flat })
    }

    fn apply(&self, y: usize, (image, variance): (&mut [f32], &mut [f32])) -> bool {
        let bias = self.line(self.bias, y, image_of);
        let spread = self.line(Some(self.variance), y, variance_of);
        let dark = [image_of, variance_of].map(|plane| self.line(self.dark, y, plane));
        let flat = [image_of, variance_of].map(|plane| self.line(Some(self.flat), y, plane));
        let blocks = image.chunks_mut(BLOCK).zip(variance.chunks_mut(BLOCK));
        blocks.enumerate().fold(true, |clean, (number, (image, variance))| {
            let (at, count) = (number * BLOCK, image.len());
            let frames = Frames {
                bias: bias.block(at, count),
                spread: spread.block(at, count),
                dark: [dark[0].block(at, count), dark[1].block(at, count)],
                flat: [flat[0].block(at, count), flat[1].block(at, count)],
            };
            reduce(image, variance, frames, self.numbers) && clean
        })
    }

    /// What a step reads of a row.
    fn line(&self, step: Option<&'a Step<'a>>, y: usize, plane: Plane) -> Line<'a> {
        let found = step.and_then(|step| Some((step, plane(&step.operation)?)));
        Line(found.map(|(step, plane)| (line(plane, y), self.columns.start - step.corner.1)))
    }
}

type Plane = for<'b, 'a> fn(&'b Operation<'a>) -> Option<&'b ArrayView2<'a, f32>>;

fn image_of<'b, 'a>(operation: &'b Operation<'a>) -> Option<&'b ArrayView2<'a, f32>> {
    match operation {
        Operation::Bias(source) | Operation::Dark(source, _) | Operation::Flat(source, _) => {
            Some(&source.image)
        }
        _ => None,
    }
}

fn variance_of<'b, 'a>(operation: &'b Operation<'a>) -> Option<&'b ArrayView2<'a, f32>> {
    match operation {
        Operation::Dark(source, _) | Operation::Flat(source, _) => source.variance.as_ref(),
        Operation::Variance { bias, .. } => bias.as_ref(),
        _ => None,
    }
}

/// A row of a frame, and where in it a stretch begins; none if the frame has nothing but zeros.
struct Line<'a>(Option<(Cow<'a, [f32]>, usize)>);

impl Line<'_> {
    fn block(&self, at: usize, count: usize) -> &[f32] {
        self.0.as_ref().map_or(&ZEROS, |(line, start)| &line[start + at..][..count])
    }
}
