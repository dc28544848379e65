//! A few pixels, or pixels in double precision: sorted.

use rayon::prelude::*;

use super::blocks::{BLOCK, Source, Sums};
use super::{Distribution, Moments, Sample, stable, usable};

/// The usable values in order.
pub(super) struct Sorted(Vec<f64>);

impl Sorted {
    pub(super) fn new<T: Sample>(source: &Source<'_, T>) -> Self {
        let parts = source.map(|values| {
            let values = values.iter().map(|value| value.value());
            values.filter(|&value| usable(value)).collect::<Vec<f64>>()
        });
        let mut values = parts.concat();
        values.par_sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    fn sums(&self, interval: (usize, usize), pivot: f64) -> Sums {
        let values = &self.0[interval.0..interval.1.max(interval.0)];
        Sums::total(values.chunks(BLOCK).map(|part| Sums::new(part, pivot, |_| true)).collect())
    }
}

impl Distribution for Sorted {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    #[allow(clippy::cast_possible_truncation, reason = "a rank is an index")]
    fn ranked(&self, ranks: &[u64]) -> Vec<f64> {
        ranks.iter().map(|&rank| self.0[rank as usize]).collect()
    }

    fn ties(&self, value: f64) -> (u64, u64) {
        let below = self.0.partition_point(|&other| other < value);
        let up_to = self.0.partition_point(|&other| other <= value);
        (below as u64, (up_to - below) as u64)
    }

    fn extremes(&self) -> (f64, f64) {
        let end = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        (end(self.0.first()), end(self.0.last()))
    }

    fn moments(&self) -> Moments {
        let rough = self.sums((0, self.0.len()), 0.0);
        let all = (0, self.0.len() as u64);
        Moments { sum: rough.first, ..stable(self, all, rough.first / rough.count as f64) }
    }

    fn interval(&self, below: &dyn Fn(f64) -> bool, within: &dyn Fn(f64) -> bool) -> (u64, u64) {
        let search = |holds: &dyn Fn(f64) -> bool| self.0.partition_point(|&value| holds(value));
        (search(below) as u64, search(within) as u64)
    }

    #[allow(clippy::cast_possible_truncation, reason = "an interval of the values")]
    fn moments_in(&self, interval: (u64, u64), pivot: f64) -> Moments {
        let sums = self.sums((interval.0 as usize, interval.1 as usize), pivot);
        Moments::about(pivot, sums.count, sums.first, sums.second)
    }

    #[allow(clippy::cast_possible_truncation, reason = "an interval of the values")]
    fn member(&self, interval: (u64, u64)) -> Option<f64> {
        let (start, end) = (interval.0 as usize, interval.1 as usize);
        if start < end { self.0.get(start).copied() } else { None }
    }
}
