//! The corrections of one frame, a row through all of them at a time.
//!
//! A row is worked on in memory next to the processor, and written once. What each correction does
//! is the kernel of its own name; only the growth of flags looks at the rows beside. Neither the
//! bands in which threads share the frame nor their number change anything.

mod chain;
mod counts;
mod kernel;
mod operation;
mod plan;
mod row;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ndarray::parallel::prelude::*;
use ndarray::{ArrayViewMut1, Axis};

pub use self::operation::{Operation, Source, Step};
use self::plan::Plan;
use self::row::{Ring, Row};
use crate::calibration::PlanesMut;
use crate::error::{KernelError, same_shape};
use crate::interpolation::row::{self as repair, WantsMore};
use crate::simd;

/// What else [`correct`] is told.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Rows of a band, which one thread takes.
    pub height: usize,
    /// Whether a pixel has the first of these bits and not the second is told.
    pub watched: (i32, i32),
}

/// What [`correct`] has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The first step that wants more than one row has; all is to be done again without it.
    pub stopped: Option<usize>,
    /// Pixels that were found to have no number.
    pub nans: usize,
    /// Pixels that have each bit of the mask.
    pub counts: [u64; 32],
    /// Whether a pixel has the first of the watched bits without the second.
    pub watched: bool,
}

/// Rows that other rows copy, as they were before they were repaired.
type Copies = Mutex<BTreeMap<usize, (Vec<f32>, Vec<f32>)>>;

/// What the bands of a frame share.
struct Shared<'a> {
    plan: Plan<'a>,
    copies: Copies,
    /// The first step that could not be done.
    stopped: AtomicUsize,
    watched: (i32, i32),
}

/// What a band has seen, and the rows that it could not finish.
struct Seen {
    outcome: Outcome,
    waiting: Vec<Row>,
}

/// Take the rows of `target` through all `steps`, in their order.
///
/// Repairs come last: over boxes, over grown flags, over pixels without a number, each at most
/// once. When one of them wants a statistic of the whole frame nothing useful is in `target`, and
/// the outcome names it.
///
/// # Errors
///
/// [`KernelError::Shape`] when planes of the target or of a step differ in shape,
/// [`KernelError::Value`] when a box leaves the target, a number is refused by its kernel, a step
/// stands where it cannot be, or the height is zero. Nothing has been changed then.
pub fn correct<'a>(
    target: PlanesMut<'_>,
    steps: &'a [Step<'a>],
    settings: Settings,
) -> Result<Outcome, KernelError> {
    let frame = target.image.dim();
    same_shape("target mask", target.mask.dim(), frame)?;
    same_shape("target variance", target.variance.dim(), frame)?;
    let Settings { height, watched } = settings;
    if height == 0 {
        let problem = "is 0, wanted at least one row".to_owned();
        return Err(KernelError::Value { name: "height", problem });
    }
    let plan = Plan::new(steps, frame)?;
    if let Some(step) = plan.hopeless() {
        return Ok(Outcome { stopped: Some(step), ..Outcome::nothing() });
    }
    let shared =
        Shared { plan, copies: Mutex::default(), stopped: AtomicUsize::new(usize::MAX), watched };
    let PlanesMut { mut image, mut mask, mut variance } = target;
    let bands = image.axis_chunks_iter_mut(Axis(0), height).into_par_iter();
    let bands = bands
        .zip(mask.axis_chunks_iter_mut(Axis(0), height))
        .zip(variance.axis_chunks_iter_mut(Axis(0), height));
    let seen = bands.enumerate().map_init(
        || Ring::new(shared.plan.reach(), frame.1),
        |ring, (number, ((image, mask), variance))| {
            let seen = shared.band(ring, number * height, PlanesMut { image, mask, variance });
            simd::fence(); // before another thread may look
            seen
        },
    );
    let mut seen = seen.reduce(Seen::nothing, Seen::join);
    for row in std::mem::take(&mut seen.waiting) {
        let y = row.y;
        let target = [image.row_mut(y), variance.row_mut(y)];
        seen = seen.join(shared.finish_waiting(row, target, mask.row_mut(y)));
    }
    simd::fence();
    let stopped = shared.stopped.load(Ordering::Relaxed);
    seen.outcome.stopped = (stopped != usize::MAX).then_some(stopped);
    Ok(seen.outcome)
}

impl Shared<'_> {
    /// Take a band of rows that begins with `first` through all steps.
    fn band(&self, ring: &mut Ring, first: usize, mut target: PlanesMut<'_>) -> Seen {
        let mut seen = Seen::nothing();
        let reach = self.plan.reach();
        let end = first + target.image.nrows();
        let last = (end + reach).min(self.plan.frame.0);
        for y in first.saturating_sub(reach)..last {
            if self.stopped.load(Ordering::Relaxed) != usize::MAX {
                return Seen::nothing();
            }
            let inside = (first..end).contains(&y);
            let row = ring.at(y);
            if self.plan.fresh {
                row.clear(y);
            } else {
                let y = y - first; // a plan with neighbours makes its rows afresh
                row.load(
                    (target.image.row(y), target.mask.row(y), target.variance.row(y)),
                    first + y,
                );
            }
            self.prepare(row, inside);
            let ready = if y + 1 == last { y + 1 } else { (y + 1).saturating_sub(reach) };
            let begin = y.saturating_sub(reach).max(first);
            for y in begin..ready.min(end) {
                let at = y - first;
                let planes = [target.image.row_mut(at), target.variance.row_mut(at)];
                self.finish(ring, y, planes, target.mask.row_mut(at), &mut seen);
            }
        }
        seen
    }

    /// What a row needs no other row for.
    fn prepare(&self, row: &mut Row, inside: bool) {
        for (index, step) in self.plan.pointwise.iter().enumerate() {
            match &self.plan.chain {
                Some(chain) if chain.steps.contains(&index) => {
                    if index == chain.steps.start {
                        row.follow(chain);
                    }
                    row.apply_flags(step);
                }
                _ => row.apply(step, index < self.plan.dead_before),
            }
        }
        if let Some((index, boxes)) = &self.plan.boxes {
            let runs = boxes.runs.of(row.y);
            row.flag(runs, boxes.bits);
            if boxes.copying.contains_key(&row.y) {
                row.waits = true;
            } else {
                if inside && boxes.copied.contains(&row.y) {
                    let edge = boxes.options.use_edge;
                    match repair::copied(&row.image, &row.variance, runs, edge) {
                        Ok(copy) => {
                            let copies = self.copies.lock();
                            copies.unwrap_or_else(PoisonError::into_inner).insert(row.y, copy);
                        }
                        Err(WantsMore) => self.stop(*index),
                    }
                }
                self.check(*index, row.repair(runs, boxes.options));
            }
        }
        if let Some((_, grown)) = &self.plan.grown {
            row.find(grown.bits);
        }
    }

    /// Write a row, or set it aside until the row is there that it copies.
    fn finish(
        &self,
        ring: &mut Ring,
        y: usize,
        target: [ArrayViewMut1<'_, f32>; 2],
        mask: ArrayViewMut1<'_, i32>,
        seen: &mut Seen,
    ) {
        let near = match &self.plan.grown {
            Some((_, grown)) => ring.stretches(y, grown.radius, self.plan.frame),
            None => Vec::new(),
        };
        let row = ring.at(y);
        row.near = near;
        if row.waits {
            seen.waiting.push(row.clone());
            return;
        }
        self.end(row, target, mask, &mut seen.outcome);
    }

    fn finish_waiting(
        &self,
        mut row: Row,
        target: [ArrayViewMut1<'_, f32>; 2],
        mask: ArrayViewMut1<'_, i32>,
    ) -> Seen {
        let mut seen = Seen::nothing();
        if let Some((index, boxes)) = &self.plan.boxes {
            let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            let copy = boxes.copying.get(&row.y).and_then(|source| copies.get(source));
            match copy {
                Some(copy) => row.copy(copy, boxes.options.flag),
                None => self.stop(*index),
            }
        }
        self.end(&mut row, target, mask, &mut seen.outcome);
        seen
    }

    /// What follows when the flags of the neighbours are known.
    fn end(
        &self,
        row: &mut Row,
        [image, variance]: [ArrayViewMut1<'_, f32>; 2],
        mask: ArrayViewMut1<'_, i32>,
        outcome: &mut Outcome,
    ) {
        if let Some((index, grown)) = &self.plan.grown {
            self.check(*index, row.repair_grown(grown.bits, grown.options));
        }
        if let Some((index, nans)) = &self.plan.nans {
            match row.repair_nans(nans.bits, nans.options) {
                Ok(count) => outcome.nans += count,
                Err(WantsMore) => self.stop(*index),
            }
        }
        row.count(&mut outcome.counts, self.watched, &mut outcome.watched);
        row.store(image, mask, variance);
    }

    fn check(&self, index: usize, done: Result<(), WantsMore>) {
        if done == Err(WantsMore) {
            self.stop(index);
        }
    }

    fn stop(&self, index: usize) {
        self.stopped.fetch_min(index, Ordering::Relaxed);
    }
}

impl Outcome {
    fn nothing() -> Self {
        Self { stopped: None, nans: 0, counts: [0; 32], watched: false }
    }
}

impl Seen {
    fn nothing() -> Self {
        Self { outcome: Outcome::nothing(), waiting: Vec::new() }
    }

    fn join(mut self, mut other: Self) -> Self {
        self.outcome.nans += other.outcome.nans;
        self.outcome.watched |= other.outcome.watched;
        for (sum, count) in self.outcome.counts.iter_mut().zip(other.outcome.counts) {
            *sum += count;
        }
        self.waiting.append(&mut other.waiting);
        self
    }
}
