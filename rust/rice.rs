//! The Rice code of FITS tiles (`RICE_1`): differences of neighbouring pixels, in blocks that
//! each choose how many low bits are stored as they are.

#![allow(clippy::inline_always, reason = "loops are compiled for the level of their callers")]

use crate::simd::dispatched;

/// Why a tile could not be decoded.
pub type Problem = &'static str;

const SHORT: Problem = "its Rice code ends early";

/// Bits that are true in any word that is read at any bit of a byte.
const AT_HAND: u32 = 57;

/// The most low bits with which four codes of ordinary length fit into a word; with more, two.
const FOUR: u32 = 10;

/// Bytes that hold a pixel in the code, 1, 2 or 4, and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    bytes: u32,
    /// Bits that hold the choice of a block.
    choice: u32,
    /// The choice that stores differences whole.
    whole: u32,
}

impl Width {
    /// The width of a `BYTEPIX` card; none for a number that the code does not know.
    #[must_use]
    pub fn new(bytes: u32) -> Option<Self> {
        match bytes {
            1 => Some(Self { bytes, choice: 3, whole: 7 }),
            2 => Some(Self { bytes, choice: 4, whole: 15 }),
            4 => Some(Self { bytes, choice: 5, whole: 26 }),
            _ => None,
        }
    }

    /// Bytes of a pixel.
    #[must_use]
    pub fn bytes(self) -> u32 {
        self.bytes
    }

    /// Bits that hold the choice of a block.
    #[must_use]
    pub fn choice(self) -> u32 {
        self.choice
    }

    /// The choice that stores differences whole.
    #[must_use]
    pub fn whole(self) -> u32 {
        self.whole
    }

    /// The most pixels that `length` bytes of code can hold.
    #[must_use]
    pub fn most_pixels(self, length: usize, block: usize) -> usize {
        let bits = length.saturating_sub(self.bytes as usize).saturating_mul(8);
        (bits / self.choice as usize).saturating_mul(block)
    }
}

/// Where in its code a tile is: a value of its own, so that it is kept in registers.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a> {
    code: &'a [u8],
    /// The next bit of the code; beyond its end all bits are zero.
    at: usize,
    /// The pixel before the next one.
    last: u32,
    problem: Option<Problem>,
}

impl Cursor<'_> {
    /// The word that begins with the next bit, of which [`AT_HAND`] bits are true.
    #[inline(always)]
    fn peek(&self) -> u64 {
        let first = self.at >> 3;
        let ahead = self.code.get(first..first + 8).and_then(<[u8]>::first_chunk);
        let bytes = match ahead {
            Some(chunk) => *chunk,
            None => last_bytes(self.code, first),
        };
        u64::from_be_bytes(bytes) << (self.at & 7)
    }

    /// The next `count` bits, 1 to 32.
    #[inline(always)]
    fn take(&mut self, count: u32) -> u32 {
        let word = self.peek();
        self.at += count as usize;
        #[allow(clippy::cast_possible_truncation, reason = "at most 32 bits remain")]
        let bits = (word >> (64 - count)) as u32;
        bits
    }

    fn bits(&self) -> usize {
        self.code.len().saturating_mul(8)
    }

    /// Decode the codes of one word without a look at where they end; if that was beyond the
    /// bits at hand, again and one by one.
    #[inline(always)]
    fn group<const N: usize>(&mut self, low: u32, pixels: &mut [u32; N]) {
        let (mut word, mut last, mut taken) = (self.peek(), self.last, 0);
        for pixel in pixels.iter_mut() {
            // In a word of zeros all this is void, and `taken` tells.
            let zeros = word.leading_zeros();
            let rest = word.wrapping_shl(zeros);
            #[allow(clippy::cast_possible_truncation, reason = "at most 26 bits remain")]
            let code = (zeros << low).wrapping_add((rest >> (63 - low)) as u32) - (1 << low);
            word = rest << (low + 1);
            taken += zeros;
            last = last.wrapping_add(signed(code));
            *pixel = last;
        }
        #[allow(clippy::cast_possible_truncation, reason = "two or four")]
        let taken = taken + (low + 1) * N as u32;
        if taken <= AT_HAND {
            self.at += taken as usize;
            self.last = last;
        } else {
            *self = self.one_by_one(low, pixels);
        }
    }

    #[cold]
    #[inline(never)]
    fn one_by_one(mut self, low: u32, pixels: &mut [u32]) -> Self {
        for pixel in pixels {
            match self.one(low) {
                Ok(code) => self.last = self.last.wrapping_add(signed(code)),
                Err(problem) => self.problem = self.problem.or(Some(problem)),
            }
            *pixel = self.last;
        }
        self
    }

    /// A run of zeros, its one, and `low` bits.
    fn one(&mut self, low: u32) -> Result<u32, Problem> {
        let mut zeros = 0_u32;
        loop {
            let run = self.peek().leading_zeros();
            if run < AT_HAND {
                zeros = zeros.saturating_add(run);
                self.at += run as usize + 1;
                break;
            }
            zeros = zeros.saturating_add(AT_HAND);
            self.at += AT_HAND as usize;
            if self.at >= self.bits() {
                return Err(SHORT);
            }
        }
        let rest = if low == 0 { 0 } else { self.take(low) };
        if zeros.leading_zeros() < low {
            return Err("its Rice code holds a difference that no pixel can have");
        }
        Ok((zeros << low) | rest)
    }
}

#[cold]
#[inline(never)]
fn last_bytes(code: &[u8], first: usize) -> [u8; 8] {
    let mut bytes = [0; 8];
    if let Some(rest) = code.get(first..) {
        let count = rest.len().min(8);
        bytes[..count].copy_from_slice(&rest[..count]);
    }
    bytes
}

/// A tile on its way out of its code, which stops wherever it is told to.
#[derive(Debug)]
pub struct Decoder<'a> {
    cursor: Cursor<'a>,
    width: Width,
    block: usize,
    /// What the present block chose, and how many of its pixels are to come.
    choice: u32,
    left: usize,
}

impl<'a> Decoder<'a> {
    /// For the code of one tile, where `block` pixels share a choice (`BLOCKSIZE`).
    #[must_use]
    pub fn new(code: &'a [u8], width: Width, block: usize) -> Self {
        let problem = (block == 0).then_some("its Rice blocks hold no pixel");
        let mut cursor = Cursor { code, at: 0, last: 0, problem };
        cursor.last = cursor.take(width.bytes * 8);
        Self { cursor, width, block, choice: 0, left: 0 }
    }

    /// What was wrong with the code, as far as it was decoded.
    ///
    /// # Errors
    ///
    /// When the code ended before the last pixel that was asked for, or holds what no encoder
    /// writes.
    pub fn finish(&self) -> Result<(), Problem> {
        self.cursor.problem.map_or(Ok(()), Err)
    }

    /// Read the choice of the next block, unless the present one has pixels left; false when
    /// the decoder cannot go on.
    #[inline(always)]
    fn begin(&mut self) -> bool {
        if self.left == 0 && self.cursor.problem.is_none() {
            self.choice = self.cursor.take(self.width.choice);
            self.left = self.block;
            if self.choice > self.width.whole {
                self.cursor.problem = Some("its Rice code chooses what does not exist");
            }
        }
        self.cursor.problem.is_none()
    }

    /// Note that `count` pixels of the block were decoded.
    #[inline(always)]
    fn end(&mut self, count: usize) {
        self.left -= count;
        if self.cursor.at > self.cursor.bits() {
            self.cursor.problem = self.cursor.problem.or(Some(SHORT));
        }
    }

    /// The bits that are stored as they are, if the block is coded with any choice of them.
    #[inline(always)]
    fn low(&self) -> Option<u32> {
        (self.choice > 0 && self.choice < self.width.whole).then(|| self.choice - 1)
    }

    /// Decode pixels of the present block, no more than it has left.
    #[inline(always)]
    fn segment(&mut self, pixels: &mut [u32]) {
        let mut cursor = self.cursor;
        if let Some(low) = self.low() {
            if low <= FOUR {
                cursor = coded::<4>(cursor, low, pixels);
            } else {
                cursor = coded::<2>(cursor, low, pixels);
            }
        } else if self.choice == 0 {
            pixels.fill(cursor.last);
        } else {
            for pixel in pixels {
                cursor.last = cursor.last.wrapping_add(signed(cursor.take(self.width.bytes * 8)));
                *pixel = cursor.last;
            }
        }
        self.cursor = cursor;
    }

    /// Decode the next pixels, their bits in the lowest of each; nothing once a problem arose.
    #[inline(always)]
    fn run(&mut self, mut pixels: &mut [u32]) {
        while !pixels.is_empty() && self.begin() {
            let count = self.left.min(pixels.len());
            let (now, then) = pixels.split_at_mut(count);
            self.segment(now);
            self.end(count);
            pixels = then;
        }
    }
}

#[inline(always)]
fn coded<'a, const N: usize>(mut cursor: Cursor<'a>, low: u32, pixels: &mut [u32]) -> Cursor<'a> {
    let (groups, rest) = pixels.as_chunks_mut::<N>();
    for group in groups {
        cursor.group(low, group);
    }
    if rest.is_empty() { cursor } else { cursor.one_by_one(low, rest) }
}

dispatched! {
    /// Decode the next pixels of a tile: the bits of each, of which those of its width count.
    ///
    /// What [`Decoder::finish`] finds wrong makes the rest of them void.
    pub fn decode(tile: &mut Decoder<'_>, pixels: &mut [u32]) {
        tile.run(pixels);
    }

    /// Decode the next pixels of two tiles, as many of each; faster than one after the other,
    /// for while the processor waits for a bit of one it can work at the other.
    pub fn decode_two(
        one: &mut Decoder<'_>,
        other: &mut Decoder<'_>,
        pixels: &mut [u32],
        others: &mut [u32],
    ) {
        let count = pixels.len().min(others.len());
        let mut done = 0;
        while done < count && one.begin() && other.begin() {
            let now = one.left.min(other.left).min(count - done);
            let (left, right) = (&mut pixels[done..done + now], &mut others[done..done + now]);
            done += now;
            match (one.low(), other.low()) {
                (Some(low), Some(high)) if low.max(high) <= FOUR => {
                    side_by_side::<4>(one, other, (low, high), left, right);
                }
                (Some(low), Some(high)) => {
                    side_by_side::<2>(one, other, (low, high), left, right);
                }
                _ => {
                    one.segment(left);
                    other.segment(right);
                }
            }
            one.end(now);
            other.end(now);
        }
        one.run(&mut pixels[done..]);
        other.run(&mut others[done..]);
    }
}

#[inline(always)]
fn side_by_side<const N: usize>(
    one: &mut Decoder<'_>,
    other: &mut Decoder<'_>,
    (low, high): (u32, u32),
    pixels: &mut [u32],
    others: &mut [u32],
) {
    let (mut left, mut right) = (one.cursor, other.cursor);
    let (groups, rest) = pixels.as_chunks_mut::<N>();
    let (more, others) = others.as_chunks_mut::<N>();
    for (pixels, others) in groups.iter_mut().zip(more) {
        left.group(low, pixels);
        right.group(high, others);
    }
    if !rest.is_empty() {
        left = left.one_by_one(low, rest);
        right = right.one_by_one(high, others);
    }
    (one.cursor, other.cursor) = (left, right);
}

/// Undo the folding of signed differences: 0, 1, 2, 3 were 0, -1, 1, -2.
#[inline(always)]
fn signed(code: u32) -> u32 {
    (code >> 1) ^ (code & 1).wrapping_neg()
}
