//! Linearity of one amplifier of a `MegaCam` CCD: 4612 x 1024 pixels.

use std::hint::black_box;

use cfhtisr::linearity::{apply_lookup_table, polynomial, spline, squared};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2};

fn bench(criterion: &mut Criterion) {
    let mut image =
        Array2::from_shape_fn((4612, 1024), |(y, x)| 1000.0_f32 + ((x * 31 + y * 17) % 997) as f32);
    let mut sign = 1.0; // to and fro, so that the pixels stay ordinary numbers
    criterion.bench_function("linearity/squared", |bencher| {
        bencher.iter(|| {
            sign = -sign;
            squared(black_box(image.view_mut()), sign * 1e-9);
        });
    });
    criterion.bench_function("linearity/polynomial", |bencher| {
        bencher.iter(|| {
            sign = -sign;
            polynomial(black_box(image.view_mut()), &[sign * 1e-9, 1e-15, 1e-21]);
        });
    });
    let knots: Vec<_> = (0..12).map(|k| (f64::from(k) * 6000.0, f64::from(k % 3) * 1e-4)).collect();
    criterion.bench_function("linearity/spline", |bencher| {
        bencher.iter(|| black_box(spline(image.view_mut(), &knots, true)));
    });
    let table = Array1::from_elem(65_536, 0.0_f32);
    criterion.bench_function("linearity/apply_lookup_table", |bencher| {
        bencher.iter(|| black_box(apply_lookup_table(image.view_mut(), table.view(), 0.5)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
