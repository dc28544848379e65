//! Bad regions of a trimmed MegaCam CCD: a column as it comes from repair, and a dead amplifier.

use std::hint::black_box;

use cfhtisr::bad_regions::fill;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let mut image = Array2::from_elem((4612, 2048), 1167.0_f32);
    let mut mask = Array2::zeros(image.dim());
    mask.slice_mut(s![.., 100]).fill(5);
    criterion.bench_function("bad_regions/repaired", |bencher| {
        bencher.iter(|| black_box(fill(image.view_mut(), mask.view(), 1, 4, 1167.0)));
    });
    mask.slice_mut(s![.., 1024..]).fill(1);
    criterion.bench_function("bad_regions/amplifier", |bencher| {
        bencher.iter(|| black_box(fill(image.view_mut(), mask.view(), 1, 4, 1167.0)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
