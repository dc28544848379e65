//! Binning of a trimmed `MegaCam` CCD, 2048 x 4612, as thumbnails need it.

use std::hint::black_box;

use cfhtisr::binning::bin;
use cfhtisr::calibration::{Planes, PlanesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let (floats, flags) = (Array2::<f32>::ones((4612, 2048)), Array2::<i32>::ones((4612, 2048)));
    for size in [4, 8] {
        let shape = (4612 / size, 2048 / size);
        let mut image = Array2::zeros(shape);
        let (mut mask, mut variance) = (Array2::zeros(shape), image.clone());
        criterion.bench_function(&format!("binning/bin {size}"), |bencher| {
            bencher.iter(|| {
                let planes =
                    Planes { image: floats.view(), mask: flags.view(), variance: floats.view() };
                let target = PlanesMut {
                    image: image.view_mut(),
                    mask: mask.view_mut(),
                    variance: variance.view_mut(),
                };
                black_box(bin(target, planes, size, size))
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
