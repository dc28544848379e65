//! Stored FITS pixels, big-endian, and the values that they stand for.

use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;

use crate::checksum::Sum;
use crate::error::KernelError;
use crate::rows::together;
use crate::simd::dispatched;

/// Pixels that one task converts: their bytes fit the cache next to the processor.
const PIECE: usize = 1 << 15;

/// How a pixel is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixel {
    /// `BITPIX` 8.
    U8,
    /// `BITPIX` 16.
    I16,
    /// `BITPIX` 32.
    I32,
    /// `BITPIX` 64.
    I64,
    /// `BITPIX` -32.
    F32,
    /// `BITPIX` -64.
    F64,
}

impl Pixel {
    /// The pixel of a `BITPIX` card.
    ///
    /// # Errors
    ///
    /// [`KernelError::Value`] for a number that FITS does not define.
    pub fn new(bitpix: i64) -> Result<Self, KernelError> {
        match bitpix {
            8 => Ok(Self::U8),
            16 => Ok(Self::I16),
            32 => Ok(Self::I32),
            64 => Ok(Self::I64),
            -32 => Ok(Self::F32),
            -64 => Ok(Self::F64),
            _ => {
                let problem = format!("is {bitpix}, wanted 8, 16, 32, 64, -32 or -64");
                Err(KernelError::Value { name: "bitpix", problem })
            }
        }
    }

    /// Bytes of one pixel.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::I64 | Self::F64 => 8,
        }
    }
}

/// `BSCALE`, `BZERO` and `BLANK`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scaling {
    /// What a stored value is multiplied by.
    pub scale: f64,
    /// What is added then.
    pub zero: f64,
    /// The stored integer that stands for "no value".
    pub blank: Option<i64>,
}

/// A pixel as it is handed out.
///
/// `u16` holds integers from -32768 up, as `BZERO` = 32768 means it; `f32` is the only type
/// that scales.
pub trait Sample: Copy + Default + Send + Sync {
    /// The sample of a stored integer.
    fn from_int(value: i64, scaling: Option<Scaling>) -> Self;
    /// The sample of a stored float.
    fn from_float(value: f64, scaling: Option<Scaling>) -> Self;
    /// The sample of a stored float of four bytes.
    #[inline]
    #[must_use]
    fn from_short_float(value: f32, scaling: Option<Scaling>) -> Self {
        Self::from_float(f64::from(value), scaling)
    }
}

macro_rules! plain_sample {
    ($($type:ty),*) => {$(
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_lossless,
            reason = "the caller pairs stored pixels with a type that holds them"
        )]
        impl Sample for $type {
            #[inline]
            fn from_int(value: i64, _: Option<Scaling>) -> Self {
                value as $type
            }
            #[inline]
            fn from_float(value: f64, _: Option<Scaling>) -> Self {
                value as $type
            }
        }
    )*};
}

plain_sample!(u8, i16, i32, i64, f64);

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the caller pairs stored pixels with a type that holds them"
)]
impl Sample for u16 {
    #[inline]
    fn from_int(value: i64, _: Option<Scaling>) -> Self {
        (value as u16) ^ 0x8000
    }
    #[inline]
    fn from_float(value: f64, _: Option<Scaling>) -> Self {
        value as u16
    }
}

#[allow(clippy::cast_possible_truncation, reason = "rounding to a float32 pixel is the task")]
impl Sample for f32 {
    #[inline]
    fn from_int(value: i64, scaling: Option<Scaling>) -> Self {
        match scaling {
            Some(Scaling { blank: Some(blank), .. }) if blank == value => Self::NAN,
            Some(Scaling { scale, zero, .. }) => (value as f64 * scale + zero) as Self,
            None => value as Self,
        }
    }
    #[inline]
    fn from_float(value: f64, scaling: Option<Scaling>) -> Self {
        match scaling {
            Some(Scaling { scale, zero, .. }) => (value * scale + zero) as Self,
            None => value as Self,
        }
    }
    #[inline]
    fn from_short_float(value: f32, scaling: Option<Scaling>) -> Self {
        // Not by way of a wider float, which would turn some of the NaN into others.
        if scaling.is_none() { value } else { Self::from_float(f64::from(value), scaling) }
    }
}

/// A pixel as it can be stored without a change of its value.
pub trait Stored: Copy {
    /// How it is stored.
    const PIXEL: Pixel;
    /// Its bytes, [`Pixel::size`] of which are written.
    type Bytes: AsRef<[u8]>;
    /// The bytes that stand for it, big-endian.
    fn bytes(self) -> Self::Bytes;
}

macro_rules! stored {
    ($($type:ty, $pixel:ident, |$value:ident| $result:expr);+) => {$(
        impl Stored for $type {
            const PIXEL: Pixel = Pixel::$pixel;
            type Bytes = [u8; size_of::<$type>()];
            #[inline(always)]
            #[allow(clippy::inline_always, reason = "compiled for the level of its caller")]
            fn bytes(self) -> Self::Bytes {
                let $value = self;
                $result.to_be_bytes()
            }
        }
    )+};
}

stored! {
    u8, U8, |value| value;
    i16, I16, |value| value;
    u16, I16, |value| value ^ 0x8000;
    i32, I32, |value| value;
    i64, I64, |value| value;
    f32, F32, |value| value;
    f64, F64, |value| value
}

dispatched! {
    /// Store pixels, as far as both slices reach.
    pub fn pack<T: Stored>(values: &[T], bytes: &mut [u8]) {
        for (value, target) in values.iter().zip(bytes.chunks_exact_mut(T::PIXEL.size())) {
            target.copy_from_slice(value.bytes().as_ref());
        }
    }
}

/// Store rows of pixels one after another, in parallel; the sum of their bytes, which begin at a
/// whole word of their unit, comes back.
///
/// # Errors
///
/// [`KernelError::Value`] when `bytes` are not as many as the pixels need.
pub fn pack_rows<T: Stored + Send + Sync>(
    values: ArrayView2<'_, T>,
    bytes: &mut [u8],
) -> Result<Sum, KernelError> {
    let row = values.ncols() * T::PIXEL.size();
    if bytes.len() != values.nrows() * row {
        let problem = format!("are {}, for {} pixels", bytes.len(), values.len());
        return Err(KernelError::Value { name: "bytes", problem });
    }
    if bytes.is_empty() {
        return Ok(Sum::default());
    }
    // A multiple of four rows is a whole number of words.
    let step = (2 * PIECE / row).max(1).next_multiple_of(4);
    let bands = values.axis_chunks_iter(Axis(0), step).into_par_iter();
    let sums = bands.zip(bytes.par_chunks_mut(step * row)).map(|(band, bytes)| {
        for (values, bytes) in band.rows().into_iter().zip(bytes.chunks_exact_mut(row)) {
            pack(&together(values), bytes);
        }
        Sum::of(bytes, 0)
    });
    Ok(sums.sum())
}

/// Make samples from stored pixels, on this thread.
///
/// # Errors
///
/// What is wrong with the number of bytes.
pub fn unpack_here<T: Sample>(
    bytes: &[u8],
    pixel: Pixel,
    scaling: Option<Scaling>,
    out: &mut [T],
) -> Result<(), String> {
    if Some(bytes.len()) != out.len().checked_mul(pixel.size()) {
        let (got, wanted) = (bytes.len(), out.len());
        return Err(format!("{got} bytes for {wanted} pixels of {} bytes", pixel.size()));
    }
    unpack_all(bytes, pixel, scaling, out);
    Ok(())
}

dispatched! {
    fn unpack_all<T: Sample>(
        bytes: &[u8],
        pixel: Pixel,
        scaling: Option<Scaling>,
        out: &mut [T],
    ) {
        macro_rules! each {
            ($type:ty, $from:ident, $wide:ty, $scaling:expr) => {{
                const SIZE: usize = size_of::<$type>();
                let (stored, _) = bytes.as_chunks::<SIZE>();
                for (sample, bytes) in out.iter_mut().zip(stored) {
                    *sample = T::$from(<$wide>::from(<$type>::from_be_bytes(*bytes)), $scaling);
                }
            }};
        }
        macro_rules! any {
            ($scaling:expr) => {
                match pixel {
                    Pixel::U8 => each!(u8, from_int, i64, $scaling),
                    Pixel::I16 => each!(i16, from_int, i64, $scaling),
                    Pixel::I32 => each!(i32, from_int, i64, $scaling),
                    Pixel::I64 => each!(i64, from_int, i64, $scaling),
                    Pixel::F32 => each!(f32, from_short_float, f32, $scaling),
                    Pixel::F64 => each!(f64, from_float, f64, $scaling),
                }
            };
        }
        // Loops without a question in them are swaps of bytes and little else.
        match scaling {
            None => any!(None),
            Some(scaling) => any!(Some(scaling)),
        }
    }

    /// Make samples from integers, the bits of which are the lowest of each word.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low bits are the pixel, see `lost`"
    )]
    pub fn from_bits<T: Sample>(
        bits: &[u32],
        pixel: Pixel,
        scaling: Option<Scaling>,
        out: &mut [T],
    ) {
        macro_rules! each {
            ($type:ty, $scaling:expr) => {
                for (sample, bits) in out.iter_mut().zip(bits) {
                    *sample = T::from_int(i64::from(bits.cast_signed() as $type), $scaling);
                }
            };
        }
        match (pixel, scaling) {
            (Pixel::U8, None) => each!(u8, None),
            (Pixel::I16, None) => each!(i16, None),
            (_, None) => each!(i32, None),
            (Pixel::U8, Some(scaling)) => each!(u8, Some(scaling)),
            (Pixel::I16, Some(scaling)) => each!(i16, Some(scaling)),
            (_, Some(scaling)) => each!(i32, Some(scaling)),
        }
    }
}

/// Whether words hold integers that this pixel cannot have.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "that is the question")]
pub fn lost(bits: &[u32], pixel: Pixel) -> bool {
    let differs = |word: i32| match pixel {
        Pixel::U8 => word ^ i32::from(word as u8),
        Pixel::I16 => word ^ i32::from(word as i16),
        _ => 0,
    };
    bits.iter().fold(0, |all, word| all | differs(word.cast_signed())) != 0
}

/// Make samples from stored pixels, in parallel.
///
/// # Errors
///
/// [`KernelError::Value`] when the bytes are not those of as many pixels as `out` wants.
pub fn unpack<T: Sample>(
    bytes: &[u8],
    pixel: Pixel,
    scaling: Option<Scaling>,
    out: &mut [T],
) -> Result<(), KernelError> {
    let refuse = |problem| KernelError::Value { name: "bytes", problem };
    if Some(bytes.len()) != out.len().checked_mul(pixel.size()) {
        return Err(refuse(format!("are {}, for {} pixels", bytes.len(), out.len())));
    }
    let pieces = out.par_chunks_mut(PIECE).zip(bytes.par_chunks(PIECE * pixel.size()));
    pieces.try_for_each(|(out, bytes)| unpack_here(bytes, pixel, scaling, out)).map_err(refuse)
}
