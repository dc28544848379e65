//! Sums of the bytes of a FITS unit, as its `DATASUM` and `CHECKSUM` cards want them.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::simd::dispatched;

/// Bytes that one task adds up: well inside a cache.
const PIECE: usize = 1 << 16;

/// Words that are added side by side.
const LANES: usize = 32;

/// Words of a lane after which its halves of bytes would overflow.
const DEEP: usize = 256;

/// Ones' complement sum of big-endian 32-bit words.
///
/// Sums of the pieces of a unit add up to the sum of the unit, in whatever order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u32);

impl Sum {
    /// The sum of `bytes` that begin `phase` bytes after the start of a word of their unit; a
    /// word that they do not fill counts as if its other bytes were zero.
    #[must_use]
    pub fn of(bytes: &[u8], phase: u64) -> Self {
        let phase = usize::from(phase.to_le_bytes()[0] & 3);
        let (head, rest) = bytes.split_at(((4 - phase) % 4).min(bytes.len()));
        let mut word = [0; 4];
        word[phase..][..head.len()].copy_from_slice(head);
        Self(fold(u64::from(u32::from_be_bytes(word)) + u64::from(fold(add(rest)))))
    }

    /// The 32 bits of the sum, as a `DATASUM` card holds them.
    #[must_use]
    pub fn value(self) -> u32 {
        self.0
    }
}

impl From<u32> for Sum {
    fn from(value: u32) -> Self {
        Self(value)
    }
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.0 = fold(u64::from(self.0) + u64::from(other.0));
    }
}

impl std::iter::Sum for Sum {
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.fold(Self::default(), |mut total, sum| {
            total += sum;
            total
        })
    }
}

/// A sum that threads add to.
#[derive(Debug, Default)]
pub struct Total(AtomicU64);

impl Total {
    /// Add the sum of a piece, of fewer than 2^32 pieces.
    pub fn add(&self, sum: Sum) {
        self.0.fetch_add(u64::from(sum.0), Ordering::Relaxed);
    }

    /// The sum of all that was added.
    #[must_use]
    pub fn sum(&self) -> Sum {
        Sum(fold(self.0.load(Ordering::Relaxed)))
    }
}

/// Ones' complement sum of big-endian 32-bit words, added to the sum `start`, in parallel.
///
/// `bytes` begin `phase` bytes (0 to 3) after the start of a word; see [`Sum::of`].
#[must_use]
pub fn datasum(bytes: &[u8], start: u32, phase: usize) -> u32 {
    let (head, rest) = bytes.split_at(((4 - phase % 4) % 4).min(bytes.len()));
    let mut total = Sum::from(start);
    total += Sum::of(head, phase as u64);
    total += rest.par_chunks(PIECE).map(|piece| Sum::of(piece, 0)).sum::<Sum>();
    total.value()
}

dispatched! {
    /// Plain sum of the words, the last of which may be filled with zeros.
    fn add(bytes: &[u8]) -> u64 {
        let (rows, tail) = bytes.as_chunks::<{ 4 * LANES }>();
        let mut sum = 0;
        for rows in rows.chunks(DEEP) {
            // Two bytes of each word in the halves of a lane: no byte swap, so that every CPU
            // does this with its plain vector instructions.
            let (mut even, mut odd) = ([0_u32; LANES], [0_u32; LANES]);
            for row in rows {
                let (words, _) = row.as_chunks::<4>();
                for ((even, odd), word) in even.iter_mut().zip(&mut odd).zip(words) {
                    let word = u32::from_le_bytes(*word);
                    *even += word & 0x00ff_00ff;
                    *odd += (word >> 8) & 0x00ff_00ff;
                }
            }
            for (even, odd) in even.into_iter().zip(odd) {
                let half = |lane: u32| (u64::from(lane & 0xffff), u64::from(lane >> 16));
                let ((first, third), (second, fourth)) = (half(even), half(odd));
                sum += (first << 24) + (second << 16) + (third << 8) + fourth;
            }
        }
        let (words, last) = tail.as_chunks::<4>();
        let mut word = [0; 4];
        word[..last.len()].copy_from_slice(last);
        sum += u64::from(u32::from_be_bytes(word));
        sum + words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum::<u64>()
    }
}

/// Bring the carries around until 32 bits hold the sum.
fn fold(mut sum: u64) -> u32 {
    while sum > u64::from(u32::MAX) {
        sum = (sum >> 32) + (sum & u64::from(u32::MAX));
    }
    #[allow(clippy::cast_possible_truncation, reason = "the loop ends below 2^32")]
    let sum = sum as u32;
    sum
}
