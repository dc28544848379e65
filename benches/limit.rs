//! What the hardware allows: the bytes of a correction, moved without any arithmetic.
//!
//! `limit streams` reads the five inputs of one CCD from memory (raw, bias, its variance, dark,
//! flat) and writes the three planes of the product past the caches. `limit fits` reads the bytes
//! of whole files and writes those of the products, and looks at none of them. Both print JSON.
//! Without arguments, as `cargo bench` calls it, the streams are measured on one thread and on all.

use std::env;
use std::fs::{self, File};
use std::hint::black_box;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use cfhtisr::simd::{fence, stream};

const ROWS: usize = 4612;
const COLUMNS: usize = 2048;
const RAW_COLUMNS: usize = 2112;
const PLANE: usize = ROWS * COLUMNS * 4; // bytes
const BLOCKS: usize = 128; // parts of a CCD that are read and written at a time

const USAGE: &str = "usage: limit streams THREADS REPEATS
       limit fits THREADS CCDS OUT INPUT...";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "--bench") {
        // `cargo bench` hands every benchmark the same words; a name among them chooses.
        let named = |word: &String| word.starts_with('-') || "limit".contains(word.as_str());
        if !arguments.iter().all(named) {
            return ExitCode::SUCCESS;
        }
        arguments.clear();
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("limit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> io::Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            for threads in [1, thread::available_parallelism()?.get()] {
                println!("{}", streams(threads, 15));
            }
        }
        ["streams", threads, repeats] => {
            println!("{}", streams(number(threads)?, number(repeats)?));
        }
        ["fits", threads, ccds, out, ref inputs @ ..] if !inputs.is_empty() => {
            let inputs: Vec<&Path> = inputs.iter().map(Path::new).collect();
            println!("{}", fits(number(threads)?, number(ccds)?, Path::new(out), &inputs)?);
        }
        _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
    }
    Ok(())
}

fn number(word: &str) -> io::Result<usize> {
    word.parse().ok().filter(|value| *value > 0).ok_or_else(|| {
        let text = format!("{word:?} is no number of at least 1\n{USAGE}");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// Five inputs; what is copied as flags holds words of four bytes like the others.
struct Inputs {
    raw: Vec<u16>,
    bias: Vec<f32>,
    bias_variance: Vec<u32>,
    dark: Vec<i32>,
    flat: Vec<f32>,
}

struct Outputs {
    image: Vec<f32>,
    mask: Vec<i32>,
    variance: Vec<f32>,
}

/// Time the streams of a CCD; outputs are used again, as are those that they stand beside.
fn streams(threads: usize, repeats: usize) -> String {
    let inputs = Inputs {
        raw: filled(ROWS * RAW_COLUMNS, 1500),
        bias: filled(ROWS * COLUMNS, 0.5),
        bias_variance: filled(ROWS * COLUMNS, 3),
        dark: filled(ROWS * COLUMNS, 1),
        flat: filled(ROWS * COLUMNS, 1.0),
    };
    let mut outputs = Outputs {
        image: filled(ROWS * COLUMNS, 0.0),
        mask: filled(ROWS * COLUMNS, 0),
        variance: filled(ROWS * COLUMNS, 0.0),
    };
    move_all(&inputs, &mut outputs, threads);
    let seconds = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            move_all(&inputs, &mut outputs, threads);
            start.elapsed().as_secs_f64()
        })
        .collect();
    assert_eq!(outputs.mask, inputs.dark);
    json(median(seconds))
}

fn move_all(inputs: &Inputs, outputs: &mut Outputs, threads: usize) {
    let band = ROWS.div_ceil(threads);
    let pixels = band * COLUMNS;
    thread::scope(|scope| {
        let parts = outputs
            .image
            .chunks_mut(pixels)
            .zip(outputs.mask.chunks_mut(pixels))
            .zip(outputs.variance.chunks_mut(pixels));
        for (part, ((image, mask), variance)) in parts.enumerate() {
            let mut work = move || move_band(inputs, part * band, image, mask, variance);
            if threads == 1 {
                work(); // as a pool of one thread does it
            } else {
                scope.spawn(work);
            }
        }
    });
}

fn move_band(
    inputs: &Inputs,
    first: usize,
    image: &mut [f32],
    mask: &mut [i32],
    variance: &mut [f32],
) {
    let rows = image
        .chunks_exact_mut(COLUMNS)
        .zip(mask.chunks_exact_mut(COLUMNS))
        .zip(variance.chunks_exact_mut(COLUMNS));
    for (row, ((image, mask), variance)) in (first..).zip(rows) {
        let here = row * COLUMNS..(row + 1) * COLUMNS;
        let raw = &inputs.raw[row * RAW_COLUMNS..(row + 1) * RAW_COLUMNS];
        stream(&inputs.bias[here.clone()], image);
        stream(&inputs.dark[here.clone()], mask);
        stream(&inputs.flat[here.clone()], variance);
        // Three inputs are copied; of the other two each word has to be looked at.
        black_box(raw.iter().fold(0, |all, word| all ^ word));
        black_box(inputs.bias_variance[here].iter().fold(0, |all, word| all ^ word));
    }
    fence();
}

/// Return values on huge pages, where the system gives them to who asks, as `NumPy` does.
fn filled<T: Copy>(count: usize, value: T) -> Vec<T> {
    let mut values = Vec::with_capacity(count);
    advise_huge(values.as_mut_ptr(), count * size_of::<T>());
    values.resize(count, value);
    values
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the standard library cannot ask for huge pages")]
fn advise_huge<T>(start: *mut T, bytes: usize) {
    const PAGE: usize = 4096;
    const HUGE: i32 = 14;
    unsafe extern "C" {
        fn madvise(start: *mut core::ffi::c_void, bytes: usize, advice: i32) -> i32;
    }
    let start = start.cast::<u8>();
    let ahead = start.align_offset(PAGE);
    if ahead < bytes {
        // SAFETY: the range lies inside of one allocation; the advice changes no byte of it.
        unsafe {
            madvise(start.add(ahead).cast(), bytes - ahead, HUGE);
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn advise_huge<T>(_: *mut T, _: usize) {}

/// Time files: every byte of the inputs is read, and three planes of each CCD are written.
fn fits(threads: usize, ccds: usize, out: &Path, paths: &[&Path]) -> io::Result<String> {
    let start = Instant::now();
    let inputs =
        paths.iter().map(|path| Input::open(path, ccds)).collect::<io::Result<Vec<_>>>()?;
    fs::create_dir_all(out)?;
    for ccd in 0..ccds {
        let path: PathBuf = out.join(format!("limit-ccd{ccd:02}.fits"));
        let product = File::create(path)?;
        thread::scope(|scope| {
            let (inputs, product) = (&inputs, &product);
            let work = move |thread| copy_blocks(inputs, product, ccd, (thread, threads));
            let others: Vec<_> =
                (1..threads).map(|thread| scope.spawn(move || work(thread))).collect();
            let mine = work(0);
            let all = others.into_iter().map(|other| other.join().expect("a thread panicked"));
            all.fold(mine, Result::and)
        })?;
    }
    Ok(json(start.elapsed().as_secs_f64() / ccds as f64))
}

/// A file with the same number of bytes, or nearly, for each CCD.
struct Input {
    file: File,
    share: usize,
}

impl Input {
    fn open(path: &Path, ccds: usize) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(named)?;
        let size = file.metadata().map_err(named)?.len();
        let size = usize::try_from(size).map_err(io::Error::other)?;
        Ok(Self { file, share: size / ccds })
    }
}

fn copy_blocks(
    inputs: &[Input],
    product: &File,
    ccd: usize,
    (thread, threads): (usize, usize),
) -> io::Result<()> {
    let written = PLANE.div_ceil(BLOCKS);
    let largest = inputs.iter().map(|input| input.share.div_ceil(BLOCKS)).max().unwrap_or(0);
    let mut buffer = vec![0_u8; largest.max(written)];
    for block in (thread..BLOCKS).step_by(threads) {
        for input in inputs {
            let (at, length) = part(input.share, block);
            let offset = (ccd * input.share + at) as u64;
            input.file.read_exact_at(&mut buffer[..length], offset)?;
        }
        for plane in 0..3 {
            let (at, length) = part(PLANE, block);
            product.write_all_at(&buffer[..length], (plane * PLANE + at) as u64)?;
        }
    }
    Ok(())
}

/// Return where a block of something begins, and its length.
fn part(size: usize, block: usize) -> (usize, usize) {
    let length = size.div_ceil(BLOCKS);
    let start = (block * length).min(size);
    (start, length.min(size - start))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn json(seconds: f64) -> String {
    format!("{{\"seconds\": {seconds:.9}}}")
}
