//! The brighter-fatter correction of a trimmed `MegaCam` CCD with a kernel of 17 x 17, two rounds.

use std::hint::black_box;

use cfhtisr::brighter_fatter::correct_brighter_fatter;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4612, 2048), |(y, x)| 900.0 + ((x * 31 + y * 17) % 11) as f32);
    let kernel = Array2::from_shape_fn((17, 17), |(y, x)| {
        let (y, x) = (y as f64 - 8.0, x as f64 - 8.0);
        -1e-7 / (1.0 + y * y + x * x)
    });
    let mut group = criterion.benchmark_group("brighter_fatter/correct_brighter_fatter");
    group.sample_size(10);
    for threads in [1, cfhtisr::pool::num_threads()] {
        cfhtisr::pool::set_num_threads(threads);
        group.bench_function(format!("threads {threads}"), |bencher| {
            bencher.iter_batched(
                || image.clone(),
                |mut image| {
                    cfhtisr::pool::install(|| {
                        black_box(correct_brighter_fatter(
                            image.view_mut(),
                            kernel.view(),
                            2,
                            0.0,
                            false,
                        ))
                    })
                },
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
