//! The overscan strips of a raw `MegaCam` CCD: 4612 rows, two amplifiers of 32 columns.

use std::hint::black_box;

use cfhtisr::overscan_quality::{columns, outlier_rows, residual};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4612, 2112), |(y, x)| 1167.0 + ((x * 31 + y * 17) % 11) as f32);
    let mask = Array2::zeros(image.dim());
    let strips = [s![.., ..32], s![.., 2080..]];
    criterion.bench_function("overscan_quality/columns", |bencher| {
        bencher.iter(|| strips.map(|s| black_box(columns(image.slice(s), mask.slice(s), 2, 4))));
    });
    criterion.bench_function("overscan_quality/outlier_rows", |bencher| {
        bencher.iter(|| {
            strips.map(|s| black_box(outlier_rows(image.slice(s), mask.slice(s), 2, 5.0)))
        });
    });
    criterion.bench_function("overscan_quality/residual", |bencher| {
        bencher.iter(|| strips.map(|s| black_box(residual(image.slice(s), mask.slice(s), 2))));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
