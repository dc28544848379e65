//! Statistics of a MegaCam CCD: trimmed floats, and the raw frame.

use std::hint::black_box;

use cfhtisr::statistics::{Control, Statistic, compute};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

/// Uniform noise, the same at every run, summed to something like a sky.
fn noise(x: usize, y: usize) -> f32 {
    let mut state = ((y * 2112 + x) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut sum = 0.0;
    for _ in 0..4 {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        sum += (state >> 40) as f32 / 16_777_216.0;
    }
    1000.0 + 50.0 * (sum - 2.0)
}

fn bench(criterion: &mut Criterion) {
    let image = Array2::from_shape_fn((4612, 2048), |(y, x)| noise(x, y));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let raw = Array2::from_shape_fn((4644, 2112), |(y, x)| noise(x, y) as u16);
    let mask = Array2::zeros(image.dim());
    let clipped = [Statistic::Meanclip, Statistic::Stdevclip];
    let control = Control { reject: 1, ..Control::default() };
    let mut run = |name: &str, work: &mut dyn FnMut() -> f64| {
        criterion.bench_function(name, |bencher| bencher.iter(|| black_box(work())));
    };
    let plain =
        |what: &[Statistic]| compute(image.view(), None, &control, what).map_or(0.0, |v| v[0]);
    run("statistics/mean", &mut || plain(&[Statistic::Mean]));
    run("statistics/median", &mut || plain(&[Statistic::Median]));
    run("statistics/meanclip", &mut || plain(&clipped));
    run("statistics/meanclip of masked", &mut || {
        compute(image.view(), Some(mask.view()), &control, &clipped).map_or(0.0, |v| v[0])
    });
    run("statistics/meanclip of raw", &mut || {
        compute(raw.view(), None, &control, &clipped).map_or(0.0, |v| v[0])
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bench
}
criterion_main!(benches);
