//! The border of the two amplifiers of a trimmed `MegaCam` CCD, 64 columns on each side.

use std::hint::black_box;

use cfhtisr::amp_offset::window_means;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let image = Array2::from_shape_fn((4612, 2048), |(y, x)| {
        1400.0 + ((x * 7919 + y * 104_729) % 9973) as f32 / 100.0
    });
    let mask = Array2::zeros(image.dim());
    let border = s![..4608, 960..1088];
    for (name, every) in [("all bands", 1), ("a quarter of the bands", 4)] {
        criterion.bench_function(&format!("amp_offset/window_means, {name}"), |bencher| {
            let (image, mask) = (image.slice(border), mask.slice(border));
            bencher.iter(|| black_box(window_means(image, mask, -1, 3.0, every)));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
