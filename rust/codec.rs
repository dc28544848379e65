//! Tiles of compressed FITS images: from the bytes of one to its pixels.
//!
//! Which tiles hold which rows, and where their bytes come from, is the matter of
//! [`tile_rows`](crate::tile_rows).

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use ndarray::{ArrayViewMut2, s};

use crate::dither::{Dequantizer, Method};
use crate::pixels::{Pixel, Sample, Scaling, from_bits, lost, unpack_here};
use crate::rice::{self, Decoder, Width};

/// The size of an image and of the tiles that it is cut into, in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    /// Columns of the image.
    pub columns: usize,
    /// Rows of the image.
    pub rows: usize,
    /// Columns of a tile.
    pub tile_columns: usize,
    /// Rows of a tile.
    pub tile_rows: usize,
}

/// What was done to the bytes of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `RICE_1`, with pixels of this width in blocks of so many.
    Rice(Width, usize),
    /// `GZIP_1`.
    Gzip,
    /// `GZIP_2`: first the high bytes of all pixels, then the next ones.
    Shuffled,
    /// `NOCOMPRESS`.
    Plain,
}

/// What the tiles of an image have in common.
#[derive(Debug, Clone, Copy)]
pub struct Coding {
    /// The algorithm of ordinary tiles.
    pub algorithm: Algorithm,
    /// How the image would be stored without compression.
    pub pixel: Pixel,
    /// The dither, when floats were quantised.
    pub quantized: Option<Method>,
    /// `ZDITHER0`.
    pub dither0: usize,
    /// What becomes of the pixels afterwards.
    pub scaling: Option<Scaling>,
}

/// Which column of the table held a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// `COMPRESSED_DATA`.
    Main,
    /// `GZIP_COMPRESSED_DATA`: the pixels as they are, inflated.
    Gzip,
    /// `UNCOMPRESSED_DATA`: the pixels as they are.
    Plain,
}

/// Where a tile lies, and what is its own.
#[derive(Debug, Clone, Copy)]
pub struct Tile {
    /// Its first byte.
    pub start: usize,
    /// Its number of bytes.
    pub length: usize,
    /// The column that held it.
    pub store: Store,
    /// `ZSCALE`, `ZZERO` and `ZBLANK`, when floats were quantised.
    pub quantization: (f64, f64, Option<i64>),
}

/// Pixels of Rice code that are decoded at a time: they stay in the cache next to the processor.
const CHUNK: usize = 2048;

/// Memory that the tiles of one thread share.
pub(crate) struct Scratch<T> {
    line: Vec<T>,
    words: Vec<u32>,
    inflated: Vec<u8>,
    ordered: Vec<u8>,
}

impl<T> Scratch<T> {
    pub(crate) fn new() -> Self {
        let (inflated, ordered) = (Vec::new(), Vec::new());
        Self { line: Vec::new(), words: vec![0; 2 * CHUNK], inflated, ordered }
    }
}

/// A tile, and the rows of the image that are wanted of it.
pub(crate) struct Piece<'a, 'v, T> {
    /// Its number in the table.
    pub(crate) number: usize,
    pub(crate) tile: Tile,
    pub(crate) code: &'a [u8],
    /// Columns and rows of the tile.
    pub(crate) size: (usize, usize),
    /// Lines of the tile above the first that is wanted.
    pub(crate) above: usize,
    /// Where the wanted lines go.
    pub(crate) target: ArrayViewMut2<'v, T>,
}

impl<T: Sample> Piece<'_, '_, T> {
    fn pixels(&self) -> usize {
        self.size.0.saturating_mul(self.size.1)
    }

    /// Have pixels `first` to `first + count` of the tile filled in, by parts of a line; `fill`
    /// gets the number of each part among them, and its place unless nobody wants it.
    fn fill(
        &mut self,
        first: usize,
        count: usize,
        line: &mut Vec<T>,
        mut fill: impl FnMut(usize, usize, Option<&mut [T]>) -> Result<(), String>,
    ) -> Result<(), String> {
        let width = self.size.0;
        let mut done = 0;
        while done < count {
            let (row, left) = ((first + done) / width, (first + done) % width);
            let now = (width - left).min(count - done);
            let wanted = row.checked_sub(self.above).filter(|row| *row < self.target.nrows());
            if let Some(row) = wanted {
                let mut part = self.target.slice_mut(s![row, left..left + now]);
                if let Some(place) = part.as_slice_mut() {
                    fill(done, now, Some(place))?;
                } else {
                    line.resize(now, T::default());
                    fill(done, now, Some(line))?;
                    part.iter_mut().zip(&*line).for_each(|(place, value)| *place = *value);
                }
            } else {
                fill(done, now, None)?;
            }
            done += now;
        }
        Ok(())
    }
}

/// What makes pixels of the integers of a tile.
enum Values {
    Whole { pixel: Pixel, narrow: bool, scaling: Option<Scaling>, lost: bool },
    Quantized(Dequantizer),
}

impl Values {
    fn put<T: Sample>(
        &mut self,
        first: usize,
        words: &[u32],
        piece: &mut Piece<'_, '_, T>,
        line: &mut Vec<T>,
    ) -> Result<(), String> {
        if let Self::Whole { pixel, narrow: true, lost: any, .. } = self {
            *any |= lost(words, *pixel);
        }
        piece.fill(first, words.len(), line, |done, count, place| {
            match (&mut *self, place) {
                (Self::Whole { pixel, scaling, .. }, Some(place)) => {
                    from_bits(&words[done..done + count], *pixel, *scaling, place);
                }
                (Self::Whole { .. }, None) => {}
                (Self::Quantized(values), Some(place)) => {
                    values.values(&words[done..done + count], place);
                }
                (Self::Quantized(values), None) => values.skip(count),
            }
            Ok(())
        })
    }

    fn finish(&self) -> Result<(), String> {
        match self {
            Self::Whole { lost: true, .. } => {
                Err("its Rice code holds values that no pixel can have".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// A tile of Rice code on its way.
struct RiceTile<'c> {
    code: Decoder<'c>,
    values: Values,
}

impl Coding {
    /// Bytes that no pixel of an inflated tile takes less of.
    fn least_size(&self) -> usize {
        self.pixel.size().min(4)
    }

    /// Refuse a tile whose bytes cannot hold that many pixels, before memory is asked for.
    pub(crate) fn plausible(&self, tile: &Tile, pixels: usize) -> Result<(), String> {
        let Tile { length, store, .. } = *tile;
        let most = match (store, self.algorithm) {
            (Store::Main, Algorithm::Rice(width, block)) => width.most_pixels(length, block),
            // Nothing inflates to more than 1032 times its size.
            (Store::Main, Algorithm::Gzip | Algorithm::Shuffled) | (Store::Gzip, _) => {
                length.saturating_mul(1032) / self.least_size()
            }
            (Store::Main, Algorithm::Plain) | (Store::Plain, _) => length,
        };
        if most >= pixels {
            return Ok(());
        }
        Err(format!("{length} bytes cannot hold its {pixels} pixels"))
    }

    fn dequantizer(&self, number: usize, tile: &Tile) -> Option<Dequantizer> {
        self.quantized.map(|method| {
            Dequantizer::new(method, tile.quantization, self.scaling, number, self.dither0)
        })
    }

    /// Decode one tile.
    pub(crate) fn decode<T: Sample>(
        &self,
        piece: &mut Piece<'_, '_, T>,
        scratch: &mut Scratch<T>,
    ) -> Result<(), String> {
        let pixels = piece.pixels();
        self.plausible(&piece.tile, pixels)?;
        if let Some(mut rice) = self.rice(piece)? {
            let Scratch { line, words, .. } = scratch;
            for first in (0..pixels).step_by(CHUNK) {
                let words = &mut words[..CHUNK.min(pixels - first)];
                rice::decode(&mut rice.code, words);
                rice.code.finish()?;
                rice.values.put(first, words, piece, line)?;
            }
            return rice.values.finish();
        }
        self.decode_bytes(piece, scratch)
    }

    /// Decode two tiles of one size; which of them failed, and why, if any did.
    pub(crate) fn decode_two<T: Sample>(
        &self,
        one: &mut Piece<'_, '_, T>,
        other: &mut Piece<'_, '_, T>,
        scratch: &mut Scratch<T>,
    ) -> Result<(), (usize, String)> {
        let pixels = one.pixels();
        let plausible = |piece: &Piece<'_, '_, T>| self.plausible(&piece.tile, pixels).is_ok();
        if pixels == other.pixels()
            && plausible(one)
            && plausible(other)
            && let Ok(Some(mut left)) = self.rice(one)
            && let Ok(Some(mut right)) = self.rice(other)
        {
            let Scratch { line, words, .. } = scratch;
            let (words, others) = words.split_at_mut(CHUNK);
            for first in (0..pixels).step_by(CHUNK) {
                let count = CHUNK.min(pixels - first);
                let (words, others) = (&mut words[..count], &mut others[..count]);
                rice::decode_two(&mut left.code, &mut right.code, words, others);
                let named = |problem: rice::Problem| (one.number, problem.to_owned());
                left.code.finish().map_err(named)?;
                left.values.put(first, words, one, line).map_err(|why| (one.number, why))?;
                if right.code.finish().is_ok() {
                    let put = right.values.put(first, others, other, line);
                    put.map_err(|why| (other.number, why))?;
                }
            }
            left.values.finish().map_err(|why| (one.number, why))?;
            // What is wrong with the second tile is told only if nothing is with the first.
            let named = |problem: rice::Problem| (other.number, problem.to_owned());
            right.code.finish().map_err(named)?;
            return right.values.finish().map_err(|why| (other.number, why));
        }
        self.decode(one, scratch).map_err(|why| (one.number, why))?;
        self.decode(other, scratch).map_err(|why| (other.number, why))
    }

    /// What decodes a tile of Rice code; none if it is of another kind.
    fn rice<'a, T>(&self, piece: &Piece<'a, '_, T>) -> Result<Option<RiceTile<'a>>, String> {
        let (Store::Main, Algorithm::Rice(width, block)) = (piece.tile.store, self.algorithm)
        else {
            return Ok(None);
        };
        let (pixel, scaling) = (self.pixel, self.scaling);
        let narrow = match (pixel, width.bytes()) {
            (Pixel::U8, 1) | (Pixel::I16, 2) | (Pixel::I32, 4) => false,
            // What early writers did, for whom every pixel was four bytes.
            (Pixel::U8 | Pixel::I16, 4) => true,
            _ if self.quantized.is_some() => false,
            _ => {
                let problem = "its Rice code has pixels of another size than the image";
                return Err(problem.to_owned());
            }
        };
        let whole = Values::Whole { pixel, narrow, scaling, lost: false };
        let dequantizer = self.dequantizer(piece.number, &piece.tile);
        let values = dequantizer.map_or(whole, Values::Quantized);
        Ok(Some(RiceTile { code: Decoder::new(piece.code, width, block), values }))
    }

    /// Decode a tile whose pixels are whole bytes, once they are unpacked.
    fn decode_bytes<T: Sample>(
        &self,
        piece: &mut Piece<'_, '_, T>,
        scratch: &mut Scratch<T>,
    ) -> Result<(), String> {
        let Scratch { line, words, inflated, ordered } = scratch;
        let main = piece.tile.store == Store::Main;
        let mut dequantizer = self.dequantizer(piece.number, &piece.tile).filter(|_| main);
        let stored = if dequantizer.is_some() { Pixel::I32 } else { self.pixel };
        let (code, pixels) = (piece.code, piece.pixels());
        let size = pixels.saturating_mul(stored.size());
        let raw = match (piece.tile.store, self.algorithm) {
            (Store::Main, Algorithm::Plain) | (Store::Plain, _) => code,
            (Store::Main, Algorithm::Gzip) | (Store::Gzip, _) => inflate(code, size, inflated)?,
            (Store::Main, _) => unshuffle(inflate(code, size, inflated)?, stored.size(), ordered),
        };
        if raw.len() != size {
            let got = raw.len();
            return Err(match dequantizer {
                Some(_) => format!("{got} bytes for {pixels} quantised pixels"),
                None => format!("{got} bytes for {pixels} pixels of {} bytes", stored.size()),
            });
        }
        piece.fill(0, pixels, line, |done, count, place| {
            let bytes = &raw[done * stored.size()..(done + count) * stored.size()];
            match (&mut dequantizer, place) {
                (None, Some(place)) => unpack_here(bytes, stored, self.scaling, place),
                (None, None) => Ok(()),
                (Some(values), None) => {
                    values.skip(count);
                    Ok(())
                }
                (Some(values), Some(place)) => {
                    let (bytes, _) = bytes.as_chunks::<4>();
                    for (bytes, place) in bytes.chunks(CHUNK).zip(place.chunks_mut(CHUNK)) {
                        for (word, bytes) in words.iter_mut().zip(bytes) {
                            *word = u32::from_be_bytes(*bytes);
                        }
                        values.values(&words[..place.len()], place);
                    }
                    Ok(())
                }
            }
        })
    }
}

/// Inflate into `buffer`, never beyond the size that is wanted.
fn inflate<'a>(code: &[u8], size: usize, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], String> {
    buffer.clear();
    let most = u64::try_from(size).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(code).take(most).read_to_end(buffer);
    read.map_err(|error| format!("its gzip code is damaged ({error})"))?;
    if buffer.len() == size {
        return Ok(buffer);
    }
    let more = if buffer.len() > size { "more" } else { "less" };
    Err(format!("its gzip code holds {more} than {size} bytes"))
}

/// Put the bytes of each pixel together that were stored apart, the high ones first.
fn unshuffle<'a>(bytes: &'a [u8], size: usize, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if size == 1 || bytes.is_empty() {
        return bytes;
    }
    buffer.resize(bytes.len(), 0);
    for (place, plane) in bytes.chunks_exact(bytes.len() / size).enumerate() {
        for (pixel, byte) in buffer.chunks_exact_mut(size).zip(plane) {
            pixel[place] = *byte;
        }
    }
    buffer
}
