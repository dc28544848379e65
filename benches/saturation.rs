//! Saturation level of a raw MegaCam CCD of which one pixel in a thousand is saturated.

use std::hint::black_box;

use cfhtisr::saturation::{fullest_edge, piles};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let image = Array2::from_shape_fn((4644, 2112), |(y, x)| {
        if (x * 7919 + y * 104_729) % 1000 == 0 { u16::MAX } else { 1167 }
    });
    let floats = image.mapv(f32::from);
    criterion.bench_function("saturation/raw", |bencher| {
        bencher.iter(|| black_box(fullest_edge(image.view())));
    });
    criterion.bench_function("saturation/pile", |bencher| {
        bencher.iter(|| black_box(piles(image.view(), &[(0, 1056), (1056, 2112)])));
    });
    criterion.bench_function("saturation/float", |bencher| {
        bencher.iter(|| black_box(fullest_edge(floats.view())));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
