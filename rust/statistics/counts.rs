//! Raw pixels: how often each of the 65536 values occurs answers everything, in whole numbers.

use super::blocks::Source;
use super::{Distribution, Moments};

const VALUES: usize = 1 << 16;
const TURNS: usize = 4;

/// How often each value occurs.
pub(crate) struct Counts(Vec<u64>);

impl Counts {
    pub(super) fn new(source: &Source<'_, u16>) -> Self {
        let mut counts = source.tally(TURNS * VALUES, |values, table| {
            let mut groups = values.chunks_exact(TURNS);
            for group in &mut groups {
                for (turn, &value) in group.iter().enumerate() {
                    table[turn * VALUES + usize::from(value)] += 1;
                }
            }
            for &value in groups.remainder() {
                table[usize::from(value)] += 1;
            }
        });
        let (total, turns) = counts.split_at_mut(VALUES);
        for table in turns.chunks_exact(VALUES) {
            total.iter_mut().zip(table).for_each(|(sum, count)| *sum += count);
        }
        counts.truncate(VALUES);
        Self(counts)
    }

    #[allow(clippy::cast_possible_truncation, reason = "there are 65536 values")]
    fn search(&self, holds: &dyn Fn(f64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.0.len() as u32);
        while low < high {
            let middle = low.midpoint(high);
            if holds(f64::from(middle)) { low = middle + 1 } else { high = middle }
        }
        u64::from(low)
    }
}

impl Distribution for Counts {
    fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    fn ranked(&self, ranks: &[u64]) -> Vec<f64> {
        let find = |&rank: &u64| {
            let mut left = rank;
            let found = self.0.iter().position(|&count| {
                let here = left < count;
                left = left.wrapping_sub(if here { 0 } else { count });
                here
            });
            found.map_or(f64::NAN, |value| value as f64)
        };
        ranks.iter().map(find).collect()
    }

    fn ties(&self, value: f64) -> (u64, u64) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a pixel")]
        let value = value as usize;
        (self.0[..value].iter().sum(), self.0[value])
    }

    fn extremes(&self) -> (f64, f64) {
        let end = |found: Option<usize>| found.map_or(f64::NAN, |value| value as f64);
        let some = |&count: &u64| count > 0;
        (end(self.0.iter().position(some)), end(self.0.iter().rposition(some)))
    }

    fn moments(&self) -> Moments {
        self.moments_in((0, self.0.len() as u64), 0.0)
    }

    fn interval(&self, below: &dyn Fn(f64) -> bool, within: &dyn Fn(f64) -> bool) -> (u64, u64) {
        (self.search(below), self.search(within))
    }

    #[allow(clippy::cast_possible_truncation, reason = "the interval lies in the table")]
    fn moments_in(&self, interval: (u64, u64), _pivot: f64) -> Moments {
        let (mut count, mut first, mut second) = (0_u64, 0_u128, 0_u128);
        for value in interval.0..interval.1.max(interval.0) {
            let times = self.0[value as usize];
            count += times;
            first += u128::from(times) * u128::from(value);
            second += u128::from(times) * u128::from(value * value);
        }
        let (n, sum) = (count as f64, first as f64);
        let spread = u128::from(count) * second - first * first; // never negative
        let variance = if count > 1 { spread as f64 / n / (n - 1.0) } else { f64::NAN };
        Moments { count, sum, mean: sum / n, variance }
    }

    fn member(&self, _interval: (u64, u64)) -> Option<f64> {
        None // whole numbers lose no digits
    }
}
