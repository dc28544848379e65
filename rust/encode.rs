//! Rows of pixels on their way into a tile-compressed FITS image: one tile for each row.

pub mod deflate;
mod huffman;
pub mod quantize;
pub mod rice;
mod select;

use rayon::prelude::*;

use crate::codec::Store;
use crate::dither::Method;
use crate::error::KernelError;
use crate::rice::Width;
use crate::simd::dispatched;
use quantize::Quantizer;

/// Rows that one task encodes: enough to share its memory, few enough for many tasks.
const PIECE: usize = 8;

/// Pixels in native order, as they are in memory.
#[derive(Debug, Clone, Copy)]
pub enum Pixels<'a> {
    /// `BITPIX` 8.
    U8(&'a [u8]),
    /// `BITPIX` 16.
    I16(&'a [i16]),
    /// `BITPIX` 16 with `BZERO` 32768.
    U16(&'a [u16]),
    /// `BITPIX` 32.
    I32(&'a [i32]),
    /// `BITPIX` -32.
    F32(&'a [f32]),
    /// `BITPIX` -64.
    F64(&'a [f64]),
}

impl<'a> Pixels<'a> {
    /// The number of pixels.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::U8(pixels) => pixels.len(),
            Self::I16(pixels) => pixels.len(),
            Self::U16(pixels) => pixels.len(),
            Self::I32(pixels) => pixels.len(),
            Self::F32(pixels) => pixels.len(),
            Self::F64(pixels) => pixels.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The pixels of one row.
    fn row(self, row: usize, columns: usize) -> Self {
        let cut = row * columns..(row + 1) * columns;
        match self {
            Self::U8(pixels) => Self::U8(&pixels[cut]),
            Self::I16(pixels) => Self::I16(&pixels[cut]),
            Self::U16(pixels) => Self::U16(&pixels[cut]),
            Self::I32(pixels) => Self::I32(&pixels[cut]),
            Self::F32(pixels) => Self::F32(&pixels[cut]),
            Self::F64(pixels) => Self::F64(&pixels[cut]),
        }
    }

    /// The width of the Rice code of such pixels; floats have none.
    #[must_use]
    pub fn width(self) -> Option<Width> {
        match self {
            Self::U8(_) => Width::new(1),
            Self::I16(_) | Self::U16(_) => Width::new(2),
            Self::I32(_) => Width::new(4),
            Self::F32(_) | Self::F64(_) => None,
        }
    }

    /// The integers that FITS stores, widened in `buffer`.
    fn integers<'b>(self, buffer: &'b mut Vec<i32>) -> &'b [i32]
    where
        'a: 'b,
    {
        buffer.clear();
        match self {
            Self::U8(pixels) => buffer.extend(pixels.iter().map(|p| i32::from(*p))),
            Self::I16(pixels) => buffer.extend(pixels.iter().map(|p| i32::from(*p))),
            // To subtract half the range is to turn the first bit over.
            Self::U16(pixels) => {
                buffer.extend(pixels.iter().map(|p| i32::from((p ^ 0x8000).cast_signed())));
            }
            Self::I32(pixels) => return pixels,
            Self::F32(_) | Self::F64(_) => {}
        }
        buffer
    }

    /// The bytes that FITS stores, pixel by pixel or, `shuffled`, first the high ones of all.
    fn bytes(self, shuffled: bool, out: &mut Vec<u8>) {
        out.clear();
        macro_rules! each {
            ($pixels:expr, $bits:expr) => {{
                let bits = $bits;
                let words = $pixels.iter().map(|pixel| bits(*pixel).to_be_bytes());
                if shuffled {
                    out.resize(size_of_val($pixels), 0);
                    for (at, bytes) in words.enumerate() {
                        for (place, byte) in bytes.into_iter().enumerate() {
                            out[place * $pixels.len() + at] = byte;
                        }
                    }
                } else {
                    out.extend(words.flatten());
                }
            }};
        }
        match self {
            Self::U8(pixels) => out.extend_from_slice(pixels),
            Self::I16(pixels) => each!(pixels, i16::cast_unsigned),
            Self::U16(pixels) => each!(pixels, |pixel: u16| pixel ^ 0x8000),
            Self::I32(pixels) => each!(pixels, i32::cast_unsigned),
            Self::F32(pixels) if shuffled => {
                out.resize(4 * pixels.len(), 0);
                shuffle(pixels, out);
            }
            Self::F32(pixels) => each!(pixels, f32::to_bits),
            Self::F64(pixels) => each!(pixels, f64::to_bits),
        }
    }
}

dispatched! {
    /// Part the bytes of floats into planes, the highest first.
    fn shuffle(pixels: &[f32], planes: &mut [u8]) {
        let (first, rest) = planes.split_at_mut(pixels.len());
        let (second, rest) = rest.split_at_mut(pixels.len());
        let (third, fourth) = rest.split_at_mut(pixels.len());
        let high = first.iter_mut().zip(second.iter_mut());
        let low = third.iter_mut().zip(fourth.iter_mut());
        for ((pixel, (a, b)), (c, d)) in pixels.iter().zip(high).zip(low) {
            [*a, *b, *c, *d] = pixel.to_bits().to_be_bytes();
        }
    }
}

/// What is done to the pixels of a tile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coding {
    /// `RICE_1` of integers.
    Rice,
    /// `GZIP_1`.
    Gzip,
    /// `GZIP_2`.
    Shuffled,
    /// `RICE_1` of floats that become integers first.
    Quantized {
        /// The dither.
        method: Method,
        /// Steps of the integers in the noise of a row.
        level: f64,
        /// `ZDITHER0`, 1 to 10000.
        dither0: usize,
    },
}

/// One tile: how long its code is, and how its pixels were quantised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tile {
    /// Bytes of its code.
    pub length: usize,
    /// The column of the table that the code belongs to.
    pub store: Store,
    /// `ZSCALE`.
    pub scale: f64,
    /// `ZZERO`.
    pub zero: f64,
}

/// Memory that the tiles of one task share.
#[derive(Default)]
struct Scratch {
    integers: Vec<i32>,
    folded: Vec<u32>,
    bytes: Vec<u8>,
    quantizer: Quantizer,
    deflater: deflate::Deflater,
}

/// Encode whole rows, the first of which is number `first` of its image.
///
/// The codes come back one after the other, in the order of the rows, and are the same whatever
/// the number of threads.
///
/// # Errors
///
/// [`KernelError::Value`] when the pixels are no whole rows, or cannot be coded in this way.
pub fn encode(
    pixels: Pixels<'_>,
    columns: usize,
    first: usize,
    coding: Coding,
) -> Result<(Vec<u8>, Vec<Tile>), KernelError> {
    let refuse = |name, problem| Err(KernelError::Value { name, problem });
    if columns == 0 || !pixels.len().is_multiple_of(columns) {
        return refuse("pixels", format!("are {}, no whole rows of {columns}", pixels.len()));
    }
    match (coding, pixels) {
        (Coding::Rice, Pixels::F32(_) | Pixels::F64(_)) => {
            return refuse("coding", "is RICE_1, which holds whole numbers only".to_owned());
        }
        (Coding::Quantized { level, dither0, .. }, Pixels::F32(_)) => {
            if !(level.is_finite() && level > 0.0) {
                return refuse("level", format!("is {level}, wanted a number above 0"));
            }
            if !(1..=10_000).contains(&dither0) {
                return refuse("dither0", format!("is {dither0}, wanted 1 to 10000"));
            }
        }
        (Coding::Quantized { .. }, _) => {
            return refuse("coding", "quantises float32 pixels only".to_owned());
        }
        _ => {}
    }
    let rows = pixels.len() / columns;
    let pieces: Vec<(Vec<u8>, Vec<Tile>)> = (0..rows.div_ceil(PIECE))
        .into_par_iter()
        .map_init(Scratch::default, |scratch, piece| {
            let mut heap = Vec::new();
            let rows = piece * PIECE..((piece + 1) * PIECE).min(rows);
            let encode =
                |row| encode_row(pixels.row(row, columns), first + row, coding, scratch, &mut heap);
            let tiles = rows.map(encode).collect();
            (heap, tiles)
        })
        .collect();
    let mut heap = Vec::with_capacity(pieces.iter().map(|(codes, _)| codes.len()).sum());
    let mut tiles = Vec::with_capacity(rows);
    for (codes, some) in pieces {
        heap.extend_from_slice(&codes);
        tiles.extend_from_slice(&some);
    }
    Ok((heap, tiles))
}

/// Append the code of one row.
fn encode_row(
    pixels: Pixels<'_>,
    row: usize,
    coding: Coding,
    scratch: &mut Scratch,
    heap: &mut Vec<u8>,
) -> Tile {
    let start = heap.len();
    let mut tile = Tile { length: 0, store: Store::Main, scale: 1.0, zero: 0.0 };
    match coding {
        Coding::Rice => {
            if let Some(width) = pixels.width() {
                let integers = pixels.integers(&mut scratch.integers);
                rice::encode(integers, width, &mut scratch.folded, heap);
            }
        }
        Coding::Gzip => {
            pixels.bytes(false, &mut scratch.bytes);
            scratch.deflater.gzip(&scratch.bytes, heap);
        }
        Coding::Shuffled => {
            pixels.bytes(true, &mut scratch.bytes);
            scratch.deflater.gzip_planes(&scratch.bytes, pixels.len(), heap);
        }
        Coding::Quantized { method, level, dither0 } => {
            let scaled = match pixels {
                Pixels::F32(pixels) => scratch.quantizer.quantize(
                    pixels,
                    (method, row + dither0 - 1),
                    level,
                    &mut scratch.integers,
                ),
                _ => None,
            };
            if let (Some((scale, zero)), Some(width)) = (scaled, Width::new(4)) {
                (tile.scale, tile.zero) = (scale, zero);
                rice::encode(&scratch.integers, width, &mut scratch.folded, heap);
            } else {
                tile.store = Store::Gzip;
                pixels.bytes(false, &mut scratch.bytes);
                scratch.deflater.gzip(&scratch.bytes, heap);
            }
        }
    }
    tile.length = heap.len() - start;
    tile
}
