//! Bleed trails of a trimmed `MegaCam` CCD, 2048 x 4612, with 30 saturated columns.

use std::hint::black_box;

use cfhtisr::bleeds::trails;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let mut mask = Array2::zeros((4612, 2048));
    for n in 0..30 {
        mask.slice_mut(s![100 * n..100 * n + 500, 60 * n]).fill(2);
    }
    criterion.bench_function("bleeds/trails", |bencher| {
        bencher.iter(|| black_box(trails(mask.view(), 2, 20, 2)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
