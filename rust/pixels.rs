//! Stored FITS pixels, big-endian, and the values that they stand for.

use rayon::prelude::*;

use crate::error::KernelError;

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
    macro_rules! each {
        ($type:ty, $from:ident, $wide:ty) => {{
            const SIZE: usize = size_of::<$type>();
            let (stored, _) = bytes.as_chunks::<SIZE>();
            for (sample, bytes) in out.iter_mut().zip(stored) {
                *sample = T::$from(<$wide>::from(<$type>::from_be_bytes(*bytes)), scaling);
            }
        }};
    }
    match pixel {
        Pixel::U8 => each!(u8, from_int, i64),
        Pixel::I16 => each!(i16, from_int, i64),
        Pixel::I32 => each!(i32, from_int, i64),
        Pixel::I64 => each!(i64, from_int, i64),
        Pixel::F32 => each!(f32, from_float, f64),
        Pixel::F64 => each!(f64, from_float, f64),
    }
    Ok(())
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
