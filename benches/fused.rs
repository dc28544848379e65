//! A `MegaCam` CCD from raw counts to repaired planes, and the same bytes moved without arithmetic.

use std::hint::black_box;

use cfhtisr::calibration::PlanesMut;
use cfhtisr::fused::{Operation, Settings, Source, Step, Target, Values, correct};
use cfhtisr::interpolation::Options;
use cfhtisr::simd;
use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::{Array1, Array2, s};

const RAW: (usize, usize) = (4644, 2112);
const SHAPE: (usize, usize) = (4612, 2048);
const WIDTH: usize = SHAPE.1 / 2;

struct Frames {
    raw: Array2<u16>,
    levels: Array1<f32>,
    bias: Array2<f32>,
    spread: Array2<f32>,
    dark: Array2<f32>,
    flat: Array2<f32>,
    defects: Array2<i32>,
    planes: (Array2<f32>, Array2<i32>, Array2<f32>),
}

impl Frames {
    fn new() -> Self {
        let noise = |y: usize, x: usize| f32::from(u16::try_from((y * 31 + x * 17) % 97).unwrap());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
        let raw = Array2::from_shape_fn(RAW, |(y, x)| {
            if (x % 90 == 7) && (y % 700 < 150) { 65535 } else { (1500.0 + noise(y, x)) as u16 }
        });
        let around = |level: f32, scale: f32| {
            Array2::from_shape_fn(SHAPE, |(y, x)| level + scale * noise(y, x))
        };
        let defects = (0..30).flat_map(|i| [60 * i + 5, 0, 60 * i + 5 + i % 3, 4611]);
        Self {
            raw,
            levels: Array1::from_elem(SHAPE.0, 1100.0),
            bias: around(0.0, 0.01),
            spread: around(0.5, 0.001),
            dark: around(0.0, 0.001),
            flat: around(0.95, 0.001),
            defects: Array2::from_shape_vec((30, 4), defects.collect()).unwrap(),
            planes: (Array2::zeros(SHAPE), Array2::zeros(SHAPE), Array2::zeros(SHAPE)),
        }
    }

    fn correct(&mut self, repaired: bool, height: usize) {
        let plain = |image| Source { image: Values::Memory(image), mask: None, variance: None };
        let half = |left: usize, from: usize| {
            let operation = Operation::Raw {
                counts: self.raw.slice(s![..SHAPE.0, from..from + WIDTH]),
                thresholds: vec![(62000.0, 2)],
                flags: 0,
                levels: vec![self.levels.view()],
                flip_x: false,
                flip_y: false,
            };
            Step { corner: (0, left), shape: (SHAPE.0, WIDTH), operation }
        };
        let whole = |operation| Step { corner: (0, 0), shape: SHAPE, operation };
        let bias = Some(self.spread.view());
        let mut steps = vec![
            half(0, 32),
            half(WIDTH, 32 + WIDTH),
            whole(Operation::Bias(Source { variance: bias, ..plain(self.bias.view()) })),
            whole(Operation::Variance { gain: 1.6, read_noise: 4.0, bias }),
            whole(Operation::Trails(2)),
            whole(Operation::Dark(plain(self.dark.view()), 300.0)),
            whole(Operation::Flat(plain(self.flat.view()), 1.0)),
        ];
        if repaired {
            let options = Options { flag: 4, fallback: None, use_edge: true, reference: false };
            let corners = self.defects.view();
            steps.push(whole(Operation::Boxes { corners, bits: 1, options }));
            steps.push(whole(Operation::Grown { bits: 2, radius: 1, options }));
            steps.push(whole(Operation::Nans { bits: 512, options }));
        }
        let target = Target::Memory(PlanesMut {
            image: self.planes.0.view_mut(),
            mask: self.planes.1.view_mut(),
            variance: self.planes.2.view_mut(),
        });
        let outcome = correct(target, &steps, Settings { height, watched: (1, 4) }).unwrap();
        assert_eq!(black_box(outcome).stopped, None);
    }

    /// The same streams, summed up and filled.
    fn limit(&mut self) {
        let mut line = [0_u32; SHAPE.1];
        for y in 0..SHAPE.0 {
            let add = |line: &mut [u32], row: &[f32]| {
                line.iter_mut().zip(row).for_each(|(sum, pixel)| *sum ^= pixel.to_bits());
            };
            for plane in [&self.bias, &self.spread, &self.dark, &self.flat] {
                let next = (y + 1).min(SHAPE.0 - 1);
                simd::prefetch(plane.row(next).to_slice().unwrap());
                add(&mut line, plane.row(y).to_slice().unwrap());
            }
            let raw = self.raw.slice(s![y, 32..32 + SHAPE.1]);
            line.iter_mut().zip(raw).for_each(|(sum, count)| *sum ^= u32::from(*count));
            let floats: Vec<f32> = line.iter().map(|bits| f32::from_bits(*bits)).collect();
            let flags: Vec<i32> = line.iter().map(|bits| bits.cast_signed()).collect();
            simd::stream(&floats, self.planes.0.row_mut(y).into_slice().unwrap());
            simd::stream(&flags, self.planes.1.row_mut(y).into_slice().unwrap());
            simd::stream(&floats, self.planes.2.row_mut(y).into_slice().unwrap());
        }
        simd::fence();
    }
}

fn bench(criterion: &mut Criterion) {
    let mut frames = Frames::new();
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (one, two) = (pool(1), pool(2));
    let mut group = criterion.benchmark_group("fused");
    group.sample_size(20);
    group.bench_function("limit, 1 thread", |bencher| bencher.iter(|| frames.limit()));
    for (name, pool) in [("1 thread", &one), ("2 threads", &two)] {
        group.bench_function(format!("correct, {name}"), |bencher| {
            pool.install(|| bencher.iter(|| frames.correct(true, 128)));
        });
    }
    group.bench_function("correct without repairs, 1 thread", |bencher| {
        one.install(|| bencher.iter(|| frames.correct(false, 128)));
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
