//! Variance of a trimmed `MegaCam` CCD.

use std::hint::black_box;

use cfhtisr::variance::{update_variance, update_variance_v17};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4612, 2048), |(y, x)| 900.0 + ((x * 31 + y * 17) % 11) as f32);
    let mut variance = image.clone();
    let bias = image.clone();
    criterion.bench_function("variance/update_variance", |bencher| {
        bencher.iter(|| {
            let (to, bias) = (variance.view_mut(), Some(bias.view()));
            black_box(update_variance(image.view(), to, 1.6, 4.2, bias))
        });
    });
    criterion.bench_function("variance/update_variance_v17", |bencher| {
        bencher
            .iter(|| black_box(update_variance_v17(image.view(), variance.view_mut(), 1.6, 4.2)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
