//! The middle one of many numbers, found by counting.

use std::array::from_fn;

use crate::simd::dispatched;

/// So few are gone through one by one rather than halved again.
const FEW: usize = 4;

/// The number of rank `rank`, from 0, in the order of size; none where there are fewer.
///
/// `hint` is where it may lie: a good one saves time, a bad one changes nothing.
pub fn ranked(values: &[u32], rank: usize, hint: u32) -> Option<u32> {
    if rank >= values.len() {
        return None;
    }
    // All values lie in low..=high; `below` are less than low, `within` no more than high.
    let (mut low, mut high) = (0_u32, u32::MAX);
    let (mut below, mut within) = (0, values.len());
    // A sixteenth of the value to either side, as the bits of floats go.
    let mut guesses = [hint.saturating_sub(1 << 19), hint.saturating_add(1 << 19)].into_iter();
    let mut halve = false;
    while within - below > FEW && low < high {
        let inside = guesses.next().filter(|guess| (low..high).contains(guess));
        // Where the numbers are spread evenly the first rule is best; the second always ends.
        let guess = inside.unwrap_or_else(|| {
            halve = !halve;
            let share = if halve {
                interpolated(rank - below, within - below, high - low)
            } else {
                (high - low) / 2
            };
            low + share.min(high - low - 1)
        });
        let count = count_to(values, guess);
        if count > rank {
            (high, within) = (guess, count);
        } else {
            (low, below) = (guess + 1, count);
        }
    }
    loop {
        let value = least_from(values, low);
        if count_to(values, value) > rank || value == u32::MAX {
            return Some(value);
        }
        low = value + 1;
    }
}

/// The part of `span` that `rank` is of `count`.
#[allow(clippy::cast_possible_truncation, reason = "the rank is below the count")]
fn interpolated(rank: usize, count: usize, span: u32) -> u32 {
    (u64::from(span) * (2 * rank as u64 + 1) / (2 * count as u64)) as u32
}

dispatched! {
    /// How many are no larger than `limit`.
    fn count_to(values: &[u32], limit: u32) -> usize {
        let count = |chunk: &[u32]| chunk.iter().map(|value| u32::from(*value <= limit)).sum::<u32>();
        values.chunks(1 << 16).map(|chunk| count(chunk) as usize).sum()
    }

    /// The smallest that is no smaller than `limit`.
    fn least_from(values: &[u32], limit: u32) -> u32 {
        let reach = |value: u32| if value < limit { u32::MAX } else { value };
        // Lanes of their own, since compilers part no minimum into some by themselves.
        let mut lanes = [u32::MAX; 16];
        let (chunks, rest) = values.as_chunks::<16>();
        for chunk in chunks {
            lanes = from_fn(|lane| lanes[lane].min(reach(chunk[lane])));
        }
        rest.iter().map(|value| reach(*value)).chain(lanes).fold(u32::MAX, u32::min)
    }
}

#[cfg(test)]
mod tests {
    use super::ranked;

    #[test]
    fn every_rank_is_that_of_the_sorted_numbers_whatever_the_hint() {
        let mut state = 7_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 3
        };
        for count in [1_usize, 2, 63, 64, 65, 500, 3000] {
            for divisor in [1, 1 << 20, 1 << 28, u32::MAX] {
                let values: Vec<u32> = (0..count).map(|_| random() / divisor).collect();
                let mut sorted = values.clone();
                sorted.sort_unstable();
                for rank in [0, count / 3, (count - 1) / 2, count - 1] {
                    for hint in [0, sorted[rank], u32::MAX, 1 << 30] {
                        assert_eq!(ranked(&values, rank, hint), Some(sorted[rank]));
                    }
                }
                assert_eq!(ranked(&values, count, 0), None);
            }
        }
    }
}
