//! Masking of a trimmed MegaCam CCD with stars, trails and a few NaN.

use std::hint::black_box;

use cfhtisr::masking::{Shape, grow, mask_nans, threshold, widen_saturation_trails};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let mut image =
        Array2::from_shape_fn((4612, 2048), |(y, x)| 1167.0 + ((x * 31 + y * 17) % 11) as f32);
    for star in 0..200 {
        let (y, x) = ((star * 977) % 4500, (star * 463) % 2000);
        image.slice_mut(s![y..y + 60, x..x + 12]).fill(65535.0);
        image[(y, x)] = f32::NAN;
    }
    let raw = image.mapv(|pixel| if pixel > 62000.0 { 65535_u16 } else { 1167 });
    let variance = Array2::from_elem(image.dim(), 1.0_f32);
    let clean = Array2::<i32>::zeros(image.dim());
    let mut saturated = clean.clone();
    let _ = threshold(image.view(), saturated.view_mut(), 62000.0, 2);

    let mut mask = clean.clone();
    let mut group = criterion.benchmark_group("masking");
    group.bench_function("threshold", |bencher| {
        bencher.iter(|| black_box(threshold(image.view(), mask.view_mut(), 62000.0, 2)));
    });
    group.bench_function("threshold of raw pixels", |bencher| {
        bencher.iter(|| black_box(threshold(raw.view(), mask.view_mut(), 62000.0, 2)));
    });
    group.bench_function("mask_nans", |bencher| {
        bencher
            .iter(|| black_box(mask_nans(image.view(), mask.view_mut(), variance.view(), 512, 0)));
    });
    for (name, shape) in [("diamond", Shape::Diamond), ("circle", Shape::Circle)] {
        for radius in [1, 5] {
            group.bench_function(format!("grow by a {name} of {radius}"), |bencher| {
                let fresh = || saturated.clone(); // growing what has grown costs more each time
                let work = |mut mask: Array2<i32>| grow(mask.view_mut(), 2, radius, shape);
                bencher.iter_batched(fresh, work, BatchSize::LargeInput);
            });
        }
    }
    group.bench_function("widen_saturation_trails", |bencher| {
        let work = |mut mask: Array2<i32>| widen_saturation_trails(mask.view_mut(), 2);
        bencher.iter_batched(|| saturated.clone(), work, BatchSize::LargeInput);
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
