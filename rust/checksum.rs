//! Sums of the bytes of a FITS unit, as its `DATASUM` and `CHECKSUM` cards want them.

use rayon::prelude::*;

/// Bytes that one task adds up: well inside a cache, and far from overflowing a lane.
const PIECE: usize = 1 << 16;

/// Groups of four bytes after which 16-bit lanes of bytes would overflow.
const GROUPS: usize = 256;

/// Ones' complement sum of big-endian 32-bit words, added to the sum `start`.
///
/// `bytes` begin `phase` bytes (0 to 3) after the start of a word, and a word that they do not
/// fill counts as if its other bytes were zero. So the pieces of a unit may be summed in any
/// order, each with the phase at which it lies.
#[must_use]
pub fn datasum(bytes: &[u8], start: u32, phase: usize) -> u32 {
    let (head, rest) = bytes.split_at(((4 - phase % 4) % 4).min(bytes.len()));
    let mut word = [0; 4];
    word[phase % 4..][..head.len()].copy_from_slice(head);
    let first = u64::from(u32::from_be_bytes(word));
    let total: u64 = rest.par_chunks(PIECE).map(|piece| u64::from(fold(add(piece)))).sum();
    fold(u64::from(start) + first + u64::from(fold(total)))
}

/// Plain sum of the words of one piece.
fn add(bytes: &[u8]) -> u64 {
    let (words, tail) = bytes.as_chunks::<4>();
    let mut last = [0; 4];
    last[..tail.len()].copy_from_slice(tail);
    let mut sum = u64::from(u32::from_be_bytes(last));
    for group in words.chunks(GROUPS) {
        // Two bytes of each word in the halves of a lane: no byte swap, so that every CPU does
        // this with its plain vector instructions.
        let (mut even, mut odd) = (0_u32, 0_u32);
        for word in group {
            let word = u32::from_le_bytes(*word);
            even += word & 0x00ff_00ff;
            odd += (word >> 8) & 0x00ff_00ff;
        }
        let half = |lane: u32| (u64::from(lane & 0xffff), u64::from(lane >> 16));
        let ((first, third), (second, fourth)) = (half(even), half(odd));
        sum += (first << 24) + (second << 16) + (third << 8) + fourth;
    }
    sum
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
