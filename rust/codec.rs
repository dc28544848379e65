//! Tile-compressed FITS images: from the heap of a table to rows of pixels.

use std::io::Read;

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;

use crate::dither::{Dequantizer, Method};
use crate::error::KernelError;
use crate::pixels::{Pixel, Sample, Scaling, unpack_here};
use crate::rice::{self, Width};

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

/// Memory that the tiles of one thread share.
struct Scratch<T> {
    samples: Vec<T>,
    bytes: Vec<u8>,
    ordered: Vec<u8>,
}

impl<T> Scratch<T> {
    fn new() -> Self {
        Self { samples: Vec::new(), bytes: Vec::new(), ordered: Vec::new() }
    }
}

/// Decode the rows from `first_row` on that fill `out`, which holds whole rows.
///
/// `tiles` are those of the rows of tiles that these rows touch, in the order of the table;
/// they lie in `bytes`.
///
/// # Errors
///
/// [`KernelError::Value`] that names the first tile (numbered from 0) that does not hold what
/// it must, or the argument that does not fit the others.
pub fn decode<T: Sample>(
    bytes: &[u8],
    tiles: &[Tile],
    grid: Grid,
    coding: Coding,
    first_row: usize,
    out: &mut [T],
) -> Result<(), KernelError> {
    let refuse = |name, problem| Err(KernelError::Value { name, problem });
    let Grid { columns, rows, tile_columns, tile_rows } = grid;
    if [columns, rows, tile_columns, tile_rows].contains(&0) {
        return refuse("grid", "has a side of no pixels".to_owned());
    }
    let end_row = first_row + out.len() / columns;
    if out.is_empty() || !out.len().is_multiple_of(columns) || end_row > rows {
        return refuse("out", format!("holds {} pixels, not whole rows", out.len()));
    }
    let across = columns.div_ceil(tile_columns);
    let first = first_row / tile_rows;
    let wanted = (end_row.div_ceil(tile_rows) - first) * across;
    if tiles.len() != wanted {
        return refuse("tiles", format!("are {}, wanted {wanted}", tiles.len()));
    }

    // One piece of the output for each row of tiles.
    let mut pieces = Vec::with_capacity(wanted / across);
    let mut rest = out;
    for (down, tiles) in (first..).zip(tiles.chunks(across)) {
        let from = first_row.max(down * tile_rows);
        let to = end_row.min((down + 1) * tile_rows);
        let (piece, after) = rest.split_at_mut((to - from) * columns);
        pieces.push((down, from, tiles, piece));
        rest = after;
    }
    let job = Job { bytes, grid, coding };
    let failed = pieces
        .into_par_iter()
        .map_init(Scratch::new, |scratch, (down, from, tiles, piece)| {
            job.tile_row(down, from, tiles, piece, scratch)
        })
        .find_first(Result::is_err);
    match failed {
        Some(Err((tile, problem))) => refuse("tile", format!("{tile}: {problem}")),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Job<'a> {
    bytes: &'a [u8],
    grid: Grid,
    coding: Coding,
}

impl Job<'_> {
    /// Decode the tiles side by side in row `down` of the grid; `piece` begins with row `from`.
    fn tile_row<T: Sample>(
        self,
        down: usize,
        from: usize,
        tiles: &[Tile],
        piece: &mut [T],
        scratch: &mut Scratch<T>,
    ) -> Result<(), (usize, String)> {
        let Grid { columns, rows, tile_columns, tile_rows } = self.grid;
        let top = down * tile_rows;
        let height = tile_rows.min(rows - top);
        for (across, tile) in tiles.iter().enumerate() {
            let number = down * tiles.len() + across;
            let named = |problem| (number, problem);
            let left = across * tile_columns;
            let width = tile_columns.min(columns - left);
            if width == columns && piece.len() == width * height {
                self.tile(number, tile, piece, scratch).map_err(named)?;
                continue;
            }
            self.plausible(tile, width * height).map_err(named)?;
            let mut samples = std::mem::take(&mut scratch.samples);
            samples.resize(width * height, T::default());
            self.tile(number, tile, &mut samples, scratch).map_err(named)?;
            let lines = samples.chunks_exact(width).skip(from - top);
            for (target, line) in piece.chunks_exact_mut(columns).zip(lines) {
                target[left..left + width].copy_from_slice(line);
            }
            scratch.samples = samples;
        }
        Ok(())
    }

    /// Refuse a tile whose bytes cannot hold that many pixels, before memory is asked for.
    fn plausible(self, tile: &Tile, pixels: usize) -> Result<(), String> {
        let Tile { length, store, .. } = *tile;
        let most = match (store, self.coding.algorithm) {
            (Store::Main, Algorithm::Rice(width, block)) => width.most_pixels(length, block),
            // Nothing inflates to more than 1032 times its size.
            (Store::Main, Algorithm::Gzip | Algorithm::Shuffled) | (Store::Gzip, _) => {
                length.saturating_mul(1032) / self.coding.pixel.size().min(4)
            }
            (Store::Main, Algorithm::Plain) | (Store::Plain, _) => length,
        };
        if most >= pixels {
            return Ok(());
        }
        Err(format!("{length} bytes cannot hold its {pixels} pixels"))
    }

    fn tile<T: Sample>(
        self,
        number: usize,
        tile: &Tile,
        out: &mut [T],
        scratch: &mut Scratch<T>,
    ) -> Result<(), String> {
        let Coding { algorithm, pixel, quantized, dither0, scaling } = self.coding;
        self.plausible(tile, out.len())?;
        let end = tile.start.checked_add(tile.length);
        let Some(code) = end.and_then(|end| self.bytes.get(tile.start..end)) else {
            return Err("it lies outside of the heap".to_owned());
        };
        let dequantizer = quantized
            .map(|method| Dequantizer::new(method, tile.quantization, scaling, number, dither0));
        match (tile.store, algorithm) {
            (Store::Main, Algorithm::Rice(width, block)) => {
                let problem = match dequantizer {
                    Some(mut values) => rice::decode(code, width, block, out, |bits| {
                        values.value(i64::from(bits.cast_signed()))
                    }),
                    None => decode_integers(code, width, block, pixel, scaling, out),
                };
                problem.map_err(str::to_owned)
            }
            (Store::Main, _) => {
                let stored = if quantized.is_some() { Pixel::I32 } else { pixel };
                let size = out.len() * stored.size();
                let raw = match algorithm {
                    Algorithm::Plain => code,
                    Algorithm::Gzip => inflate(code, size, &mut scratch.bytes)?,
                    _ => {
                        let shuffled = inflate(code, size, &mut scratch.bytes)?;
                        unshuffle(shuffled, stored.size(), &mut scratch.ordered)
                    }
                };
                match dequantizer {
                    Some(mut values) => dequantize(raw, &mut values, out),
                    None => unpack_here(raw, pixel, scaling, out),
                }
            }
            (Store::Gzip, _) => {
                let size = out.len() * pixel.size();
                let raw = inflate(code, size, &mut scratch.bytes)?;
                unpack_here(raw, pixel, scaling, out)
            }
            (Store::Plain, _) => unpack_here(code, pixel, scaling, out),
        }
    }
}

/// Rice code of an integer image, whose pixels may be narrower than those of the code.
#[allow(
    clippy::cast_possible_truncation,
    reason = "the low bits are the pixel; where more were set, the tile is refused"
)]
fn decode_integers<T: Sample>(
    code: &[u8],
    width: Width,
    block: usize,
    pixel: Pixel,
    scaling: Option<Scaling>,
    out: &mut [T],
) -> Result<(), rice::Problem> {
    let mut lost = 0;
    match (pixel, width.bytes()) {
        (Pixel::U8, 1) => rice::decode(code, width, block, out, |bits| {
            T::from_int(i64::from(bits as u8), scaling)
        }),
        (Pixel::I16, 2) => rice::decode(code, width, block, out, |bits| {
            T::from_int(i64::from((bits as u16).cast_signed()), scaling)
        }),
        (Pixel::I32, 4) => rice::decode(code, width, block, out, |bits| {
            T::from_int(i64::from(bits.cast_signed()), scaling)
        }),
        // What early writers did, for whom every pixel was four bytes.
        (Pixel::I16, 4) => rice::decode(code, width, block, out, |bits| {
            let short = bits as i16;
            lost |= i32::from(short) ^ bits.cast_signed();
            T::from_int(i64::from(short), scaling)
        }),
        (Pixel::U8, 4) => rice::decode(code, width, block, out, |bits| {
            let byte = bits as u8;
            lost |= i32::from(byte) ^ bits.cast_signed();
            T::from_int(i64::from(byte), scaling)
        }),
        _ => Err("its Rice code has pixels of another size than the image"),
    }?;
    if lost == 0 { Ok(()) } else { Err("its Rice code holds values that no pixel can have") }
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

fn dequantize<T: Sample>(
    bytes: &[u8],
    values: &mut Dequantizer,
    out: &mut [T],
) -> Result<(), String> {
    let (stored, _) = bytes.as_chunks::<4>();
    if stored.len() != out.len() {
        return Err(format!("{} bytes for {} quantised pixels", bytes.len(), out.len()));
    }
    for (sample, bytes) in out.iter_mut().zip(stored) {
        *sample = values.value(i64::from(i32::from_be_bytes(*bytes)));
    }
    Ok(())
}
