//! Gzip members of the planes of bytes that pixels are parted into.
//!
//! A plane holds runs of one byte, bytes of few kinds, or noise. So there is no search for what
//! occurred before: each plane is a block of its own, with a Huffman code of its own and matches
//! of the byte just before only, or it is stored as it is.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::huffman;
use crate::simd::dispatched;

/// The most bytes that share a code.
const PART: usize = 1 << 15;

/// The symbol that ends a block.
const END: usize = 256;

/// Symbols of literals, the end, and lengths.
const SYMBOLS: usize = huffman::SYMBOLS;

/// Symbols of the code for the lengths of codes, in the order in which deflate sends them.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The longest match.
const LONGEST: usize = 258;

/// What a member begins with: no name, no time, no system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// 256 log2(1 + x / 256): bits in fractions that are the same on every machine.
const LOGARITHMS: [u32; 256] = logarithms();

const fn logarithms() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        // Each squaring of a number from 1 to 2 yields one bit of its logarithm.
        let mut number = (256 + at as u64) << 22;
        let (mut bits, mut bit) = (0, 128);
        while bit > 0 {
            number = (number * number) >> 30;
            if number >= 1 << 31 {
                bits += bit;
                number >>= 1;
            }
            bit /= 2;
        }
        table[at] = bits;
        at += 1;
    }
    table
}

/// 256 log2 of a number above 0.
fn logarithm(number: u32) -> u32 {
    let whole = number.ilog2();
    let fraction = (u64::from(number) << 8 >> whole) & 0xff;
    #[allow(clippy::cast_possible_truncation, reason = "eight bits remain")]
    let fraction = fraction as usize;
    (whole << 8) + LOGARITHMS[fraction]
}

/// Bits in order, from the lowest of each byte.
struct Bits<'a> {
    out: &'a mut [u8],
    next: usize,
    word: u64,
    count: u32,
}

impl Bits<'_> {
    /// Append up to 57 bits in all before the next [`Bits::flush`].
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the inside of every loop")]
    fn put(&mut self, value: u64, count: u32) {
        self.word |= value << self.count;
        self.count += count;
    }

    /// Send all whole bytes.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the inside of every loop")]
    fn flush(&mut self) {
        if let Some(place) = self.out.get_mut(self.next..self.next + 8) {
            place.copy_from_slice(&self.word.to_le_bytes());
        }
        let bytes = self.count >> 3;
        self.next += bytes as usize;
        self.word >>= bytes << 3;
        self.count &= 7;
    }

    /// Fill the last byte with zeros.
    fn align(&mut self) {
        self.count = self.count.next_multiple_of(8);
        self.flush();
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(place) = self.out.get_mut(self.next..self.next + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        self.next += bytes.len();
    }
}

/// A Huffman code: bits and their number, of each symbol.
struct Code {
    lengths: [u8; SYMBOLS],
    bits: [u16; SYMBOLS],
}

impl Code {
    fn new(counts: &[u32; SYMBOLS], limit: u8) -> Self {
        let mut code = Self { lengths: [0; SYMBOLS], bits: [0; SYMBOLS] };
        huffman::lengths(counts, limit, &mut code.lengths);
        huffman::codes(&code.lengths, &mut code.bits);
        code
    }

    /// The number of symbols up to the last that occurs, `least` at least.
    fn used(&self, least: usize) -> usize {
        let end = self.lengths.iter().rposition(|length| *length > 0);
        end.map_or(0, |end| end + 1).max(least)
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is the inside of every loop")]
    fn put(&self, symbol: usize, bits: &mut Bits<'_>) {
        bits.put(u64::from(self.bits[symbol]), u32::from(self.lengths[symbol]));
    }
}

/// A length as deflate has it: its symbol, and the value and number of its extra bits.
fn length_symbol(length: usize) -> (usize, u64, u32) {
    if length == LONGEST {
        return (285, 0, 0);
    }
    let over = length - 3;
    if over < 8 {
        return (257 + over, 0, 0);
    }
    // Four symbols for each power of two.
    let extra = over.ilog2() - 2;
    let symbol = 257 + 4 * extra as usize + (over >> extra);
    (symbol, over as u64 & ((1 << extra) - 1), extra)
}

/// Cut bytes into single ones and repeats of the byte before that are `least` or longer.
fn cut(bytes: &[u8], least: usize, mut single: impl FnMut(u8), mut repeat: impl FnMut(usize)) {
    for run in bytes.chunk_by(|left, right| left == right) {
        single(run[0]);
        let mut left = run.len() - 1;
        while left >= least.max(3) {
            let length = left.min(LONGEST);
            repeat(length);
            left -= length;
        }
        (0..left).for_each(|_| single(run[0]));
    }
}

/// Makes gzip members; it keeps its memory from one to the next.
#[derive(Default)]
pub struct Deflater {
    general: Option<Compress>,
}

impl Deflater {
    /// Append a member that holds `bytes`, of any kind.
    pub fn gzip(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        let general =
            self.general.get_or_insert_with(|| Compress::new(Compression::default(), false));
        general.reset();
        let start = out.len();
        let mut done = 0;
        loop {
            out.reserve(bytes.len() / 8 + 256);
            let status = general.compress_vec(&bytes[done..], out, FlushCompress::Finish);
            done = usize::try_from(general.total_in()).unwrap_or(bytes.len()).min(bytes.len());
            match status {
                Ok(Status::Ok | Status::BufError) => {}
                Ok(Status::StreamEnd) => break,
                // It was told nothing that could be wrong; stored bytes are right all the same.
                Err(_) => {
                    out.truncate(start);
                    store(bytes, out);
                    break;
                }
            }
        }
        trailer(bytes, out);
    }

    /// Append a member that holds `bytes`, which are planes of `plane` bytes each.
    pub fn gzip_planes(&mut self, bytes: &[u8], plane: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&HEADER);
        let parts = || bytes.chunks(plane.max(1)).flat_map(|plane| plane.chunks(PART));
        let last = parts().count().saturating_sub(1);
        let start = out.len();
        // No block is longer than a stored one, by more than the header of one that is not.
        let most = bytes.len() + (last + 1) * 8 + 1024;
        out.resize(start + most, 0);
        let mut bits = Bits { out: &mut out[start..], next: 0, word: 0, count: 0 };
        if bytes.is_empty() {
            put_stored(&[], true, &mut bits);
        }
        for (number, part) in parts().enumerate() {
            block(part, number == last, &mut bits);
        }
        bits.align();
        let length = bits.next;
        out.truncate(start + length);
        trailer(bytes, out);
    }
}

/// The check sum and the size.
fn trailer(bytes: &[u8], out: &mut Vec<u8>) {
    let mut sum = Crc::new();
    sum.update(bytes);
    out.extend_from_slice(&sum.sum().to_le_bytes());
    #[allow(clippy::cast_possible_truncation, reason = "gzip keeps the lowest 32 bits")]
    let size = bytes.len() as u32;
    out.extend_from_slice(&size.to_le_bytes());
}

/// Append deflated bytes that are stored as they are.
fn store(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let parts = bytes.chunks(PART).len().max(1);
    out.resize(start + bytes.len() + 8 * (parts + 1), 0);
    let mut bits = Bits { out: &mut out[start..], next: 0, word: 0, count: 0 };
    let mut left = bytes;
    loop {
        let (part, rest) = left.split_at(left.len().min(PART));
        put_stored(part, rest.is_empty(), &mut bits);
        if rest.is_empty() {
            break;
        }
        left = rest;
    }
    let length = bits.next;
    out.truncate(start + length);
}

fn put_stored(bytes: &[u8], last: bool, bits: &mut Bits<'_>) {
    bits.put(u64::from(last), 3);
    bits.align();
    #[allow(clippy::cast_possible_truncation, reason = "a part is shorter than 2^16")]
    let length = bytes.len() as u16;
    bits.bytes(&length.to_le_bytes());
    bits.bytes(&(!length).to_le_bytes());
    bits.bytes(bytes);
}

/// Append one block, in whichever form is the shortest by estimate.
fn block(bytes: &[u8], last: bool, bits: &mut Bits<'_>) {
    let (counts, repeats) = histogram(bytes);
    let total = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // The entropy [1/256 bit], and what it takes to send the code.
    let whole = u64::from(total) * u64::from(logarithm(total));
    let parts = counts.iter().filter(|count| **count > 0);
    let (kinds, spent) = parts.fold((0_u64, 0_u64), |(kinds, spent), count| {
        (kinds + 1, spent + u64::from(*count) * u64::from(logarithm(*count)))
    });
    let entropy = whole - spent.min(whole);
    let runs = repeats > total / 4;
    if !runs && entropy + 256 * (40 + 3 * kinds) >= 256 * 8 * u64::from(total) {
        put_stored(bytes, last, bits);
        return;
    }
    // No byte takes less than one bit, and a repeat some eight.
    let each = (entropy / u64::from(total)).clamp(256, 2048);
    let shortest = usize::try_from((8 * 256_u64).div_ceil(each)).unwrap_or(8);
    let mut symbols = [0; SYMBOLS];
    let mut matched = false;
    if runs {
        let counts = std::cell::RefCell::new(&mut symbols);
        cut(
            bytes,
            shortest,
            |byte| counts.borrow_mut()[usize::from(byte)] += 1,
            |length| {
                counts.borrow_mut()[length_symbol(length).0] += 1;
                matched = true;
            },
        );
    } else {
        symbols[..256].copy_from_slice(&counts);
    }
    symbols[END] = 1;
    let code = Code::new(&symbols, 15);
    let begin = (bits.next, bits.word, bits.count);
    bits.put(u64::from(last) | 4, 3);
    put_code(&code, matched, bits);
    if runs {
        put_runs(bytes, shortest, &code, bits);
    } else {
        put_bytes(bytes, &code, bits);
    }
    code.put(END, bits);
    bits.flush();
    if bits.next > begin.0 + bytes.len() + 5 {
        (bits.next, bits.word, bits.count) = begin;
        put_stored(bytes, last, bits);
    }
}

/// How often each byte occurs, and how often it is that of the place before.
fn histogram(bytes: &[u8]) -> ([u32; 256], u32) {
    // Several tables, so that equal neighbours need not wait for each other.
    let mut tables = [[0_u32; 256]; 4];
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        for (table, byte) in tables.iter_mut().zip(word) {
            table[usize::from(*byte)] += 1;
        }
    }
    for byte in rest {
        tables[0][usize::from(*byte)] += 1;
    }
    let [mut counts, others @ ..] = tables;
    for table in &others {
        for (count, more) in counts.iter_mut().zip(table) {
            *count += more;
        }
    }
    (counts, repeats(bytes))
}

dispatched! {
    fn repeats(bytes: &[u8]) -> u32 {
        let Some(ahead) = bytes.get(1..) else { return 0 };
        let pieces = bytes.chunks(128).zip(ahead.chunks(128));
        let count = |(here, next): (&[u8], &[u8])| {
            u32::from(here.iter().zip(next).map(|(a, b)| u8::from(a == b)).sum::<u8>())
        };
        pieces.map(count).sum()
    }

    fn put_bytes(bytes: &[u8], code: &Code, bits: &mut Bits<'_>) {
        let (threes, rest) = bytes.as_chunks::<3>();
        for three in threes {
            for byte in three {
                code.put(usize::from(*byte), bits);
            }
            bits.flush();
        }
        for byte in rest {
            code.put(usize::from(*byte), bits);
        }
        bits.flush();
    }
}

fn put_runs(bytes: &[u8], least: usize, code: &Code, bits: &mut Bits<'_>) {
    let bits = std::cell::RefCell::new(bits);
    cut(
        bytes,
        least,
        |byte| {
            let bits = &mut bits.borrow_mut();
            code.put(usize::from(byte), bits);
            bits.flush();
        },
        |length| {
            let bits = &mut bits.borrow_mut();
            let (symbol, extra, count) = length_symbol(length);
            code.put(symbol, bits);
            bits.put(extra, count);
            // The only distance, one place, has a code of one bit.
            bits.put(0, 1);
            bits.flush();
        },
    );
}

/// Send a code: the lengths of literals and lengths, and of the one distance, if it is used.
fn put_code(code: &Code, matched: bool, bits: &mut Bits<'_>) {
    let literals = code.used(257);
    let mut lengths = [0_u8; SYMBOLS + 1];
    lengths[..literals].copy_from_slice(&code.lengths[..literals]);
    lengths[literals] = u8::from(matched);
    let lengths = &lengths[..=literals];

    // Symbols of these lengths: themselves, or repeats with a number.
    let mut sent = [(0_usize, 0_u64, 0_u32); SYMBOLS + 1];
    let mut count = 0;
    let mut add = |symbol: usize, extra: usize, wide: u32| {
        sent[count] = (symbol, extra as u64, wide);
        count += 1;
    };
    for run in lengths.chunk_by(|left, right| left == right) {
        let length = usize::from(run[0]);
        let mut left = run.len();
        if length == 0 {
            while left >= 11 {
                add(18, left.min(138) - 11, 7);
                left -= left.min(138);
            }
            if left >= 3 {
                add(17, left - 3, 3);
                left = 0;
            }
        } else {
            add(length, 0, 0);
            left -= 1;
            while left >= 3 {
                add(16, left.min(6) - 3, 2);
                left -= left.min(6);
            }
        }
        (0..left).for_each(|_| add(length, 0, 0));
    }
    let sent = &sent[..count];
    let mut counts = [0; SYMBOLS];
    for (symbol, ..) in sent {
        counts[*symbol] += 1;
    }
    let small = Code::new(&counts, 7);
    let kept = ORDER.iter().rposition(|symbol| small.lengths[*symbol] > 0);
    let kept = kept.map_or(4, |last| last + 1).max(4);
    bits.put(literals as u64 - 257, 5);
    bits.put(0, 5);
    bits.put(kept as u64 - 4, 4);
    bits.flush();
    for symbol in &ORDER[..kept] {
        bits.put(u64::from(small.lengths[*symbol]), 3);
        bits.flush();
    }
    for (symbol, extra, wide) in sent {
        small.put(*symbol, bits);
        bits.put(*extra, *wide);
        bits.flush();
    }
}
