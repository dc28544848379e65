//! Flags of a trimmed `MegaCam` CCD, one pixel in a hundred of which has some.

use std::hint::black_box;

use cfhtisr::flags::{any_without, count_planes};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let mask = Array2::from_shape_fn((4612, 2048), |(y, x)| {
        if (x * 7919 + y * 104_729) % 100 == 0 { 5 } else { 0 }
    });
    criterion.bench_function("flags/count_planes", |bencher| {
        bencher.iter(|| black_box(count_planes(mask.view())));
    });
    criterion.bench_function("flags/any_without", |bencher| {
        bencher.iter(|| black_box(any_without(mask.view(), 1, 4)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
