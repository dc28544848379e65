//! The Rice code on its way out: each block chooses how many low bits it stores as they are.

use crate::rice::Width;
use crate::simd::dispatched;

/// Pixels that share a choice, as every writer has it.
pub const BLOCK: usize = 32;

/// Bits in order, from the highest of each byte.
struct Bits<'a> {
    out: &'a mut [u8],
    next: usize,
    /// The bits that are not out yet, from the top; fewer than 32 of them between calls.
    word: u64,
    count: u32,
}

impl Bits<'_> {
    /// Append `count` bits, 1 to 32; `value` has no others.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the inside of every loop")]
    fn put(&mut self, value: u64, count: u32) {
        self.count += count;
        self.word |= value << (64 - self.count);
        if self.count >= 32 {
            #[allow(clippy::cast_possible_truncation, reason = "32 bits remain")]
            let high = (self.word >> 32) as u32;
            if let Some(place) = self.out.get_mut(self.next..self.next + 4) {
                place.copy_from_slice(&high.to_be_bytes());
            }
            self.next += 4;
            self.word <<= 32;
            self.count -= 32;
        }
    }

    /// Append a run of zeros, its one, and `low` bits, when they are more than 32.
    #[cold]
    fn put_long(&mut self, mut zeros: u32, value: u64, count: u32) {
        while zeros > 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        if zeros > 0 {
            self.put(0, zeros);
        }
        self.put(value, count);
    }

    /// Fill the last byte with zeros; return the number of bytes.
    fn end(self) -> usize {
        let bytes = self.count.div_ceil(8) as usize;
        let last = self.word.to_be_bytes();
        if let Some(place) = self.out.get_mut(self.next..self.next + bytes) {
            place.copy_from_slice(&last[..bytes]);
        }
        self.next + bytes
    }
}

/// Append the code of a tile to `heap`; `pixels` are sign-extended (or as wide as the code), and
/// `folded` is memory to work in.
pub fn encode(pixels: &[i32], width: Width, folded: &mut Vec<u32>, heap: &mut Vec<u8>) {
    let start = heap.len();
    // No block is longer than one that stores its differences whole.
    let blocks = pixels.len().div_ceil(BLOCK);
    heap.resize(start + 8 + (blocks + 1) * (BLOCK + 1) * width.bytes() as usize, 0);
    folded.resize(pixels.len(), 0);
    let length = pack(pixels, width, folded, &mut heap[start..]);
    heap.truncate(start + length);
}

dispatched! {
    fn pack(pixels: &[i32], width: Width, folded: &mut [u32], out: &mut [u8]) -> usize {
        let size = 8 * width.bytes();
        fold(pixels, 32 - size, folded);
        let mut bits = Bits { out, next: 0, word: 0, count: 0 };
        let first = pixels.first().map_or(0, |pixel| pixel.cast_unsigned());
        bits.put(u64::from(first) & (u64::MAX >> (64 - size)), size);
        for block in folded.chunks(BLOCK) {
            let sum: u64 = block.iter().map(|value| u64::from(*value)).sum();
            if sum == 0 {
                bits.put(0, width.choice());
                continue;
            }
            let low = low_bits(sum, block.len() as u64);
            if low + 1 >= width.whole() {
                bits.put(u64::from(width.whole()), width.choice());
                for value in block {
                    bits.put(u64::from(*value), size);
                }
                continue;
            }
            bits.put(u64::from(low + 1), width.choice());
            pack_block(&mut bits, block, low);
        }
        bits.end()
    }
}

/// The differences of neighbours as whole numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for the level of its caller")]
fn fold(pixels: &[i32], spare: u32, folded: &mut [u32]) {
    let Some((first, rest)) = folded.split_first_mut() else { return };
    *first = 0;
    for (value, pair) in rest.iter_mut().zip(pixels.windows(2)) {
        // Differences wrap around at the width of the code.
        let difference = pair[1].wrapping_sub(pair[0]) << spare >> spare;
        *value = ((difference << 1) ^ (difference >> 31)).cast_unsigned();
    }
}

/// How many bits of the values of a block are best stored as they are.
fn low_bits(sum: u64, count: u64) -> u32 {
    let mean = sum.saturating_sub(count / 2 + 1) / count;
    64 - (mean >> 1).leading_zeros()
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled for the level of its caller")]
fn pack_block(bits: &mut Bits<'_>, block: &[u32], low: u32) {
    let (one, mask) = (1_u64 << low, (1_u64 << low) - 1);
    let code = |value: u32| {
        let zeros = value >> low;
        (zeros, (u64::from(value) & mask) | one, zeros.saturating_add(low + 1))
    };
    let (pairs, rest) = block.as_chunks::<2>();
    for [left, right] in pairs {
        let ((zeros, value, count), (others, other, more)) = (code(*left), code(*right));
        if count + more <= 32 {
            bits.put((value << more) | other, count + more);
            continue;
        }
        for (zeros, value, count) in [(zeros, value, count), (others, other, more)] {
            if count <= 32 {
                bits.put(value, count);
            } else {
                bits.put_long(zeros, value, low + 1);
            }
        }
    }
    for left in rest {
        let (zeros, value, _) = code(*left);
        bits.put_long(zeros, value, low + 1);
    }
}
