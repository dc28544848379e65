//! Assembly of a `MegaCam` CCD: two amplifiers of 4612 x 1024 pixels, three planes.

use std::hint::black_box;

use cfhtisr::assembly::place;
use cfhtisr::calibration::{Planes, PlanesMut};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let (floats, flags) = (Array2::<f32>::ones((4644, 2112)), Array2::<i32>::ones((4644, 2112)));
    let mut planes = (
        Array2::<f32>::zeros((4612, 2048)),
        Array2::<i32>::zeros((4612, 2048)),
        Array2::<f32>::zeros((4612, 2048)),
    );
    let halves = [
        (s![..4612, 32..1056], s![.., ..1024], false),
        (s![..4612, 1056..2080], s![.., 1024..], true),
    ];
    criterion.bench_function("assembly/place", |bencher| {
        bencher.iter(|| {
            for (from, to, flip) in &halves {
                let raw = Planes {
                    image: floats.slice(from),
                    mask: flags.slice(from),
                    variance: floats.slice(from),
                };
                let target = PlanesMut {
                    image: planes.0.slice_mut(to),
                    mask: planes.1.slice_mut(to),
                    variance: planes.2.slice_mut(to),
                };
                let _ = black_box(place(target, raw, *flip, false));
            }
        });
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
