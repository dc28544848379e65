//! Conversion of a raw `MegaCam` CCD: 4644 x 2112 pixels.

use std::hint::black_box;

use cfhtisr::conversion::to_float;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let raw = Array2::<u16>::from_elem((4644, 2112), 1167);
    let (mut image, mut variance) = (Array2::zeros(raw.dim()), Array2::zeros(raw.dim()));
    criterion.bench_function("conversion/to_float", |bencher| {
        bencher.iter(|| black_box(to_float(raw.view(), image.view_mut(), variance.view_mut())));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
