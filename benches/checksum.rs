//! The sum of the data of a raw MegaCam CCD, 2112 x 4644 pixels of 16 bits.

use std::hint::black_box;

use cfhtisr::checksum::datasum;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn bench(criterion: &mut Criterion) {
    let data: Vec<u8> = (0..=250).cycle().take(2112 * 4644 * 2).collect();
    let mut group = criterion.benchmark_group("checksum");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("datasum", |bencher| bencher.iter(|| black_box(datasum(&data, 0, 0))));
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
