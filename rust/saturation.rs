//! Saturation level from the raw pixels themselves.

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::error::KernelError;
use crate::rows::together;
use crate::simd::{dispatched, prefetch};
use crate::statistics::{Sample, Source};

/// Level that some pixel must exceed; the first edge of the bins.
pub const FLOOR: f64 = 60_000.0;
/// Number of bins between the floor and the brightest pixel.
pub const BINS: usize = 100;
/// Values looked at side by side.
const LANES: usize = 16;

/// A type of raw pixel.
pub trait Raw: Sample {
    /// The largest finite value, and whether there is any that is not a number.
    fn peak(values: &[Self]) -> (f64, bool);
}

impl Raw for u16 {
    fn peak(values: &[Self]) -> (f64, bool) {
        let peak = if values.is_empty() { f64::NEG_INFINITY } else { brightest(values).into() };
        (peak, false)
    }
}

impl Raw for i32 {
    fn peak(values: &[Self]) -> (f64, bool) {
        (values.iter().copied().max().map_or(f64::NEG_INFINITY, f64::from), false)
    }
}

macro_rules! floating {
    ($type:ty) => {
        impl Raw for $type {
            fn peak(values: &[Self]) -> (f64, bool) {
                let mut peaks = [<$type>::NEG_INFINITY; LANES];
                let mut odd = [false; LANES];
                for group in values.chunks(LANES) {
                    for ((peak, odd), &value) in peaks.iter_mut().zip(&mut odd).zip(group) {
                        let larger = value > *peak && value < <$type>::INFINITY;
                        *peak = if larger { value } else { *peak };
                        *odd |= value.is_nan();
                    }
                }
                let peak = peaks.iter().fold(<$type>::NEG_INFINITY, |one, &other| one.max(other));
                (peak.value(), odd.contains(&true))
            }
        }
    };
}

floating!(f32);
floating!(f64);

/// The lower edge of the fullest of 100 bins above 60000, [unit of the image].
///
/// The bins reach up to one more than the largest finite pixel; the lowest of equally full ones
/// counts. None when no pixel exceeds 60000, or when some pixel is not a number.
///
/// # Errors
///
/// [`KernelError::Value`] when there is no pixel.
pub fn fullest_edge<T: Raw>(image: ArrayView2<'_, T>) -> Result<Option<f64>, KernelError> {
    if image.is_empty() {
        let problem = format!("has shape {:?}, wanted at least one pixel", image.dim());
        return Err(KernelError::Value { name: "image", problem });
    }
    let source = Source::new(image, None, 0);
    let peaks = source.map(T::peak);
    let peak = peaks.iter().fold(f64::NEG_INFINITY, |peak, block| peak.max(block.0));
    if peaks.iter().any(|block| block.1) || peak <= FLOOR {
        return Ok(None);
    }
    let edges = Edges::up_to(peak + 1.0);
    let parts = source.map_some(
        |index| peaks[index].0 >= FLOOR,
        |values| {
            let mut counts = vec![0_u64; BINS];
            for value in values.iter().map(|value| value.value()) {
                if value >= FLOOR && value <= peak {
                    counts[edges.bin(value)] += 1;
                }
            }
            counts
        },
    );
    let count = |bin: usize| parts.iter().map(|counts| counts[bin]).sum::<u64>();
    Ok(Some(edges.at(fullest(count))))
}

/// Narrowest bin of those that tell how believable a pile is, [unit of the image].
const NARROWEST: f64 = 20.0;
/// Bins below a pile that tell what would be there without it.
const BESIDE: u16 = 5;
/// Pixels that make half a pile.
const FEW: f64 = 10.0;
/// The ceiling of a converter with 16 bits.
const CEILING: u16 = u16::MAX;
/// Raw values from here on are counted: below all bins that a pile is compared with.
const LOWEST: u16 = 59_600;
/// Pixels that are passed over together when none of them is bright.
const CHUNK: usize = 32;
/// Rows of one task.
const BAND: usize = 64;
/// How many rows ahead pixels are asked for: those of one amplifier are no stream for a processor.
const AHEAD: usize = 4;

dispatched! {
    /// The largest of some raw values; 0 of none.
    fn brightest(values: &[u16]) -> u16 {
        values.iter().fold(0, |peak, value| peak.max(*value))
    }

    /// Add the values from [`LOWEST`] on to the table; return the largest of all.
    fn count_bright(values: &[u16], counts: &mut [u64]) -> u16 {
        let mut top = 0;
        for chunk in values.chunks(CHUNK) {
            let peak = chunk.iter().fold(0, |peak, value| peak.max(*value));
            top = top.max(peak);
            if peak < LOWEST {
                continue;
            }
            for value in chunk {
                // What is darker has no place in the table.
                if let Some(place) = value.checked_sub(LOWEST)
                    && let Some(count) = counts.get_mut(usize::from(place))
                {
                    *count += 1;
                }
            }
        }
        top
    }
}

/// How often each of the bright values occurs among raw pixels.
#[derive(Debug, Clone)]
pub struct Bright {
    peak: u16,
    counts: Vec<u64>,
}

impl Default for Bright {
    fn default() -> Self {
        Self { peak: 0, counts: vec![0; usize::from(CEILING - LOWEST) + 1] }
    }
}

/// A pile of pixels at one level, and how believable it is that they are saturated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pile {
    /// Lower edge of the fullest bin; NaN if no pixel exceeds the floor.
    pub edge: f64,
    /// From 0 to 1.
    pub confidence: f64,
    /// Number of pixels in the fullest bin and those beside it.
    pub count: u64,
    /// The brightest pixel.
    pub peak: u16,
}

impl Bright {
    /// Count the pixels of a row.
    pub fn add(&mut self, row: &[u16]) {
        self.peak = self.peak.max(count_bright(row, &mut self.counts));
    }

    /// Take over what another one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.peak = self.peak.max(other.peak);
        self.counts.iter_mut().zip(&other.counts).for_each(|(one, other)| *one += other);
    }

    /// The brightest pixel; 0 of none.
    #[must_use]
    pub fn peak(&self) -> u16 {
        self.peak
    }

    /// Values that occur, and how often.
    fn values(&self) -> impl Iterator<Item = (f64, u64)> {
        let pairs = (LOWEST..=CEILING).zip(&self.counts);
        pairs.filter(|(_, count)| **count > 0).map(|(value, count)| (f64::from(value), *count))
    }

    /// The pile that these pixels make; see `measure_level` of the Python face.
    #[must_use]
    pub fn pile(&self) -> Pile {
        let top = f64::from(self.peak);
        if top <= FLOOR {
            return Pile { edge: f64::NAN, confidence: 0.0, count: 0, peak: self.peak };
        }
        let edges = Edges::up_to(top + 1.0);
        let mut bins = [0_u64; BINS];
        for (value, count) in self.values().filter(|pair| pair.0 >= FLOOR) {
            bins[edges.bin(value)] += count;
        }
        let edge = edges.at(fullest(|bin| bins[bin]));
        // Never so narrow that whole numbers leave bins empty.
        let step = ((top + 1.0 - FLOOR) / BINS as f64).max(NARROWEST);
        let (lower, upper) = (edge - step, edge + 2.0 * step);
        let beside = f64::from(BESIDE);
        let from = lower - beside * step;
        let (mut below, mut pile, mut above, mut same) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (value, count) in self.values().filter(|pair| pair.0 >= from) {
            if value < lower {
                below += count;
            } else if value < upper {
                pile += count;
                same = same.max(count);
            } else {
                above += count;
            }
        }
        let n = pile as f64;
        let smooth = 3.0 * below as f64 / beside;
        let unexplained = (n - smooth - 3.0 * smooth.sqrt()).max(0.0) / n;
        let among = n / (pile + above) as f64;
        let mut size = n / (n + FEW);
        if 2 * same >= pile {
            size = size.max(1.0 - (1.0 - same as f64).exp2());
        }
        if self.peak == CEILING && upper > f64::from(CEILING) {
            size = 1.0;
        }
        Pile { edge, confidence: unexplained * among * size, count: pile, peak: self.peak }
    }
}

/// The piles of spans of columns, such as amplifiers: the first column and the one after the last.
///
/// # Errors
///
/// [`KernelError::Value`] when a span reaches beyond the image.
pub fn piles(
    image: ArrayView2<'_, u16>,
    spans: &[(usize, usize)],
) -> Result<Vec<Pile>, KernelError> {
    if let Some((first, end)) = spans.iter().find(|(a, b)| a > b || *b > image.ncols()) {
        let problem = format!("holds {first}..{end}, wanted some of {} columns", image.ncols());
        return Err(KernelError::Value { name: "spans", problem });
    }
    let row_of = |row: usize| image.index_axis_move(Axis(0), row);
    let from = spans.iter().map(|span| span.0).min().unwrap_or(0);
    let end = spans.iter().map(|span| span.1).max().unwrap_or(0);
    let bands: Vec<usize> = (0..image.nrows()).step_by(BAND).collect();
    let none = || vec![Bright::default(); spans.len()];
    let count = |mut found: Vec<Bright>, band: &usize| {
        for row in *band..(band + BAND).min(image.nrows()) {
            if row + AHEAD < image.nrows()
                && let Some(later) = row_of(row + AHEAD).to_slice()
            {
                prefetch(&later[from..end]);
            }
            let pixels = together(row_of(row));
            found.iter_mut().zip(spans).for_each(|(one, &(a, b))| one.add(&pixels[a..b]));
        }
        found
    };
    let both = |mut one: Vec<Bright>, other: Vec<Bright>| {
        one.iter_mut().zip(&other).for_each(|(one, other)| one.merge(other));
        one
    };
    let found = bands.par_iter().fold(none, count).reduce(none, both);
    Ok(found.iter().map(Bright::pile).collect())
}

/// The bin that holds most; the lowest of equally full ones.
fn fullest(count: impl Fn(usize) -> u64) -> usize {
    let mut best = (0, count(0));
    for bin in 1..BINS {
        let here = count(bin);
        if here > best.1 {
            best = (bin, here);
        }
    }
    best.0
}

/// Equal bins; the last one is closed.
struct Edges {
    step: f64,
}

impl Edges {
    fn up_to(end: f64) -> Self {
        Self { step: (end - FLOOR) / BINS as f64 }
    }

    fn at(&self, bin: usize) -> f64 {
        bin as f64 * self.step + FLOOR
    }

    /// The bin of a value from the floor up: guessed, then settled by the edges themselves.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a first guess")]
    fn bin(&self, value: f64) -> usize {
        let mut bin = (((value - FLOOR) / self.step) as usize).min(BINS - 1);
        while bin > 0 && value < self.at(bin) {
            bin -= 1;
        }
        while bin + 1 < BINS && value >= self.at(bin + 1) {
            bin += 1;
        }
        bin
    }
}
