//! One library for every processor: a kernel is compiled for several levels of instructions, and
//! runs at the highest that the machine has.
//!
//! All levels give the same bits. What is compiled differs in the width of the registers only:
//! no level fuses a product with a sum, and no reduction may depend on how many lanes there are.

use std::env;
use std::sync::atomic::{AtomicU8, Ordering};

/// The variable of the environment that lowers the level: `baseline`, `avx2` or `avx512`.
pub const VARIABLE: &str = "CFHTISR_CPU";

/// The instructions that a kernel may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor of the architecture has: SSE2 or NEON.
    Baseline = 1,
    /// AVX2, BMI and their relatives (x86-64-v3), without FMA.
    Avx2 = 2,
    /// AVX-512 F, BW, CD, DQ and VL (x86-64-v4).
    Avx512 = 3,
}

impl Level {
    /// The name by which [`VARIABLE`] and reports call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Baseline, Self::Avx2, Self::Avx512].into_iter().find(|level| level.name() == name)
    }
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// The level that kernels run at: the highest that the machine has and [`VARIABLE`] allows.
#[inline]
#[must_use]
pub fn level() -> Level {
    match CHOSEN.load(Ordering::Relaxed) {
        3 => Level::Avx512,
        2 => Level::Avx2,
        1 => Level::Baseline,
        _ => choose(),
    }
}

#[cold]
fn choose() -> Level {
    let allowed = env::var(VARIABLE).ok().and_then(|name| Level::named(name.trim()));
    let level = allowed.map_or_else(highest, |allowed| allowed.min(highest()));
    CHOSEN.store(level as u8, Ordering::Relaxed);
    level
}

#[cfg(target_arch = "x86_64")]
fn highest() -> Level {
    macro_rules! all {
        ($($feature:tt),+) => { $(is_x86_feature_detected!($feature))&&+ };
    }
    if !all!("avx2", "bmi1", "bmi2", "lzcnt", "popcnt", "movbe") {
        Level::Baseline
    } else if all!("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn highest() -> Level {
    Level::Baseline
}

/// Make functions that run at the [`level`] of the machine.
///
/// Each is written as usual; a type parameter has one bound, which is a name. What it calls is
/// compiled for the level only where it is inlined into it: mark the helpers of its loops
/// `#[inline(always)]`.
macro_rules! dispatched {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $(<$($life:lifetime),* $($param:ident: $bound:ident),*>)?
            ($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block
    )+) => {$(
        $(#[$meta])*
        #[allow(
            unsafe_code,
            clippy::inline_always,
            reason = "a level is entered only when its instructions were detected"
        )]
        $vis fn $name $(<$($life),* $($param: $bound),*>)? ($($arg: $type),*) $(-> $out)? {
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            #[inline(always)]
            fn plain $(<$($life),* $($param: $bound),*>)? ($($arg: $type),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,movbe")]
            fn avx2 $(<$($life),* $($param: $bound),*>)? ($($arg: $type),*) $(-> $out)? {
                plain($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            #[target_feature(enable =
                "avx2,bmi1,bmi2,lzcnt,popcnt,movbe,avx512f,avx512bw,avx512cd,avx512dq,avx512vl")]
            fn avx512 $(<$($life),* $($param: $bound),*>)? ($($arg: $type),*) $(-> $out)? {
                plain($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            match $crate::simd::level() {
                $crate::simd::Level::Avx512 => unsafe { avx512($($arg),*) },
                $crate::simd::Level::Avx2 => unsafe { avx2($($arg),*) },
                $crate::simd::Level::Baseline => plain($($arg),*),
            }
            #[cfg(not(target_arch = "x86_64"))]
            plain($($arg),*)
        }
    )+};
}

pub(crate) use dispatched;

/// Let every load that follows find what was written past the caches.
#[inline]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    #[allow(unsafe_code, reason = "every x86-64 processor has SSE")]
    unsafe {
        core::arch::x86_64::_mm_sfence();
    }
}

/// Copy `from` to `to` past the caches, where that is faster: long rows that nobody reads soon.
///
/// Before another thread may look at them, [`fence`] must be called. Slices of different lengths
/// are copied as far as the shorter one reaches.
pub fn stream<T: Word>(from: &[T], to: &mut [T]) {
    let count = from.len().min(to.len());
    let (from, to) = (&from[..count], &mut to[..count]);
    #[cfg(target_arch = "x86_64")]
    if level() >= Level::Avx2 {
        #[allow(unsafe_code, reason = "AVX is there, and lines are cut from slices of one length")]
        unsafe {
            stream_lines(from, to);
        }
        return;
    }
    to.copy_from_slice(from);
}

/// Ask for pixels that are wanted soon, so that they come while others are worked on.
#[inline]
pub fn prefetch<T>(pixels: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in pixels.chunks((64 / size_of::<T>().max(1)).max(1)) {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[allow(unsafe_code, reason = "the address is that of a pixel, and nothing is read")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
}

/// Four bytes that any pattern of bits is a value of.
pub trait Word: Copy + Send + Sync + sealed::Word {}
impl Word for f32 {}
impl Word for i32 {}
impl Word for u32 {}

mod sealed {
    pub trait Word {}
    impl Word for f32 {}
    impl Word for i32 {}
    impl Word for u32 {}
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "streaming stores have no safe form")]
#[target_feature(enable = "avx")]
unsafe fn stream_lines<T: Word>(from: &[T], to: &mut [T]) {
    use core::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_stream_si256};
    const LANES: usize = 8;
    const LINE: usize = 64; // bytes that leave the processor together
    let ahead = to.as_ptr().align_offset(LINE).min(to.len());
    let lines = (to.len() - ahead) / (2 * LANES) * (2 * LANES);
    // The line that this row shares with the next is read before it is written: let it come.
    prefetch(&to[ahead + lines..]);
    to[..ahead].copy_from_slice(&from[..ahead]);
    for at in (ahead..ahead + lines).step_by(2 * LANES) {
        // SAFETY: `at + 16` words lie inside of both slices, and `to[at]` begins a line.
        unsafe {
            let source = from.as_ptr().add(at).cast::<__m256i>();
            let target = to.as_mut_ptr().add(at).cast::<__m256i>();
            let (low, high) = (_mm256_loadu_si256(source), _mm256_loadu_si256(source.add(1)));
            _mm256_stream_si256(target, low);
            _mm256_stream_si256(target.add(1), high);
        }
    }
    to[ahead + lines..].copy_from_slice(&from[ahead + lines..]);
}

#[cfg(test)]
mod tests {
    use super::{Level, stream};

    dispatched! {
        fn total(values: &[f32], from: f64) -> f64 {
            values.iter().fold(from, |sum, value| sum + f64::from(*value))
        }
    }

    trait Half {
        fn half(&self) -> f64;
    }

    impl Half for u16 {
        fn half(&self) -> f64 {
            f64::from(*self) / 2.0
        }
    }

    dispatched! {
        fn halves<T: Half>(values: &[T]) -> f64 {
            values.iter().map(Half::half).sum()
        }
    }

    #[test]
    fn a_dispatched_function_may_have_a_type_parameter() {
        assert_eq!(halves(&[3_u16, 4]).to_bits(), 3.5_f64.to_bits());
    }

    #[test]
    fn a_dispatched_function_is_the_function() {
        let values: Vec<f32> = (0..1000_u16).map(|i| 1.0 / f32::from(i + 1)).collect();
        let plain = values.iter().fold(0.5, |sum, value| sum + f64::from(*value));
        assert_eq!(total(&values, 0.5).to_bits(), plain.to_bits());
    }

    #[test]
    fn a_level_has_one_name() {
        for level in [Level::Baseline, Level::Avx2, Level::Avx512] {
            assert_eq!(Level::named(level.name()), Some(level));
        }
        assert_eq!(Level::named("sse9"), None);
    }

    #[test]
    fn streamed_words_arrive_wherever_they_begin() {
        let from: Vec<i32> = (0..400).collect();
        for start in 0..20 {
            for length in [0, 1, 15, 16, 17, 31, 33, 200, 380] {
                let mut to = vec![-1_i32; 401];
                stream(&from[..length], &mut to[start..start + length]);
                super::fence();
                assert_eq!(to[start..start + length], from[..length]);
                assert!(to[..start].iter().chain(&to[start + length..]).all(|word| *word == -1));
            }
        }
    }
}
