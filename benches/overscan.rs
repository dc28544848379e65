//! Overscan of a raw MegaCam CCD: 4644 rows, two amplifiers of 32 columns.

use std::hint::black_box;

use cfhtisr::overscan::{Model, Rejection, fit_lines, integer_median, row_median};
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array2, s};

fn bench(criterion: &mut Criterion) {
    let image =
        Array2::from_shape_fn((4644, 2112), |(y, x)| 1167.0 + ((x * 31 + y * 17) % 11) as f32);
    let mask = Array2::zeros(image.dim());
    let strips = [s![.., ..32], s![.., 2080..]];
    criterion.bench_function("overscan/row_median", |bencher| {
        bencher.iter(|| strips.map(|s| black_box(row_median(image.slice(s), mask.slice(s), 2))));
    });
    criterion.bench_function("overscan/integer_median", |bencher| {
        bencher.iter(|| strips.map(|s| black_box(integer_median(image.slice(s), None, 0))));
    });
    let rejection = Rejection { reject: 2, n_sigma: 3.0, reference: false };
    for (name, model, order) in [
        ("mean", Model::Mean, 0),
        ("polynomial of degree 3", Model::Polynomial, 3),
        ("natural spline of 30 bins", Model::NaturalSpline, 30),
        ("akima spline of 30 bins", Model::AkimaSpline, 30),
    ] {
        criterion.bench_function(&format!("overscan/{name}"), |bencher| {
            bencher.iter(|| {
                strips.map(|s| {
                    let (image, mask) = (image.slice(s), mask.slice(s));
                    black_box(fit_lines(image, Some(mask), rejection, model, order))
                })
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
