//! Tiles of a raw MegaCam CCD, 4644 rows of 2112 pixels: Rice code, plain pixels.

use std::hint::black_box;

use cfhtisr::codec::{Algorithm, Coding, Grid, Store, Tile};
use cfhtisr::pixels::{Pixel, unpack};
use cfhtisr::rice::Width;
use cfhtisr::tile_rows::decode;
use criterion::{Criterion, criterion_group, criterion_main};

const ROWS: usize = 4644;
const COLUMNS: usize = 2112;
const BLOCK: usize = 32;
const LOW: u32 = 4;

/// Bits in order, from the highest of each byte.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    word: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.word = (self.word << count) | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            self.bytes.push((self.word >> self.count).to_le_bytes()[0]);
        }
    }
}

/// The code of one row of noisy sky: every block stores the lowest four bits as they are.
fn encode(row: &[u16]) -> Vec<u8> {
    let mut bits = Bits::default();
    let mut last = row[0];
    bits.put(u32::from(last), 16);
    for block in row.chunks(BLOCK) {
        bits.put(LOW + 1, 4);
        for &pixel in block {
            let difference = i32::from(pixel) - i32::from(last);
            let folded = ((difference << 1) ^ (difference >> 31)).unsigned_abs();
            for _ in 0..folded >> LOW {
                bits.put(0, 1);
            }
            bits.put(1, 1);
            bits.put(folded & ((1 << LOW) - 1), LOW);
            last = pixel;
        }
    }
    bits.put(0, 7);
    bits.bytes
}

fn bench(criterion: &mut Criterion) {
    // Noise of some 20 ADU around a level, from a small generator with a fixed seed.
    let mut state = 1_u64;
    let mut noise = || {
        let mut sum = 0;
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            sum += u16::from((state >> 33).to_le_bytes()[0] >> 3);
        }
        sum
    };
    let mut heap = Vec::new();
    let mut tiles = Vec::with_capacity(ROWS);
    for _ in 0..ROWS {
        let row: Vec<u16> = (0..COLUMNS).map(|_| 1500 + noise()).collect();
        let code = encode(&row);
        let (start, length) = (heap.len(), code.len());
        tiles.push(Tile { start, length, store: Store::Main, quantization: (1.0, 0.0, None) });
        heap.extend(code);
    }
    let algorithm = Algorithm::Rice(Width::new(2).expect("two bytes are known"), BLOCK);
    let coding =
        Coding { algorithm, pixel: Pixel::I16, quantized: None, dither0: 1, scaling: None };
    let grid = Grid { columns: COLUMNS, rows: ROWS, tile_columns: COLUMNS, tile_rows: 1 };
    let mut out = vec![0_u16; ROWS * COLUMNS];
    criterion.bench_function("codec/decode RICE_1", |bencher| {
        bencher.iter(|| decode(black_box(&heap), &tiles, grid, coding, 0, &mut out));
    });
    let raw = vec![0x5a_u8; ROWS * COLUMNS * 2];
    criterion.bench_function("codec/unpack", |bencher| {
        bencher.iter(|| unpack(black_box(&raw), Pixel::I16, None, &mut out));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
