//! Fringe amplitudes: what a small window holds above the large window around it.
//!
//! The medians are exact. A window that overlaps the one before it has nearly the same median,
//! so one pass that counts the pixels below a bracket around the old median, and gathers the
//! few inside, settles it; where the bracket misses, the whole window is gathered instead. What
//! was guessed changes the time taken and never the result.

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

/// Positions that one task works through, so that windows follow each other closely.
const STRETCH: usize = 128;
/// Windows of fewer pixels are gathered whole.
const GUESS_FROM: usize = 1024;
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

/// Values that probably hold the median of the next window.
#[derive(Clone, Copy)]
struct Bracket {
    centre: f32,
    width: f32,
}

struct Scratch<'a> {
    frame: Frame<'a>,
    size: usize,
    statistic: WindowStatistic,
    values: Vec<f32>,
    bracket: Option<Bracket>,
}

impl<'a> Scratch<'a> {
    fn new(frame: Frame<'a>, size: usize, statistic: WindowStatistic) -> Self {
        // One more than a window holds: each pixel is written before it is known to count.
        let values = vec![0.0; 4 * size * size + 1];
        Self { frame, size, statistic, values, bracket: None }
    }

    fn at(&mut self, x: usize, y: usize) -> f64 {
        match self.statistic {
            WindowStatistic::Median => self.median(x, y),
            WindowStatistic::Mean => {
                let count = self.gather(x, y, f32::NEG_INFINITY, f32::INFINITY).inside;
                mean(self.values[..count].iter().copied().map(f64::from))
            }
            WindowStatistic::MeanClip { n_sigma, n_iter } => {
                let count = self.gather(x, y, f32::NEG_INFINITY, f32::INFINITY).inside;
                clipped_mean(&mut self.values[..count], n_sigma, n_iter)
            }
        }
    }

    fn median(&mut self, x: usize, y: usize) -> f64 {
        if let Some(Bracket { centre, width }) = self.bracket {
            let found = self.gather(x, y, centre - width, centre + width);
            if found.total == 0 {
                return f64::NAN;
            }
            let (low, high) = ((found.total - 1) / 2, found.total / 2);
            if found.below <= low && high < found.below + found.inside {
                let middle =
                    middle(&mut self.values[..found.inside], low - found.below, high > low);
                // An eighth to a twenty-fourth of the window is quick to gather and seldom missed.
                let width = match found.inside {
                    many if many > found.total / 8 => width * 0.8,
                    few if few < found.total / 24 => width * 1.25,
                    _ => width,
                };
                self.bracket = Some(Bracket { centre: to_f32(middle), width });
                return middle;
            }
        }
        let count = self.gather(x, y, f32::NEG_INFINITY, f32::INFINITY).inside;
        if count == 0 {
            return f64::NAN;
        }
        let values = &mut self.values[..count];
        let (low, high) = ((count - 1) / 2, count / 2);
        let middle = middle(values, low, high > low);
        if count >= GUESS_FROM {
            // The sixteenth of the values above the median tells how far it may move.
            let above = &mut values[low + 1..];
            let (_, edge, _) = above.select_nth_unstable_by(count / 16, f32::total_cmp);
            let centre = to_f32(middle);
            self.bracket = Some(Bracket { centre, width: *edge - centre });
        }
        middle
    }

    /// Gather the usable pixels of a window from `low` to `high`, and count the rest.
    #[allow(clippy::needless_bitwise_bool, reason = "without branches the loop keeps its pace")]
    fn gather(&mut self, x: usize, y: usize, low: f32, high: f32) -> Found {
        let size = self.size;
        let window = s![y - size..y + size, x - size..x + size];
        let (image, mask) = (self.frame.image.slice(window), self.frame.mask.slice(window));
        let and_mask = self.frame.and_mask;
        let mut found = Found { below: 0, inside: 0, total: 0 };
        let values = &mut self.values[..];
        let mut take = |pixel: f32, flags: i32| {
            let usable = pixel.is_finite() & (flags & and_mask == 0);
            found.total += usize::from(usable);
            found.below += usize::from(usable & (pixel < low));
            values[found.inside] = pixel;
            found.inside += usize::from(usable & (pixel >= low) & (pixel <= high));
        };
        for (pixels, flags) in image.rows().into_iter().zip(mask.rows()) {
            if let (Some(pixels), Some(flags)) = (pixels.to_slice(), flags.to_slice()) {
                pixels.iter().zip(flags).for_each(|(pixel, flags)| take(*pixel, *flags));
            } else {
                pixels.iter().zip(flags).for_each(|(pixel, flags)| take(*pixel, *flags));
            }
        }
        found
    }
}

struct Found {
    below: usize,
    inside: usize,
    total: usize,
}

#[allow(clippy::cast_possible_truncation, reason = "a guess need not be exact")]
fn to_f32(value: f64) -> f32 {
    value as f32
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

/// The linear percentile of finite values.
fn quantile(values: &mut [f32], fraction: f64) -> f64 {
    let index = fraction * (values.len() - 1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let low = index as usize;
    let (_, lower, above) = values.select_nth_unstable_by(low, f32::total_cmp);
    let lower = f64::from(*lower);
    let upper = f64::from(above.iter().copied().fold(f32::INFINITY, f32::min));
    let weight = index - low as f64;
    if weight == 0.0 { lower } else { ((low + 1) as f64 - index) * lower + weight * upper }
}

/// The mean, about a first estimate of itself; NaN of nothing.
fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    let first = sum / count;
    first + values.map(|v| v - first).sum::<f64>() / count
}

fn clipped_mean(values: &mut [f32], n_sigma: f64, n_iter: usize) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let range = quantile(values, 0.75) - quantile(values, 0.25);
    let (mut centre, mut half) = (quantile(values, 0.5), n_sigma * IQ_TO_SIGMA * range);
    let mut clipped = f64::NAN;
    for _ in 0..n_iter {
        let kept = values.iter().copied().map(f64::from).filter(|v| (v - centre).abs() <= half);
        clipped = mean(kept.clone());
        if values.len() > 1 {
            let (count, squares) =
                kept.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + (v - clipped) * (v - clipped)));
            half = n_sigma * (squares / (count - 1.0)).sqrt();
        }
        centre = clipped;
    }
    clipped
}
