//! Raw counts, bias, variance, dark and flat, where they follow each other as they usually do;
//! and what is kept of the variance before the dark.
//!
//! Their image and variance are made block by block, so that they stay next to the processor; the
//! flags of frames, on which neither depends, are joined afterwards.

use std::borrow::Cow;
use std::ops::Range;

use ndarray::{ArrayView2, Axis};

use super::counts::Counts;
use super::feed::Feeds;
use super::kernel::{Frames, Numbers, reduce};
use super::operation::{Operation, Step, Values};
use super::row::line;
use crate::variance;

/// Pixels that are worked on together, little enough to stay where they are while they are.
const BLOCK: usize = 1024;

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
    raw: Option<Numbered<'a>>,
    bias: Option<Numbered<'a>>,
    variance: Numbered<'a>,
    kept: Option<Numbered<'a>>,
    dark: Option<Numbered<'a>>,
    flat: Numbered<'a>,
}

/// A step, and its number among all.
type Numbered<'a> = (usize, &'a Step<'a>);

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
        // Trails pass from column to column: all counts must be there before the first.
        let is_raw = |step: &Step<'_>| matches!(step.operation, Operation::Raw { .. });
        let counts = group.iter().rposition(is_raw).unwrap_or(0);
        if group[..counts].iter().any(|step| matches!(step.operation, Operation::Trails(_))) {
            return None;
        }
        let ends = |step: &Step<'_>| [step.corner.1, step.corner.1 + step.shape.1];
        let mut cuts: Vec<usize> = group.iter().flat_map(ends).chain([0, frame.1]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let stretches = cuts.windows(2).map(|cut| Stretch::new(first, group, cut[0]..cut[1]));
        let stretches: Vec<_> = stretches.collect::<Option<_>>()?;
        Some(Self { steps: first..first + count, stretches })
    }

    /// Do the steps for a row, but for the flags of frames and trails.
    pub fn apply(&self, y: usize, mut row: Planes<'_>, feeds: &Feeds<'_>) -> Seen {
        let mut seen = Seen { any: 0, finite: true };
        for stretch in &self.stretches {
            stretch.apply(y, row.part(stretch.columns.clone()), feeds, &mut seen);
        }
        seen
    }
}

/// Pixels of a row.
pub(super) struct Planes<'a> {
    pub image: &'a mut [f32],
    pub mask: &'a mut [i32],
    pub variance: &'a mut [f32],
}

impl Planes<'_> {
    fn part(&mut self, columns: Range<usize>) -> Planes<'_> {
        Planes {
            image: &mut self.image[columns.clone()],
            mask: &mut self.mask[columns.clone()],
            variance: &mut self.variance[columns],
        }
    }
}

/// What was seen of the pixels.
pub(super) struct Seen {
    /// All bits that the counts gave them.
    pub any: i32,
    /// Whether image and variance are finite.
    pub finite: bool,
}

/// The place of a step in the usual order; none if it is of another kind.
fn rank(step: &Step<'_>) -> Option<usize> {
    match step.operation {
        Operation::Trails(_) => Some(0),
        Operation::Raw { .. } => Some(1),
        Operation::Bias(_) => Some(2),
        Operation::Variance { .. } => Some(3),
        Operation::Keep(_) => Some(4),
        Operation::Dark(..) => Some(5),
        Operation::Flat(..) => Some(6),
        _ => None,
    }
}

impl<'a> Stretch<'a> {
    fn new(first: usize, group: &'a [Step<'a>], columns: Range<usize>) -> Option<Self> {
        let covers = |(_, step): &Numbered<'_>| {
            step.corner.1 <= columns.start && columns.end <= step.corner.1 + step.shape.1
        };
        let mut found = [None; 7];
        let mut last = 0;
        for (index, step) in (first..).zip(group).filter(covers) {
            let rank = rank(step).filter(|rank| *rank > 0);
            let Some(rank) = rank else { continue }; // flags only
            if rank <= last {
                return None;
            }
            found[rank] = Some((index, step));
            last = rank;
        }
        let [_, raw, bias, Some(step), kept, dark, Some(flat)] = found else { return None };
        let Operation::Variance { gain, read_noise, .. } = step.1.operation else { return None };
        let Operation::Flat(_, level) = flat.1.operation else { return None };
        let dark_factors = dark.map_or([-0.0; 2], |(_, dark)| match &dark.operation {
            Operation::Dark(source, scale) if source.variance.is_some() => [-scale, scale * scale],
            Operation::Dark(_, scale) => [-scale, 0.0],
            _ => [-0.0; 2],
        });
        let numbers = Numbers {
            variance: variance::Numbers::new(gain, read_noise),
            dark: dark_factors,
            flat: 1.0 / level,
        };
        Some(Self { columns, numbers, raw, bias, variance: step, kept, dark, flat })
    }

    fn apply(&self, y: usize, mut row: Planes<'_>, feeds: &Feeds<'_>, seen: &mut Seen) {
        let raw = self.raw.and_then(|(_, step)| Some((Counts::of(step, y)?, step.corner.1)));
        let bias = self.image(self.bias, y, feeds);
        let spread = self.variance(Some(self.variance), y);
        let dark = [self.image(self.dark, y, feeds), self.variance(self.dark, y)];
        let flat = [self.image(Some(self.flat), y, feeds), self.variance(Some(self.flat), y)];
        let spreads = dark[1].row.is_some() || flat[1].row.is_some();
        let mut kept = self.kept.map(|_| [0.0; BLOCK]);
        for at in (0..self.columns.len()).step_by(BLOCK) {
            let count = BLOCK.min(self.columns.len() - at);
            let Planes { image, mask, variance } = row.part(at..at + count);
            let mut next_counts: &[u16] = &[];
            if let Some((counts, corner)) = &raw {
                let from = self.columns.start + at - corner;
                seen.any |= counts.convert(from, image, mask);
                next_counts = counts.next_block(from, count);
            }
            let frames = Frames {
                bias: bias.block(at, count),
                spread: spread.block(at, count),
                dark: dark[0].block(at, count),
                flat: flat[0].block(at, count),
                spreads: spreads.then(|| [dark[1].block(at, count), flat[1].block(at, count)]),
                next: [&bias, &spread, &dark[0], &flat[0]].map(|line| line.next_block(at, count)),
                next_counts,
            };
            let before = kept.as_mut().map(|kept| &mut kept[..count]);
            seen.finite &= reduce(image, variance, before, frames, self.numbers);
            self.keep(y, at, kept.as_ref().map(|kept| &kept[..count]));
        }
    }

    /// Keep variances from column `at` of the stretch on.
    fn keep(&self, y: usize, at: usize, kept: Option<&[f32]>) {
        if let (Some((_, step)), Some(kept)) = (self.kept, kept)
            && let Operation::Keep(tap) = &step.operation
        {
            tap.put(y, self.columns.start + at - step.corner.1, kept);
        }
    }

    /// The values that a step reads of a row.
    fn image<'l>(
        &self,
        step: Option<(usize, &'l Step<'_>)>,
        y: usize,
        feeds: &'l Feeds<'_>,
    ) -> Line<'l> {
        let Some((index, step)) = step else { return Line::ZEROS };
        match &step.operation {
            Operation::Bias(source) | Operation::Dark(source, _) | Operation::Flat(source, _) => {
                match &source.image {
                    Values::Memory(plane) => self.line(step, plane, y),
                    Values::File(..) => {
                        let start = self.columns.start - step.corner.1;
                        Line { row: Some(Cow::Borrowed(feeds.line(index))), next: &[], start }
                    }
                }
            }
            _ => Line::ZEROS,
        }
    }

    /// The variances that a step reads of a row.
    fn variance<'l>(&self, step: Option<(usize, &'l Step<'_>)>, y: usize) -> Line<'l> {
        let Some((_, step)) = step else { return Line::ZEROS };
        let plane = match &step.operation {
            Operation::Dark(source, _) | Operation::Flat(source, _) => source.variance.as_ref(),
            Operation::Variance { bias, .. } => bias.as_ref(),
            _ => None,
        };
        plane.map_or(Line::ZEROS, |plane| self.line(step, plane, y))
    }

    fn line<'l>(&self, step: &Step<'_>, plane: &'l ArrayView2<'_, f32>, y: usize) -> Line<'l> {
        let below = if y + 1 < plane.nrows() { y + 1 } else { y };
        let next = plane.index_axis_move(Axis(0), below).to_slice().unwrap_or_default();
        Line { row: Some(line(plane, y)), next, start: self.columns.start - step.corner.1 }
    }
}

/// A row of a frame, the one below it, and where in them a stretch begins.
struct Line<'a> {
    /// None if the frame has nothing but zeros.
    row: Option<Cow<'a, [f32]>>,
    /// Empty if it is not at hand.
    next: &'a [f32],
    start: usize,
}

impl Line<'_> {
    const ZEROS: Self = Line { row: None, next: &[], start: 0 };

    fn block(&self, at: usize, count: usize) -> &[f32] {
        self.row.as_ref().map_or(&ZEROS, |row| &row[self.start + at..][..count])
    }

    fn next_block(&self, at: usize, count: usize) -> &[f32] {
        self.next.get(self.start + at..self.start + at + count).unwrap_or_default()
    }
}
