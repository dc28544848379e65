//! The Rice code of FITS tiles (`RICE_1`): differences of neighbouring pixels, in blocks that
//! each choose how many low bits are stored as they are.

/// Why a tile could not be decoded.
pub type Problem = &'static str;

const SHORT: Problem = "its Rice code ends early";

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

/// Bits in order, from the highest of each byte.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
    /// The bits that come next, from the top; those below `count` are zero or true.
    word: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, word: 0, count: 0 }
    }

    /// Have at least 56 bits at hand; beyond the end they are zero.
    #[inline]
    fn refill(&mut self) {
        let ahead = self.bytes.get(self.next..).and_then(<[u8]>::first_chunk::<8>);
        let bytes = match ahead {
            Some(chunk) => *chunk,
            None => self.last_bytes(),
        };
        self.word |= u64::from_be_bytes(bytes) >> self.count;
        self.next += ((63 - self.count) >> 3) as usize;
        self.count |= 0x38;
    }

    #[cold]
    fn last_bytes(&self) -> [u8; 8] {
        let mut bytes = [0; 8];
        if let Some(rest) = self.bytes.get(self.next..) {
            let count = rest.len().min(8);
            bytes[..count].copy_from_slice(&rest[..count]);
        }
        bytes
    }

    /// The next `count` bits, 1 to 32.
    #[inline]
    fn take(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.refill();
        }
        #[allow(clippy::cast_possible_truncation, reason = "at most 32 bits remain")]
        let bits = (self.word >> (64 - count)) as u32;
        self.word <<= count;
        self.count -= count;
        bits
    }

    /// A run of zeros, its one, and `low` bits: the long way, when it may outreach the word.
    #[cold]
    fn take_long(&mut self, low: u32) -> Result<u32, Problem> {
        let mut zeros = 0_u32;
        loop {
            self.refill();
            let run = self.word.leading_zeros();
            if run < self.count {
                zeros = zeros.saturating_add(run);
                self.word <<= run;
                self.word <<= 1;
                self.count -= run + 1;
                break;
            }
            zeros = zeros.saturating_add(self.count);
            self.word = 0;
            self.count = 0;
            if self.next >= self.bytes.len() {
                return Err(SHORT);
            }
        }
        let rest = if low == 0 { 0 } else { self.take(low) };
        if zeros.leading_zeros() < low {
            return Err("its Rice code holds a difference that no pixel can have");
        }
        Ok((zeros << low) | rest)
    }

    /// Whether more bits were taken than there are.
    fn overdrawn(&self) -> bool {
        self.next * 8 > self.bytes.len() * 8 + self.count as usize
    }
}

/// Decode one tile into `out`; `convert` makes a pixel from its bits, of which the lowest count.
///
/// `block` is the number of pixels that share a choice (`BLOCKSIZE`).
///
/// # Errors
///
/// When the code ends before the last pixel, or holds what no encoder writes.
pub fn decode<T>(
    code: &[u8],
    width: Width,
    block: usize,
    out: &mut [T],
    mut convert: impl FnMut(u32) -> T,
) -> Result<(), Problem> {
    if block == 0 {
        return Err("its Rice blocks hold no pixel");
    }
    let mut bits = Bits::new(code);
    let mut last = bits.take(width.bytes * 8);
    for pixels in out.chunks_mut(block) {
        let choice = bits.take(width.choice);
        if choice == 0 {
            pixels.fill_with(|| convert(last));
        } else if choice < width.whole {
            last = decode_block(&mut bits, choice - 1, last, pixels, &mut convert)?;
        } else if choice == width.whole {
            for pixel in pixels {
                last = last.wrapping_add(signed(bits.take(width.bytes * 8)));
                *pixel = convert(last);
            }
        } else {
            return Err("its Rice code chooses what does not exist");
        }
        if bits.overdrawn() {
            return Err(SHORT);
        }
    }
    Ok(())
}

/// The pixels of one block with `low` bits stored as they are; the last of them comes back.
#[inline]
fn decode_block<T>(
    bits: &mut Bits<'_>,
    low: u32,
    mut last: u32,
    pixels: &mut [T],
    convert: &mut impl FnMut(u32) -> T,
) -> Result<u32, Problem> {
    for pair in pixels.chunks_mut(2) {
        bits.refill();
        for pixel in pair {
            let zeros = bits.word.leading_zeros();
            let taken = zeros + 1 + low;
            let code = if taken <= bits.count {
                let rest = bits.word << zeros << 1;
                bits.word = rest << low;
                bits.count -= taken;
                #[allow(clippy::cast_possible_truncation, reason = "at most 25 bits remain")]
                let rest = (rest >> 1 >> (63 - low)) as u32;
                (zeros << low) | rest
            } else {
                bits.take_long(low)?
            };
            last = last.wrapping_add(signed(code));
            *pixel = convert(last);
        }
    }
    Ok(last)
}

/// Undo the folding of signed differences: 0, 1, 2, 3 were 0, -1, 1, -2.
#[inline]
fn signed(code: u32) -> u32 {
    (code >> 1) ^ (code & 1).wrapping_neg()
}
