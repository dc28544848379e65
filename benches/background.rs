//! Levels on a mesh over a trimmed `MegaCam` CCD, 2048 x 4612: coarse cells and fine ones.

use std::hint::black_box;

use cfhtisr::background::mesh_levels;
use cfhtisr::statistics::Control;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2};

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4612, 2048), |(y, x)| 900.0 + ((x * 31 + y * 17) % 101) as f32);
    let mask = Array2::zeros(image.dim());
    let control = Control { reject: 1, ..Control::default() };
    for size in [32_u16, 256] {
        let starts = |length: i64| Array1::from_iter((0..length).step_by(size.into()));
        let (y, x) = (starts(4612), starts(2048));
        criterion.bench_function(&format!("background/mesh_levels {size}"), |bencher| {
            bencher.iter(|| {
                let (image, mask) = (image.view(), mask.view());
                let cell = (size.into(), size.into());
                black_box(mesh_levels(image, mask, (y.view(), x.view()), cell, &control, true))
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bench
}
criterion_main!(benches);
