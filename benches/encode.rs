//! Tiles of a corrected `MegaCam` CCD, 4612 rows of 2048 pixels: Rice code, quantised and not,
//! and deflated planes of bytes.

use std::hint::black_box;

use cfhtisr::dither::Method;
use cfhtisr::encode::{Coding, Pixels, encode};
use criterion::{Criterion, criterion_group, criterion_main};

const ROWS: usize = 4612;
const COLUMNS: usize = 2048;

fn bench(criterion: &mut Criterion) {
    // Noise of some 20 ADU around a level, from a small generator with a fixed seed.
    let mut state = 1_u64;
    let mut noise = || {
        let mut sum = 0.0;
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            sum += f32::from((state >> 40).to_le_bytes()[0]) / 7.3;
        }
        sum
    };
    let image: Vec<f32> = (0..ROWS * COLUMNS).map(|_| 1500.0 + noise()).collect();
    let raw: Vec<u16> = image.iter().map(|pixel| pixel.to_bits().to_be_bytes()[1].into()).collect();
    // A bad column here and there.
    let mask: Vec<i32> = (0..ROWS * COLUMNS).map(|at| 5 * i32::from(at % 511 == 0)).collect();
    let quantized = Coding::Quantized { method: Method::Subtractive, level: 16.0, dither0: 1 };
    for (name, pixels, coding) in [
        ("encode/RICE_1 of floats", Pixels::F32(&image), quantized),
        ("encode/RICE_1 of u16", Pixels::U16(&raw), Coding::Rice),
        ("encode/RICE_1 of a mask", Pixels::I32(&mask), Coding::Rice),
        ("encode/GZIP_2 of floats", Pixels::F32(&image), Coding::Shuffled),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| encode(black_box(pixels), COLUMNS, 0, coding));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
