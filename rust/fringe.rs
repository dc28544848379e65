//! Fringe amplitudes: what a small window holds above the large window around it.
//!
//! The medians are exact. A grid of its pixels brackets the median of a large window, one pass
//! counts the pixels below the bracket and gathers the few inside, and the median is among
//! them; where the bracket missed, the whole window is gathered instead. The guess changes the
//! time taken and never the result.

use ndarray::{Array1, ArrayView1, ArrayView2, s};
use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use crate::error::{KernelError, same_shape};

/// The statistic that stands for a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowStatistic {
    /// The middle value, or the mean of the middle two.
    Median,
    /// The mean.
    Mean,
    /// The mean within `n_sigma` standard deviations, after `n_iter` rounds of clipping that
    /// begin at the median and the interquartile range.
    MeanClip {
        /// Half width of what is kept, in standard deviations.
        n_sigma: f64,
        /// Number of rounds.
        n_iter: usize,
    },
}

/// The pixels that are looked at.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Values.
    pub image: ArrayView2<'a, f32>,
    /// Flags.
    pub mask: ArrayView2<'a, i32>,
    /// Bits of `mask` that exclude a pixel; one that is not finite is excluded too.
    pub and_mask: i32,
}

/// Positions that one task works through.
const STRETCH: usize = 128;
/// Windows of fewer pixels are gathered whole.
const SAMPLE_FROM: usize = 1024;
/// Most pixels along a side of the grid that brackets the median.
const SAMPLE_SIDE: usize = 25;
/// The fewest usable pixels of the grid that are worth a guess.
const SAMPLE_LEAST: usize = 64;
/// IQ range of a normal distribution to its standard deviation.
const IQ_TO_SIGMA: f64 = 0.741_301_109_252_802;

/// Statistic of the window of half size `small` less that of half size `large`.
///
/// A window of half size `h` at `(x, y)` spans columns `x - h .. x + h` and rows
/// `y - h .. y + h`, the ends excluded. The result is NaN where a window has no usable pixel.
/// Positions in the order of their rows take least time.
///
/// # Errors
///
/// [`KernelError::Shape`] when the mask does not match the image, or `y` does not match `x`;
/// [`KernelError::Value`] when a half size is zero or a window reaches outside of the image.
pub fn measure_fringe(
    frame: Frame<'_>,
    x: ArrayView1<'_, i64>,
    y: ArrayView1<'_, i64>,
    small: usize,
    large: usize,
    statistic: WindowStatistic,
) -> Result<Array1<f64>, KernelError> {
    same_shape("mask", frame.mask.dim(), frame.image.dim())?;
    same_shape("y", (1, y.len()), (1, x.len()))?;
    let positions = checked(frame.image.dim(), x, y, small, large)?;
    let mut amplitudes = vec![0.0; positions.len()];
    amplitudes.par_chunks_mut(STRETCH).zip(positions.par_chunks(STRETCH)).for_each(
        |(amplitudes, positions)| {
            let mut inner = Scratch::new(frame, small, statistic);
            let mut outer = Scratch::new(frame, large, statistic);
            for (amplitude, (x, y)) in amplitudes.iter_mut().zip(positions) {
                *amplitude = inner.at(*x, *y) - outer.at(*x, *y);
            }
        },
    );
    Ok(amplitudes.into())
}

fn checked(
    (rows, columns): (usize, usize),
    x: ArrayView1<'_, i64>,
    y: ArrayView1<'_, i64>,
    small: usize,
    large: usize,
) -> Result<Vec<(usize, usize)>, KernelError> {
    for (name, size) in [("small", small), ("large", large)] {
        if size == 0 {
            let problem = "is 0, wanted at least 1".to_owned();
            return Err(KernelError::Value { name, problem });
        }
    }
    let size = small.max(large);
    let inside = |name: &'static str, at: i64, length: usize| {
        usize::try_from(at)
            .ok()
            .filter(|at| *at >= size && at.checked_add(size).is_some_and(|end| end <= length))
            .ok_or_else(|| {
                let problem = format!("has {at}: a window of {size} around it leaves 0..{length}");
                KernelError::Value { name, problem }
            })
    };
    let pairs = x.iter().zip(y);
    pairs.map(|(x, y)| Ok((inside("x", *x, columns)?, inside("y", *y, rows)?))).collect()
}

struct Scratch<'a> {
    frame: Frame<'a>,
    size: usize,
    statistic: WindowStatistic,
    values: Vec<f32>,
}

impl<'a> Scratch<'a> {
    fn new(frame: Frame<'a>, size: usize, statistic: WindowStatistic) -> Self {
        // One more than a window holds: each pixel is written before it is known to count.
        let values = vec![0.0; 4 * size * size + 1];
        Self { frame, size, statistic, values }
    }

    fn at(&mut self, x: usize, y: usize) -> f64 {
        match self.statistic {
            WindowStatistic::Median => self.median(x, y),
            WindowStatistic::Mean => mean(self.all(x, y)),
            WindowStatistic::MeanClip { n_sigma, n_iter } => {
                clipped_mean(self.all(x, y), n_sigma, n_iter)
            }
        }
    }

    fn median(&mut self, x: usize, y: usize) -> f64 {
        if let Some((low, high)) = self.bracket(x, y) {
            let found = self.gather(x, y, 1, low, high);
            let (lower, upper) = ((found.total - 1) / 2, found.total / 2);
            if found.below <= lower && upper < found.below + found.inside {
                let values = &mut self.values[..found.inside];
                return middle(values, lower - found.below, upper > lower);
            }
        }
        let values = self.all(x, y);
        if values.is_empty() {
            return f64::NAN;
        }
        let (lower, upper) = ((values.len() - 1) / 2, values.len() / 2);
        middle(values, lower, upper > lower)
    }

    /// Two values with the median most probably between them, from a grid of pixels.
    fn bracket(&mut self, x: usize, y: usize) -> Option<(f32, f32)> {
        if 4 * self.size * self.size < SAMPLE_FROM {
            return None;
        }
        let step = (2 * self.size).div_ceil(SAMPLE_SIDE);
        let count = self.gather(x, y, step, f32::NEG_INFINITY, f32::INFINITY).inside;
        if count < SAMPLE_LEAST {
            return None;
        }
        // The rank of the median scatters by half the root of the sample: this is three times it.
        let reach = (2 * count).isqrt() + 1;
        let sample = &mut self.values[..count];
        let (below, high, _) =
            sample.select_nth_unstable_by((count / 2 + reach).min(count - 1), f32::total_cmp);
        let (_, low, _) =
            below.select_nth_unstable_by((count / 2).saturating_sub(reach), f32::total_cmp);
        Some((*low, *high))
    }

    /// Gather all usable pixels of a window.
    fn all(&mut self, x: usize, y: usize) -> &mut [f32] {
        let count = self.gather(x, y, 1, f32::NEG_INFINITY, f32::INFINITY).inside;
        &mut self.values[..count]
    }

    /// Gather the usable pixels from `low` to `high`, of every `step`-th row and column of a
    /// window, and count the others.
    fn gather(&mut self, x: usize, y: usize, step: usize, low: f32, high: f32) -> Found {
        let size = self.size;
        let window = s![y - size..y + size; step, x - size..x + size; step];
        let (image, mask) = (self.frame.image.slice(window), self.frame.mask.slice(window));
        let and_mask = self.frame.and_mask;
        let mut found = Found { below: 0, inside: 0, total: 0 };
        for (pixels, flags) in image.rows().into_iter().zip(mask.rows()) {
            let to = &mut self.values[found.inside..];
            let row = if let (Some(pixels), Some(flags)) = (pixels.to_slice(), flags.to_slice()) {
                sift(pixels.iter().zip(flags), and_mask, low, high, to)
            } else {
                sift(pixels.iter().zip(flags), and_mask, low, high, to)
            };
            found.below += row.below;
            found.inside += row.inside;
            found.total += row.total;
        }
        found
    }
}

/// Move the usable pixels from `low` to `high` to the front of `to`, which has room for one more.
#[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
#[inline]
fn sift<'a>(
    pairs: impl Iterator<Item = (&'a f32, &'a i32)>,
    and_mask: i32,
    low: f32,
    high: f32,
    to: &mut [f32],
) -> Found {
    let (mut below, mut inside, mut total) = (0_u32, 0_usize, 0_u32);
    for (pixel, flags) in pairs {
        let usable = pixel.is_finite() & (flags & and_mask == 0);
        total += u32::from(usable);
        below += u32::from(usable & (*pixel < low));
        to[inside] = *pixel;
        inside += usize::from(usable & (*pixel >= low) & (*pixel <= high));
    }
    Found { below: below as usize, inside, total: total as usize }
}

struct Found {
    below: usize,
    inside: usize,
    total: usize,
}

/// The value of rank `low`, or its mean with the next one.
fn middle(values: &mut [f32], low: usize, even: bool) -> f64 {
    let (_, lower, above) = values.select_nth_unstable_by(low, f32::total_cmp);
    let lower = f64::from(*lower);
    if !even {
        return lower;
    }
    let upper = above.iter().copied().fold(f32::INFINITY, f32::min);
    0.5 * lower + 0.5 * f64::from(upper)
}

/// The quartiles of finite values, linear between neighbours.
fn quartiles(values: &mut [f32]) -> [f64; 3] {
    values.sort_unstable_by(f32::total_cmp);
    [0.25, 0.5, 0.75].map(|fraction| {
        let index = fraction * (values.len() - 1) as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        let low = index as usize;
        let upper = f64::from(values[(low + 1).min(values.len() - 1)]);
        ((low + 1) as f64 - index) * f64::from(values[low]) + (index - low as f64) * upper
    })
}

/// The mean, about a first estimate of itself; NaN of nothing.
fn mean(values: &[f32]) -> f64 {
    let about = |pivot| moments(values, pivot, f64::INFINITY);
    let first = about(0.0).mean(0.0);
    about(first).mean(first)
}

fn clipped_mean(values: &mut [f32], n_sigma: f64, n_iter: usize) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let [q25, q50, q75] = quartiles(values);
    let (mut centre, mut half) = (q50, n_sigma * IQ_TO_SIGMA * (q75 - q25));
    for _ in 0..n_iter {
        let kept = moments(values, centre, half);
        centre = kept.mean(centre);
        if values.len() > 1 {
            half = n_sigma * kept.variance().sqrt();
        }
    }
    if n_iter == 0 { f64::NAN } else { centre }
}

/// Sums of the first powers of `value - pivot`.
struct Moments {
    count: f64,
    first: f64,
    second: f64,
}

impl Moments {
    fn mean(&self, pivot: f64) -> f64 {
        pivot + self.first / self.count
    }

    fn variance(&self) -> f64 {
        // Rounding must not make it negative.
        (self.second - self.first * self.first / self.count).max(0.0) / (self.count - 1.0)
    }
}

/// Moments of the values within `half` of `pivot`, ends included, in a fixed order of sums.
fn moments(values: &[f32], pivot: f64, half: f64) -> Moments {
    const LANES: usize = 8;
    let (mut count, mut first, mut second) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
    let mut add = |lane: usize, value: f32| {
        let away = f64::from(value) - pivot;
        let (one, away) = if away.abs() <= half { (1.0, away) } else { (0.0, 0.0) };
        count[lane] += one;
        first[lane] += away;
        second[lane] += away * away;
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        (0..LANES).for_each(|lane| add(lane, chunk[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, value)| add(lane, *value));
    let sum = |lanes: [f64; LANES]| lanes.iter().sum();
    Moments { count: sum(count), first: sum(first), second: sum(second) }
}
