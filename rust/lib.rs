//! Kernels that remove the instrument signature from CFHT `MegaCam` exposures.
//!
//! Each module is one concept; none of them knows Python. The bindings are in
//! `python`, compiled only with the feature of that name.

pub mod amp_offset;
pub mod assembly;
pub mod background;
pub mod bad_regions;
pub mod binning;
pub mod bleeds;
pub mod brighter_fatter;
pub mod calibration;
pub mod checksum;
pub mod codec;
pub mod conversion;
pub mod crosstalk;
pub mod dither;
pub mod encode;
pub mod error;
pub mod file_rows;
pub mod flags;
pub mod fringe;
pub mod fused;
pub mod inflate;
pub mod interpolation;
pub mod linearity;
pub mod masking;
pub mod medians;
pub mod overscan;
pub mod overscan_quality;
pub mod pixels;
pub mod pool;
pub mod rice;
mod rows;
pub mod runs;
pub mod saturation;
pub mod simd;
pub mod statistics;
pub mod tile_rows;
pub mod variance;

#[cfg(feature = "python")]
mod python;
