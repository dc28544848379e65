//! Fringe amplitudes of a trimmed `MegaCam` CCD at 30000 positions, on one thread and on all.

use std::hint::black_box;

use cfhtisr::fringe::{Frame, WindowStatistic, measure_fringe};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2};

/// Numbers that are uniform enough for a benchmark.
struct Lcg(u64);

impl Lcg {
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is wanted")]
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as u32
    }
}

fn bench(criterion: &mut Criterion) {
    let mut random = Lcg(7);
    let image = Array2::from_shape_fn((4612, 2048), |(y, x)| {
        let noise = (0..8).map(|_| f64::from(random.next()) / 2f64.powi(31)).sum::<f64>() - 4.0;
        let fringe = 12.0 * ((x as f64 / 90.0).sin() + (y as f64 / 70.0 + x as f64 / 300.0).sin());
        #[allow(clippy::cast_possible_truncation, reason = "pixels")]
        let pixel = (1400.0 + fringe + 35.0 * noise) as f32;
        pixel
    });
    let mask =
        Array2::from_shape_fn(image.dim(), |_| i32::from(random.next().is_multiple_of(300)) * 2);
    let mut pairs: Vec<(i64, i64)> = (0..30_000)
        .map(|_| {
            (50 + i64::from(random.next() % (2048 - 100)), 50 + i64::from(random.next() % 4512))
        })
        .collect();
    pairs.sort_by_key(|(x, y)| (y / 32, *x));
    let (x, y): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (x, y) = (Array1::from(x), Array1::from(y));
    let frame = Frame { image: image.view(), mask: mask.view(), and_mask: 2 };
    let clip = WindowStatistic::MeanClip { n_sigma: 3.0, n_iter: 3 };
    let names =
        [("median", WindowStatistic::Median), ("mean", WindowStatistic::Mean), ("meanclip", clip)];
    let mut group = criterion.benchmark_group("fringe/measure_fringe");
    group.sample_size(10);
    for threads in [1, cfhtisr::pool::num_threads()] {
        cfhtisr::pool::set_num_threads(threads);
        for (name, statistic) in names {
            group.bench_function(format!("{name}, threads {threads}"), |bencher| {
                bencher.iter(|| {
                    cfhtisr::pool::install(|| {
                        black_box(measure_fringe(frame, x.view(), y.view(), 1, 50, statistic))
                    })
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
