//! Overscan of a raw MegaCam CCD: 4644 rows, two amplifiers of 32 columns.

use std::hint::black_box;

use cfhtisr::overscan::row_median;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4644, 2112), |(y, x)| 1167.0 + ((x * 31 + y * 17) % 11) as f32);
    let mask = Array2::zeros(image.dim());
    let strips = [s![.., ..32], s![.., 2080..]];
    criterion.bench_function("overscan/row_median", |bencher| {
        bencher.iter(|| strips.map(|s| black_box(row_median(image.slice(s), mask.slice(s), 2))));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
