use pyo3::prelude::*;

use crate::simd;

/// Name of the instructions that kernels use; see `cfhtisr.get_cpu_level`.
#[pyfunction]
pub(crate) fn cpu_level() -> &'static str {
    simd::level().name()
}
