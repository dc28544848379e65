//! A small frame of few different values, such as the counts of a strip less a level: counted.

use super::blocks::Source;
use super::radix::Key;
use crate::simd::dispatched;

/// Steps from the lowest to the highest value, at most: the tables fit into the nearest cache.
const BINS: usize = 1 << 11;
/// The place of what is not finite.
const NOWHERE: u16 = 1 << 11;
/// Places of a table.
const TABLE: usize = 2 * BINS;
/// Tables that take turns, because neighbours often fall into one bin and would wait for it.
const TURNS: usize = 4;
/// Values whose places are found together.
const GROUP: usize = 256;
/// Values that are looked at side by side.
const LANES: usize = 16;
/// Doubled values up to here become whole when [`WHOLE`] is added and taken away.
const LARGEST: f32 = 4_194_304.0;
const WHOLE: f32 = 12_582_912.0;
/// The sum of this and a small whole number ends with the bits of that number.
const UNIT: f32 = 8_388_608.0;

/// How many of the finite values lie up to each step of a grid.
pub(super) struct Grid<T> {
    low: T,
    up_to: Vec<u64>,
}

impl<T: Key> Grid<T> {
    /// None if some value lies beside the grid, or they reach too far.
    pub(super) fn new(source: &Source<'_, T>) -> Option<Self> {
        let spans: Option<Vec<_>> = source.map(T::span).into_iter().collect();
        let wider = |one: (T, T), other: (T, T)| {
            let low = if other.0 < one.0 { other.0 } else { one.0 };
            (low, if other.1 > one.1 { other.1 } else { one.1 })
        };
        let (low, high) = spans?.into_iter().reduce(wider).filter(|(low, high)| low <= high)?;
        if !T::is_near(low, high, BINS) {
            return None;
        }
        let counts = source.tally(TURNS * TABLE, |values, table| {
            let [one, two, three, four] = table.as_chunks_mut::<TABLE>().0 else { return };
            let mut places = [NOWHERE; GROUP];
            for group in values.chunks(GROUP) {
                T::places(group, low, &mut places);
                places[group.len()..].fill(NOWHERE);
                for [a, b, c, d] in places.as_chunks::<TURNS>().0 {
                    one[usize::from(*a) % TABLE] += 1;
                    two[usize::from(*b) % TABLE] += 1;
                    three[usize::from(*c) % TABLE] += 1;
                    four[usize::from(*d) % TABLE] += 1;
                }
            }
        });
        let (mut total, mut up_to) = (0, vec![0; BINS]);
        for (bin, up_to) in up_to.iter_mut().enumerate() {
            total += counts.iter().skip(bin).step_by(TABLE).sum::<u64>();
            *up_to = total;
        }
        Some(Self { low, up_to })
    }

    pub(super) fn count(&self) -> u64 {
        self.up_to.last().copied().unwrap_or(0)
    }

    /// The value of a rank.
    pub(super) fn ranked(&self, rank: u64) -> f64 {
        T::after(self.low, self.up_to.partition_point(|&count| count <= rank)).value()
    }
}

/// Smallest and largest of the finite values, the former larger if there is none.
///
/// None if one of them, twice, is no whole number, is large, or is a negative zero, whose order no
/// number tells.
pub(super) fn span_f32(values: &[f32]) -> Option<(f32, f32)> {
    let (low, high, good) = halves(values);
    good.then_some((low, high))
}

dispatched! {
    /// Steps of one half from `low` up to each value.
    #[allow(clippy::cast_possible_truncation, reason = "a grid has few steps")]
    pub(super) fn places_f32(values: &[f32], low: f32, to: &mut [u16]) {
        for (to, value) in to.iter_mut().zip(values) {
            let place = ((value - low) * 2.0 + UNIT).to_bits() as u16;
            *to = if value.is_finite() { place } else { NOWHERE };
        }
    }

    #[allow(
        clippy::needless_bitwise_bool,
        clippy::float_cmp,
        reason = "without branches the loop keeps its pace; a whole number comes back the same"
    )]
    fn halves(values: &[f32]) -> (f32, f32, bool) {
        let (mut low, mut high) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
        let mut odd = [0_u32; LANES];
        let mut look = |group: &[f32; LANES]| {
            let (mut least, mut most, mut beside) = (low, high, odd);
            for lane in 0..LANES {
                let value = group[lane];
                let (finite, twice) = (value.is_finite(), value * 2.0);
                let whole = (twice + WHOLE) - WHOLE == twice;
                let plain = (twice.abs() < LARGEST) & (value.to_bits() != 0x8000_0000);
                beside[lane] |= u32::from(finite & !(whole & plain));
                let (up, down) = if finite { (value, value) } else { (low[lane], high[lane]) };
                least[lane] = if up < low[lane] { up } else { low[lane] };
                most[lane] = if down > high[lane] { down } else { high[lane] };
            }
            (low, high, odd) = (least, most, beside);
        };
        let (groups, rest) = values.as_chunks::<LANES>();
        groups.iter().for_each(&mut look);
        let mut group = [f32::NAN; LANES];
        group[..rest.len()].copy_from_slice(rest);
        look(&group);
        let low = low.into_iter().fold(f32::INFINITY, f32::min);
        let high = high.into_iter().fold(f32::NEG_INFINITY, f32::max);
        (low, high, odd == [0; LANES])
    }
}

#[cfg(test)]
mod tests {
    use super::span_f32;

    #[test]
    fn whole_and_half_numbers_lie_on_the_grid() {
        let mut values = vec![f32::NAN, 3.5, -7.0, 0.0, f32::INFINITY];
        assert_eq!(span_f32(&values), Some((-7.0, 3.5)));
        assert_eq!(span_f32(&[f32::NAN]), Some((f32::INFINITY, f32::NEG_INFINITY)));
        for odd in [0.25, -0.0, 4e6, 1e-40, f32::MAX] {
            values.push(odd);
            assert_eq!(span_f32(&values), None, "{odd}");
            values.pop();
        }
    }
}
