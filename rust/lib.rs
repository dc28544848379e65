//! Kernels that remove the instrument signature from CFHT `MegaCam` exposures.
//!
//! Each module is one concept; none of them knows Python. The bindings are in
//! `python`, compiled only with the feature of that name.

pub mod checksum;
pub mod error;
pub mod masking;
pub mod overscan;
pub mod pool;
pub mod runs;
pub mod statistics;

#[cfg(feature = "python")]
mod python;
