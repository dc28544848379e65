//! Statistics of usable pixels, in double precision.
//!
//! A pixel is usable when it is finite (as an `f32`) and shares no bit with `reject` in the mask.
//! Counts and order statistics are exact. Sums run over blocks of fixed size, each with lanes of
//! its own, and blocks are added in order: the number of threads cannot change a bit.

mod blocks;
mod counts;
mod grid;
mod radix;
mod sift;
mod sorted;

use ndarray::ArrayView2;

use crate::error::{KernelError, same_shape};
pub(crate) use blocks::Source;
use counts::Counts;
use radix::{Frame, Key};
use sorted::Sorted;

/// Interquartile range of a normal distribution to its standard deviation.
pub const IQ_TO_SIGMA: f64 = 0.741_301_109_252_802;

/// Standard deviations from the mean at which a pivot still costs less than three digits.
const FAR: f64 = 30.0;

/// What can be asked of the usable pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// Number of usable pixels.
    Npoint,
    /// Number of the others.
    Nmasked,
    /// Their sum.
    Sum,
    /// Arithmetic mean.
    Mean,
    /// Unbiased variance.
    Variance,
    /// Its square root.
    Stdev,
    /// Mean of the squares.
    Meansquare,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Median; of integers, each is taken as a bin of unit width.
    Median,
    /// Distance of the quartiles.
    Iqrange,
    /// Mean after clipping.
    Meanclip,
    /// Unbiased variance after clipping.
    Varianceclip,
    /// Its square root.
    Stdevclip,
    /// Number of usable pixels that clipping rejected.
    Nclipped,
    /// Every bit that some usable pixel has in the mask.
    Ormask,
}

impl Statistic {
    /// The statistic of this name, in capitals.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "NPOINT" => Self::Npoint,
            "NMASKED" => Self::Nmasked,
            "SUM" => Self::Sum,
            "MEAN" => Self::Mean,
            "VARIANCE" => Self::Variance,
            "STDEV" => Self::Stdev,
            "MEANSQUARE" => Self::Meansquare,
            "MIN" => Self::Min,
            "MAX" => Self::Max,
            "MEDIAN" => Self::Median,
            "IQRANGE" => Self::Iqrange,
            "MEANCLIP" => Self::Meanclip,
            "VARIANCECLIP" => Self::Varianceclip,
            "STDEVCLIP" => Self::Stdevclip,
            "NCLIPPED" => Self::Nclipped,
            "ORMASK" => Self::Ormask,
            _ => return None,
        })
    }
}

/// How pixels are selected and clipped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Control {
    /// Bits of the mask that exclude a pixel.
    pub reject: i32,
    /// Half width of the clip in standard deviations.
    pub n_sigma: f64,
    /// Rounds of clipping.
    pub n_iter: usize,
}

impl Default for Control {
    fn default() -> Self {
        Self { reject: 0, n_sigma: 3.0, n_iter: 3 }
    }
}

/// Number, mean and unbiased variance of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Moments {
    /// From the sums of the first and second power of `value - pivot`.
    pub(crate) fn about(pivot: f64, count: u64, first: f64, second: f64) -> Self {
        let n = count as f64;
        let shift = first / n; // NaN of nothing
        let mean = pivot + shift;
        let variance = ((second - first * shift) / (n - 1.0)).max(0.0);
        let variance = if count > 1 { variance } else { f64::NAN };
        let sum = if count == 0 { 0.0 } else { n * pivot + first };
        Self { count, sum, mean, variance }
    }
}

/// The usable pixels, in whatever form answers these questions fastest.
trait Distribution {
    /// Make ready for the quantiles at these fractions, and count the values on the way.
    fn ahead(&self, _fractions: &[f64]) {}
    /// Number of values.
    fn count(&self) -> u64;
    /// Values at these positions of the sorted values, all of them below `count`.
    fn ranked(&self, ranks: &[u64]) -> Vec<f64>;
    /// How many values are below this one, and how many equal it.
    fn ties(&self, value: f64) -> (u64, u64);
    /// Smallest and largest value.
    fn extremes(&self) -> (f64, f64);
    /// Moments of all values.
    fn moments(&self) -> Moments;
    /// First and last (exclusive) position of the values for which `below` does not hold but
    /// `within` does; both hold up to some value and no longer.
    fn interval(&self, below: &dyn Fn(f64) -> bool, within: &dyn Fn(f64) -> bool) -> (u64, u64);
    /// Moments of the values in an interval, summed about `pivot`.
    fn moments_in(&self, interval: (u64, u64), pivot: f64) -> Moments;
    /// Some value in an interval, always the same one.
    fn member(&self, interval: (u64, u64)) -> Option<f64>;
}

/// A type of pixel.
pub trait Sample: Copy + Send + Sync {
    /// Whether the MEDIAN spreads ties over a unit.
    const INTEGER: bool;
    /// The value in double precision.
    fn value(self) -> f64;
    #[doc(hidden)]
    fn measure(source: &Source<'_, Self>, control: &Control, what: &[Statistic]) -> Vec<f64>;
}

impl Sample for f32 {
    const INTEGER: bool = false;
    #[inline]
    fn value(self) -> f64 {
        f64::from(self)
    }
    fn measure(source: &Source<'_, Self>, control: &Control, what: &[Statistic]) -> Vec<f64> {
        keyed(source, control, what)
    }
}

impl Sample for i32 {
    const INTEGER: bool = true;
    #[inline]
    fn value(self) -> f64 {
        f64::from(self)
    }
    fn measure(source: &Source<'_, Self>, control: &Control, what: &[Statistic]) -> Vec<f64> {
        keyed(source, control, what)
    }
}

impl Sample for u16 {
    const INTEGER: bool = true;
    #[inline]
    fn value(self) -> f64 {
        f64::from(self)
    }
    fn measure(source: &Source<'_, Self>, control: &Control, what: &[Statistic]) -> Vec<f64> {
        if source.blocks() <= 1 {
            return answer::<Self>(&Sorted::new(source), source, control, what);
        }
        answer::<Self>(&Counts::new(source), source, control, what)
    }
}

impl Sample for f64 {
    const INTEGER: bool = false;
    #[inline]
    fn value(self) -> f64 {
        self
    }
    fn measure(source: &Source<'_, Self>, control: &Control, what: &[Statistic]) -> Vec<f64> {
        answer::<Self>(&Sorted::new(source), source, control, what)
    }
}

fn keyed<T: Sample + Key>(
    source: &Source<'_, T>,
    control: &Control,
    what: &[Statistic],
) -> Vec<f64> {
    if source.blocks() <= 1 {
        return answer::<T>(&Sorted::new(source), source, control, what);
    }
    answer::<T>(&Frame::new(source), source, control, what)
}

/// Whether a value takes part; an `f64` too large for an `f32` does not.
#[allow(clippy::cast_possible_truncation, reason = "that is the question")]
pub(crate) fn usable(value: f64) -> bool {
    (value as f32).is_finite()
}

/// Measure the usable pixels of `image`; the answers come in the order of `what`.
///
/// Clipping starts from the median and the quartiles; each of the `n_iter` rounds then takes mean
/// and variance of all values within `n_sigma` of the centre, both ends included.
///
/// # Errors
///
/// [`KernelError::Shape`] when `mask` does not match `image`, [`KernelError::Value`] when there
/// is no pixel at all or the control makes no sense.
pub fn compute<T: Sample>(
    image: ArrayView2<'_, T>,
    mask: Option<ArrayView2<'_, i32>>,
    control: &Control,
    what: &[Statistic],
) -> Result<Vec<f64>, KernelError> {
    if let Some(mask) = &mask {
        same_shape("mask", mask.dim(), image.dim())?;
    }
    let refuse = |name, problem: String| Err(KernelError::Value { name, problem });
    if image.is_empty() {
        return refuse("image", format!("has shape {:?}, wanted at least one pixel", image.dim()));
    }
    if !control.n_sigma.is_finite() || control.n_sigma < 0.0 {
        return refuse("n_sigma", format!("is {}, wanted a number from 0 up", control.n_sigma));
    }
    if control.n_iter == 0 {
        return refuse("n_iter", "is 0, wanted at least one round of clipping".into());
    }
    Ok(T::measure(&Source::new(image, mask, control.reject).packed(), control, what))
}

/// Quantile of `count` values by linear interpolation between the two ranks around it.
struct Quantile {
    rank: u64,
    share: f64,
}

impl Quantile {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    fn new(fraction: f64, count: u64) -> Self {
        let index = fraction * (count - 1) as f64;
        Self { rank: index.floor() as u64, share: index - index.floor() }
    }

    /// Both ranks; the last value stands in for its neighbour, which then has no weight.
    fn ranks(&self, count: u64) -> [u64; 2] {
        [self.rank, (self.rank + 1).min(count - 1)]
    }

    fn of(&self, pair: &[f64]) -> f64 {
        // In this order the result of equal neighbours is that very value.
        (1.0 - self.share) * pair[0] + self.share * pair[1]
    }
}

/// The quantiles at some fractions; NaN of nothing.
fn quantiles<const N: usize>(values: &dyn Distribution, fractions: [f64; N]) -> [f64; N] {
    values.ahead(&fractions);
    let count = values.count();
    if count == 0 {
        return [f64::NAN; N];
    }
    let quantiles = fractions.map(|fraction| Quantile::new(fraction, count));
    let ranks: Vec<u64> = quantiles.iter().flat_map(|quantile| quantile.ranks(count)).collect();
    let found = values.ranked(&ranks);
    let mut pairs = found.chunks_exact(2);
    quantiles.map(|quantile| pairs.next().map_or(f64::NAN, |pair| quantile.of(pair)))
}

fn integer_median(values: &dyn Distribution) -> f64 {
    values.ahead(&[0.5]);
    let count = values.count();
    if count == 0 {
        return f64::NAN;
    }
    let middle = values.ranked(&[(count - 1) / 2])[0];
    if count == 1 {
        return middle;
    }
    let (below, equal) = values.ties(middle);
    middle - 0.5 + (0.5 * count as f64 - below as f64) / equal as f64
}

/// Moments of the values in an interval, which lie near `pivot` unless the data are odd.
///
/// Far from its values a pivot costs digits: then a value takes its place, and, if that is an
/// outlier itself, the mean. Of equal values the mean is that value, to the last bit.
fn stable(values: &dyn Distribution, interval: (u64, u64), pivot: f64) -> Moments {
    let near =
        |found: &Moments, pivot: f64| (found.mean - pivot).abs() <= FAR * found.variance.sqrt();
    let found = values.moments_in(interval, pivot);
    if found.count == 0 || near(&found, pivot) {
        return found;
    }
    let Some(member) = values.member(interval) else { return found };
    let found = values.moments_in(interval, member);
    if found.count < 2 || near(&found, member) {
        return found;
    }
    values.moments_in(interval, found.mean)
}

fn clipped(values: &dyn Distribution, control: &Control, quartiles: [f64; 3]) -> Moments {
    let [lower, mut centre, upper] = quartiles;
    let mut half = control.n_sigma * IQ_TO_SIGMA * (upper - lower);
    let mut kept = Moments::about(0.0, 0, 0.0, 0.0);
    let mut last = None;
    for _ in 0..control.n_iter {
        let interval = if centre.is_nan() || half.is_nan() {
            (0, 0)
        } else {
            values.interval(&|value| value - centre < -half, &|value| value - centre <= half)
        };
        if last.replace(interval) == Some(interval) {
            break; // the same values again, and so for ever
        }
        kept = stable(values, interval, centre);
        centre = kept.mean;
        if values.count() > 1 {
            half = control.n_sigma * kept.variance.sqrt();
        }
    }
    kept
}

fn answer<T: Sample>(
    values: &dyn Distribution,
    source: &Source<'_, T>,
    control: &Control,
    what: &[Statistic],
) -> Vec<f64> {
    use Statistic as S;
    let asked = |some: &[Statistic]| what.iter().any(|one| some.contains(one));
    let clip = asked(&[S::Meanclip, S::Varianceclip, S::Stdevclip, S::Nclipped]);
    // Before anything else: it counts the values on the way.
    let quartiles = if clip || asked(&[S::Iqrange]) {
        quantiles(values, [0.25, 0.5, 0.75])
    } else if asked(&[S::Median]) && !T::INTEGER {
        let [median] = quantiles(values, [0.5]);
        [f64::NAN, median, f64::NAN]
    } else {
        [f64::NAN; 3]
    };
    let median =
        if T::INTEGER && asked(&[S::Median]) { integer_median(values) } else { quartiles[1] };
    let kept = if clip { Some(clipped(values, control, quartiles)) } else { None };
    let plain = if asked(&[S::Sum, S::Mean, S::Variance, S::Stdev, S::Meansquare]) {
        Some(values.moments())
    } else {
        None
    };
    let (low, high) =
        if asked(&[S::Min, S::Max]) { values.extremes() } else { (f64::NAN, f64::NAN) };
    let flags = if asked(&[S::Ormask]) { source.flags() } else { 0 };
    let count = values.count();
    let of = |moments: &Option<Moments>, get: fn(&Moments) -> f64| {
        moments.as_ref().map_or(f64::NAN, get)
    };
    let one = |statistic: &Statistic| match statistic {
        S::Npoint => count as f64,
        S::Nmasked => (source.len() as u64 - count) as f64,
        S::Sum => of(&plain, |m| m.sum),
        S::Mean => of(&plain, |m| m.mean),
        S::Variance => of(&plain, |m| m.variance),
        S::Stdev => of(&plain, |m| m.variance.sqrt()),
        S::Meansquare => of(&plain, |m| {
            let n = m.count as f64;
            (n - 1.0) / n * m.variance + m.mean * m.mean
        }),
        S::Min => low,
        S::Max => high,
        S::Median => median,
        S::Iqrange => quartiles[2] - quartiles[0],
        S::Meanclip => of(&kept, |m| m.mean),
        S::Varianceclip => of(&kept, |m| m.variance),
        S::Stdevclip => of(&kept, |m| m.variance.sqrt()),
        S::Nclipped => kept.as_ref().map_or(f64::NAN, |m| (count - m.count) as f64),
        S::Ormask => f64::from(flags),
    };
    what.iter().map(one).collect()
}

/// Median of `values`: the mean of the middle two, in `f64`, of an even count.
///
/// NaN when there are none; the values themselves must not be NaN.
#[must_use]
pub fn median(mut values: Vec<f32>) -> f32 {
    median_of(&mut values)
}

/// The same, of numbers that are reordered where they are.
pub(crate) fn median_of(values: &mut [f32]) -> f32 {
    let count = values.len();
    if count == 0 {
        return f32::NAN;
    }
    let (below, upper, _) = values.select_nth_unstable_by(count / 2, f32::total_cmp);
    if count % 2 == 1 {
        return *upper;
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
    let middle = f64::midpoint(f64::from(lower), f64::from(*upper)) as f32;
    middle
}
