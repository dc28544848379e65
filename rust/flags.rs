//! Flags of a mask: how many pixels have each of them.

use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::rows::together;
use crate::simd::dispatched;

/// Bits of a mask.
pub const BITS: usize = 32;
/// Pixels that are passed over together when none of them has a flag.
const CHUNK: usize = 512;
/// Rows of one task.
const BAND: usize = 64;

dispatched! {
    /// Add to `counts` how many pixels of a row have each bit.
    pub fn count_bits(row: &[i32], counts: &mut [u64; BITS]) {
        for chunk in row.chunks(CHUNK) {
            let any = chunk.iter().fold(0, |any, flags| any | flags);
            let mut left = any.cast_unsigned();
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                let count = chunk.iter().fold(0_i32, |sum, flags| sum + (flags >> bit & 1));
                counts[bit as usize] += u64::from(count.cast_unsigned());
            }
        }
    }

    /// Whether some pixel of a row has a bit of `some` and none of `none`.
    pub fn has_without(row: &[i32], some: i32, none: i32) -> bool {
        row.chunks(CHUNK).any(|chunk| {
            let hit = |flags: &i32| i32::from(flags & some != 0) & i32::from(flags & none == 0);
            chunk.iter().fold(0, |any, flags| any | hit(flags)) != 0
        })
    }
}

/// How many pixels of a mask have each bit.
#[must_use]
pub fn count_planes(mask: ArrayView2<'_, i32>) -> [u64; BITS] {
    let bands: Vec<_> = mask.axis_chunks_iter(Axis(0), BAND).collect();
    let count = |band: &ArrayView2<'_, i32>| {
        let mut counts = [0; BITS];
        match band.as_slice() {
            Some(pixels) => count_bits(pixels, &mut counts),
            None => band.outer_iter().for_each(|row| count_bits(&together(row), &mut counts)),
        }
        counts
    };
    let both = |mut one: [u64; BITS], other: [u64; BITS]| {
        one.iter_mut().zip(other).for_each(|(one, other)| *one += other);
        one
    };
    bands.par_iter().map(count).reduce(|| [0; BITS], both)
}

/// Whether some pixel of a mask has a bit of `some` and none of `none`.
#[must_use]
pub fn any_without(mask: ArrayView2<'_, i32>, some: i32, none: i32) -> bool {
    let bands: Vec<_> = mask.axis_chunks_iter(Axis(0), BAND).collect();
    bands.par_iter().any(|band| {
        band.as_slice().map_or_else(
            || band.outer_iter().any(|row| has_without(&together(row), some, none)),
            |pixels| has_without(pixels, some, none),
        )
    })
}
