//! The corrections of one frame, a row through all of them at a time.
//!
//! A row is worked on in memory next to the processor, and written once. What each correction does
//! is the kernel of its own name; only the growth of flags looks at the rows beside. Neither the
//! bands in which threads share the frame nor their number change anything, nor whether
//! calibrations come from a file or the result goes to one.

mod chain;
mod counts;
mod feed;
mod kernel;
mod operation;
mod plan;
mod row;
mod tap;
mod target;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use thiserror::Error;

use self::feed::Feeds;
pub use self::operation::{Operation, Source, Step, Values};
use self::plan::Plan;
use self::row::{Ring, Row};
pub use self::tap::Tap;
use self::target::{Band, Writer};
pub use self::target::{FileTarget, Kept, Target};
use crate::checksum::Sum;
use crate::error::KernelError;
use crate::file_rows::ReadError;
use crate::interpolation::row::{self as repair, WantsMore};

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
    /// Sums of the bytes that each step has read from a file.
    pub read: Vec<Sum>,
    /// Sums of the bytes that were written to a file: of image, mask and variance.
    pub written: [Sum; 3],
}

/// Why [`correct`] could not end.
#[derive(Debug, Error)]
pub enum Failure {
    /// An argument is wrong; nothing has been changed.
    #[error(transparent)]
    Argument(#[from] KernelError),
    /// The file of a step cannot be read.
    #[error("step {step}: {error}")]
    Read {
        /// Which step.
        step: usize,
        /// Why.
        error: ReadError,
    },
    /// The file that the rows go to cannot be written.
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Rows that other rows copy, as they were before they were repaired.
type Copies = Mutex<BTreeMap<usize, (Vec<f32>, Vec<f32>)>>;

/// What the bands of a frame share.
struct Shared<'a> {
    plan: Plan<'a>,
    copies: Copies,
    /// The first step that could not be done.
    stopped: AtomicUsize,
    failure: Mutex<Option<Failure>>,
    watched: (i32, i32),
}

/// What a thread works with.
struct Bench<'a> {
    ring: Ring,
    feeds: Feeds<'a>,
    writer: Writer,
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
/// [`Failure::Read`] and [`Failure::Write`] when the system refuses a file.
pub fn correct<'a>(
    mut target: Target<'_>,
    steps: &'a [Step<'a>],
    settings: Settings,
) -> Result<Outcome, Failure> {
    let Settings { height, watched } = settings;
    let refuse = |name, problem: &str| {
        Err(Failure::Argument(KernelError::Value { name, problem: problem.to_owned() }))
    };
    target.check()?;
    if height == 0 {
        return refuse("height", "is 0, wanted at least one row");
    }
    let plan = Plan::new(steps, target.shape())?;
    if matches!(target, Target::File(_)) && !plan.fresh {
        return refuse("steps", "change a frame in a file that they do not make");
    }
    if let Some(step) = plan.hopeless() {
        return Ok(Outcome { stopped: Some(step), ..Outcome::nothing() });
    }
    let shared = Shared {
        plan,
        copies: Mutex::default(),
        stopped: AtomicUsize::new(usize::MAX),
        failure: Mutex::default(),
        watched,
    };
    let bands = target.bands(height).into_par_iter();
    let mut seen = bands
        .map_init(|| shared.bench(), |bench, mut band| shared.band(bench, &mut band))
        .reduce(Seen::nothing, Seen::join);
    if !seen.waiting.is_empty() {
        let waiting = std::mem::take(&mut seen.waiting);
        seen = seen.join(shared.finish_waiting(waiting, target.bands(usize::MAX)));
    }
    if let Some(failure) = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(failure);
    }
    let stopped = shared.stopped.load(Ordering::Relaxed);
    seen.outcome.stopped = (stopped < OVER).then_some(stopped);
    Ok(seen.outcome)
}

/// Stands for a step when there is no use in going on; greater than the number of any.
const OVER: usize = usize::MAX - 1;

impl<'a> Shared<'a> {
    fn bench(&self) -> Bench<'a> {
        Bench {
            ring: Ring::new(self.plan.reach(), self.plan.frame.1),
            feeds: Feeds::new(self.plan.pointwise),
            writer: Writer::default(),
        }
    }

    /// Take the rows of a band through all steps.
    fn band(&self, bench: &mut Bench<'a>, band: &mut Band<'_, '_>) -> Seen {
        let mut seen = Seen::nothing();
        let reach = self.plan.reach();
        let (first, end) = (band.rows.start, band.rows.end);
        let last = (end + reach).min(self.plan.frame.0);
        bench.feeds.begin();
        for y in first.saturating_sub(reach)..last {
            if self.stopped.load(Ordering::Relaxed) != usize::MAX {
                return Seen::nothing();
            }
            if let Err((step, error)) = bench.feeds.fill(y, &band.rows) {
                self.fail(Failure::Read { step, error });
                return Seen::nothing();
            }
            let row = bench.ring.at(y);
            if self.plan.fresh {
                row.clear(y);
            } else {
                band.load(row, y); // a plan with neighbours makes its rows afresh
            }
            self.prepare(row, &bench.feeds, band.rows.contains(&y));
            let ready = if y + 1 == last { y + 1 } else { (y + 1).saturating_sub(reach) };
            let begin = y.saturating_sub(reach).max(first);
            for y in begin..ready.min(end) {
                self.finish(bench, y, band, &mut seen);
            }
        }
        self.written(band.end(&mut bench.writer)); // before another thread may look
        seen.outcome.read = bench.feeds.sums();
        seen.outcome.written = std::mem::take(&mut bench.writer.sums);
        seen
    }

    /// What a row needs no other row for.
    fn prepare(&self, row: &mut Row, feeds: &Feeds<'_>, inside: bool) {
        for (index, step) in self.plan.pointwise.iter().enumerate() {
            match &self.plan.chain {
                Some(chain) if chain.steps.contains(&index) => {
                    if index == chain.steps.start {
                        row.follow(chain, feeds);
                    }
                    row.apply_flags(step);
                }
                _ => row.apply(step, index < self.plan.dead_before, feeds.line(index)),
            }
        }
        if let Some((index, boxes)) = &self.plan.boxes {
            let runs = boxes.runs.of(row.y);
            if boxes.copying.contains_key(&row.y) {
                row.flag(runs, boxes.bits);
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
                self.check(*index, row.repair(runs, boxes.bits, boxes.options));
            }
        }
        if let Some((_, grown)) = &self.plan.grown {
            row.find(grown.bits);
        }
    }

    /// Write a row, or set it aside until the row is there that it copies.
    fn finish(&self, bench: &mut Bench<'_>, y: usize, band: &mut Band<'_, '_>, seen: &mut Seen) {
        let near = match &self.plan.grown {
            Some((_, grown)) => bench.ring.stretches(y, grown.radius, self.plan.frame),
            None => Vec::new(),
        };
        let row = bench.ring.at(y);
        row.near = near;
        if row.waits {
            seen.waiting.push(row.clone());
            return;
        }
        self.end(row, &mut seen.outcome);
        self.written(band.put(row, &mut bench.writer));
    }

    /// Finish rows that were set aside, in the one band that is the whole frame.
    fn finish_waiting(&self, rows: Vec<Row>, bands: Vec<Band<'_, '_>>) -> Seen {
        let (mut seen, mut writer) = (Seen::nothing(), Writer::default());
        for mut band in bands {
            for row in &rows {
                let mut row = row.clone();
                self.copy(&mut row);
                self.end(&mut row, &mut seen.outcome);
                self.written(band.put(&row, &mut writer));
            }
            self.written(band.end(&mut writer));
        }
        seen.outcome.written = writer.sums;
        seen
    }

    /// Copy the row that a row without a good pixel wants.
    fn copy(&self, row: &mut Row) {
        if let Some((index, boxes)) = &self.plan.boxes {
            let copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
            let copy = boxes.copying.get(&row.y).and_then(|source| copies.get(source));
            match copy {
                Some(copy) => row.copy(copy, boxes.options.flag),
                None => self.stop(*index),
            }
        }
    }

    /// What follows when the flags of the neighbours are known.
    fn end(&self, row: &mut Row, outcome: &mut Outcome) {
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
    }

    fn check(&self, index: usize, done: Result<(), WantsMore>) {
        if done == Err(WantsMore) {
            self.stop(index);
        }
    }

    fn stop(&self, index: usize) {
        self.stopped.fetch_min(index, Ordering::Relaxed);
    }

    fn written(&self, done: io::Result<()>) {
        if let Err(error) = done {
            self.fail(Failure::Write(error));
        }
    }

    /// Tell the first failure, and let the other threads end.
    fn fail(&self, failure: Failure) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
        self.stop(OVER);
    }
}

impl Outcome {
    fn nothing() -> Self {
        Self {
            stopped: None,
            nans: 0,
            counts: [0; 32],
            watched: false,
            read: Vec::new(),
            written: [Sum::default(); 3],
        }
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
        let read = &mut self.outcome.read;
        read.resize(read.len().max(other.outcome.read.len()), Sum::default());
        read.iter_mut().zip(other.outcome.read).for_each(|(sum, more)| *sum += more);
        let written = self.outcome.written.iter_mut().zip(other.outcome.written);
        written.for_each(|(sum, more)| *sum += more);
        self.waiting.append(&mut other.waiting);
        self
    }
}
