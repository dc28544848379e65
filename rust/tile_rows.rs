//! Rows of a compressed FITS image: from the tiles in a file, or in memory, to the caller's pixels.

use std::fs::File;
use std::ops::Range;

use ndarray::{ArrayViewMut2, Axis};
use rayon::prelude::*;

use crate::checksum::{Sum, Total};
use crate::codec::{Coding, Grid, Piece, Scratch, Tile};
use crate::error::KernelError;
use crate::file_rows::{PIECE, ReadError, read_piece, sum_of};
use crate::pixels::Sample;

/// Pixels that a thread decodes at a time, if their tiles let it.
const BAND: usize = 1 << 17;

/// Where the bytes of tiles are.
#[derive(Debug, Clone, Copy)]
pub enum Heap<'a> {
    /// In memory; the start of a tile counts from the first byte.
    Memory(&'a [u8]),
    /// In a file, from this byte on.
    File(&'a File, u64),
}

/// Bytes of a unit in a file that are to be summed: all that lie between two places in it, none
/// of the tiles outside. What the file lacks of them behind the last tile counts as zeros.
#[derive(Debug, Clone, Copy)]
pub struct Summed {
    /// Where in the unit the heap begins.
    pub heap: u64,
    /// The first byte of the unit that counts.
    pub from: u64,
    /// The byte behind the last.
    pub end: u64,
}

/// Tiles that a thread reads and decodes together.
struct Band<'a, 'v, T> {
    /// Number of its first row of tiles.
    down: usize,
    /// First row of the image that is wanted of it.
    from: usize,
    tiles: &'a [Tile],
    /// The bytes to read at once, if that is sensible.
    span: Option<Range<usize>>,
    out: ArrayViewMut2<'v, T>,
}

/// Decode the rows from `first_row` on that fill `out`, which holds whole rows without gaps.
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
    check_grid(grid)?;
    let (count, rows) = (out.len(), out.len() / grid.columns);
    let view = ArrayViewMut2::from_shape((rows, grid.columns), out);
    let Some(view) = view.ok().filter(|_| count > 0 && count.is_multiple_of(grid.columns)) else {
        return refuse("out", format!("holds {count} pixels, not whole rows"));
    };
    match decode_rows(Heap::Memory(bytes), tiles, grid, coding, first_row, view, None) {
        Ok(_) => Ok(()),
        Err(TileError::Argument(error)) => Err(error),
        Err(TileError::Tile(number, problem)) => refuse("tile", format!("{number}: {problem}")),
        Err(TileError::Read(error)) => refuse("tiles", error.to_string()),
    }
}

/// Why rows could not be read.
#[derive(Debug)]
pub enum TileError {
    /// An argument does not fit the others.
    Argument(KernelError),
    /// The tile of this number does not hold what it must.
    Tile(usize, String),
    /// The file was not read.
    Read(ReadError),
}

impl From<KernelError> for TileError {
    fn from(error: KernelError) -> Self {
        Self::Argument(error)
    }
}

impl From<ReadError> for TileError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

fn check_grid(grid: Grid) -> Result<(), KernelError> {
    let Grid { columns, rows, tile_columns, tile_rows } = grid;
    if [columns, rows, tile_columns, tile_rows].contains(&0) {
        let problem = "has a side of no pixels".to_owned();
        return Err(KernelError::Value { name: "grid", problem });
    }
    Ok(())
}

/// Decode the rows from `first_row` on into all of `out`, in parallel.
///
/// `tiles` are those of the rows of tiles that these rows touch, in the order of the table. Of
/// a file, no more is held at a time than a piece for each thread, or one tile where it is
/// longer. What is to be `summed` of a file comes back as its sum.
///
/// # Errors
///
/// [`TileError`] with the first tile (numbered from 0) that does not hold what it must or could
/// not be read, or with the argument that does not fit the others.
pub fn decode_rows<T: Sample>(
    heap: Heap<'_>,
    tiles: &[Tile],
    grid: Grid,
    coding: Coding,
    first_row: usize,
    out: ArrayViewMut2<'_, T>,
    summed: Option<Summed>,
) -> Result<Sum, TileError> {
    let refuse = |name, problem| Err(KernelError::Value { name, problem }.into());
    check_grid(grid)?;
    let Grid { columns, rows, tile_columns, tile_rows } = grid;
    let end_row = first_row.saturating_add(out.nrows());
    if out.is_empty() || out.ncols() != columns || end_row > rows {
        return refuse("out", format!("holds {} pixels, not whole rows", out.len()));
    }
    let across = columns.div_ceil(tile_columns);
    let first = first_row / tile_rows;
    let wanted = (end_row.div_ceil(tile_rows) - first).saturating_mul(across);
    if tiles.len() != wanted {
        return refuse("tiles", format!("are {}, wanted {wanted}", tiles.len()));
    }
    let bands = bands(heap, tiles, grid, first_row, out);
    let gaps = summed.map_or_else(Vec::new, |summed| gaps(&bands, summed));
    let job = Job { heap, grid, coding, summed };
    let total = Total::default();
    let failed = bands
        .into_par_iter()
        .map_init(
            || (Vec::new(), Vec::new(), Scratch::new()),
            |scratch, band| job.band(band, scratch).map(|sum| total.add(sum)),
        )
        .find_first(Result::is_err);
    if let Some(Err(error)) = failed {
        return Err(error);
    }
    if let (Heap::File(file, start), Some(summed)) = (heap, summed) {
        let origin = start.saturating_sub(summed.heap);
        for gap in gaps {
            let sum = sum_of(file, origin, gap.start, gap.end).map_err(ReadError::System)?;
            total.add(sum);
        }
    }
    Ok(total.sum())
}

/// Cut the work: a band is as many rows of tiles as fit into a piece.
fn bands<'a, 'v, T>(
    heap: Heap<'_>,
    tiles: &'a [Tile],
    grid: Grid,
    first_row: usize,
    out: ArrayViewMut2<'v, T>,
) -> Vec<Band<'a, 'v, T>> {
    let Grid { columns, tile_columns, tile_rows, .. } = grid;
    let across = columns.div_ceil(tile_columns);
    let first = first_row / tile_rows;
    let end_row = first_row + out.nrows();
    let end = |tile: &Tile| tile.start.saturating_add(tile.length);
    let is_ordered = tiles.windows(2).all(|two| end(&two[0]) <= two[1].start);
    let mut bands = Vec::new();
    let (mut rest, mut out) = (tiles, out);
    let (mut down, mut from) = (first, first_row);
    while !rest.is_empty() {
        let low = rest[0].start;
        let mut count = 0;
        let mut bytes = 0_usize;
        while let Some(next) = rest.get(count..count + across) {
            let pixels = (count / across + 1).saturating_mul(tile_rows).saturating_mul(columns);
            bytes = next.iter().fold(bytes, |sum, tile| sum.saturating_add(tile.length));
            let reach = if is_ordered { end(&next[across - 1]) - low } else { bytes };
            if count > 0 && (reach > PIECE || pixels > BAND) {
                break;
            }
            count += across;
        }
        let (tiles, others) = rest.split_at(count);
        let high = tiles.iter().map(end).max().unwrap_or(low);
        let span = matches!(heap, Heap::File(..))
            .then_some(low..high)
            .filter(|span| is_ordered && (span.len() <= PIECE || tiles.len() == 1));
        let until = end_row.min((down + count / across).saturating_mul(tile_rows));
        let (now, then) = out.split_at(Axis(0), until - from);
        bands.push(Band { down, from, tiles, span, out: now });
        (rest, out) = (others, then);
        (down, from) = (down + count / across, until);
    }
    bands
}

/// What is to be summed of a unit, and does not lie in the spans of the bands, which are in order.
fn gaps<T>(bands: &[Band<'_, '_, T>], summed: Summed) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut at = summed.from;
    for span in bands.iter().filter_map(|band| band.span.as_ref()) {
        let start = summed.heap.saturating_add(span.start as u64);
        if at < start {
            gaps.push(at..start.min(summed.end));
        }
        at = at.max(summed.heap.saturating_add(span.end as u64));
    }
    if at < summed.end {
        gaps.push(at..summed.end);
    }
    gaps
}

#[derive(Clone, Copy)]
struct Job<'a> {
    heap: Heap<'a>,
    grid: Grid,
    coding: Coding,
    summed: Option<Summed>,
}

impl Job<'_> {
    fn band<T: Sample>(
        self,
        band: Band<'_, '_, T>,
        (bytes, own, scratch): &mut (Vec<u8>, Vec<u8>, Scratch<T>),
    ) -> Result<Sum, TileError> {
        let mut sum = Sum::default();
        let code = match (self.heap, &band.span) {
            (Heap::Memory(bytes), _) => Some((bytes, 0)),
            (Heap::File(file, start), Some(span)) => {
                let at = start.saturating_add(span.start as u64);
                let code = read_piece(file, at, span.len(), bytes)?;
                if let Some(Summed { heap, .. }) = self.summed {
                    sum = Sum::of(code, heap + span.start as u64);
                }
                Some((code, span.start))
            }
            (Heap::File(..), None) => None,
        };
        self.tiles(band, code, own, scratch)?;
        Ok(sum)
    }

    /// Decode the tiles of a band; `code`, if all of it is there, begins at a byte of the heap.
    fn tiles<T: Sample>(
        self,
        band: Band<'_, '_, T>,
        code: Option<(&[u8], usize)>,
        own: &mut Vec<u8>,
        scratch: &mut Scratch<T>,
    ) -> Result<(), TileError> {
        let Band { down, from, tiles, out, .. } = band;
        let Grid { columns, rows, tile_columns, tile_rows } = self.grid;
        let across = columns.div_ceil(tile_columns);
        let named = |(number, problem)| TileError::Tile(number, problem);
        let mut rest = out;
        // Two tiles that are in memory are decoded at a time.
        let mut waiting: Option<Piece<'_, '_, T>> = None;
        for (down, tiles) in (down..).zip(tiles.chunks(across)) {
            let top = down * tile_rows;
            let height = tile_rows.min(rows - top);
            let above = from.saturating_sub(top);
            let wanted = (height - above).min(rest.nrows());
            let (mut line, below) = rest.split_at(Axis(0), wanted);
            rest = below;
            for (place, tile) in tiles.iter().enumerate() {
                let number = down * across + place;
                let width = tile_columns.min(columns - place * tile_columns);
                let (target, right) = line.split_at(Axis(1), width);
                line = right;
                let make = |code| {
                    let (tile, size) = (*tile, (width, height));
                    Piece { number, tile, code, size, above, target }
                };
                let Some(code) = code else {
                    self.alone(make(&[]), own, scratch)?;
                    continue;
                };
                let mut piece = make(
                    self.cut(tile, width.saturating_mul(height), code)
                        .map_err(|why| named((number, why)))?,
                );
                waiting = match waiting.take() {
                    None => Some(piece),
                    Some(mut first) => {
                        self.coding.decode_two(&mut first, &mut piece, scratch).map_err(named)?;
                        None
                    }
                };
            }
        }
        if let Some(mut last) = waiting {
            let number = last.number;
            self.coding.decode(&mut last, scratch).map_err(|why| named((number, why)))?;
        }
        Ok(())
    }

    /// The bytes of a tile among those from a byte of the heap on.
    fn cut<'a>(
        self,
        tile: &Tile,
        pixels: usize,
        code: (&'a [u8], usize),
    ) -> Result<&'a [u8], String> {
        let start = tile.start.checked_sub(code.1);
        let range = start.and_then(|start| Some(start..start.checked_add(tile.length)?));
        range.and_then(|range| code.0.get(range)).ok_or_else(|| {
            let plausible = self.coding.plausible(tile, pixels);
            plausible.err().unwrap_or_else(|| "it lies outside of the heap".to_owned())
        })
    }

    /// Read one tile from the file, and decode it.
    fn alone<T: Sample>(
        self,
        piece: Piece<'_, '_, T>,
        bytes: &mut Vec<u8>,
        scratch: &mut Scratch<T>,
    ) -> Result<(), TileError> {
        let Heap::File(file, start) = self.heap else { return Ok(()) };
        let Piece { number, tile, size, above, target, .. } = piece;
        let at = start.saturating_add(tile.start as u64);
        let code = read_piece(file, at, tile.length, bytes)?;
        let mut piece = Piece { number, tile, code, size, above, target };
        self.coding.decode(&mut piece, scratch).map_err(|why| TileError::Tile(number, why))
    }
}
