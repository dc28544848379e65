//! The steps of a frame in the shape in which its rows go through them.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::ArrayView2;

use super::chain::Chain;
use super::operation::{Operation, Step};
use crate::error::KernelError;
use crate::interpolation::Options;
use crate::runs::BoxRuns;

/// Steps by what they need: a row, rows beside it, or another row.
pub(super) struct Plan<'a> {
    pub frame: (usize, usize),
    /// The steps that are no repairs.
    pub pointwise: &'a [Step<'a>],
    /// Those of them that are done at once.
    pub chain: Option<Chain<'a>>,
    /// Whether they write every pixel before they read it.
    pub fresh: bool,
    /// Steps before this one write variances that nobody reads.
    pub dead_before: usize,
    pub boxes: Option<(usize, Boxes)>,
    pub grown: Option<(usize, Grown)>,
    pub nans: Option<(usize, Nans)>,
}

pub(super) struct Boxes {
    pub runs: BoxRuns,
    pub bits: i32,
    pub options: Options,
    /// Rows without a good column, and the row that each copies.
    pub copying: BTreeMap<usize, usize>,
    /// The rows that are copied.
    pub copied: BTreeSet<usize>,
    impossible: bool,
}

pub(super) struct Grown {
    pub bits: i32,
    pub radius: usize,
    pub options: Options,
}

pub(super) struct Nans {
    pub bits: i32,
    pub options: Options,
}

impl<'a> Plan<'a> {
    pub fn new(steps: &'a [Step<'a>], frame: (usize, usize)) -> Result<Self, KernelError> {
        steps.iter().try_for_each(|step| step.check(frame))?;
        let count = steps.iter().position(Step::is_repair).unwrap_or(steps.len());
        let (pointwise, repairs) = steps.split_at(count);
        let fresh = covers(pointwise, frame, |operation| {
            matches!(operation, Operation::Raw { .. } | Operation::Place { .. })
        })
        .is_some_and(|first| first == 0);
        let mut plan = Self {
            frame,
            pointwise,
            chain: Chain::find(pointwise, frame),
            fresh,
            dead_before: dead_before(pointwise, frame),
            boxes: None,
            grown: None,
            nans: None,
        };
        let mut rank = 0;
        for (index, step) in (count..).zip(repairs) {
            let this = match &step.operation {
                Operation::Boxes { corners, bits, options } => {
                    let boxes = Boxes::new(*corners, *bits, *options, frame)?;
                    plan.boxes = Some((index, boxes));
                    1
                }
                Operation::Grown { bits, radius, options } => {
                    // Beyond this nothing is out of reach.
                    let radius = (*radius).min(frame.0 + frame.1);
                    plan.grown = Some((index, Grown { bits: *bits, radius, options: *options }));
                    2
                }
                Operation::Nans { bits, options } => {
                    plan.nans = Some((index, Nans { bits: *bits, options: *options }));
                    3
                }
                _ => 0,
            };
            if this <= rank {
                let problem = format!(
                    "have number {index} where it cannot be: repairs come last, over boxes, over grown flags, over pixels without a number"
                );
                return Err(KernelError::Value { name: "steps", problem });
            }
            rank = this;
        }
        if rank > 0 && !fresh {
            let problem = "repair a frame that they did not make: it could not be made again";
            return Err(KernelError::Value { name: "steps", problem: problem.to_owned() });
        }
        Ok(plan)
    }

    /// How many rows away a row is looked at.
    pub fn reach(&self) -> usize {
        self.grown.as_ref().map_or(0, |(_, grown)| grown.radius.min(self.frame.0))
    }

    /// The step, if any, of which the boxes alone tell that it wants more than rows.
    pub fn hopeless(&self) -> Option<usize> {
        self.boxes.as_ref().filter(|(_, boxes)| boxes.impossible).map(|(index, _)| *index)
    }
}

impl Boxes {
    fn new(
        corners: ArrayView2<'_, i32>,
        bits: i32,
        options: Options,
        frame: (usize, usize),
    ) -> Result<Self, KernelError> {
        let runs = BoxRuns::new(corners, frame)?;
        let whole = |y: &usize| runs.of(*y).first().is_some_and(|run| run.width() == frame.1);
        let good: Vec<usize> = (0..frame.0).filter(|y| !whole(y)).collect();
        let mut copying = BTreeMap::new();
        let mut impossible = false;
        for y in (0..frame.0).filter(whole) {
            let next = good.partition_point(|row| *row < y);
            let above = good.get(next).copied();
            let below = next.checked_sub(1).map(|index| good[index]);
            match (below, above) {
                (Some(below), Some(above)) if above - y < y - below => copying.insert(y, above),
                (Some(source), _) | (None, Some(source)) => copying.insert(y, source),
                (None, None) => {
                    impossible = true;
                    None
                }
            };
        }
        impossible |= options.reference && !copying.is_empty();
        let copied = copying.values().copied().collect();
        Ok(Self { runs, bits, options, copying, copied, impossible })
    }
}

/// The first of neighbouring steps of one kind that together cover the frame, side by side.
fn covers(
    steps: &[Step<'_>],
    frame: (usize, usize),
    kind: impl Fn(&Operation<'_>) -> bool,
) -> Option<usize> {
    let first = steps.iter().position(|step| kind(&step.operation))?;
    let group = steps[first..].iter().take_while(|step| kind(&step.operation));
    let mut columns = Vec::new();
    for step in group {
        if step.corner.0 != 0 || step.shape.0 != frame.0 {
            return None;
        }
        columns.push((step.corner.1, step.corner.1 + step.shape.1));
    }
    columns.sort_unstable();
    let mut end = 0;
    for (from, to) in columns {
        if from > end {
            return None;
        }
        end = end.max(to);
    }
    (end == frame.1).then_some(first)
}

/// The step before which variances need not be written: all of them are written again.
fn dead_before(steps: &[Step<'_>], frame: (usize, usize)) -> usize {
    let writes = |operation: &Operation<'_>| {
        matches!(operation, Operation::Variance { .. } | Operation::VarianceV17 { .. })
    };
    let first = covers(steps, frame, writes).unwrap_or(0);
    let reads =
        |step: &Step<'_>| matches!(step.operation, Operation::Flat(..) | Operation::Keep(_));
    let read = steps[..first].iter().any(reads);
    if read { 0 } else { first }
}
