//! Saturation level from the raw pixels themselves.

use ndarray::ArrayView2;

use crate::error::KernelError;
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
        (values.iter().copied().max().map_or(f64::NEG_INFINITY, f64::from), false)
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
    let mut best = (0, count(0));
    for bin in 1..BINS {
        let here = count(bin);
        if here > best.1 {
            best = (bin, here);
        }
    }
    Ok(Some(edges.at(best.0)))
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
