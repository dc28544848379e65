//! Repair of a trimmed MegaCam CCD: 24 bad columns, two bad rows, 30 boxes, saturated stars.

use std::hint::black_box;

use cfhtisr::interpolation::{Options, Planes, interpolate_boxes, interpolate_mask};
use cfhtisr::masking::mask_boxes;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, array};

fn bench(criterion: &mut Criterion) {
    let (height, width) = (4612, 2048);
    let mut image =
        Array2::from_shape_fn((height, width), |(y, x)| 1167.0 + ((x * 31 + y * 17) % 11) as f32);
    let mut variance = Array2::from_elem(image.dim(), 9.0_f32);
    let mut boxes = array![[0, 0, 2047, 0], [0, 4611, 2047, 4611]];
    for index in 0..54_i32 {
        let (x, y) = (20 + index * 977 % 2000, 20 + index * 463 % 4500);
        let corners =
            if index < 24 { [x, y / 4, x + index % 3, 4611] } else { [x, y, x + 8, y + 5] };
        let _ = boxes.push_row(array![corners[0], corners[1], corners[2], corners[3]].view());
    }
    let mut mask = Array2::zeros(image.dim());
    let _ = mask_boxes(mask.view_mut(), boxes.view(), 1);

    let mut group = criterion.benchmark_group("interpolation");
    for (name, reference) in [("closed form", false), ("reference", true)] {
        let options = Options { flag: 4, fallback: Some([1167.0, 9.0]), use_edge: true, reference };
        group.bench_function(format!("boxes, {name}"), |bencher| {
            bencher.iter(|| {
                let (image, mask) = (image.view_mut(), mask.view_mut());
                let planes = Planes { image, mask, variance: variance.view_mut() };
                black_box(interpolate_boxes(planes, boxes.view(), options))
            });
        });
        group.bench_function(format!("mask, {name}"), |bencher| {
            bencher.iter(|| {
                let (image, mask) = (image.view_mut(), mask.view_mut());
                let planes = Planes { image, mask, variance: variance.view_mut() };
                black_box(interpolate_mask(planes, 1, options))
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
