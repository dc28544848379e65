//! Bias, dark and flat of a trimmed `MegaCam` CCD: 4612 x 2048 pixels, three planes each.

use std::hint::black_box;

use cfhtisr::calibration::{Planes, PlanesMut, divide_flat, subtract_bias, subtract_scaled};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

struct Owned(Array2<f32>, Array2<i32>, Array2<f32>);

impl Owned {
    fn new(level: f32) -> Self {
        let image =
            Array2::from_shape_fn((4612, 2048), |(y, x)| level + ((x * 31 + y * 17) % 11) as f32);
        Self(image.clone(), Array2::zeros(image.dim()), image)
    }

    fn read(&self) -> Planes<'_> {
        Planes { image: self.0.view(), mask: self.1.view(), variance: self.2.view() }
    }

    fn write(&mut self) -> PlanesMut<'_> {
        PlanesMut { image: self.0.view_mut(), mask: self.1.view_mut(), variance: self.2.view_mut() }
    }
}

fn bench(criterion: &mut Criterion) {
    let (mut target, other) = (Owned::new(1000.0), Owned::new(1.0));
    criterion.bench_function("calibration/subtract_bias", |bencher| {
        bencher.iter(|| black_box(subtract_bias(target.write(), other.read())));
    });
    criterion.bench_function("calibration/subtract_scaled", |bencher| {
        bencher.iter(|| black_box(subtract_scaled(target.write(), other.read(), 0.3, false)));
    });
    let mut invert = false;
    criterion.bench_function("calibration/divide_flat", |bencher| {
        bencher.iter(|| {
            // To and fro, so that the pixels stay ordinary numbers.
            invert = !invert;
            black_box(divide_flat(target.write(), other.read(), 1.0, invert))
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
