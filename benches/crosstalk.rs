//! Crosstalk between the two halves of a trimmed `MegaCam` CCD: 4612 x 2048 pixels.

use std::hint::black_box;

use cfhtisr::calibration::PlanesMut;
use cfhtisr::crosstalk::{Amplifier, Crosstalk, subtract};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, array};

fn bench(criterion: &mut Criterion) {
    let mut image =
        Array2::from_shape_fn((4612, 2048), |(y, x)| 1000.0_f32 + ((x * 31 + y * 17) % 11) as f32);
    let mut mask = Array2::<i32>::zeros(image.dim());
    let mut variance = image.clone();
    let coefficients = array![[0.0_f32, 1e-4], [2e-4, 0.0]];
    let crosstalk = Crosstalk {
        amplifiers: &[
            Amplifier { x0: 0, y0: 0, flip_x: false, flip_y: false },
            Amplifier { x0: 1024, y0: 0, flip_x: true, flip_y: false },
        ],
        size: (4612, 1024),
        coefficients: coefficients.view(),
        backgrounds: &[1005.0, 1005.0],
        level: 45_000.0,
        flag: 1 << 10,
    };
    criterion.bench_function("crosstalk/subtract", |bencher| {
        bencher.iter(|| {
            let planes = PlanesMut {
                image: image.view_mut(),
                mask: mask.view_mut(),
                variance: variance.view_mut(),
            };
            black_box(subtract(planes, &crosstalk))
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
