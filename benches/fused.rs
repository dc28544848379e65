//! A `MegaCam` CCD of 4612 x 2048 pixels through bias, variance, trails, dark and flat at once.

use std::hint::black_box;

use cfhtisr::calibration::{Planes, PlanesMut};
use cfhtisr::fused::{Operation, Step, correct};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

const SHAPE: (usize, usize) = (4612, 2048);

fn bench(criterion: &mut Criterion) {
    let (ones, flags) = (Array2::<f32>::ones(SHAPE), Array2::<i32>::zeros(SHAPE));
    let mut planes = (ones.clone(), flags.clone(), ones.clone());
    let frame = Planes { image: ones.view(), mask: flags.view(), variance: ones.view() };
    let steps = [
        Operation::Bias(frame),
        Operation::Variance { gain: 1.6, read_noise: 4.0, bias: None },
        Operation::Trails(2),
        Operation::Dark(frame, 0.3),
        Operation::Flat(frame, 1.0),
    ]
    .map(|operation| Step { corner: (0, 0), shape: SHAPE, operation });
    for height in [4, 16, 64] {
        criterion.bench_function(&format!("fused/correct {height}"), |bencher| {
            bencher.iter(|| {
                let target = PlanesMut {
                    image: planes.0.view_mut(),
                    mask: planes.1.view_mut(),
                    variance: planes.2.view_mut(),
                };
                let _ = black_box(correct(target, &steps, height));
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
