//! A plain raw MegaCam CCD of 4644 rows of 2112 pixels, gzipped, inflated piece by piece.

use std::io::{self, Read};

use cfhtisr::inflate::Inflater;
use criterion::{Criterion, criterion_group, criterion_main};
use flate2::Compression;
use flate2::read::GzEncoder;

/// Bytes of noise of some 5 bits around a level, from a small generator with a fixed seed.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for pixel in buffer.chunks_mut(2) {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let level = 1500 + u16::from((self.0 >> 33).to_le_bytes()[0] >> 3);
            pixel.copy_from_slice(&level.to_be_bytes()[..pixel.len()]);
        }
        Ok(buffer.len())
    }
}

fn bench(criterion: &mut Criterion) {
    let mut packed = Vec::new();
    let frame = Noise(1).take(4644 * 2112 * 2);
    GzEncoder::new(frame, Compression::default())
        .read_to_end(&mut packed)
        .expect("memory takes everything");
    let mut out = vec![0; 1 << 18];
    criterion.bench_function("inflate/one CCD", |bencher| {
        bencher.iter(|| {
            let (mut inflater, mut place) = (Inflater::default(), 0);
            while let Ok((taken, _, false)) = inflater.inflate(&packed[place..], &mut out) {
                place += taken;
            }
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
